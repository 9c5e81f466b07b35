//! The gateway's data plane: what stands between a request and whoever answers it.
//!
//! A table of routes, built once and replaced as a whole, is held against each request. What fits a
//! route goes to its upstream; everything else goes on to the platform's own services, after the
//! policies that hold there. Bodies are never gathered, nothing is written to disk.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use base::{Error, Result};
use engine_fetch::Egress;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use ports::gateway::{
    Access, AccessLog, Admission, Backend, Caller, Certificate, Described, Gatekeeper, Gateway as Port,
    Owned, Protection, Route, Table,
};
use serde_json::Value;

mod body;
mod breaker;
mod certificates;
mod claims;
mod explain;
mod fields;
mod forward;
mod health;
mod limits;
mod link;
mod path;
mod pool;
mod protect;
mod rule;
mod stats;
mod table;
mod upstream;
mod waf;

pub use body::Answered;
pub use certificates::Certificates;
pub use fields::Ours;
pub use stats::{BOUNDS_US, Line};

use limits::{Limits, Told, Who};
use protect::Protect;
use stats::{Counts, Entry, Log};
use table::{Hit, Policy, Ruled};

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The caller's address.
    pub address: SocketAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// The gateway.
#[derive(Default)]
pub struct Gateway {
    egress: Arc<Egress>,
    table: ArcSwap<Ruled>,
    limits: Limits,
    log: Log,
    gatekeeper: OnceLock<Arc<dyn Gatekeeper>>,
    /// Certificates by host.
    pub certificates: Arc<Certificates>,
}

/// What became of a request.
pub enum Passed {
    /// It is for the platform's own services; what it met on the way is told to [`Gateway::finish`].
    Own(Request<Incoming>, Option<Box<Marks>>),
    /// A backend answered, or the gateway itself.
    Answered(Response<Answered>),
    /// It may not pass.
    Refused(Box<Refusal>),
}

/// Why a request may not pass, and fields its answer has beside the problem.
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// The fields.
    pub headers: HeaderMap,
}

/// What a request to the platform's own services met on its way.
pub struct Marks {
    table: Arc<Ruled>,
    /// The policies that hold, by their place in the table.
    policies: Vec<usize>,
    told: Option<Told>,
    noted: Noted,
}

/// What is kept of a request before it is gone: cheap handles, of which an entry is made only if one is wanted.
struct Noted {
    began: Instant,
    origin: Option<HeaderValue>,
    sent: Option<Sent>,
}

/// What an entry of the access log is made of.
struct Sent {
    route: Option<Arc<rule::Shared>>,
    method: http::Method,
    uri: http::Uri,
    host: Option<HeaderValue>,
    address: std::net::IpAddr,
    caller: Option<Arc<Caller>>,
    upstream: Option<Arc<upstream::Address>>,
    code: Option<&'static str>,
}

impl Noted {
    fn of<B>(
        request: &Request<B>,
        peer: Peer,
        protect: &[&Protect],
        route: Option<&Arc<rule::Shared>>,
    ) -> Self {
        let cross = protect.iter().any(|it| it.is_cross());
        let origin = if cross { request.headers().get(header::ORIGIN).cloned() } else { None };
        let logged = protect.iter().any(|it| it.access_log != AccessLog::Off);
        let sent = logged.then(|| Sent {
            route: route.cloned(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            host: request.headers().get(header::HOST).cloned(),
            address: peer.address.ip(),
            caller: None,
            upstream: None,
            code: None,
        });
        Self { began: Instant::now(), origin, sent }
    }
}

impl Sent {
    fn entry(self, time: base::Time, status: u16, took: Duration) -> Entry {
        let short = |text: &str, max: usize| text.chars().take(max).collect::<String>();
        let named = self.host.as_ref().and_then(|host| host.to_str().ok());
        let host = self.uri.host().or_else(|| named.map(path::without_port)).unwrap_or_default();
        Entry {
            time,
            route: self.route.map_or_else(Owned::default, |route| route.place.clone()),
            method: short(self.method.as_str(), 20),
            host: short(host, 253),
            path: short(self.uri.path(), 500),
            status,
            took,
            address: self.address.to_canonical().to_string(),
            actor: self.caller.map(|caller| caller.actor.clone()),
            upstream: self.upstream.map(|address| address.text.clone()),
            code: self.code,
        }
    }
}

impl Gateway {
    /// One that routes nothing until it is given a table, and calls public addresses and what is said here.
    pub fn new(egress: Egress) -> Arc<Self> {
        Arc::new(Self { egress: Arc::new(egress), ..Self::default() })
    }

