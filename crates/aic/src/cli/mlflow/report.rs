//! What was found, made, there already and left out, told at the end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// The most remarks that are kept.
const REMARKS_MAX: usize = 1_000;

/// What is counted of one sort of thing.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    found: u64,
    made: u64,
    there: u64,
    left: u64,
}

/// Counts by sort, and remarks on what is not as it should be.
#[derive(Default)]
pub struct Report(Mutex<Told>);

#[derive(Default)]
struct Told {
    counts: BTreeMap<&'static str, Count>,
    remarks: Vec<String>,
    more: u64,
}

/// What became of a thing.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// It was copied, and is over there as it was here.
    Made,
    /// It was there already.
    There,
    /// It was left out; a remark says why.
    Left,
}

impl Report {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one thing.
    pub fn count(&self, sort: &'static str, fate: Fate) {
        self.add(sort, fate, 1);
    }

    /// Counts several things.
    pub fn add(&self, sort: &'static str, fate: Fate, number: u64) {
        let mut told = self.told();
        let count = told.counts.entry(sort).or_default();
        count.found += number;
        match fate {
            Fate::Made => count.made += number,
            Fate::There => count.there += number,
            Fate::Left => count.left += number,
        }
    }

    /// Notes that something was left out or differs.
    pub fn remark(&self, text: impl Into<String>) {
        let mut told = self.told();
        if told.remarks.len() < REMARKS_MAX {
            told.remarks.push(text.into());
        } else {
            told.more += 1;
        }
    }

    /// Whether everything is over there as it was here.
    pub fn is_whole(&self) -> bool {
        let told = self.told();
        told.remarks.is_empty() && told.counts.values().all(|count| count.left == 0)
    }

    /// As JSON.
    pub fn shown(&self, (from, to): (&str, &str)) -> Value {
        let told = self.told();
        let counts: serde_json::Map<String, Value> = (told.counts.iter())
            .map(|(sort, it)| {
                let shown =
                    json!({"found": it.found, "copied": it.made, "there": it.there, "leftOut": it.left});
                ((*sort).to_owned(), shown)
            })
            .collect();
        json!({"from": from, "to": to, "counts": counts, "remarks": told.remarks, "moreRemarks": told.more})
    }
}

/// The report for people.
pub fn table(report: &Value) -> String {
    let mut text = format!("{:<22}{:>9}{:>9}{:>9}{:>9}\n", "", "FOUND", "COPIED", "THERE", "LEFT OUT");
    for (sort, count) in report["counts"].as_object().into_iter().flatten() {
        let number = |field: &str| count[field].as_u64().unwrap_or(0);
        text += &format!(
            "{sort:<22}{:>9}{:>9}{:>9}{:>9}\n",
            number("found"),
            number("copied"),
            number("there"),
            number("leftOut")
        );
    }
    for remark in report["remarks"].as_array().into_iter().flatten() {
        text += &format!("- {}\n", remark.as_str().unwrap_or_default());
    }
    if let Some(more) = report["moreRemarks"].as_u64().filter(|more| *more > 0) {
        text += &format!("- and {more} more\n");
    }
    text
}
