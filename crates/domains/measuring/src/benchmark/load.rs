//! How something is asked again and again, and what is measured of its answers.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use asking::{Predicted, Row};
use kernel::prelude::*;
use tokio::task::JoinSet;

use crate::subject::Subject;

/// How something is asked. Every asker waits for its answer before it asks again (a closed loop), unless a rate is given:
/// then requests are due at even times, whether earlier ones were answered or not, and their times begin when they were due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// How many ask at the same time.
    #[field(min = 1, max = 64, default = 1)]
    pub concurrency: u32,
    /// How many requests are due in a second; as many as are answered when not given.
    #[field(min = 0.1, max = 100000)]
    pub rate: Option<f64>,
    /// How many requests are measured at most.
    #[field(min = 1, max = 1000000, default = 1000)]
    pub requests: u32,
    /// After how many seconds it ends in any case.
    #[field(min = 1, max = 600, default = 60)]
    pub seconds: u32,
    /// How many requests are sent before anything is measured.
    #[field(min = 0, max = 10000, default = 10)]
    pub warm_up: u32,
    /// How many rows a request carries.
    #[field(min = 1, max = 1000, default = 1)]
    pub rows_per_request: u32,
    /// How many different rows are drawn from the data at most; they are sent one after the other, again and again.
    #[field(min = 1, max = 10000, default = 1000)]
    pub rows: u32,
    /// What they are drawn by: the same rows in the same order for the same number.
    #[field(default = 1)]
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            concurrency: 1,
            rate: None,
            requests: 1_000,
            seconds: 60,
            warm_up: 10,
            rows_per_request: 1,
            rows: 1_000,
            seed: 1,
        }
    }
}

/// What was measured. Times are of requests that were answered, from the question to the answer; a percentile is the
/// smallest time that so many of them did not exceed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// Requests that were measured.
    pub requests: Option<u64>,
    /// Requests that were answered.
    pub answered: Option<u64>,
    /// The share of requests that were not.
    #[field(min = 0, max = 1)]
    pub error_rate: Option<f64>,
    /// Rows that were answered for.
    pub rows: Option<u64>,
    /// How long it took altogether.
    #[field(min = 0)]
    pub seconds: Option<f64>,
    /// Answered requests a second.
    #[field(min = 0)]
    pub throughput: Option<f64>,
    /// Answered rows a second.
    #[field(min = 0)]
    pub rows_per_second: Option<f64>,
    /// The mean time in milliseconds.
    #[field(min = 0)]
    pub mean_ms: Option<f64>,
    /// The shortest.
    #[field(min = 0)]
    pub min_ms: Option<f64>,
    /// The time that half of the requests did not exceed.
    #[field(min = 0)]
    pub p50_ms: Option<f64>,
    /// The time that 90 of 100 did not exceed.
    #[field(min = 0)]
    pub p90_ms: Option<f64>,
    /// The time that 95 of 100 did not exceed.
    #[field(min = 0)]
    pub p95_ms: Option<f64>,
    /// The time that 99 of 100 did not exceed.
    #[field(min = 0)]
    pub p99_ms: Option<f64>,
    /// The longest.
    #[field(min = 0)]
    pub max_ms: Option<f64>,
    /// Requests that were not answered, by the code they were refused or failed with.
    pub errors: BTreeMap<String, u64>,
    /// Different rows whose truth is known and that were answered for.
    pub judged: Option<u64>,
    /// How right the answers were, where the truth is known.
    pub metrics: BTreeMap<String, f64>,
}

impl Results {
    /// Refuses what cannot have been measured; the field is where it stands.
    pub fn sound(&self, field: &str) -> Result<()> {
        let orders = [self.min_ms, self.p50_ms, self.p90_ms, self.p95_ms, self.p99_ms, self.max_ms];
        let known: Vec<f64> = orders.into_iter().flatten().collect();
        let wrong = |message: &str| Err(Error::invalid("results-unsound", message).at(field));
        if known.windows(2).any(|pair| pair[0] > pair[1]) {
            return wrong("a percentile is below a smaller one");
        }
        if matches!((self.answered, self.requests), (Some(answered), Some(all)) if answered > all) {
            return wrong("more requests were answered than sent");
        }
        if known.is_empty() && self.throughput.is_none() && self.metrics.is_empty() {
            return wrong("say at least one time, a throughput or a metric");
        }
        Ok(())
    }
}

