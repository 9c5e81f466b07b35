//! One request on its way to a backend and its answer on the way back, with everything that is tried in between.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base::{Error, Result, Status};
use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use http_body_util::BodyExt;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use ports::gateway::{Caller, Protocol};

use crate::{
    Peer,
    body::{Answered, Cut, Outgoing, Passed, Progress},
    breaker::{Circuit, May},
    fields, link,
    pool::{self, Broken, Wire},
    protect,
    stats::{self, now_ms},
    table::Hit,
    upstream::{Address, Slot, Told, Upstream},
};

/// Bytes of a body that are read whole, so that they can be sent again.
const AGAIN_MAX: u64 = 64 * 1024;

/// What came of it.
pub struct Done {
    /// The answer.
    pub response: Response<Answered>,
    /// Who gave it.
    pub upstream: Arc<Address>,
}

/// A try of a circuit that is half open: given up unless it was settled.
struct Trying<'a>(Option<&'a Circuit>);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if let Some(circuit) = self.0 {
            circuit.abandoned();
        }
    }
}

/// Sends a request to the backend whose turn it is.
pub async fn forward(
    hit: &Hit,
    request: Request<Incoming>,
    peer: Peer,
    caller: Option<&Caller>,
) -> Result<Done> {
    let missing = || {
        Error::unavailable("backend-missing", "no backend of the route has a weight")
            .hint("give one of the rule's `backends` a weight")
    };
    let upstream = hit.rule.target().ok_or_else(missing)?;
    let began = Instant::now();
    let done = attempts(hit, upstream, request, peer, caller).await;
    let status = match &done {
        Ok(done) => done.response.status().as_u16(),
        Err(error) => error.status().code(),
    };
    upstream.counts.answered(status, began.elapsed());
    done
}

async fn attempts(
    hit: &Hit,
    upstream: &Arc<Upstream>,
    request: Request<Incoming>,
    peer: Peer,
    caller: Option<&Caller>,
) -> Result<Done> {
    let spec = &upstream.spec;
    let mut trying = match upstream.circuit.may(&spec.circuit_breaker, now_ms()) {
        May::Pass => Trying(None),
        May::Try => Trying(Some(&upstream.circuit)),
        May::Wait(ms) => return Err(circuit_open(upstream, ms)),
    };
    let mut journey = Journey::begin(hit, upstream, request, peer, caller).await?;
    let told = Told { address: peer.address.ip(), headers: &journey.seen };
    let mut tried: Vec<Arc<Address>> = Vec::new();
    let mut next = journey.first.take();
    let mut left = spec.retries.attempts;
    loop {
        let request = next.take().ok_or_else(|| Error::internal("a request was sent twice"))?;
        let mut again = copy(&request, &journey);
        let slot = Arc::new(upstream.slot(&told, &tried).await?);
        let outcome = once(upstream, &slot, request, (&journey, &mut again)).await;
        let well = matches!(&outcome, Ok(came) if came.response.status().as_u16() < 500);
        upstream.ended(&slot.address, well);
        trying.0 = None;
        let wanted = match &outcome {
            Ok(came) => spec.retries.statuses.contains(&came.response.status().as_u16()),
            Err(_) => true,
        };
        if wanted && left > 0 {
            let copy = match &outcome {
                Err(Failure { unsent: Some(_), .. }) => None,
                _ => again.filter(|_| journey.is_safe),
            };
            let can = copy.is_some() || matches!(&outcome, Err(Failure { unsent: Some(_), .. }));
            let closed = upstream.circuit.is_closed();
            if can && closed && upstream.circuit.may_retry(spec.retries.budget_percent, now_ms()) {
                left -= 1;
                stats::count(&upstream.counts.retries);
                tried.push(Arc::clone(&slot.address));
                next = match outcome {
                    Err(Failure { unsent: Some(request), .. }) => Some(*request),
                    _ => copy,
                };
                continue;
            }
        }
        return match outcome {
            Ok(came) => finish(hit, upstream, came, slot, journey),
            Err(failure) => Err(failure.error),
        };
    }
}

/// What must be remembered of a request while it is tried.
struct Journey {
    first: Option<Request<Outgoing>>,
    /// The fields as the caller sent them, where hashing needs them.
    seen: http::HeaderMap,
    is_safe: bool,
    timeout: Duration,
    progress: Option<Arc<Progress>>,
    switch: Option<OnUpgrade>,
    /// The caller asked for a WebSocket over HTTP/2 (RFC 8441).
    extended: bool,
}

