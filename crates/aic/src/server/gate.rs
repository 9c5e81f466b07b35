//! The gateway in front of everything: each request passes it first, whoever answers.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response},
};
use base::{Error, Time};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use engine_proxy::{Answered, Gateway, Ours, Passed, Peer};
use face_web::{
    caller,
    origin::{self, forwarded},
    problem,
};
use http_body_util::{Either, Limited};
use hyper::body::Incoming;
use ipnet::IpNet;
use kernel::{
    Later,
    access::{Credential, Question},
    platform::Platform,
    store::{Commit, Kept},
};
use ports::gateway::{Admission, Caller, Gatekeeper};
use tower::Service;

use super::Settled;

/// A body of the platform's own, or one that passes through.
pub type Served = Either<Body, Answered>;

/// The gateway and what stands behind it. A cheap handle.
#[derive(Clone)]
pub struct Gate {
    gateway: Arc<Gateway>,
    router: Router,
    proxies: Arc<[IpNet]>,
    /// Who issues the platform's signed tokens.
    issuer: Option<Arc<str>>,
}

/// How tokens of the platform begin: of sessions, and of keys.
const ISSUED: [&str; 2] = ["aics_", "aick_"];

/// Whether a request shows a credential that is for the platform: a backend that got it could act as its owner.
fn is_ours(headers: &HeaderMap, issuer: Option<&str>) -> bool {
    let Ok(Some(credential)) = caller::credential(headers) else { return false };
    let text = match &credential {
        Credential::Bearer(token) => token,
        Credential::Basic(_, password) => password,
    };
    if ISSUED.iter().any(|start| text.starts_with(start)) {
        return true;
    }
    // Of a signed token (RFC 7519) it is enough here who says to have issued it.
    let claims = text.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<serde_json::Value> = claims.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    claims.is_some_and(|claims| claims["iss"].as_str().is_some_and(|iss| Some(iss) == issuer))
}

impl Gate {
    /// Puts a gateway in front of the platform's own services.
    pub fn new(gateway: Arc<Gateway>, router: Router, (settled, issuer): (&Settled, Option<&str>)) -> Self {
        let issuer = issuer.map(Arc::from);
        Self { gateway, router, proxies: settled.trusted_proxies.clone().into(), issuer }
    }

    /// Answers one request.
    pub async fn serve(
        self,
        request: Request<Incoming>,
        address: SocketAddr,
        secure: bool,
    ) -> Result<Response<Served>, Infallible> {
        let mut request = request;
        if is_ours(request.headers(), self.issuer.as_deref()) {
            request.extensions_mut().insert(Ours);
        }
        let seen = forwarded(address.ip(), request.headers(), &self.proxies);
        let peer = Peer { address: SocketAddr::new(seen, address.port()), secure };
        Ok(match self.gateway.pass(request, peer).await {
            Passed::Answered(response) => response.map(Either::Right),
            Passed::Refused(refusal) => {
                let mut response = problem::response(&refusal.error, "");
                response.headers_mut().extend(refusal.headers);
                response.map(Either::Left)
            }
            Passed::Own(mut request, marks) => {
                request.extensions_mut().insert(origin::Peer(address));
                let max = marks.as_ref().and_then(|marks| Gateway::own_body_max(marks));
                let request = request.map(|body| match max {
                    Some(max) => Body::new(Limited::new(body, usize::try_from(max).unwrap_or(usize::MAX))),
                    None => Body::new(body),
                });
                let mut router = self.router;
                let mut response = match router.call(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                if let Some(marks) = marks {
                    self.gateway.finish(*marks, &mut response);
                }
                response.map(Either::Left)
            }
        })
    }
}

/// The platform as the gateway sees it: who asks, and what they may.
pub struct Keeper(pub Arc<Platform>);

impl Gatekeeper for Keeper {
    fn admit<'a>(&'a self, ask: Admission<'a>) -> Later<'a, Arc<Caller>> {
        Box::pin(async move {
            let credential =
                ask.authorization.map(credential).transpose()?.flatten().ok_or_else(caller::anonymous)?;
            let principal = self.0.authenticate(credential).await?;
            let elsewhere = !ask.place.org.is_empty() && ask.place.org != principal.org;
            if elsewhere {
                return Err(Error::forbidden("forbidden", "the route belongs to another organization"));
            }
            if let Some(permission) = ask.permission {
                let question = Question {
                    origin: ask.address,
                    object: ask.place.name.clone(),
                    minute: self.0.now().millis() / 60_000,
                    ..Question::new(permission, &ask.place.org, &ask.place.project)
                };
                if !self.0.decide(&principal, &question).await?.allowed {
                    return Err(Error::forbidden("forbidden", format!("you may not `{permission}` here"))
                        .hint(format!("ask an administrator for a role with `{permission}`")));
                }
            }
            Ok(Arc::new(Caller { org: principal.org.clone(), actor: principal.actor() }))
        })
    }

    fn claim<'a>(&'a self, key: &'a str, lasts_s: u32) -> Later<'a, bool> {
        Box::pin(async move {
            let now = self.0.now();
            let kept = Kept {
                space: "rate".to_owned(),
                key: key.to_owned(),
                value: String::new(),
                expires: Some(now.plus_s(i64::from(lasts_s))),
                unless_kept: Some(now),
            };
            match self.0.store.commit(Commit { keep: vec![kept], ..Commit::default() }).await {
                Ok(_) => Ok(true),
                Err(error) if error.code() == "already-kept" => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn now(&self) -> Time {
        self.0.now()
    }
}

fn credential(text: &str) -> Result<Option<Credential>, Error> {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(HeaderName::from_static("authorization"), value);
    }
    caller::credential(&headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(authorization: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().unwrap());
        is_ours(&headers, Some("https://aic.example"))
    }

    #[test]
    fn what_is_for_the_platform_is_told_from_what_is_for_a_backend() {
        let signed = |iss: &str| {
            let claims = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"iss\":\"{iss}\"}}"));
            format!("Bearer e30.{claims}.c2ln")
        };
        let basic = |pair: &str| format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(pair));
        for ours in ["Bearer aics_x", "bearer aick_x", &basic("ada:aick_x"), &signed("https://aic.example")] {
            assert!(shows(ours), "{ours}");
        }
        for theirs in
            ["Bearer x.y.z", "Bearer x", "Digest aics_x", &basic("ada:x"), &signed("https://idp.example")]
        {
            assert!(!shows(theirs), "{theirs}");
        }
    }
}
