//! How long a writer waits for company before it commits.
//!
//! Whoever was just answered comes back a moment later. A writer that does not wait for them commits
//! one half of its clients while the other half queues, for ever taking turns.

use std::time::{Duration, Instant};

/// Longer than this, nobody waits for company.
const PATIENCE: Duration = Duration::from_millis(1);

/// What the last commits were like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    took: Duration,
    sizes: [usize; 2],
}

impl Pace {
    /// Notes a commit: how many tasks it held and how long it took.
    pub fn note(&mut self, size: usize, took: Duration) {
        self.sizes = [size, self.sizes[0]];
        self.took = took;
    }

    /// Whether to go on waiting, with so many at hand and since then. It costs a commit a sixteenth
    /// of its time at most.
    pub fn waits(&self, at_hand: usize, since: Instant) -> bool {
        let expected: usize = self.sizes.iter().sum();
        // Somebody alone never waits.
        expected > 2 && at_hand < expected && since.elapsed() < PATIENCE.min(self.took / 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_alone_never_waits_and_nobody_waits_long() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert!(!pace.waits(1, now));
        pace.note(1, Duration::from_secs(9));
        pace.note(1, Duration::from_secs(9));
        assert!(!pace.waits(1, now));
        pace.note(30, Duration::from_secs(9));
        assert!(pace.waits(30, Instant::now()));
        assert!(!pace.waits(31, Instant::now()));
        assert!(!pace.waits(30, now - PATIENCE));
    }
}