    /// Tells it who knows callers. Until then only public routes are open.
    pub fn guarded_by(&self, gatekeeper: Arc<dyn Gatekeeper>) {
        // Who was there first stays: there is one platform in a process.
        let _ = self.gatekeeper.set(gatekeeper);
    }

    /// Takes a request as far as the gateway does.
    pub async fn pass(&self, request: Request<Incoming>, peer: Peer) -> Passed {
        let table = self.table.load();
        if let Some(hit) = table.find(&request) {
            drop(table);
            // On the heap, so that requests which only pass by stay small.
            return Box::pin(self.routed(&hit, request, peer)).await;
        }
        if table.policies.is_empty() {
            return Passed::Own(request, None);
        }
        let (method, path) = (request.method().as_str(), request.uri().path());
        let holding = |(index, policy): (usize, &Policy)| policy.holds(method, path).then_some(index);
        let policies: Vec<usize> = table.policies.iter().enumerate().filter_map(holding).collect();
        if policies.is_empty() {
            return Passed::Own(request, None);
        }
        let table = arc_swap::Guard::into_inner(table);
        Box::pin(self.own(table, policies, request, peer)).await
    }

    async fn routed(&self, hit: &Hit, request: Request<Incoming>, peer: Peer) -> Passed {
        let route = &hit.rule.route;
        let mut noted = Noted::of(&request, peer, &[&route.protect], Some(route));
        if let Some(response) = route.protect.preflight(&request) {
            route.counts.answered(response.status().as_u16(), noted.began.elapsed());
            self.note(&[&route.protect], noted, response.status().as_u16());
            return Passed::Answered(response);
        }
        let mut told = None;
        let done = self.answered(hit, request, peer, (&mut told, &mut noted)).await;
        match done {
            Ok(mut response) => {
                self.settle(route, noted, &mut response, told.as_ref());
                Passed::Answered(response)
            }
            Err(error) => {
                let mut response: Response<()> = Response::default();
                if let Ok(status) = http::StatusCode::from_u16(error.status().code()) {
                    *response.status_mut() = status;
                }
                if let Some(sent) = noted.sent.as_mut() {
                    sent.code = Some(error.code());
                }
                self.settle(route, noted, &mut response, told.as_ref());
                Passed::Refused(Box::new(Refusal { error, headers: response.into_parts().0.headers }))
            }
        }
    }

    async fn answered(
        &self,
        hit: &Hit,
        request: Request<Incoming>,
        peer: Peer,
        (told, noted): (&mut Option<Told>, &mut Noted),
    ) -> Result<Response<Answered>> {
        let route = &hit.rule.route;
        clear(&request)?;
        if route.protect.check(&request, peer.address.ip()).inspect_err(|error| {
            if error.code() == "looks-like-attack" {
                stats::count(&route.counts.suspicious);
            }
        })? {
            stats::count(&route.counts.suspicious);
        }
        let caller = self.caller(hit, request.headers(), peer).await?;
        if !route.limits.is_empty() {
            let who = Who {
                address: peer.address.ip(),
                credential: limits::credential(request.headers()),
                caller: caller.as_deref(),
            };
            *told = self.take(&route.limits, who, told, Some(&route.counts)).await?;
        }
        if let Some(sent) = noted.sent.as_mut() {
            sent.caller.clone_from(&caller);
        }
        if let Some(redirect) = &hit.rule.redirect {
            let host = path::host(request.uri(), request.headers()).unwrap_or_default();
            let location = fields::location(redirect, hit, request.uri(), &host, peer.secure)?;
            let mut response = Response::new(Answered::Empty);
            *response.status_mut() = http::StatusCode::from_u16(redirect.status).map_err(Error::internal)?;
            response.headers_mut().insert(header::LOCATION, location);
            return Ok(response);
        }
        let done = forward::forward(hit, request, peer, caller.as_deref()).await?;
        if let Some(sent) = noted.sent.as_mut() {
            sent.upstream = Some(done.upstream);
        }
        Ok(done.response)
    }