impl Journey {
    async fn begin(
        hit: &Hit,
        upstream: &Arc<Upstream>,
        request: Request<Incoming>,
        peer: Peer,
        caller: Option<&Caller>,
    ) -> Result<Self> {
        let rule = &hit.rule;
        let (mut parts, body) = request.into_parts();
        let hashes = upstream.spec.balance.algorithm == ports::gateway::Balancing::Hash;
        let seen = if hashes { parts.headers.clone() } else { http::HeaderMap::new() };
        let extended = fields::from_extended_connect(&mut parts);
        let switch =
            parts.extensions.remove::<OnUpgrade>().filter(|_| extended || fields::switches(&parts.headers));
        // Repeating these changes nothing (RFC 9110 section 9.2.2).
        let is_safe = switch.is_none()
            && [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE, Method::TRACE]
                .contains(&parts.method);
        let announced = protect::length(&parts.headers);
        let patience = Duration::from_millis(upstream.spec.idle_timeout_ms.max(1));
        let max = rule.route.protect.request_body_max;
        fields::outbound(&mut parts, hit, upstream, peer, caller)?;
        if switch.is_none() {
            parts.headers.remove(http::header::UPGRADE);
        }
        let mut body = if switch.is_some() { Outgoing::Empty } else { Outgoing::coming(body, max, patience) };
        let repeats = is_safe && upstream.spec.retries.attempts > 0 || rule.mirror.is_some();
        if repeats
            && announced.is_some_and(|length| length <= AGAIN_MAX)
            && matches!(body, Outgoing::Coming(_))
        {
            body = Outgoing::Whole(Some(whole(body).await?));
        }
        let progress = match &body {
            Outgoing::Coming(coming) => Some(coming.progress()),
            Outgoing::Empty | Outgoing::Whole(_) => None,
        };
        let timeout =
            rule.response_timeout.unwrap_or(Duration::from_millis(upstream.spec.response_timeout_ms.max(1)));
        let request = Request::from_parts(parts, body);
        mirror(hit, &request);
        Ok(Self { first: Some(request), seen, is_safe, timeout, progress, switch, extended })
    }
}

async fn whole(body: Outgoing) -> Result<Bytes> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(Cut::TooLarge(max)) => Err(protect::too_large(max)),
        Err(cut) => Err(Error::bad_request("body-cut", "the body ended before it was whole").because(cut)),
    }
}

