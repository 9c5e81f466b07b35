//! A run's log: a stream while it runs, a blob once it has ended.

use std::time::Duration;

use base::{Result, Uid};
use bytes::Bytes;
use futures::stream;

use super::Run;
use crate::{
    cx::Cx,
    declare::Output,
    store::{Append, log},
};

/// The stream a run logs to.
pub(crate) fn stream_of(uid: &Uid) -> String {
    format!("log/{uid}")
}

/// Appends lines.
pub(crate) fn append(uid: &Uid, lines: Vec<String>) -> Append {
    Append { stream: stream_of(uid), entries: lines }
}

/// The log as text, from a line on.
pub(crate) fn read(cx: &Cx, uid: &Uid, from: u64, follow: bool) -> Output {
    let (cx, uid) = (cx.clone(), uid.clone());
    let lines = stream::unfold(Some(from), move |state| {
        let (cx, uid) = (cx.clone(), uid.clone());
        async move {
            match next(&cx, &uid, state?, follow).await {
                Ok((text, next)) => Some((Ok(Bytes::from(text)), next)),
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    Output::Bytes { media: "text/plain; charset=utf-8".to_owned(), filename: None, bytes: Box::pin(lines) }
}

/// The lines from a number on, and where to go on; waits for more when following.
async fn next(cx: &Cx, uid: &Uid, from: u64, follow: bool) -> Result<(String, Option<u64>)> {
    let (store, blobs) = (&*cx.platform().store, &*cx.platform().blobs);
    let mut head = store.head();
    loop {
        head.borrow_and_update();
        if let Some((text, next)) = log::lines(store, &stream_of(uid), from).await? {
            return Ok((text, Some(next)));
        }
        // The run is looked at after its stream: a stream that has gone since was sealed before.
        let Some(run) = cx.get_opt::<Run>(uid.as_str()).await? else { return Ok((String::new(), None)) };
        if let Some(digest) = run.status.log {
            return Ok((log::sealed(blobs, digest, from).await?, None));
        }
        if !follow || run.status.phase.has_ended() {
            return Ok((String::new(), None));
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok((String::new(), None)) },
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}
