//! A run's log: a stream while it runs, a blob once it has ended.

use std::time::Duration;

use base::{Result, Uid};
use bytes::Bytes;
use futures::stream;

use super::{Phase, Run};
use crate::{cx::Cx, declare::Output, object::Object, store::Append};

/// The longest line kept, in characters.
pub const LINE_MAX: usize = 4_000;
/// The most lines a run may log; what comes after is counted, not kept.
pub const LINES_MAX: u64 = 100_000;
/// How many lines are read at once.
const BATCH: u32 = 1_000;
/// The most bytes a log's blob may have.
const BLOB_MAX: u64 = LINES_MAX * LINE_MAX as u64;

/// The stream a run logs to.
pub(crate) fn stream_of(uid: &Uid) -> String {
    format!("log/{uid}")
}

/// Appends lines.
pub(crate) fn append(uid: &Uid, lines: Vec<String>) -> Append {
    Append { stream: stream_of(uid), entries: lines }
}

/// Puts the whole log into a blob and forgets the stream.
pub(crate) async fn seal(cx: &Cx, uid: &Uid) -> Result<base::Digest> {
    let mut upload = cx.platform().blobs.create().await?;
    let mut from = 0;
    loop {
        let lines = cx.platform().store.stream(&stream_of(uid), from, BATCH).await?;
        let Some((last, _)) = lines.last() else { break };
        from = last + 1;
        let mut text = String::new();
        for (_, line) in &lines {
            text.push_str(line);
            text.push('\n');
        }
        upload.write(text.into_bytes()).await?;
    }
    let stored = upload.finish().await?;
    Ok(stored.digest)
}

/// The log as text, from a line on.
pub(crate) async fn read(cx: Cx, it: Object<Run>, from: u64, follow: bool) -> Result<Output> {
    let media = "text/plain; charset=utf-8".to_owned();
    if let Some(digest) = it.status.log {
        let bytes = cx.platform().blobs.get(digest, BLOB_MAX).await?;
        let text = String::from_utf8_lossy(&bytes);
        let tail: String = text.split_inclusive('\n').skip(from as usize).collect();
        let bytes = Box::pin(stream::once(std::future::ready(Ok(Bytes::from(tail)))));
        return Ok(Output::Bytes { media, filename: None, bytes });
    }
    let uid = it.metadata.uid.clone();
    let lines = stream::unfold(Some(from), move |state| {
        let (cx, uid) = (cx.clone(), uid.clone());
        async move {
            let from = state?;
            match next(&cx, &uid, from, follow).await {
                Ok((text, next)) => Some((Ok(Bytes::from(text)), next)),
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    Ok(Output::Bytes { media, filename: None, bytes: Box::pin(lines) })
}

/// The lines from a number on, and where to go on; waits for more when following.
async fn next(cx: &Cx, uid: &Uid, from: u64, follow: bool) -> Result<(String, Option<u64>)> {
    let mut head = cx.platform().store.head();
    loop {
        head.borrow_and_update();
        let ended = match cx.get_opt::<Run>(uid.as_str()).await? {
            Some(run) => matches!(run.status.phase, Phase::Succeeded | Phase::Failed | Phase::Cancelled),
            None => true,
        };
        let lines = cx.platform().store.stream(&stream_of(uid), from, BATCH).await?;
        if let Some((last, _)) = lines.last() {
            let next = last + 1;
            let text = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
            return Ok((text, Some(next)));
        }
        if ended || !follow {
            return Ok((String::new(), None));
        }
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok((String::new(), None)) },
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
}
