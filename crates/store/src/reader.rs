//! How far a reader of the journal is: a follower that is no controller, such as a sink elsewhere, keeps it itself.

use base::{Result, Time, Uid};

use crate::{Commit, Kept, Store};

/// The position up to which a reader has taken everything; 0 for a new one. `space` names the sort of reader.
///
/// # Errors
/// `store-unavailable` (503).
pub async fn position(store: &dyn Store, (space, reader): (&str, &Uid), now: Time) -> Result<u64> {
    let kept = store.kept(space, reader.as_str(), now).await?;
    Ok(kept.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// Keeps such a position.
///
/// # Errors
/// Those of [`Store::commit`].
pub async fn keep(store: &dyn Store, (space, reader): (&str, &Uid), position: u64) -> Result<()> {
    let kept = Kept {
        space: space.to_owned(),
        key: reader.to_string(),
        value: position.to_string(),
        expires: None,
        unless_kept: None,
    };
    store.commit(Commit { keep: vec![kept], ..Commit::default() }).await.map(|_| ())
}
