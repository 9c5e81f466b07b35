//! Time that stands still until it is told to move, and identifiers that count.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use base::{Clock, Entropy, Time};

/// A clock that shows 2026-01-01T00:00:00Z until it is advanced.
#[derive(Debug)]
pub struct FrozenClock(AtomicI64);

/// 2026-01-01T00:00:00Z.
const START_MICROS: i64 = 1_767_225_600_000_000;

impl Default for FrozenClock {
    fn default() -> Self {
        Self(AtomicI64::new(START_MICROS))
    }
}

impl FrozenClock {
    /// A clock that stands at a moment.
    pub fn at(time: Time) -> Self {
        Self(AtomicI64::new(time.micros()))
    }

    /// Moves it on.
    pub fn advance_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for FrozenClock {
    fn now(&self) -> Time {
        Time::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Entropy that counts: identifiers are `0001`, `0002` …, bytes are the same in every run.
#[derive(Debug, Default)]
pub struct SeededEntropy {
    ids: AtomicU64,
    bytes: AtomicU64,
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let step = self.bytes.fetch_add(1, Ordering::SeqCst) + 1;
            // Spread the count over all bits, so that no two fills look alike.
            let mut word = step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            word ^= word >> 31;
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }

    fn id(&self, _now: Time) -> String {
        format!("{:04}", self.ids.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_moves_only_when_told_and_ids_count() {
        let clock = FrozenClock::default();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000000Z");
        clock.advance_s(90);
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30.000000Z");
        let entropy = SeededEntropy::default();
        assert_eq!(entropy.id(clock.now()), "0001");
        assert_eq!(entropy.id(clock.now()), "0002");
        let (mut first, mut second) = ([0; 12], [0; 12]);
        entropy.fill(&mut first);
        entropy.fill(&mut second);
        assert_ne!(first, second);
    }
}
