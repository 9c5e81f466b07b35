//! What was counted of both revisions since the test began, and what tests make of it.
//!
//! Who looks often finds differences by chance: confidences are of one look, at the end.

use std::collections::{BTreeMap, BTreeSet};

use asking::{ENDPOINTS, class_of};
use kernel::prelude::*;
use ports::{
    requestlog::{self, RequestLog, Span},
    table::{Table, cells},
};
use statistics::{
    compare::{Proportion, larger, share_grew},
    fairness::difference_interval,
};

use super::{AbTest, Goal};
use crate::{cost::bill::REVISIONS, quality::number_of};

/// The most rows of the request log that are looked at.
const ROWS_MAX: usize = 200_000;

/// Which revision won.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Winner {
    /// The new one: better by the goal, and worse by nothing.
    Candidate,
    /// The one from before: the new one is worse by something.
    Stable,
    /// Nothing is sure enough.
    #[default]
    Neither,
}

/// What was counted, and what tests make of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// When it was looked.
    pub at: Option<Time>,
    /// The revision from before.
    pub stable: Variant,
    /// The new one.
    pub candidate: Variant,
    /// How sure each test must be: as sure as was asked, corrected for how many there are.
    pub needed: f64,
    /// The tests.
    pub tests: Vec<Tested>,
    /// Which revision won.
    #[field(default = "Neither")]
    pub winner: Winner,
}

/// One of both revisions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Variant {
    /// Its number.
    pub revision: Option<u64>,
    /// The version it answers with.
    pub version: Option<String>,
    /// Calls that were answered or failed.
    pub calls: f64,
    /// Calls that failed.
    pub failed: f64,
    /// Rows that were answered for.
    pub rows: f64,
    /// The mean time of a call.
    pub mean_seconds: Option<f64>,
    /// Rows whose truth is known.
    pub judged: u64,
    /// The share of them with the right class.
    pub accuracy: Option<f64>,
    /// How far numbers were off on average.
    pub mean_error: Option<f64>,
}

/// One test, both ways.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// `failures` and `quality` of classes (shares by Agresti and Caffo), `latency` and `quality` of numbers (ranks by Mann and
    /// Whitney).
    pub test: String,
    /// What it is of the revision from before: the share of failed calls, or of wrong answers; of ranks, a half.
    pub stable: f64,
    /// What it is of the new one; of ranks, the probability that its time, or its error, is the larger of two.
    pub candidate: f64,
    /// How much larger it is of the new one.
    pub difference: f64,
    /// The interval that holds the true difference of shares with the confidence that was asked (Newcombe); none of ranks.
    pub interval: Vec<f64>,
    /// How sure it is that the new one is better.
    pub better: f64,
    /// How sure it is that it is worse.
    pub worse: f64,
}

type Counts = BTreeMap<String, f64>;

/// What was seen of one revision.
struct Seen {
    counts: Counts,
    wrong: Proportion,
    errors: Vec<f64>,
}

/// What was counted since the roll-out's step began.
pub async fn of(cx: &Cx, it: &Object<AbTest>, rollout: &Raw) -> Result<Results> {
    let status = |name: &str| rollout.status.get(name).cloned().unwrap_or_default();
    let before: Vec<Counts> = match status("before") {
        Value::Null => {
            return Err(Error::conflict("test-too-early", "the new revision is still being tried")
                .hint("ask again in a moment"));
        }
        told => serde_json::from_value(told).map_err(Error::internal)?,
    };
    let numbers = [status("stable").as_u64(), status("candidate").as_u64()];
    let since: Option<Time> = serde_json::from_value(status("since")).ok();
    let told = truths(cx, &it.spec.endpoint, since).await?;
    let (mut seen, mut variants) = (Vec::new(), Vec::new());
    for (at, number) in numbers.into_iter().enumerate() {
        let number = number.unwrap_or_default();
        let revision = cx.read(REVISIONS, &format!("{}.{number}", it.spec.endpoint)).await?;
        let mut counts = usage::since(cx, &revision.metadata.uid, 90).await?;
        for (name, count) in &mut counts {
            *count -= before.get(at).and_then(|it| it.get(name)).copied().unwrap_or(0.0);
        }
        let own = told.get(&number).cloned().unwrap_or_default();
        let wrong = Proportion { count: own.wrong, of: own.classes };
        let found = Seen { counts, wrong, errors: own.errors };
        let version = revision.spec.get("modelVersion").and_then(Value::as_str).map(str::to_owned);
        variants.push(found.variant(number, version));
        seen.push(found);
    }
    let (Some(candidate), Some(stable)) = (variants.pop(), variants.pop()) else {
        return Err(Error::internal("a test is of two revisions"));
    };
    let tests = tested(&seen[0], &seen[1], it.spec.confidence);
    let needed = 1.0 - (1.0 - it.spec.confidence) / tests.len().max(1) as f64;
    let winner = winner(&tests, it.spec.goal, needed);
    Ok(Results { at: Some(cx.now()), stable, candidate, needed, tests, winner })
}

