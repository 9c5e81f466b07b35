//! How often somebody may ask: the generic cell rate algorithm (ITU-T I.371) over buckets by key.
//!
//! A bucket is one number, the theoretical arrival time of the next request. What a key is made of is the
//! caller's: it is kept as a 64-bit hash under a seed of this process, so that nobody can choose collisions.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    /// Nanoseconds between two requests of a steady caller.
    interval: u64,
    /// Nanoseconds a caller may be ahead of that.
    burst: u64,
}

/// What is left of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests in the window.
    pub limit: u32,
    /// Requests that could be made at once.
    pub remaining: u32,
    /// Seconds until all could be.
    pub reset_s: u64,
}

/// The bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty {
    /// Requests in the window.
    pub limit: u32,
    /// Seconds until one more request is let through; at least 1.
    pub wait_s: u64,
}

impl Rate {
    /// `requests` in `window`, of which `burst` may come at once.
    pub fn new(requests: u32, window: Duration, burst: u32) -> Self {
        let requests = requests.max(1);
        let window = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX).max(1);
        let interval = (window / u64::from(requests)).max(1);
        Self { requests, interval, burst: interval.saturating_mul(u64::from(burst.max(1))) }
    }

    /// `requests` a minute, all of which may come at once.
    pub fn per_minute(requests: u32) -> Self {
        Self::new(requests, Duration::from_secs(60), requests)
    }
}

/// Spread over so many locks, so that callers seldom wait for each other.
const SHARDS: usize = 64;

/// The buckets of everybody, bounded.
pub struct Buckets<S = RandomState> {
    shards: Vec<Mutex<HashMap<u64, u64>>>,
    hasher: S,
    shard_max: usize,
}

impl Buckets {
    /// Room for about so many keys; when it is full, buckets that are full again are let go first.
    pub fn new(max: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), shard_max: (max / SHARDS).max(16) }
    }

    /// Takes one request of a key's bucket. `now` is nanoseconds on any clock that does not go back.
    ///
    /// # Errors
    /// The bucket is empty.
    pub fn take(&self, rate: &Rate, key: impl Hash, now: u64) -> Result<Left, Empty> {
        let key = self.hasher.hash_one(key);
        let index = usize::try_from(key % SHARDS as u64).unwrap_or(0);
        let mut shard = self.shards[index].lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= self.shard_max && !shard.contains_key(&key) {
            make_room(&mut shard, now, self.shard_max);
        }
        let arrival = shard.entry(key).or_insert(0);
        let earliest = (*arrival).max(now);
        let next = earliest.saturating_add(rate.interval);
        let ahead = next - now;
        if ahead > rate.burst {
            let wait_s = (ahead - rate.burst).div_ceil(1_000_000_000).max(1);
            return Err(Empty { limit: rate.requests, wait_s });
        }
        *arrival = next;
        let remaining = u32::try_from((rate.burst - ahead) / rate.interval).unwrap_or(u32::MAX);
        Ok(Left { limit: rate.requests, remaining, reset_s: ahead.div_ceil(1_000_000_000) })
    }
}

/// Lets go of buckets that are full again, which changes nothing; if that is not enough, of those that are nearest to it.
fn make_room(shard: &mut HashMap<u64, u64>, now: u64, max: usize) {
    shard.retain(|_, arrival| *arrival > now);
    if shard.len() >= max {
        let mut arrivals: Vec<u64> = shard.values().copied().collect();
        let middle = arrivals.len() / 2;
        let (_, median, _) = arrivals.select_nth_unstable(middle);
        let median = *median;
        shard.retain(|_, arrival| *arrival > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let (buckets, rate) = (Buckets::new(1000), Rate::new(10, Duration::from_secs(10), 3));
        let left: Vec<_> = (0..3).map(|_| buckets.take(&rate, "ada", SECOND).unwrap().remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        assert_eq!(buckets.take(&rate, "ada", SECOND), Err(Empty { limit: 10, wait_s: 1 }));
        // Somebody else's bucket is not touched.
        assert!(buckets.take(&rate, "bob", SECOND).is_ok());
        assert!(buckets.take(&rate, "ada", 2 * SECOND).is_ok());
        assert!(buckets.take(&rate, "ada", 2 * SECOND).is_err());
    }

    #[test]
    fn over_a_long_time_no_more_than_the_rate_passes() {
        let (buckets, rate) = (Buckets::new(1000), Rate::new(100, Duration::from_secs(1), 5));
        let passed = (0..10_000_u64).filter(|ms| buckets.take(&rate, 7, ms * 1_000_000).is_ok()).count();
        assert!((1000..=1005).contains(&passed), "{passed}");
    }

    #[test]
    fn only_so_many_buckets_are_kept() {
        let (buckets, rate) = (Buckets::new(SHARDS * 16), Rate::per_minute(1));
        for key in 0..100_000 {
            let _ = buckets.take(&rate, key, SECOND);
        }
        let kept: usize = buckets.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * 16, "{kept}");
    }

    #[test]
    fn whoever_waits_as_told_is_let_through() {
        let (buckets, rate) = (Buckets::new(1000), Rate::new(1, Duration::from_secs(30), 1));
        assert!(buckets.take(&rate, "ada", SECOND).is_ok());
        let empty = buckets.take(&rate, "ada", SECOND).unwrap_err();
        assert_eq!(empty.wait_s, 30);
        assert!(buckets.take(&rate, "ada", SECOND + empty.wait_s * SECOND).is_ok());
    }
}