/// What was seen of the answers.
#[derive(Default)]
pub struct Seen {
    /// Seconds that answered requests took.
    pub seconds: Vec<f64>,
    /// Rows that were answered for.
    pub rows: u64,
    /// How many were not, by code.
    pub errors: BTreeMap<String, u64>,
    /// The first error, for whoever gets no answer at all.
    pub first_error: Option<Error>,
    /// What was predicted for rows when they were sent first.
    pub predicted: Vec<(usize, Predicted)>,
}

impl Seen {
    fn merge(&mut self, other: Self) {
        self.seconds.extend(other.seconds);
        self.rows += other.rows;
        for (code, count) in other.errors {
            *self.errors.entry(code).or_default() += count;
        }
        self.first_error = self.first_error.take().or(other.first_error);
        self.predicted.extend(other.predicted);
    }

    /// What was measured in so many seconds.
    pub fn results(mut self, seconds: f64) -> Results {
        self.seconds.sort_by(f64::total_cmp);
        let answered = self.seconds.len() as u64;
        let requests = answered + self.errors.values().sum::<u64>();
        let ms = |share: f64| percentile(&self.seconds, share).map(|it| it * 1e3);
        let rate = |count: u64| (seconds > 0.0).then(|| count as f64 / seconds);
        let mean = (answered > 0).then(|| self.seconds.iter().sum::<f64>() / answered as f64 * 1e3);
        Results {
            requests: Some(requests),
            answered: Some(answered),
            error_rate: (requests > 0).then(|| 1.0 - answered as f64 / requests as f64),
            rows: Some(self.rows),
            seconds: Some(seconds),
            throughput: rate(answered),
            rows_per_second: rate(self.rows),
            mean_ms: mean,
            min_ms: ms(0.0),
            p50_ms: ms(0.5),
            p90_ms: ms(0.9),
            p95_ms: ms(0.95),
            p99_ms: ms(0.99),
            max_ms: ms(1.0),
            errors: self.errors,
            judged: None,
            metrics: BTreeMap::new(),
        }
    }
}

/// The smallest of sorted values that so large a share does not exceed.
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied()
}

/// What all askers share.
pub struct Questions {
    /// With whose rights they ask.
    pub cx: Cx,
    /// Who is asked.
    pub subject: Subject,
    /// The rows, whole.
    pub rows: Vec<Row>,
    /// The column that is not shown.
    pub target: Option<String>,
    /// How many rows a request carries.
    pub per_request: usize,
}

impl Questions {
    fn places(&self, turn: u64) -> impl Iterator<Item = usize> {
        let (count, first) = (self.rows.len().max(1), turn as usize * self.per_request);
        (first..first + self.per_request).map(move |at| at % count)
    }
}

/// How much is asked.
#[derive(Clone, Copy)]
pub struct Amount {
    /// How many requests.
    pub requests: u64,
    /// How many ask at once.
    pub concurrency: u32,
    /// How many requests are due in a second.
    pub rate: Option<f64>,
    /// When it ends in any case.
    pub until: Time,
}

/// Asks as much as was wanted; what is under way when it ends is waited for.
pub async fn asked(step: &StepCx, questions: &Arc<Questions>, amount: Amount) -> Result<Seen> {
    let turns = Arc::new(Turns { next: AtomicU64::new(0), stop: AtomicBool::new(false) });
    let began = step.cx.now();
    let mut askers = JoinSet::new();
    for _ in 0..amount.concurrency {
        let (step, questions, turns) = (step.clone(), Arc::clone(questions), Arc::clone(&turns));
        askers.spawn(async move { ask(&step, &questions, (amount, began), &turns).await });
    }
    let mut seen = Seen::default();
    while let Some(asker) = askers.join_next().await {
        seen.merge(asker.map_err(Error::internal)??);
    }
    step.check()?;
    Ok(seen)
}