impl Seen {
    fn count(&self, name: &str) -> f64 {
        self.counts.get(name).copied().unwrap_or(0.0)
    }

    fn calls(&self) -> f64 {
        self.count("answered") + self.count("failed")
    }

    fn failures(&self) -> Proportion {
        Proportion { count: self.count("failed"), of: self.calls() }
    }

    fn variant(&self, number: u64, version: Option<String>) -> Variant {
        let (calls, judged) = (self.calls(), self.wrong.of as u64 + self.errors.len() as u64);
        Variant {
            revision: Some(number),
            version,
            calls,
            failed: self.count("failed"),
            rows: self.count("rows"),
            mean_seconds: (calls > 0.0).then(|| self.count("seconds") / calls),
            judged,
            accuracy: (self.wrong.of > 0.0).then(|| 1.0 - self.wrong.share()),
            mean_error: (!self.errors.is_empty()).then(|| statistics::quality::mean(&self.errors)),
        }
    }
}

/// Failures, times, and quality where the truth of both is known.
fn tested(stable: &Seen, candidate: &Seen, confidence: f64) -> Vec<Tested> {
    let mut tests = vec![
        shares("failures", (stable.failures(), candidate.failures()), confidence),
        ranks("latency", &times(&stable.counts, &candidate.counts)),
    ];
    if stable.wrong.of > 0.0 && candidate.wrong.of > 0.0 {
        tests.push(shares("quality", (stable.wrong, candidate.wrong), confidence));
    } else if !stable.errors.is_empty() && !candidate.errors.is_empty() {
        tests.push(ranks("quality", &classes(&stable.errors, &candidate.errors)));
    }
    tests
}

fn shares(test: &str, (stable, candidate): (Proportion, Proportion), confidence: f64) -> Tested {
    let (low, high) = difference_interval(candidate, stable, confidence);
    Tested {
        test: test.to_owned(),
        stable: stable.share(),
        candidate: candidate.share(),
        difference: candidate.share() - stable.share(),
        interval: vec![low, high],
        better: 1.0 - share_grew(candidate, stable, 0.0),
        worse: 1.0 - share_grew(stable, candidate, 0.0),
    }
}

fn ranks(test: &str, (stable, candidate): &(Vec<f64>, Vec<f64>)) -> Tested {
    let (worse, better) = (larger(stable, candidate), larger(candidate, stable));
    Tested {
        test: test.to_owned(),
        stable: 0.5,
        candidate: worse.larger,
        difference: worse.larger - 0.5,
        interval: Vec::new(),
        better: 1.0 - better.p,
        worse: 1.0 - worse.p,
    }
}

/// Times of calls, by class; times are counted by limits that they do not exceed.
fn times(stable: &Counts, candidate: &Counts) -> (Vec<f64>, Vec<f64>) {
    let mut limits: Vec<(f64, &str)> = Vec::new();
    for name in stable.keys().chain(candidate.keys()) {
        if let Some(limit) = name.strip_prefix("within/")
            && !limits.iter().any(|(_, known)| known == name)
        {
            limits.push((limit.parse().unwrap_or(f64::INFINITY), name));
        }
    }
    limits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let of =
        |counts: &Counts| limits.iter().map(|(_, name)| counts.get(*name).copied().unwrap_or(0.0)).collect();
    (of(stable), of(candidate))
}

/// Numbers as counts in classes of equal ones.
fn classes(stable: &[f64], candidate: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut all: Vec<f64> = stable.iter().chain(candidate).copied().collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let of = |numbers: &[f64]| {
        let mut counts = vec![0.0; all.len()];
        for number in numbers {
            if let Ok(place) = all.binary_search_by(|it| it.total_cmp(number)) {
                counts[place] += 1.0;
            }
        }
        counts
    };
    (of(stable), of(candidate))
}

/// The new one wins by being better at the goal and worse at nothing.
fn winner(tests: &[Tested], goal: Goal, needed: f64) -> Winner {
    if tests.iter().any(|it| it.worse >= needed) {
        return Winner::Stable;
    }
    let goal = match goal {
        Goal::Failures => "failures",
        Goal::Latency => "latency",
        Goal::Quality => "quality",
    };
    match tests.iter().find(|it| it.test == goal) {
        Some(it) if it.better >= needed => Winner::Candidate,
        Some(_) | None => Winner::Neither,
    }
}