    async fn caller(&self, hit: &Hit, headers: &HeaderMap, peer: Peer) -> Result<Option<Arc<Caller>>> {
        let route = &hit.rule.route;
        let permission = match route.access {
            Access::Public => return Ok(None),
            Access::Authenticated => None,
            Access::Granted => Some("gateway.routes.call"),
        };
        let gatekeeper = self.gatekeeper.get().ok_or_else(|| Error::internal("nobody knows callers yet"))?;
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let ask =
            Admission { address: Some(peer.address.ip()), authorization, place: &route.place, permission };
        gatekeeper.admit(ask).await.map(Some)
    }

    async fn take(
        &self,
        limits: &[Arc<limits::Limit>],
        who: Who<'_>,
        told: &mut Option<Told>,
        counts: Option<&Counts>,
    ) -> Result<Option<Told>> {
        let gatekeeper = self.gatekeeper.get().map(|it| &**it);
        self.limits.take(limits, who, gatekeeper).await.map_err(|soon| {
            if let Some(counts) = counts {
                stats::count(&counts.limited);
            }
            *told = Some(soon.told);
            soon.error
        })
    }

    /// Counts and notes an answer of a route, and writes what callers are told beside it.
    fn settle<B>(&self, route: &rule::Shared, noted: Noted, response: &mut Response<B>, told: Option<&Told>) {
        let took = noted.began.elapsed();
        route.counts.answered(response.status().as_u16(), took);
        route.protect.open(noted.origin.as_ref(), response.headers_mut());
        if let Some(told) = told {
            told.write(response.headers_mut());
        }
        self.note(&[&route.protect], noted, response.status().as_u16());
    }

    fn note(&self, protect: &[&Protect], noted: Noted, status: u16) {
        let Some(sent) = noted.sent else { return };
        let wanted = protect.iter().any(|it| match it.access_log {
            AccessLog::Off => false,
            AccessLog::Failures => status >= 400,
            AccessLog::All => true,
        });
        if wanted {
            let time = self.gatekeeper.get().map_or_else(|| base::Time::from_micros(0), |it| it.now());
            self.log.note(sent.entry(time, status, noted.began.elapsed()));
        }
    }

    async fn own(
        &self,
        table: Arc<Ruled>,
        policies: Vec<usize>,
        request: Request<Incoming>,
        peer: Peer,
    ) -> Passed {
        let holding: Vec<&Policy> = policies.iter().filter_map(|index| table.policies.get(*index)).collect();
        let protects: Vec<&Protect> = holding.iter().map(|policy| &policy.protect).collect();
        let noted = Noted::of(&request, peer, &protects, None);
        if let Some(response) = protects.iter().find_map(|it| it.preflight(&request)) {
            self.note(&protects, noted, response.status().as_u16());
            return Passed::Answered(response);
        }
        let mut told = None;
        match self.allowed(&holding, &request, peer, &mut told).await {
            Ok(nearest) => {
                told = nearest;
                drop(holding);
                Passed::Own(request, Some(Box::new(Marks { table, policies, told, noted })))
            }
            Err(error) => {
                let mut headers = HeaderMap::new();
                if let Some(told) = &told {
                    told.write(&mut headers);
                }
                for protect in &protects {
                    protect.open(noted.origin.as_ref(), &mut headers);
                }
                self.note(&protects, noted, error.status().code());
                Passed::Refused(Box::new(Refusal { error, headers }))
            }
        }
    }

