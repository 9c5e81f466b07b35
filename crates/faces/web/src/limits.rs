//! How often somebody may ask: the generic cell rate algorithm, a bucket for each caller.

use std::num::NonZeroU32;

use base::{Error, Status};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock, middleware::StateInformationMiddleware,
};

use crate::Settings;

type Limiter = RateLimiter<
    String,
    governor::state::keyed::DefaultKeyedStateStore<String>,
    governor::clock::DefaultClock,
    StateInformationMiddleware,
>;

/// What is left of a caller's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests a minute.
    pub limit: u32,
    /// Requests that could be made at once.
    pub remaining: u32,
    /// Seconds until all could be.
    pub reset_s: u64,
}

/// The buckets of all callers.
pub struct Rates {
    known: (u32, Limiter),
    anonymous: (u32, Limiter),
}

/// How many callers' buckets are kept before those that are full again are let go.
const BUCKETS_MAX: usize = 50_000;

impl Rates {
    pub(crate) fn new(settings: &Settings) -> Self {
        let limiter = |rate: u32| {
            let quota = Quota::per_minute(NonZeroU32::new(rate).unwrap_or(NonZeroU32::MAX));
            let limiter: DefaultKeyedRateLimiter<String> = RateLimiter::keyed(quota);
            (rate, limiter.with_middleware::<StateInformationMiddleware>())
        };
        Self { known: limiter(settings.rate_per_minute), anonymous: limiter(settings.anonymous_per_minute) }
    }

    /// Takes one request from a caller's bucket.
    pub fn take(&self, caller: &str, is_known: bool) -> Result<Left, Error> {
        let (limit, limiter) = if is_known { &self.known } else { &self.anonymous };
        if limiter.len() > BUCKETS_MAX {
            limiter.retain_recent();
        }
        match limiter.check_key(&caller.to_owned()) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let missing = limit.saturating_sub(remaining);
                let reset_s = u64::from(missing) * 60 / u64::from(*limit).max(1);
                Ok(Left { limit: *limit, remaining, reset_s })
            }
            Err(until) => {
                let now = governor::clock::DefaultClock::default().now();
                let wait = until.wait_time_from(now).as_secs() as u32 + 1;
                Err(Error::new(
                    Status::TooMany,
                    "rate-limited",
                    format!("more than {limit} requests a minute"),
                )
                .hint("wait as long as `Retry-After` says")
                .retry_after(wait))
            }
        }
    }
}
