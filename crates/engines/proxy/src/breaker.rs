//! When an upstream is asked no more for a while, and how many retries it is spared.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use ports::gateway::Breaker;

/// Milliseconds failures and retries are counted together.
const WINDOW_MS: u64 = 10_000;
/// Below so many requests a share of failures says nothing.
const SAMPLE: u32 = 20;
/// Retries that are allowed whatever the budget.
const RETRIES_MIN: u32 = 3;

/// What is counted within a window. Races only blur its edges.
#[derive(Default)]
struct Window {
    began: AtomicU64,
    requests: AtomicU32,
    failures: AtomicU32,
    retries: AtomicU32,
}

impl Window {
    fn turn(&self, now_ms: u64) {
        let began = self.began.load(Ordering::Relaxed);
        if now_ms.saturating_sub(began) < WINDOW_MS {
            return;
        }
        let mine = self.began.compare_exchange(began, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            for counter in [&self.requests, &self.failures, &self.retries] {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }
}

/// The state of a circuit: closed, open until a moment, or half open while one request tries.
#[derive(Default)]
pub struct Circuit {
    /// Zero while it is closed.
    open_until: AtomicU64,
    trying: AtomicBool,
    in_a_row: AtomicU32,
    window: Window,
}

/// Whether a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// It may.
    Pass,
    /// It may, and decides whether the circuit closes.
    Try,
    /// It may not, for so many milliseconds.
    Wait(u64),
}

impl Circuit {
    /// Whether a request may go now.
    pub fn may(&self, rule: &Breaker, now_ms: u64) -> May {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return May::Pass;
        }
        if now_ms < until {
            return May::Wait(until - now_ms);
        }
        if self.trying.swap(true, Ordering::AcqRel) { May::Wait(rule.open_ms.min(1_000)) } else { May::Try }
    }

    /// Whether requests go as usual.
    pub fn is_closed(&self) -> bool {
        self.open_until.load(Ordering::Acquire) == 0
    }

    /// A try was given up before it showed anything.
    pub fn abandoned(&self) {
        self.trying.store(false, Ordering::Release);
    }

    /// How a request ended.
    pub fn ended(&self, rule: &Breaker, well: bool, now_ms: u64) {
        self.window.turn(now_ms);
        self.window.requests.fetch_add(1, Ordering::Relaxed);
        let was_open = self.open_until.load(Ordering::Acquire) != 0;
        if well {
            if self.in_a_row.load(Ordering::Relaxed) != 0 {
                self.in_a_row.store(0, Ordering::Relaxed);
            }
            if was_open && self.trying.swap(false, Ordering::AcqRel) {
                // What failed before it was well again does not count against it.
                self.window.failures.store(0, Ordering::Relaxed);
                self.open_until.store(0, Ordering::Release);
            }
            return;
        }
        let row = self.in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let failures = self.window.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let requests = self.window.requests.load(Ordering::Relaxed).max(1);
        let share = u64::from(failures) * 100 / u64::from(requests);
        let too_many = rule.consecutive_failures > 0 && row >= rule.consecutive_failures
            || rule.failure_percent > 0 && requests >= SAMPLE && share >= u64::from(rule.failure_percent);
        if too_many || was_open {
            self.open_until.store(now_ms + rule.open_ms.max(1), Ordering::Release);
            self.trying.store(false, Ordering::Release);
        }
    }

    /// Whether another try fits the budget; takes it if so.
    pub fn may_retry(&self, budget_percent: u32, now_ms: u64) -> bool {
        self.window.turn(now_ms);
        let requests = u64::from(self.window.requests.load(Ordering::Relaxed));
        let allowed = (requests * u64::from(budget_percent) / 100).max(u64::from(RETRIES_MIN));
        let taken = self.window.retries.fetch_add(1, Ordering::Relaxed);
        if u64::from(taken) < allowed {
            return true;
        }
        self.window.retries.fetch_sub(1, Ordering::Relaxed);
        false
    }

    /// `closed`, `open` or `half-open`.
    pub fn state(&self, now_ms: u64) -> &'static str {
        match self.open_until.load(Ordering::Acquire) {
            0 => "closed",
            until if now_ms < until => "open",
            _ => "half-open",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Breaker {
        Breaker { consecutive_failures: 3, failure_percent: 50, open_ms: 1_000, ..Breaker::default() }
    }

    #[test]
    fn it_opens_lets_one_try_and_closes_when_that_went_well() {
        let (circuit, rule) = (Circuit::default(), rule());
        for _ in 0..3 {
            assert_eq!(circuit.may(&rule, 5_000), May::Pass);
            circuit.ended(&rule, false, 5_000);
        }
        assert_eq!(circuit.may(&rule, 5_001), May::Wait(999));
        assert_eq!(circuit.may(&rule, 6_000), May::Try);
        // Only one tries.
        assert!(matches!(circuit.may(&rule, 6_000), May::Wait(_)));
        circuit.ended(&rule, false, 6_000);
        assert_eq!(circuit.state(6_500), "open");
        assert_eq!(circuit.may(&rule, 7_000), May::Try);
        circuit.ended(&rule, true, 7_000);
        assert_eq!((circuit.may(&rule, 7_001), circuit.state(7_001)), (May::Pass, "closed"));
    }

    #[test]
    fn a_share_of_failures_opens_it_once_there_are_enough() {
        let (circuit, rule) = (Circuit::default(), Breaker { consecutive_failures: 0, ..rule() });
        for turn in 0..19 {
            circuit.ended(&rule, turn % 2 == 0, 20_000);
            assert_eq!(circuit.may(&rule, 20_000), May::Pass);
        }
        circuit.ended(&rule, false, 20_000);
        assert!(matches!(circuit.may(&rule, 20_000), May::Wait(_)));
    }

    #[test]
    fn retries_have_a_budget() {
        let (circuit, rule) = (Circuit::default(), rule());
        for _ in 0..100 {
            circuit.ended(&rule, true, 20_000);
        }
        let allowed = (0..50).filter(|_| circuit.may_retry(20, 20_001)).count();
        assert_eq!(allowed, 20);
        // Another window has a budget of its own, and three in any case.
        assert_eq!((0..50).filter(|_| circuit.may_retry(20, 31_000)).count(), 3);
    }
}
