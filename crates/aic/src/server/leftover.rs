//! Bodies nobody read: a refusal must not cost its caller the connection.
//!
//! Without this the connection of a refused request is closed while its body is still coming, and
//! a client that keeps connections finds the next request on it broken off.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{Response, header},
    middleware::Next,
};
use http_body_util::BodyExt;

/// The longest body that is read to its end for nothing.
const BYTES_MAX: u64 = 256 * 1024;
/// How long is waited for what is left of it.
const PATIENCE: Duration = Duration::from_secs(1);

type Left = Arc<Mutex<Option<Body>>>;

/// A body that is handed back when whoever reads it lets it go before its end.
struct Lent {
    body: Option<Body>,
    back: Left,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.as_ref().map_or_else(hyper::body::SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

/// Reads what a handler left of a short body before its answer is given.
pub async fn read(request: Request, next: Next) -> Response<Body> {
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = told.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if !(1..=BYTES_MAX).contains(&length) {
        return next.run(request).await;
    }
    let back = Left::default();
    let lend = |body| Body::new(Lent { body: Some(body), back: Arc::clone(&back) });
    let response = next.run(request.map(lend)).await;
    let left = back.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(mut body) = left {
        let rest = async { while let Some(Ok(_)) = body.frame().await {} };
        let _ = tokio::time::timeout(PATIENCE, rest).await;
    }
    response
}
