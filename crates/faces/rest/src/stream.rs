//! Watching over HTTP: server-sent events, a WebSocket, or JSON lines.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::ws::{Message, WebSocket},
    http::{HeaderMap, HeaderValue, Response, header},
};
use bytes::Bytes;
use face_web::metrics::Metrics;
use futures::stream;
use kernel::watch::{self, Event, Subscription};

/// In which form changes are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `text/event-stream` (the HTML standard, section 9.2).
    Events,
    /// One JSON object a line.
    Lines,
}

/// Counts a watcher as long as it is there.
struct Counted(Arc<Metrics>);

impl Counted {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.watchers.inc();
        Self(Arc::clone(metrics))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.watchers.dec();
    }
}

/// A response that tells changes until the caller goes away.
pub fn response(subscription: Subscription, headers: &HeaderMap, metrics: &Arc<Metrics>) -> Response<Body> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let form = if accept.contains("text/event-stream") { Form::Events } else { Form::Lines };
    let counted = Counted::new(metrics);
    let told = stream::unfold(Some((subscription, counted)), move |state| async move {
        let (mut subscription, counted) = state?;
        Some(match subscription.next().await {
            Ok(event) => {
                let text = told(form, &subscription, &event);
                (Ok::<_, base::Error>(Bytes::from(text)), Some((subscription, counted)))
            }
            Err(error) => {
                let problem = face_web::problem::json(&error, "");
                let text = match form {
                    Form::Events => format!("event: error\ndata: {problem}\n\n"),
                    Form::Lines => format!("{}\n", serde_json::json!({"type": "ERROR", "object": problem})),
                };
                (Ok(Bytes::from(text)), None)
            }
        })
    });
    let mut response = Response::new(Body::from_stream(told));
    let media = match form {
        Form::Events => "text/event-stream",
        Form::Lines => "application/json",
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn told(form: Form, subscription: &Subscription, event: &Event) -> String {
    let shown = watch::shown(&subscription.kind, event);
    match form {
        Form::Events => {
            let (Event::Added(_, id) | Event::Modified(_, id) | Event::Deleted(_, id) | Event::Bookmark(id)) =
                event;
            format!("id: {id}\ndata: {shown}\n\n")
        }
        Form::Lines => format!("{shown}\n"),
    }
}

/// Tells changes over a WebSocket until either side closes it.
pub async fn over_socket(mut socket: WebSocket, mut subscription: Subscription, metrics: Arc<Metrics>) {
    let _counted = Counted::new(&metrics);
    loop {
        tokio::select! {
            event = subscription.next() => {
                let text = match &event {
                    Ok(event) => watch::shown(&subscription.kind, event).to_string(),
                    Err(error) => face_web::problem::json(error, "").to_string(),
                };
                if socket.send(Message::Text(text.into())).await.is_err() || event.is_err() {
                    return;
                }
            }
            received = socket.recv() => match received {
                // A watcher has nothing to say; pings are answered by the library.
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            }
        }
    }
}
