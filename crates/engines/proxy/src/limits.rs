//! How often somebody may ask, on a route or of the platform's own services, and the fields that tell them so.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base::{Digest, Error, Status};
use http::{HeaderMap, HeaderValue, header};
use ports::gateway::{By, Caller, Gatekeeper, Owned, RateLimit};
use rates::{Buckets, Empty, Left, Rate};

use crate::stats;

/// How many buckets are kept at once.
const BUCKETS_MAX: usize = 200_000;
/// How many shared buckets' batches are kept at once.
const BATCHES_MAX: usize = 50_000;
/// Into how many batches a shared window is cut: so many writes at most, over all replicas.
const BATCHES: u32 = 20;

/// A limit, ready.
pub struct Limit {
    /// What it is called.
    pub place: Owned,
    /// Who has a bucket of their own.
    pub by: By,
    rate: Rate,
    requests: u32,
    window_s: u32,
    shared: bool,
    /// The `RateLimit-Policy` field (draft-ietf-httpapi-ratelimit-headers).
    policy: HeaderValue,
}

impl Limit {
    /// Makes one ready.
    pub fn of(place: &Owned, spec: &RateLimit) -> Self {
        let (requests, window_s) = (spec.requests.max(1), spec.window_s.max(1));
        let window = Duration::from_secs(u64::from(window_s));
        let policy = format!("\"{}\";q={requests};w={window_s}", place.name);
        Self {
            place: place.clone(),
            by: spec.by,
            rate: Rate::new(requests, window, spec.burst.unwrap_or(requests)),
            requests,
            window_s,
            shared: spec.shared,
            // Names of objects are plain ASCII.
            policy: HeaderValue::from_str(&policy).unwrap_or_else(|_| HeaderValue::from_static("\"limit\"")),
        }
    }
}

/// Who is counted.
#[derive(Clone, Copy)]
pub struct Who<'a> {
    /// Where the request comes from.
    pub address: IpAddr,
    /// The credential it shows.
    pub credential: Option<&'a [u8]>,
    /// Who sent it, if that is known.
    pub caller: Option<&'a Caller>,
}

/// Which bucket a request takes from; two limits never share one.
#[derive(Hash)]
enum Bucket<'a> {
    Address(u128),
    Key(&'a [u8]),
    User(&'a str, &'a str),
    Organization(&'a str),
    All,
}

/// Somebody with an IPv6 network has all its addresses, so they have one bucket.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(it) => u128::from(it.to_bits()),
        IpAddr::V6(it) => it.to_bits() & !u128::from(u64::MAX),
    }
}

impl<'a> Who<'a> {
    /// Whoever cannot be told apart better is told apart by address.
    fn bucket(&self, by: By) -> Bucket<'a> {
        let address = Bucket::Address(network(self.address));
        match by {
            By::Address => address,
            By::Key => self.credential.map_or(address, Bucket::Key),
            By::User => self.caller.map_or(address, |it| Bucket::User(&it.org, &it.actor)),
            By::Organization => self.caller.map_or(address, |it| Bucket::Organization(&it.org)),
            By::Route => Bucket::All,
        }
    }
}

impl Bucket<'_> {
    /// The same on every replica, and no credential in it.
    fn name(&self, limit: &Owned) -> String {
        let who = match self {
            Self::Address(bits) => format!("address {bits:x}"),
            Self::Key(key) => format!("key {}", Digest::of(key)),
            Self::User(org, actor) => format!("user {org} {actor}"),
            Self::Organization(org) => format!("organization {org}"),
            Self::All => "all".to_owned(),
        };
        let whole = format!("{} {} {} {who}", limit.org, limit.project, limit.name);
        Digest::of(whole.as_bytes()).to_string()
    }
}

/// What is told about the limit that is nearest.
#[derive(Clone)]
pub struct Told {
    left: Left,
    policy: HeaderValue,
    name: String,
}

impl Told {
    /// Writes the fields of the draft, and those that came before it.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Left { limit, remaining, reset_s } = self.left;
        headers.insert("ratelimit-policy", self.policy.clone());
        if let Ok(value) = HeaderValue::from_str(&format!("\"{}\";r={remaining};t={reset_s}", self.name)) {
            headers.insert("ratelimit", value);
        }
        headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset_s));
    }
}

/// The refusal of a request that came too soon, with the fields that say until when.
pub struct TooSoon {
    /// The problem.
    pub error: Error,
    /// The limit it met.
    pub told: Told,
}

/// All buckets.
pub struct Limits {
    buckets: Buckets,
    batches: Mutex<HashMap<String, Batch>>,
}

/// What this replica holds of a shared window.
#[derive(Clone, Copy, Default)]
struct Batch {
    window: i64,
    left: u32,
    next: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { buckets: Buckets::new(BUCKETS_MAX), batches: Mutex::default() }
    }
}

impl Limits {
    /// Takes one request of each limit; answers what is nearest to its end.
    pub async fn take(
        &self,
        limits: &[Arc<Limit>],
        who: Who<'_>,
        gatekeeper: Option<&dyn Gatekeeper>,
    ) -> Result<Option<Told>, Box<TooSoon>> {
        let mut nearest: Option<Told> = None;
        for limit in limits {
            let bucket = who.bucket(limit.by);
            let taken = match gatekeeper.filter(|_| limit.shared) {
                Some(gatekeeper) => self.take_shared(limit, bucket.name(&limit.place), gatekeeper).await,
                None => {
                    let key = (&limit.place, &bucket);
                    self.buckets.take(&limit.rate, key, stats::now_ns())
                }
            };
            let told =
                |left: Left| Told { left, policy: limit.policy.clone(), name: limit.place.name.clone() };
            match taken {
                Ok(left) => {
                    if nearest.as_ref().is_none_or(|it| left.remaining < it.left.remaining) {
                        nearest = Some(told(left));
                    }
                }
                Err(empty) => return Err(Box::new(too_soon(limit, empty, told))),
            }
        }
        Ok(nearest)
    }

