//! What is logged to runs, and traces, as a part of a backup.

use base::{Error, Result, Uid};
use kernel::{platform::Platform, store::ChangeQuery};
use ports::tracking::{Piece, Tracking};

use super::broken;

/// A part of it in bytes, if there is something in it, and where the next part begins.
pub async fn part(
    platform: &Platform,
    position: u64,
    after: Option<String>,
) -> Result<(Option<Vec<u8>>, Option<String>)> {
    let (pieces, next) = platform.port::<dyn Tracking>()?.export(after).await?;
    let mut kept = Vec::with_capacity(pieces.len());
    let mut last: Option<(Uid, bool)> = None;
    for piece in pieces {
        let run = match &piece {
            Piece::Run(run) => &run.id,
            Piece::Logged(_, run, _) => run,
            Piece::Trace(trace) => &trace.experiment,
            // They come behind their trace.
            Piece::Spans(..) => {
                kept.extend(last.as_ref().is_some_and(|(_, is_in)| *is_in).then_some(piece));
                continue;
            }
            Piece::File(..) => {
                kept.push(piece);
                continue;
            }
        };
        let is_in = match &last {
            Some((known, is_in)) if known == run => *is_in,
            Some(_) | None => was_there(platform, position, run).await?,
        };
        last = Some((run.clone(), is_in));
        if is_in {
            kept.push(piece);
        }
    }
    let bytes =
        if kept.is_empty() { None } else { Some(serde_json::to_vec(&kept).map_err(Error::internal)?) };
    Ok((bytes, next))
}

/// Whether an object was there at the backup's position; a run begun since has none in it.
async fn was_there(platform: &Platform, position: u64, uid: &Uid) -> Result<bool> {
    let Some(record) = platform.store.by_uid(uid).await? else { return Ok(false) };
    if record.version <= position {
        return Ok(true);
    }
    let query = ChangeQuery {
        uid: Some(uid.clone()),
        before: Some(position + 1),
        limit: 1,
        ..ChangeQuery::default()
    };
    Ok(!platform.store.history(&query).await?.is_empty())
}

/// Puts a part back.
pub async fn take(platform: &Platform, bytes: &[u8]) -> Result<()> {
    let pieces =
        serde_json::from_slice(bytes).map_err(|_| broken("what is logged to a run does not parse"))?;
    platform.port::<dyn Tracking>()?.import(pieces).await
}
