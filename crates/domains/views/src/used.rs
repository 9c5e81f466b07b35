//! How often views are used: counted in memory, kept in streams, added up when somebody asks.

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

/// What was counted of an object in the last days, what waits in this process included.
pub async fn since(cx: &Cx, uid: &Uid, days: u32) -> Result<BTreeMap<String, f64>> {
    let since = cx.now().plus_s(-86_400 * i64::from(days));
    let mut tallies: Vec<Tally> = cx.port::<Tallies>()?.waiting(uid).into_iter().collect();
    for stream in usage::streams(uid, since, cx.now()) {
        for (_, entry) in cx.platform().store.stream(&stream, 0, ENTRIES_MAX).await? {
            tallies.push(serde_json::from_str(&entry).map_err(Error::internal)?);
        }
    }
    Ok(usage::sum(&tallies, since))
}

/// How far back.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Window {
    /// How many days.
    #[field(min = 1, max = 90, default = 30)]
    pub days: u32,
}
