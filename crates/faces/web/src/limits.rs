//! How often somebody may ask: a bucket for each caller.

use std::time::Instant;

use base::{Error, Status};
use rates::{Buckets, Rate};

pub use rates::Left;

use crate::Settings;

/// The buckets of all callers.
pub struct Rates {
    known: (u32, Rate),
    anonymous: (u32, Rate),
    buckets: Buckets,
    began: Instant,
}

/// How many callers' buckets are kept before those that are full again are let go.
const BUCKETS_MAX: usize = 50_000;

impl Rates {
    pub(crate) fn new(settings: &Settings) -> Self {
        let of = |rate: u32| (rate, Rate::per_minute(rate));
        Self {
            known: of(settings.rate_per_minute),
            anonymous: of(settings.anonymous_per_minute),
            buckets: Buckets::new(BUCKETS_MAX),
            began: Instant::now(),
        }
    }

    /// Takes one request from a caller's bucket.
    pub fn take(&self, caller: &str, is_known: bool) -> Result<Left, Error> {
        let (limit, rate) = if is_known { &self.known } else { &self.anonymous };
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.buckets.take(rate, (is_known, caller), now).map_err(|empty| {
            Error::new(Status::TooMany, "rate-limited", format!("more than {limit} requests a minute"))
                .hint("wait as long as `Retry-After` says")
                .retry_after(u32::try_from(empty.wait_s).unwrap_or(u32::MAX))
        })
    }
}
