//! Upstreams: their addresses, who of them is asked next, and who is left alone.

use std::{
    hash::{BuildHasher, Hash},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use base::{Error, Result};
use engine_fetch::Egress;
use http::{HeaderMap, header};
use ports::gateway::{Backend, Balancing, HashOn, Owned, Placed};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    breaker::Circuit,
    health,
    link::Secure,
    pool::Pool,
    stats::{self, Counts, now_ms},
};

/// Servers that answer alike.
pub struct Upstream {
    /// Whose it is.
    pub place: Owned,
    /// What was declared.
    pub spec: Backend,
    /// The servers.
    pub addresses: Vec<Arc<Address>>,
    /// When nobody is asked any more.
    pub circuit: Circuit,
    /// What was counted.
    pub counts: Arc<Counts>,
    /// TLS on the way to them.
    pub secure: Option<Secure>,
    turn: AtomicUsize,
    active: AtomicU32,
    pending: AtomicU32,
    freed: Notify,
    health: OnceLock<tokio::task::AbortHandle>,
}

/// One server.
pub struct Address {
    /// `host:port`
    pub text: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What may be called.
    pub egress: Arc<Egress>,
    /// Connections nobody uses right now.
    pub pool: Pool,
    /// Whether it answers questions about its health well.
    pub healthy: AtomicBool,
    active: AtomicU32,
    failures: AtomicU32,
    ejected_until: AtomicU64,
}

impl Address {
    fn is_ejected(&self, now_ms: u64) -> bool {
        self.ejected_until.load(Ordering::Relaxed) > now_ms
    }

    fn is_well(&self, now_ms: u64) -> bool {
        self.healthy.load(Ordering::Relaxed) && !self.is_ejected(now_ms)
    }
}

/// A place among the requests under way; given back when dropped.
pub struct Slot {
    upstream: Arc<Upstream>,
    /// Who is asked.
    pub address: Arc<Address>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.address.active.fetch_sub(1, Ordering::Relaxed);
        self.upstream.active.fetch_sub(1, Ordering::AcqRel);
        if self.upstream.pending.load(Ordering::Acquire) > 0 {
            self.upstream.freed.notify_one();
        }
    }
}

/// One more that waits, and one less when it is dropped.
struct Pending<'a>(&'a AtomicU32);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Makes a backend ready; its health is looked after from now on, if it says so.
pub fn open(backend: &Placed<Backend>, egress: &Arc<Egress>) -> Result<Arc<Upstream>> {
    let spec = &backend.spec;
    let addresses = check(spec, egress)?;
    let secure = spec.tls.as_ref().map(|tls| Secure::of(tls, spec.protocol)).transpose()?;
    let upstream = Arc::new(Upstream {
        place: backend.place.clone(),
        spec: spec.clone(),
        addresses: addresses.iter().map(|it| it.open(egress)).collect(),
        circuit: Circuit::default(),
        counts: Arc::default(),
        secure,
        turn: AtomicUsize::new(0),
        active: AtomicU32::new(0),
        pending: AtomicU32::new(0),
        freed: Notify::new(),
        health: OnceLock::new(),
    });
    if let Some(question) = spec.health_check.clone()
        && tokio::runtime::Handle::try_current().is_ok()
    {
        let asking = tokio::spawn(health::look_after(Arc::downgrade(&upstream), question));
        // Nobody else has it yet, so it is set once.
        let _ = upstream.health.set(asking.abort_handle());
    }
    Ok(upstream)
}

/// An address as it is written, taken apart.
struct AddressParts {
    text: String,
    host: String,
    port: u16,
}

impl AddressParts {
    fn open(&self, egress: &Arc<Egress>) -> Arc<Address> {
        Arc::new(Address {
            text: self.text.clone(),
            host: self.host.clone(),
            port: self.port,
            egress: Arc::clone(egress),
            pool: Pool::default(),
            healthy: AtomicBool::new(true),
            active: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
        })
    }
}

fn invalid(at: String, message: &str) -> Error {
    Error::invalid("invalid-backend", message).at(at)
}

