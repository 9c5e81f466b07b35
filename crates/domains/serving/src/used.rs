//! How often endpoints and revisions are used: counted in memory, kept in streams, added up when somebody asks.

use std::collections::BTreeMap;

use kernel::prelude::*;
use ports::usage::{self, Tallies, Tally};

/// The most entries of a stream that are added up.
const ENTRIES_MAX: u32 = 100_000;

/// Counts; now and then this is when what was counted is written.
pub async fn count(cx: &Cx, uid: &Uid, what: &[(&str, f64)]) -> Result<()> {
    let Some((uid, tally)) = cx.port::<Tallies>()?.add(uid, cx.now(), what) else { return Ok(()) };
    let entry = serde_json::to_string(&tally).map_err(Error::internal)?;
    cx.append(usage::stream_of(&uid, tally.at), vec![entry]).await
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

/// When so many days ago was.
pub fn ago(cx: &Cx, days: u32) -> Time {
    cx.now().plus_s(-86_400 * i64::from(days))
}

/// What was counted of an object in the last days.
pub async fn since(cx: &Cx, uid: &Uid, days: u32) -> Result<BTreeMap<String, f64>> {
    let since = ago(cx, days);
    Ok(usage::sum(&tallies(cx, uid, since).await?, since))
}

/// How far back.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Window {
    /// How many days.
    #[field(min = 1, max = 90, default = 30)]
    pub days: u32,
}