    /// Takes one request of a window that replicas share: each claims batches of it, and no batch is claimed twice.
    async fn take_shared(
        &self,
        limit: &Limit,
        key: String,
        gatekeeper: &dyn Gatekeeper,
    ) -> Result<Left, Empty> {
        let size = (limit.requests / BATCHES).max(1);
        let all = limit.requests.div_ceil(size);
        let now_s = gatekeeper.now().millis() / 1_000;
        let window = now_s / i64::from(limit.window_s);
        let ends_in = u64::try_from((window + 1) * i64::from(limit.window_s) - now_s).unwrap_or(1);
        loop {
            let next = {
                let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
                if batches.len() >= BATCHES_MAX {
                    batches.retain(|_, batch| batch.window == window);
                }
                let batch = batches.entry(key.clone()).or_default();
                if batch.window != window {
                    *batch = Batch { window, left: 0, next: 0 };
                }
                if batch.left > 0 {
                    batch.left -= 1;
                    let remaining = batch.left + (all - batch.next) * size;
                    return Ok(Left { limit: limit.requests, remaining, reset_s: ends_in });
                }
                if batch.next >= all {
                    return Err(Empty { limit: limit.requests, wait_s: ends_in });
                }
                batch.next += 1;
                batch.next - 1
            };
            let name = format!("{key}/{window}/{next}");
            match gatekeeper.claim(&name, limit.window_s.saturating_mul(2)).await {
                Ok(true) => {
                    let granted = size.min(limit.requests - next * size);
                    let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(batch) = batches.get_mut(&key).filter(|batch| batch.window == window) {
                        batch.left += granted;
                    }
                }
                Ok(false) => {}
                Err(error) => {
                    // Without the store nobody can share; each replica then holds the limit for itself.
                    tracing::warn!(?error, "a shared rate limit is held alone");
                    return self.buckets.take(&limit.rate, &key, stats::now_ns());
                }
            }
        }
    }
}

fn too_soon(limit: &Limit, empty: Empty, told: impl Fn(Left) -> Told) -> TooSoon {
    let wait = u32::try_from(empty.wait_s).unwrap_or(u32::MAX);
    let (requests, window) = (limit.requests, limit.window_s);
    let message = format!("limit `{}`: more than {requests} requests in {window} seconds", limit.place.name);
    TooSoon {
        error: Error::new(Status::TooMany, "rate-limited", message)
            .hint("wait as long as `Retry-After` says")
            .retry_after(wait),
        told: told(Left { limit: empty.limit, remaining: 0, reset_s: empty.wait_s }),
    }
}

/// The credential of a request, as bytes.
pub fn credential(headers: &HeaderMap) -> Option<&[u8]> {
    let shown = headers.get(header::AUTHORIZATION).or_else(|| headers.get("x-api-key"));
    shown.map(HeaderValue::as_bytes)
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Mutex};

    use base::Time;
    use ports::{Later, gateway::Admission};

    use super::*;

    /// Claims as the store does: each key once.
    #[derive(Default)]
    struct Store(Mutex<HashSet<String>>);

    impl Gatekeeper for Store {
        fn admit<'a>(&'a self, _: Admission<'a>) -> Later<'a, Arc<Caller>> {
            Box::pin(std::future::ready(Err(Error::internal("nobody asks"))))
        }

        fn claim<'a>(&'a self, key: &'a str, _: u32) -> Later<'a, bool> {
            Box::pin(std::future::ready(Ok(self.0.lock().unwrap().insert(key.to_owned()))))
        }

        fn now(&self) -> Time {
            Time::from_micros(1_000_000_000)
        }
    }

    fn who(last: u8) -> Who<'static> {
        Who { address: IpAddr::from([10, 0, 0, last]), credential: None, caller: None }
    }

    #[tokio::test]
    async fn replicas_let_no_more_through_than_one_would() {
        let store = Store::default();
        let spec = RateLimit { requests: 100, window_s: 60, shared: true, ..RateLimit::default() };
        let limit = [Arc::new(Limit::of(&Owned::default(), &spec))];
        let replicas = [Limits::default(), Limits::default(), Limits::default()];
        let mut passed = 0;
        for turn in 0..600 {
            let taken = replicas[turn % 3].take(&limit, who(1), Some(&store)).await;
            passed += u32::from(taken.is_ok());
        }
        assert_eq!(passed, 100);
        // One write a batch, not one a request.
        assert_eq!(store.0.lock().unwrap().len(), 20);
        assert!(replicas[0].take(&limit, who(2), Some(&store)).await.is_ok());
    }

    #[test]
    fn an_ipv6_network_has_one_bucket() {
        let one = network("2001:db8::1".parse().unwrap());
        assert_eq!(one, network("2001:db8::ffff:1".parse().unwrap()));
        assert_ne!(one, network("2001:db8:0:1::1".parse().unwrap()));
        assert_eq!(network("::ffff:10.0.0.1".parse().unwrap()), network("10.0.0.1".parse().unwrap()));
    }
}
