//! Watching as `kubectl` does: one JSON event a line, as objects or as tables.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, Response, header},
};
use bytes::Bytes;
use futures::stream;
use kernel::watch::{self, Event, Subscription};
use serde_json::{Value, json};

use crate::{status, table};

/// How a watch is told.
#[derive(Clone)]
pub struct Manner {
    /// As tables.
    pub table: bool,
    /// What a table's rows carry.
    pub include: String,
    /// Whether the watcher wants bookmarks.
    pub bookmarks: bool,
    /// When the watch ends.
    pub lasts: Duration,
}

/// A response that tells changes until the time is over or the caller goes away.
pub fn response(
    subscription: Subscription,
    manner: Manner,
    now: impl Fn() -> base::Time + Send + 'static,
) -> Response<Body> {
    let until = tokio::time::Instant::now() + manner.lasts;
    let told = stream::unfold(Some((subscription, manner, now)), move |state| async move {
        let (mut subscription, manner, now) = state?;
        loop {
            let event = tokio::select! {
                event = subscription.next() => event,
                () = tokio::time::sleep_until(until) => return None,
            };
            match event {
                Ok(Event::Bookmark(_)) if !manner.bookmarks => {}
                Ok(event) => {
                    let line = format!("{}\n", shown(&subscription, &event, &manner, now()));
                    return Some((
                        Ok::<_, base::Error>(Bytes::from(line)),
                        Some((subscription, manner, now)),
                    ));
                }
                Err(error) => {
                    let line = format!(
                        "{}\n",
                        json!({"type": "ERROR", "object": status::of(&error, &status::About::default())})
                    );
                    return Some((Ok(Bytes::from(line)), None));
                }
            }
        }
    });
    let mut response = Response::new(face_web::body::streamed(told));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn shown(subscription: &Subscription, event: &Event, manner: &Manner, now: base::Time) -> Value {
    let mut told = watch::shown(&subscription.kind, event);
    if manner.table && !matches!(event, Event::Bookmark(_)) {
        let object = told["object"].take();
        let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
        told["object"] = table::of(&subscription.kind, now, &[object], &metadata, &manner.include);
    }
    told
}
