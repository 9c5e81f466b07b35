//! A run's log: a stream while it runs, a blob once it has ended.

use std::time::Duration;

use base::{Result, Time, Uid};
use bytes::Bytes;
use futures::stream;

use super::{Run, Tail};
use crate::{cx::Cx, declare::Output, store::log};

/// The stream a run logs to.
pub(crate) fn stream_of(uid: &Uid) -> String {
    format!("log/{uid}")
}

/// A line as it is kept: behind its time.
pub(crate) fn stamped(time: Time, line: &str) -> String {
    format!("{time} {line}").chars().take(log::LINE_MAX).collect()
}

/// A text without the times before its lines; those of old have none.
fn plain(text: &str) -> String {
    let without = |line| match str::split_once(line, ' ') {
        Some((time, rest)) if time.parse::<Time>().is_ok() => rest,
        _ => line,
    };
    text.split_inclusive('\n').map(without).collect()
}

/// The log as text, from a line on.
pub(crate) fn read(cx: &Cx, uid: &Uid, tail: &Tail) -> Output {
    let (cx, uid, Tail { from, follow, timestamps }) = (cx.clone(), uid.clone(), tail.clone());
    let lines = stream::unfold(Some(from), move |state| {
        let (cx, uid) = (cx.clone(), uid.clone());
        async move {
            match next(&cx, &uid, state?, follow).await {
                Ok((text, next)) if timestamps => Some((Ok(Bytes::from(text)), next)),
                Ok((text, next)) => Some((Ok(Bytes::from(plain(&text))), next)),
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
        if !follow || run.status.phase.has_ended() {
            let rest = match run.status.log {
                Some(digest) => log::sealed(blobs, digest, from).await?,
                None => String::new(),
            };
            return Ok((rest, None));
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok((String::new(), None)) },
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}
