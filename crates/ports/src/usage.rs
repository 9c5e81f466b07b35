//! Counts of use: what nobody writes to the journal because it happens too often. Counted in memory, and written
//! to a stream of the object a few times an hour; what a process had not yet written when it was killed is lost.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use base::{Time, Uid};
use serde::{Deserialize, Serialize};

/// Seconds that counts wait before they are written.
const WRITTEN_EVERY_S: f64 = 600.0;
/// The most objects whose counts wait at once; more are written at once.
const WAITING_MAX: usize = 10_000;

/// What was counted of one object since a moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Since when.
    pub at: Time,
    /// How often what happened.
    pub counts: BTreeMap<String, f64>,
}

/// What was counted and is not written yet, by object.
#[derive(Default)]
pub struct Tallies(Mutex<HashMap<Uid, Tally>>);

impl Tallies {
    /// Counts; answers what should be written now.
    pub fn add(&self, uid: &Uid, now: Time, what: &[(&str, f64)]) -> Option<(Uid, Tally)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= WAITING_MAX;
        // What is counted now must not be told as of then.
        let old = |tally: &Tally| now.seconds_since(tally.at) >= WRITTEN_EVERY_S;
        let due = match waiting.get(uid) {
            Some(tally) if old(tally) => waiting.remove_entry(uid),
            Some(_) => None,
            // Room is made for what is counted for the first time.
            None => {
                let other = waiting.keys().next().filter(|_| full).cloned();
                other.and_then(|other| waiting.remove_entry(&other))
            }
        };
        let tally = waiting.entry(uid.clone()).or_insert_with(|| Tally { at: now, counts: BTreeMap::new() });
        for (name, more) in what {
            match tally.counts.get_mut(*name) {
                Some(count) => *count += more,
                None => {
                    tally.counts.insert((*name).to_owned(), *more);
                }
            }
        }
        due
    }

    /// What waits for one object; it goes on waiting.
    pub fn waiting(&self, uid: &Uid) -> Option<Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned()
    }

    /// Takes out everything that waits.
    pub fn take_all(&self) -> Vec<(Uid, Tally)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect()
    }
}

/// Seconds that one stream of counts is for: about a month.
pub const STREAM_S: i64 = 30 * 86_400;

/// The stream of an object's counts that a moment falls into.
pub fn stream_of(uid: &Uid, at: Time) -> String {
    format!("used/{uid}/{}", at.micros().div_euclid(STREAM_S * 1_000_000))
}

/// The streams of an object's counts from one moment to another.
pub fn streams(uid: &Uid, since: Time, until: Time) -> Vec<String> {
    let (mut streams, mut at) = (vec![stream_of(uid, since)], since);
    let last = stream_of(uid, until);
    while streams.last() != Some(&last) {
        at = at.plus_s(STREAM_S).min(until);
        streams.push(stream_of(uid, at));
    }
    streams
}

/// Adds up what was counted since a moment.
pub fn sum(tallies: &[Tally], since: Time) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for (name, more) in tallies.iter().filter(|tally| tally.at >= since).flat_map(|tally| &tally.counts) {
        *counts.entry(name.clone()).or_default() += more;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_wait_and_are_then_handed_out_once() {
        let (tallies, uid) = (Tallies::default(), Uid::known("ept_1"));
        let at = |seconds: i64| Time::from_micros(seconds * 1_000_000);
        assert_eq!(tallies.add(&uid, at(0), &[("calls", 1.0)]), None);
        assert_eq!(tallies.add(&uid, at(599), &[("calls", 1.0), ("rows", 5.0)]), None);
        assert_eq!(tallies.waiting(&uid).unwrap().counts["calls"], 2.0);
        let (_, due) = tallies.add(&uid, at(600), &[("calls", 1.0)]).unwrap();
        assert_eq!((due.at, due.counts["calls"], due.counts["rows"]), (at(0), 2.0, 5.0));
        let new = tallies.waiting(&uid).unwrap();
        assert_eq!((new.at, new.counts["calls"]), (at(600), 1.0));
        assert_eq!(sum(&[due, new], at(0))["calls"], 3.0);
    }
}