/// Refuses a backend that cannot be used, with the field; answers its addresses taken apart.
fn check(spec: &Backend, egress: &Egress) -> Result<Vec<AddressParts>> {
    if spec.addresses.is_empty() {
        return Err(invalid("spec.addresses".to_owned(), "a backend has at least one address"));
    }
    let apart = spec.addresses.iter().enumerate().map(|(index, text)| {
        let at = format!("spec.addresses[{index}]");
        let wrong =
            || invalid(at.clone(), "this is no address").hint("write it like `host:8080` or `[::1]:8080`");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Ok(ip) = bare.unwrap_or(host).parse::<std::net::IpAddr>() {
            if !crate::link::may_be_called(egress, bare.unwrap_or(host), ip) {
                let message = "the platform was not started to call this address of its own network";
                return Err(invalid(at, message).hint(
                    "start it with `--egress` and the address or network; those of the link are never called",
                ));
            }
        } else {
            crate::table::check_host(host, &at).map_err(|_| wrong())?;
        }
        Ok(AddressParts { text: text.clone(), host: bare.unwrap_or(host).to_owned(), port })
    });
    let apart = apart.collect::<Result<Vec<_>>>()?;
    if spec.balance.algorithm == Balancing::Hash
        && spec.balance.hash_on != HashOn::Address
        && spec.balance.name.is_none()
    {
        return Err(invalid(
            "spec.balance.name".to_owned(),
            "name the header field or cookie that is hashed",
        ));
    }
    if let Some(question) = &spec.health_check
        && (!question.path.starts_with('/') || question.path.parse::<http::uri::PathAndQuery>().is_err())
    {
        return Err(invalid("spec.healthCheck.path".to_owned(), "a path begins with `/`"));
    }
    Ok(apart)
}

/// Whether a backend can be used.
pub fn check_backend(spec: &Backend, egress: &Egress) -> Result<()> {
    check(spec, egress)?;
    spec.tls.as_ref().map(|tls| Secure::of(tls, spec.protocol)).transpose().map(|_| ())
}

/// What a request is told apart by, for hashing.
pub struct Told<'a> {
    /// Where it comes from.
    pub address: std::net::IpAddr,
    /// Its fields.
    pub headers: &'a HeaderMap,
}

impl Upstream {
    /// One that a route names and nobody declared: it has no address, and so fails every request.
    pub fn missing(route: &Owned, name: &str) -> Arc<Self> {
        Arc::new(Self {
            place: Owned { name: name.to_owned(), ..route.clone() },
            spec: Backend::default(),
            addresses: Vec::new(),
            circuit: Circuit::default(),
            counts: Arc::default(),
            secure: None,
            turn: AtomicUsize::new(0),
            active: AtomicU32::new(0),
            pending: AtomicU32::new(0),
            freed: Notify::new(),
            health: OnceLock::new(),
        })
    }

    /// A place for one more request, and the address it goes to, other than those already tried.
    ///
    /// # Errors
    /// `backend-missing`, `backend-ill`, `backend-full` (503).
    pub async fn slot(self: &Arc<Self>, told: &Told<'_>, tried: &[Arc<Address>]) -> Result<Slot> {
        self.place().await?;
        // From here on the place is counted; choosing an address cannot wait.
        match self.choose(told, tried) {
            Ok(address) => {
                address.active.fetch_add(1, Ordering::Relaxed);
                Ok(Slot { upstream: Arc::clone(self), address })
            }
            Err(error) => {
                self.active.fetch_sub(1, Ordering::AcqRel);
                Err(error)
            }
        }
    }

