//! How often things are used: counted in memory, kept in streams, added up when somebody asks.
//!
//! What is counted and how long it waits is [`ports::usage`]'s; here it meets the store. Domains share it.

use std::collections::BTreeMap;

use kernel::{
    prelude::*,
    store::{Append, Commit},
};
use ports::usage::{self, Tallies, Tally};

/// The most entries of a stream that are added up.
const ENTRIES_MAX: u32 = 100_000;

/// What stands between what was counted of a revision's answered calls (`calls`, `rows`, `seconds`) and who asked.
pub const OF: &str = "-of/";

/// How far back.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Window {
    /// How many days.
    #[field(min = 1, max = 90, default = 30)]
    pub days: u32,
}

/// Counts; now and then this is when what was counted is written.
pub async fn count(cx: &Cx, uid: &Uid, what: &[(&str, f64)]) -> Result<()> {
    match cx.port::<Tallies>()?.add(uid, cx.now(), what) {
        Some(due) => write(cx, vec![due]).await,
        None => Ok(()),
    }
}

/// Writes whatever waits: what is done again and again.
pub async fn flush(cx: Cx) -> Result<()> {
    let waiting = cx.port::<Tallies>()?.take_all();
    write(&cx, waiting).await
}

async fn write(cx: &Cx, tallies: Vec<(Uid, Tally)>) -> Result<()> {
    let append = |(uid, tally): (Uid, Tally)| {
        let entry = serde_json::to_string(&tally).map_err(Error::internal)?;
        Ok(Append { stream: usage::stream_of(&uid, tally.at), entries: vec![entry] })
    };
    let appends = tallies.into_iter().map(append).collect::<Result<Vec<Append>>>()?;
    if appends.is_empty() {
        return Ok(());
    }
    cx.platform().store.commit(Commit { appends, ..Commit::default() }).await.map(|_| ())
}

/// What was counted of an object since a moment, piece by piece, what waits in this process included.
pub async fn tallies(cx: &Cx, uid: &Uid, since: Time) -> Result<Vec<Tally>> {
    let mut tallies: Vec<Tally> = cx.port::<Tallies>()?.waiting(uid).into_iter().collect();
    for stream in usage::streams(uid, since, cx.now()) {
        for (_, entry) in cx.platform().store.stream(&stream, 0, ENTRIES_MAX).await? {
            tallies.push(serde_json::from_str(&entry).map_err(Error::internal)?);
        }
    }
    tallies.retain(|tally| tally.at >= since);
    Ok(tallies)
}

/// What was counted of an object in the last days.
pub async fn since(cx: &Cx, uid: &Uid, days: u32) -> Result<BTreeMap<String, f64>> {
    let since = ago(cx, days);
    Ok(usage::sum(&tallies(cx, uid, since).await?, since))
}

/// When so many days ago was.
pub fn ago(cx: &Cx, days: u32) -> Time {
    cx.now().plus_s(-86_400 * i64::from(days))
}