/// Whose turn it is.
struct Turns {
    next: AtomicU64,
    stop: AtomicBool,
}

/// How often progress is told, in requests.
const TOLD_EVERY: u64 = 64;

/// One asker.
async fn ask(
    step: &StepCx,
    questions: &Questions,
    (amount, began): (Amount, Time),
    turns: &Turns,
) -> Result<Seen> {
    let cx = &step.cx;
    let mut seen = Seen::default();
    loop {
        if step.stopped() || turns.stop.load(Ordering::Relaxed) || cx.now() >= amount.until {
            turns.stop.store(true, Ordering::Relaxed);
            return Ok(seen);
        }
        let turn = turns.next.fetch_add(1, Ordering::Relaxed);
        if turn >= amount.requests {
            return Ok(seen);
        }
        let places: Vec<usize> = questions.places(turn).collect();
        let rows: Vec<Value> =
            places.iter().map(|at| questions.subject.known.shown(&questions.rows[*at])).collect();
        let due = due(cx, (amount, began), turn).await;
        if due.is_some_and(|due| due >= amount.until) {
            return Ok(seen);
        }
        let asked_at = due.unwrap_or_else(|| cx.now());
        let answer = questions.subject.ask(&questions.cx, rows).await;
        let seconds = cx.now().seconds_since(asked_at).max(0.0);
        match answer {
            Ok(answer) => {
                seen.seconds.push(seconds);
                seen.rows += places.len() as u64;
                // Rows come again; what is said of them the first time counts.
                if (turn as usize) * questions.per_request < questions.rows.len() {
                    seen.predicted.extend(places.into_iter().zip(asking::read(answer)?));
                }
            }
            Err(error) => {
                *seen.errors.entry(error.code().to_owned()).or_default() += 1;
                seen.first_error.get_or_insert(error);
            }
        }
        if turn.is_multiple_of(TOLD_EVERY) {
            step.progress(turn, amount.requests, "asking");
        }
    }
}

/// Waits until a request is due, where requests are due at even times; answers when that is.
async fn due(cx: &Cx, (amount, began): (Amount, Time), turn: u64) -> Option<Time> {
    let micros = turn as f64 / amount.rate? * 1e6;
    let due = Time::from_micros(began.micros() + micros as i64);
    let left = due.seconds_since(cx.now());
    if left > 0.0 && due < amount.until {
        tokio::time::sleep(Duration::from_secs_f64(left)).await;
    }
    Some(due)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_time_that_so_many_did_not_exceed() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        for (share, wanted) in [(0.0, 1.0), (0.5, 50.0), (0.95, 95.0), (0.99, 99.0), (1.0, 100.0)] {
            assert_eq!(percentile(&sorted, share), Some(wanted));
        }
        assert_eq!((percentile(&[7.0], 0.99), percentile(&[], 0.5)), (Some(7.0), None));
    }

    #[test]
    fn what_was_not_answered_counts_for_the_error_rate_and_for_no_time() {
        let errors = BTreeMap::from([("endpoint-busy".to_owned(), 1)]);
        let seen = Seen { seconds: vec![0.003, 0.001, 0.002], rows: 6, errors, ..Seen::default() };
        let found = seen.results(2.0);
        assert_eq!((found.requests, found.answered, found.error_rate), (Some(4), Some(3), Some(0.25)));
        assert_eq!(
            (found.throughput, found.rows_per_second, found.p50_ms),
            (Some(1.5), Some(3.0), Some(2.0))
        );
        assert_eq!(Seen::default().results(0.0).throughput, None);
    }

    #[test]
    fn results_that_contradict_themselves_are_refused() {
        let wrong = Results { p50_ms: Some(3.0), p99_ms: Some(2.0), ..Results::default() };
        assert_eq!(wrong.sound("x").unwrap_err().code(), "results-unsound");
        assert!(Results::default().sound("x").is_err());
        assert!(Results { p50_ms: Some(3.0), ..Results::default() }.sound("x").is_ok());
    }
}