/// The same request once more, if its body can be sent again.
fn copy(request: &Request<Outgoing>, journey: &Journey) -> Option<Request<Outgoing>> {
    if !journey.is_safe {
        return None;
    }
    let mut copy = Request::new(request.body().again()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}

/// A head that came, and the connection its body comes by.
struct Came {
    response: Response<Incoming>,
    wire: Option<Wire>,
}

struct Failure {
    error: Error,
    unsent: Option<Box<Request<Outgoing>>>,
}

async fn once(
    upstream: &Upstream,
    slot: &Slot,
    mut request: Request<Outgoing>,
    (journey, again): (&Journey, &mut Option<Request<Outgoing>>),
) -> Result<Came, Failure> {
    let address = &slot.address;
    if upstream.spec.protocol == Protocol::Http2 {
        return once_shared(upstream, address, request, journey).await;
    }
    // A kept connection may have been closed by the other side this very moment: that is nobody's failure.
    while let Some(mut wire) = address.pool.take() {
        let broken = match over(&mut wire, request, journey).await? {
            Ok(response) => return Ok(Came { response, wire: Some(wire) }),
            Err(broken) => broken,
        };
        let closed = broken.error.is_incomplete_message() || is_reset(&broken.error);
        match broken.unsent {
            Some(unsent) => request = unsent,
            None => match again.take().filter(|_| closed) {
                Some(spare) => {
                    *again = copy(&spare, journey);
                    request = spare;
                }
                None => return Err(broke_off(address, &broken.error)),
            },
        }
    }
    let patience = Duration::from_millis(upstream.spec.connect_timeout_ms.max(1));
    let opened = match link::connect(address, upstream.secure.as_ref(), patience).await {
        Ok(link) => Wire::open(link).await.map_err(pool::io_error),
        Err(error) => Err(error),
    };
    let mut wire = match opened {
        Ok(wire) => wire,
        Err(error) => return Err(unreachable(address, &error, request)),
    };
    match over(&mut wire, request, journey).await {
        Ok(Ok(response)) => Ok(Came { response, wire: Some(wire) }),
        Ok(Err(broken)) => Err(broke_off(address, &broken.error)),
        Err(late) => Err(late),
    }
}

async fn once_shared(
    upstream: &Upstream,
    address: &Address,
    request: Request<Outgoing>,
    journey: &Journey,
) -> Result<Came, Failure> {
    let mut sender = match address.pool.shared() {
        Some(sender) => sender,
        None => {
            let patience = Duration::from_millis(upstream.spec.connect_timeout_ms.max(1));
            let opened = match link::connect(address, upstream.secure.as_ref(), patience).await {
                Ok(link) => pool::open_shared(link).await.map_err(pool::io_error),
                Err(error) => Err(error),
            };
            match opened {
                Ok(sender) => {
                    address.pool.share(sender.clone());
                    sender
                }
                Err(error) => return Err(unreachable(address, &error, request)),
            }
        }
    };
    let sending = async {
        if sender.ready().await.is_err() {
            return Err(unreachable(address, &std::io::Error::other("the connection was closed"), request));
        }
        sender.send_request(request).await.map_err(|error| broke_off(address, &error))
    };
    match in_time(sending, journey).await {
        Ok(Ok(response)) => Ok(Came { response, wire: None }),
        Ok(Err(failure)) | Err(failure) => Err(failure),
    }
}

/// Exchanges over a connection, in time; its own timer serves all its requests.
async fn over(
    wire: &mut Wire,
    request: Request<Outgoing>,
    journey: &Journey,
) -> Result<Result<Response<Incoming>, Broken>, Failure> {
    if journey.progress.is_some() {
        return in_time(wire.exchange(request), journey).await;
    }
    let until = tokio::time::Instant::now() + journey.timeout;
    wire.exchange_until(request, until).await.ok_or_else(late)
}

fn late() -> Failure {
    let error = Error::new(Status::Timeout, "backend-timeout", "the backend did not answer in time")
        .hint("`responseTimeoutMs` of the backend or the rule says how long it may take");
    Failure { error, unsent: None }
}

/// Waits until the answer begins; a body that is still on its way there keeps us waiting.
async fn in_time<T>(answer: impl Future<Output = T>, journey: &Journey) -> Result<T, Failure> {
    let mut answer = std::pin::pin!(answer);
    let began = Instant::now();
    loop {
        let moved = journey.progress.as_ref().map_or(began, |progress| progress.moved().max(began));
        let until = tokio::time::Instant::from_std(moved + journey.timeout);
        if let Ok(answered) = tokio::time::timeout_at(until, answer.as_mut()).await {
            return Ok(answered);
        }
        if journey.progress.as_ref().is_none_or(|progress| progress.moved() <= moved) {
            return Err(late());
        }
    }
}

fn unreachable(address: &Address, error: &std::io::Error, request: Request<Outgoing>) -> Failure {
    tracing::debug!(address = address.text, %error, "a backend was not reached");
    let error = Error::new(Status::BadGateway, "backend-unreachable", "the backend was not reached")
        .hint("the backend's view `health` says how its addresses are")
        .because(error);
    Failure { error, unsent: Some(Box::new(request)) }
}

/// Whether the caller, not the backend, is why it broke off.
fn callers_fault(error: &hyper::Error) -> Option<Error> {
    let cut = std::error::Error::source(error)?.downcast_ref::<Cut>()?;
    Some(match cut {
        Cut::TooLarge(max) => protect::too_large(*max),
        Cut::Paused | Cut::Broken(_) => {
            Error::bad_request("body-cut", "the body ended before it was whole").because(cut)
        }
    })
}

fn is_reset(error: &hyper::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
            return [ConnectionReset, ConnectionAborted, BrokenPipe].contains(&error.kind());
        }
        cause = error.source();
    }
    false
}

fn broke_off(address: &Address, error: &hyper::Error) -> Failure {
    if let Some(error) = callers_fault(error) {
        return Failure { error, unsent: None };
    }
    tracing::debug!(address = address.text, %error, "a backend broke off");
    let error =
        Error::new(Status::BadGateway, "backend-broke-off", "the backend broke off or answered no HTTP")
            .hint("its own log says why; the backend's view `health` shows how its addresses are")
            .because(error);
    Failure { error, unsent: None }
}

fn circuit_open(upstream: &Upstream, ms: u64) -> Error {
    stats::count(&upstream.counts.shed);
    let name = &upstream.place.name;
    let wait = u32::try_from(ms.div_ceil(1_000)).unwrap_or(u32::MAX).max(1);
    Error::unavailable(
        "circuit-open",
        format!("backend `{name}` failed too often and is left alone for a while"),
    )
    .hint("it is tried again by itself; `circuitBreaker` says when")
    .retry_after(wait)
}

