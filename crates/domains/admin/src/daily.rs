//! What is kept for some days and no object: a stream a day and organization, that is forgotten whole.

use kernel::{
    prelude::*,
    store::{Append, Commit},
};

/// How many days are kept.
pub const KEPT_DAYS: i64 = 30;
/// How many entries are read, or written, at once.
const PAGE: u32 = 1_000;

/// What is kept, by its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// What was asked of policy.
    Asked,
    /// Logins that were refused.
    Refused,
}

impl Sort {
    fn prefix(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Refused => "refused",
        }
    }

    fn stream(self, org: &str, day: i64) -> String {
        format!("{}/{org}/{day:06}", self.prefix())
    }
}

/// The day a moment is in, counted from 1970.
pub fn day_of(time: Time) -> i64 {
    time.micros().div_euclid(24 * 60 * 60 * 1_000_000)
}

/// Keeps entries of one day.
pub async fn append<T: Serialize>(cx: &Cx, sort: Sort, (org, day): (&str, i64), entries: &[T]) -> Result<()> {
    for entries in entries.chunks(PAGE as usize) {
        let entries: std::result::Result<_, _> = entries.iter().map(serde_json::to_string).collect();
        let append = Append { stream: sort.stream(org, day), entries: entries.map_err(Error::internal)? };
        cx.platform().store.commit(Commit { appends: vec![append], ..Commit::default() }).await?;
    }
    Ok(())
}

/// The entries of one day from a number on; fewer than a page are the last.
pub async fn page<T: for<'de> Deserialize<'de>>(cx: &Cx, sort: Sort, day: i64, from: u64) -> Result<Page<T>> {
    let lines = cx.platform().store.stream(&sort.stream(&cx.org, day), from, PAGE).await?;
    let next = lines.last().filter(|_| lines.len() == PAGE as usize).map(|(number, _)| number + 1);
    // An entry of a later version that this one cannot read is passed over.
    Ok(Page { entries: lines.iter().filter_map(|(_, line)| serde_json::from_str(line).ok()).collect(), next })
}

/// Some entries of a day.
pub struct Page<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Where the next page begins.
    pub next: Option<u64>,
}

/// Forgets what is too old.
pub async fn forget(cx: Cx) -> Result<()> {
    let store = &cx.platform().store;
    let today = day_of(cx.now());
    for sort in [Sort::Asked, Sort::Refused] {
        let mut after = String::new();
        loop {
            let streams = store.streams(&format!("{}/", sort.prefix()), &after, PAGE).await?;
            let Some(last) = streams.last().cloned() else { break };
            for stream in streams {
                let day: Option<i64> = stream.rsplit('/').next().and_then(|day| day.parse().ok());
                if day.is_some_and(|day| day < today - KEPT_DAYS) {
                    store.drop_stream(&stream).await?;
                }
            }
            after = last;
        }
    }
    Ok(())
}