    fn try_place(&self) -> bool {
        let max = self.spec.circuit_breaker.max_requests.max(1);
        let more = |active: u32| (active < max).then_some(active + 1);
        self.active.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    async fn place(&self) -> Result<()> {
        if self.try_place() {
            return Ok(());
        }
        let full = || {
            stats::count(&self.counts.shed);
            let name = &self.place.name;
            Error::unavailable(
                "backend-full",
                format!("backend `{name}` has as many requests as it may have"),
            )
            .hint("try again; `circuitBreaker.maxRequests` and `maxPending` say how many it may have")
            .retry_after(1)
        };
        if self.pending.fetch_add(1, Ordering::AcqRel) >= self.spec.circuit_breaker.max_pending {
            self.pending.fetch_sub(1, Ordering::AcqRel);
            return Err(full());
        }
        let _pending = Pending(&self.pending);
        let patience = Duration::from_millis(self.spec.response_timeout_ms.max(1));
        let waiting = async {
            loop {
                let freed = self.freed.notified();
                if self.try_place() {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(patience, waiting).await.map_err(|_| full())
    }

    fn choose(&self, told: &Told<'_>, tried: &[Arc<Address>]) -> Result<Arc<Address>> {
        if self.addresses.is_empty() {
            let name = &self.place.name;
            return Err(Error::unavailable(
                "backend-missing",
                format!("the route names backend `{name}`, which is not there"),
            )
            .hint("make it, or name another in the route's `backends`"));
        }
        if let [only] = self.addresses.as_slice() {
            // The only one is asked even when it was ejected: there is nobody else, and a circuit is for that.
            return if only.healthy.load(Ordering::Relaxed) { Ok(Arc::clone(only)) } else { Err(self.ill()) };
        }
        let now = now_ms();
        let new = |it: &&Arc<Address>| !tried.iter().any(|old| Arc::ptr_eq(old, it));
        let mut well: Vec<&Arc<Address>> =
            self.addresses.iter().filter(|it| it.is_well(now)).filter(new).collect();
        if well.is_empty() {
            well = self.addresses.iter().filter(|it| it.is_well(now)).collect();
        }
        let first = *well.first().ok_or_else(|| self.ill())?;
        Ok(Arc::clone(match self.spec.balance.algorithm {
            Balancing::RoundRobin => well[self.turn.fetch_add(1, Ordering::Relaxed) % well.len()],
            Balancing::LeastRequest => {
                let turn = mixed(self.turn.fetch_add(1, Ordering::Relaxed) as u64);
                let at = |bits: u64| well[usize::try_from(bits % well.len() as u64).unwrap_or(0)];
                let (one, other) = (at(turn & 0xFFFF_FFFF), at(turn >> 32));
                let load = |it: &Arc<Address>| it.active.load(Ordering::Relaxed);
                if load(one) <= load(other) { one } else { other }
            }
            Balancing::Hash => {
                let key = self.key(told);
                // Rendezvous: who leaves takes only its own callers along.
                well.iter().max_by_key(|it| hashed(&(&key, &it.text))).copied().unwrap_or(first)
            }
        }))
    }

    fn ill(&self) -> Error {
        stats::count(&self.counts.shed);
        let name = &self.place.name;
        Error::unavailable("backend-ill", format!("no address of backend `{name}` is well"))
            .hint("its view `health` says what each answered")
            .retry_after(1)
    }

    fn key(&self, told: &Told<'_>) -> String {
        let name = self.spec.balance.name.as_deref().unwrap_or_default();
        let found = match self.spec.balance.hash_on {
            HashOn::Address => None,
            HashOn::Header => told.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned),
            HashOn::Cookie => told.headers.get_all(header::COOKIE).iter().find_map(|value| {
                let pairs = value.to_str().ok()?.split(';');
                pairs
                    .filter_map(|pair| pair.trim().split_once('='))
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.to_owned())
            }),
        };
        found.unwrap_or_else(|| told.address.to_string())
    }

    /// How a request to an address ended: what the circuit and the ejection of outliers go by.
    pub fn ended(&self, address: &Address, well: bool) {
        let now = now_ms();
        self.circuit.ended(&self.spec.circuit_breaker, well, now);
        let Some(outlier) = &self.spec.outlier else { return };
        if well {
            if address.failures.load(Ordering::Relaxed) != 0 {
                address.failures.store(0, Ordering::Relaxed);
            }
            return;
        }
        let row = address.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if row < outlier.consecutive_failures.max(1) {
            return;
        }
        let ejected = self.addresses.iter().filter(|it| it.is_ejected(now)).count() + 1;
        let allowed = self.addresses.len() * usize::try_from(outlier.max_ejected_percent).unwrap_or(0) / 100;
        if ejected <= allowed {
            address.failures.store(0, Ordering::Relaxed);
            address.ejected_until.store(now + outlier.eject_ms, Ordering::Relaxed);
            tracing::warn!(
                backend = self.place.name,
                address = address.text,
                "an address is left alone for a while"
            );
        }
    }

    /// How it is: the circuit and each address.
    pub fn shown(&self) -> Value {
        let now = now_ms();
        let addresses: Vec<Value> = self
            .addresses
            .iter()
            .map(|it| {
                json!({
                    "address": it.text,
                    "healthy": it.healthy.load(Ordering::Relaxed),
                    "ejectedForMs": it.ejected_until.load(Ordering::Relaxed).saturating_sub(now),
                    "underWay": it.active.load(Ordering::Relaxed),
                    "idleConnections": it.pool.len(),
                })
            })
            .collect();
        json!({
            "circuit": self.circuit.state(now),
            "underWay": self.active.load(Ordering::Relaxed),
            "pending": self.pending.load(Ordering::Relaxed),
            "addresses": addresses,
        })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let Some(health) = self.health.get() {
            health.abort();
        }
    }
}

/// The same on every replica and after every start, so that callers keep their server.
fn hashed(it: &impl Hash) -> u64 {
    std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(it)
}

/// Spreads a counter over all bits (SplitMix64).
fn mixed(turn: u64) -> u64 {
    let mut z = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