/// How right one revision was.
#[derive(Clone, Debug, Default)]
struct Right {
    /// Rows of classes.
    classes: f64,
    /// Of them, wrong ones.
    wrong: f64,
    /// How far numbers were off.
    errors: Vec<f64>,
}

/// What turned out to be true of each revision's answers since the test began.
async fn truths(cx: &Cx, endpoint: &str, since: Option<Time>) -> Result<BTreeMap<u64, Right>> {
    let uid = cx.read(ENDPOINTS, endpoint).await?.metadata.uid;
    let Ok(log) = cx.port::<dyn RequestLog>() else { return Ok(BTreeMap::new()) };
    cx.blocking(move || {
        let (truths, mut all, mut seen) = (log.truths(&uid)?, BTreeMap::new(), 0);
        if truths.is_empty() {
            return Ok(all);
        }
        let span = Span { since, newest_first: true, ..Span::default() };
        log.scan(&uid, span, &mut |table: Table| {
            for row in 0..table.rows {
                let truth = requestlog::key(&table, row).and_then(|key| truths.get(&key));
                if let Some(truth) = truth {
                    heard(&mut all, (&table, row), truth);
                }
            }
            seen += table.rows;
            Ok(seen < ROWS_MAX)
        })?;
        Ok(all)
    })
    .await
}

fn heard(all: &mut BTreeMap<u64, Right>, (table, row): (&Table, usize), truth: &Value) {
    let cell = |name: &str| requestlog::column(table, name).map(|column| cells::value(column, row));
    let Some(revision) = cell("revision").and_then(|it| it.as_u64()) else { return };
    let own = all.entry(revision).or_default();
    if let Some(label) = cell("out.label").filter(|it| !it.is_null()) {
        own.classes += 1.0;
        own.wrong += f64::from(u8::from(class_of(&label) != class_of(truth)));
        return;
    }
    // Labels and probabilities aside, the first output is the number.
    let names: BTreeSet<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let name = ["out.prediction"].into_iter().find(|name| names.contains(name));
    let name = name.or_else(|| names.iter().copied().find(|name| name.starts_with(requestlog::OUTPUT)));
    let said = name.and_then(cell).and_then(|it| number_of(&it));
    if let (Some(said), Some(truth)) = (said, number_of(truth)) {
        own.errors.push((said - truth).abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answered: f64, failed: f64, fast: f64, wrong: f64) -> Seen {
        let slow = answered + failed - fast;
        let pairs =
            [("answered", answered), ("failed", failed), ("within/0.005", fast), ("within/more", slow)];
        let counts = pairs.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        Seen { counts, wrong: Proportion { count: wrong, of: answered }, errors: Vec::new() }
    }

    #[test]
    fn the_new_one_wins_by_the_goal_and_loses_by_anything() {
        let stable = seen(1_000.0, 10.0, 900.0, 200.0);
        let better = tested(&stable, &seen(1_000.0, 10.0, 900.0, 100.0), 0.95);
        assert_eq!(winner(&better, Goal::Quality, 0.98), Winner::Candidate);
        assert_eq!(winner(&better, Goal::Latency, 0.98), Winner::Neither);
        assert!(better[2].interval[1] < 0.0 && better[2].difference < -0.09, "{better:?}");
        let slow = tested(&stable, &seen(1_000.0, 10.0, 600.0, 100.0), 0.95);
        assert_eq!(winner(&slow, Goal::Quality, 0.98), Winner::Stable);
        let same = tested(&stable, &seen(1_000.0, 10.0, 900.0, 200.0), 0.95);
        assert_eq!(winner(&same, Goal::Quality, 0.98), Winner::Neither);
        // Of nothing, nothing is sure.
        let nothing = seen(0.0, 0.0, 0.0, 0.0);
        assert_eq!(winner(&tested(&nothing, &nothing, 0.95), Goal::Failures, 0.98), Winner::Neither);
    }

    #[test]
    fn numbers_are_compared_by_rank() {
        let errors = |shift: f64| (0..50).map(|at| f64::from(at) / 10.0 + shift).collect::<Vec<f64>>();
        let test = ranks("quality", &classes(&errors(3.0), &errors(0.0)));
        assert!(test.better > 0.999 && test.worse < 0.001 && test.candidate < 0.2, "{test:?}");
    }
}
