//! How the index hears of changes: from the journal, at most half a second behind it; all objects at once where it has none.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kernel::{platform::Platform, prelude::*, read};
use ports::search::{Search, Step};
use tokio::sync::Mutex;

use crate::document;

/// How many entries are taken at once.
const BATCH: u32 = 1_000;
/// How long what comes is gathered: a commit of the index costs more than an entry.
const GATHERED: Duration = Duration::from_millis(300);
/// After a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Whose turn it is to write the index: who follows, or who makes it anew.
#[derive(Default)]
pub struct Feed(Mutex<()>);

/// Follows the journal, in every process that searches.
pub async fn follow(platform: Arc<Platform>) {
    let mut head = platform.store.head();
    loop {
        if let Err(error) = catch_up(&platform).await {
            tracing::warn!(?error, "the search index is behind; trying again");
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        if head.changed().await.is_err() {
            return;
        }
        tokio::time::sleep(GATHERED).await;
    }
}

async fn catch_up(platform: &Arc<Platform>) -> Result<()> {
    let (feed, search) = (platform.port::<Feed>()?, platform.port::<dyn Search>()?);
    let _turn = feed.0.lock().await;
    let head = *platform.store.head().borrow();
    if search.position() > head {
        // The store was put back to an earlier moment.
        search.clear().await?;
    }
    if search.position() == 0 {
        return fill(platform, &*search).await.map(|_| ());
    }
    loop {
        let changes = platform.store.changes(search.position(), BATCH).await?;
        let Some(last) = changes.last().map(|change| change.position) else { return Ok(()) };
        // Only the last state of each object counts.
        let mut steps: BTreeMap<String, Step> = BTreeMap::new();
        for change in &changes {
            let Ok(kind) = platform.kind(&change.kind) else { continue };
            let uid = change.uid.to_string();
            if change.deleted {
                steps.insert(uid.clone(), Step::Gone(uid));
            } else if document::is_found(&kind) && !change.is_emptied() {
                let raw = read::raw_at(&kind, change)?;
                steps.insert(uid, Step::Put(document::of(&kind, &raw, change.time)));
            }
        }
        search.write(steps.into_values().collect(), last).await?;
    }
}

/// Makes the index anew from all objects; answers how many.
pub async fn rebuild(platform: &Arc<Platform>) -> Result<u64> {
    let (feed, search) = (platform.port::<Feed>()?, platform.port::<dyn Search>()?);
    let _turn = feed.0.lock().await;
    search.clear().await?;
    fill(platform, &*search).await
}

async fn fill(platform: &Arc<Platform>, search: &dyn Search) -> Result<u64> {
    // What changes meanwhile is followed afterwards; to take it twice does no harm.
    let position = *platform.store.head().borrow();
    let mut count = 0;
    for kind in platform.kinds().iter().filter(|kind| document::is_found(kind)) {
        let mut next = Some(None);
        while let Some(after) = next {
            let records = platform.living(kind, after).await?;
            let mut steps = Vec::with_capacity(records.len());
            for record in &records {
                let raw = Raw::from_record(kind, record)?;
                steps.push(Step::Put(document::of(kind, &raw, updated(platform, record.version).await?)));
            }
            count += steps.len() as u64;
            if !steps.is_empty() {
                search.write(steps, 0).await?;
            }
            next = read::behind(&records).map(Some);
        }
    }
    search.write(Vec::new(), position).await?;
    Ok(count)
}

/// When an entry of the journal was made.
async fn updated(platform: &Platform, position: u64) -> Result<Time> {
    let entry = platform.store.changes(position.saturating_sub(1), 1).await?;
    Ok(entry.first().map_or_else(|| Time::from_micros(0), |change| change.time))
}