/// The answer as the caller gets it.
fn finish(hit: &Hit, upstream: &Upstream, came: Came, slot: Arc<Slot>, journey: Journey) -> Result<Done> {
    let Came { mut response, wire } = came;
    let address = Arc::clone(&slot.address);
    let max = hit.rule.route.protect.response_body_max;
    if let Some(max) = max
        && protect::length(response.headers()).is_some_and(|length| length > max)
    {
        return Err(Error::new(
            Status::BadGateway,
            "answer-too-large",
            format!("the answer is larger than {max} bytes"),
        )
        .hint("`protection.responseBodyMax` of the route says how large it may be"));
    }
    let switched = response.status() == http::StatusCode::SWITCHING_PROTOCOLS;
    if switched {
        let Some(from) = journey.switch else {
            let message = "the backend switched to another protocol unasked";
            return Err(Error::new(Status::BadGateway, "backend-broke-off", message)
                .hint("its own log says why; the backend's view `health` shows how its addresses are"));
        };
        bridge(from, hyper::upgrade::on(&mut response), wire, slot);
        let (mut parts, _) = response.into_parts();
        fields::inbound(&mut parts.headers, !journey.extended);
        if journey.extended {
            parts.status = http::StatusCode::OK;
        }
        let response = Response::from_parts(parts, Answered::Empty);
        return Ok(Done { response, upstream: address });
    }
    let (mut parts, body) = response.into_parts();
    fields::inbound(&mut parts.headers, false);
    parts.version = http::Version::HTTP_11;
    hit.rule.response_headers.apply(&mut parts.headers);
    let patience = Duration::from_millis(upstream.spec.idle_timeout_ms.max(1));
    let body = Answered::Passed(Box::new(Passed::new(body, wire, slot, max, patience)));
    Ok(Done { response: Response::from_parts(parts, body), upstream: address })
}

/// Carries bytes both ways once both sides speak something else.
fn bridge(from: OnUpgrade, to: OnUpgrade, wire: Option<Wire>, slot: Arc<Slot>) {
    if let Some(wire) = wire {
        wire.detach();
    }
    tokio::spawn(async move {
        let _slot = slot;
        let carried = match tokio::try_join!(from, to) {
            Ok((from, to)) => {
                let (mut from, mut to) = (TokioIo::new(from), TokioIo::new(to));
                tokio::io::copy_bidirectional(&mut from, &mut to)
                    .await
                    .map(|_| ())
                    .map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = carried {
            tracing::debug!(error, "a switched connection ended");
        }
    });
}

/// Sends a copy to the rule's mirror; nobody waits for what it answers.
fn mirror(hit: &Hit, request: &Request<Outgoing>) {
    let Some((upstream, percent)) = &hit.rule.mirror else { return };
    if hit.rule.chance(100).is_none_or(|chance| chance >= *percent) {
        return;
    }
    let Some(body) = request.body().again() else { return };
    let mut parts: Parts = Request::new(()).into_parts().0;
    parts.method.clone_from(request.method());
    parts.uri.clone_from(request.uri());
    parts.headers.clone_from(request.headers());
    let upstream = Arc::clone(upstream);
    tokio::spawn(async move {
        let address = std::net::IpAddr::from([0, 0, 0, 0]);
        let told = Told { address, headers: &http::HeaderMap::new() };
        // A mirror that is full gets no copy: it must not hold back what it copies.
        let Ok(slot) = upstream.slot(&told, &[]).await else { return };
        let timeout = Duration::from_millis(upstream.spec.response_timeout_ms.max(1));
        let journey = Journey {
            first: None,
            seen: http::HeaderMap::new(),
            is_safe: false,
            timeout,
            progress: None,
            switch: None,
            extended: false,
        };
        let began = Instant::now();
        let came = once(&upstream, &slot, Request::from_parts(parts, body), (&journey, &mut None)).await;
        let status = match &came {
            Ok(came) => came.response.status().as_u16(),
            Err(failure) => failure.error.status().code(),
        };
        upstream.counts.answered(status, began.elapsed());
        if let Ok(Came { response, wire }) = came {
            let body = Passed::new(response.into_body(), wire, Arc::new(slot), Some(1 << 20), timeout);
            let _ = Answered::Passed(Box::new(body)).collect().await;
        }
    });
}
