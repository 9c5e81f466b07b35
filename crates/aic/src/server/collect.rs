//! Garbage collection of blobs: what no entry of the journal has ever named goes, once it is old enough.
//!
//! An upload that was cut, or whose object was never made, leaves such blobs. Everything the journal
//! names stays, because any earlier version of an object can be brought back.

use std::{collections::HashSet, sync::Arc, time::Duration};

use base::{Digest, Result};
use engine_blobs::Collected;
use kernel::platform::Platform;
use ports::tracking::file::Artifacts;

/// How often it is done.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Seconds a blob is left alone, named or not.
const YOUNG_S: i64 = 3600;
/// Entries of the journal read at once.
const BATCH: u32 = 1_000;
/// The length of a digest as text.
const DIGEST_TEXT: usize = 64;

/// Collects again and again, from a day after the start on.
pub async fn again_and_again(platform: Arc<Platform>, blobs: Arc<dyn Collected>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match once(&platform, &*blobs).await {
            Ok(swept) => {
                tracing::info!(blobs = swept.blobs, bytes = swept.bytes, "collected what nothing names")
            }
            Err(error) => tracing::warn!(?error, "blobs were not collected; trying again later"),
        }
    }
}

/// Collects once.
pub async fn once(platform: &Platform, blobs: &dyn Collected) -> Result<engine_blobs::Swept> {
    let before = platform.now().plus_s(-YOUNG_S);
    let mut named = HashSet::new();
    let mut position = 0;
    loop {
        let changes = platform.store.changes(position, BATCH).await?;
        let Some(last) = changes.last() else { break };
        position = last.position;
        for change in &changes {
            digests(&change.body, &mut named);
        }
    }
    artifacts(platform, &mut named).await?;
    blobs.sweep(&named, before).await
}

/// Every blob that lies in a tree of artifacts.
async fn artifacts(platform: &Platform, named: &mut HashSet<Digest>) -> Result<()> {
    let artifacts = platform.port::<dyn Artifacts>()?;
    let mut after = None;
    loop {
        let found = artifacts.blobs(after, BATCH).await?;
        let Some(last) = found.last() else { return Ok(()) };
        after = Some(*last);
        named.extend(found);
    }
}

/// Every text in quotes that is a digest.
fn digests(body: &str, named: &mut HashSet<Digest>) {
    let found = body
        .split('"')
        .filter(|part| part.len() == DIGEST_TEXT)
        .filter_map(|part| part.parse::<Digest>().ok());
    named.extend(found);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digest_of_a_body_is_found() {
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let mut named = HashSet::new();
        digests(
            &format!(r#"{{"spec":{{"blob":"{one}","list":["{two}"],"text":"{}"}}}}"#, "z".repeat(64)),
            &mut named,
        );
        assert_eq!(named, HashSet::from([one, two]));
    }
}