    async fn allowed(
        &self,
        policies: &[&Policy],
        request: &Request<Incoming>,
        peer: Peer,
        told: &mut Option<Told>,
    ) -> Result<Option<Told>> {
        for policy in policies {
            policy.protect.check(request, peer.address.ip())?;
        }
        let limits: Vec<Arc<limits::Limit>> =
            policies.iter().flat_map(|policy| policy.limits.clone()).collect();
        if limits.is_empty() {
            return Ok(None);
        }
        let named = limits
            .iter()
            .any(|it| matches!(it.by, ports::gateway::By::User | ports::gateway::By::Organization));
        let authorization =
            request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        // Whoever is not known is counted by address; the service itself will refuse them.
        let caller = match self.gatekeeper.get().filter(|_| named && authorization.is_some()) {
            Some(gatekeeper) => {
                let ask =
                    Admission { address: None, authorization, place: &Owned::default(), permission: None };
                gatekeeper.admit(ask).await.ok()
            }
            None => None,
        };
        let who = Who {
            address: peer.address.ip(),
            credential: limits::credential(request.headers()),
            caller: caller.as_deref(),
        };
        self.take(&limits, who, told, None).await
    }

    /// Finishes an answer of the platform's own services.
    pub fn finish<B>(&self, marks: Marks, response: &mut Response<B>) {
        let Marks { table, policies, told, noted } = marks;
        if let Some(told) = &told {
            told.write(response.headers_mut());
        }
        let holding = policies.iter().filter_map(|index| table.policies.get(*index));
        let protects: Vec<&Protect> = holding.map(|policy| &policy.protect).collect();
        for protect in &protects {
            protect.open(noted.origin.as_ref(), response.headers_mut());
        }
        self.note(&protects, noted, response.status().as_u16());
    }

    /// What was counted for all routes and upstreams.
    pub fn counted(&self) -> Vec<Line> {
        self.table.load().counted()
    }

    /// The largest body a request to the platform's own services may have, where a policy says.
    pub fn own_body_max(marks: &Marks) -> Option<u64> {
        let holding = marks.policies.iter().filter_map(|index| marks.table.policies.get(*index));
        holding.filter_map(|policy| policy.protect.request_body_max).min()
    }
}

/// Refuses what two readers could understand differently.
fn clear<B>(request: &Request<B>) -> Result<()> {
    if request.headers().get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Error::bad_request("bad-host", "the request names more than one host"));
    }
    if path::has_dot_segment(request.uri().path()) {
        return Err(Error::bad_request("ambiguous-path", "the path has a segment `.` or `..`")
            .hint("send the path it stands for"));
    }
    Ok(())
}

impl Port for Gateway {
    fn apply(&self, table: Table) -> Vec<(Owned, Error)> {
        let mut refused = self.certificates.apply(&table.certificates);
        let last = self.table.load_full();
        let (ruled, more) = Ruled::build(table, &last, &self.egress);
        self.table.store(Arc::new(ruled));
        refused.extend(more);
        refused
    }

    fn check_route(&self, route: &Route) -> Result<()> {
        table::check_route(route)
    }

    fn check_backend(&self, backend: &Backend) -> Result<()> {
        upstream::check_backend(backend, &self.egress)
    }

    fn check_protection(&self, protection: &Protection, at: &str) -> Result<()> {
        Protect::of(protection, at).map(|_| ())
    }

    fn check_certificate(&self, certificate: &Certificate) -> Result<()> {
        certificates::check(certificate)
    }

    fn explain(&self, org: &str, request: &Described) -> Value {
        explain::explain(&self.table.load(), org, request)
    }

    fn route_stats(&self, place: &Owned) -> Value {
        self.table.load().counts.get(place).map_or(Value::Null, |counts| counts.shown())
    }

    fn backend_stats(&self, place: &Owned) -> Value {
        let table = self.table.load();
        let Some(upstream) = table.upstreams.get(place) else { return Value::Null };
        serde_json::json!({"health": upstream.shown(), "counts": upstream.counts.shown()})
    }

    fn access_log(&self, org: &str, project: &str, route: Option<&str>, limit: usize) -> Vec<Value> {
        self.log.last(org, project, route, limit)
    }
}
