//! Certificates from an ACME server (RFC 8555), over the platform's own way out.

use std::{pin::Pin, sync::Arc, time::Duration};

use base::{Error, Result, Time};
use bytes::Bytes;
use http_body_util::BodyExt;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, BodyWrapper, BytesResponse, ChallengeType, HttpClient,
    Identifier, NewAccount, NewOrder, OrderStatus, RetryPolicy,
};
use ports::{
    Later,
    acme::{Acme, Challenges, Issued, Order},
    fetch::{Fetch, Request},
};
use x509_parser::pem::Pem;

/// How long an authority may take to look at the answers, and to issue.
const PATIENCE: Duration = Duration::from_secs(180);

/// Makes the engine; it calls out as `fetch` allows.
pub fn open(fetch: Arc<dyn Fetch>) -> Arc<dyn Acme> {
    Arc::new(Engine { fetch })
}

struct Engine {
    fetch: Arc<dyn Fetch>,
}

impl Acme for Engine {
    fn issue<'a>(&'a self, order: Order, challenges: &'a dyn Challenges) -> Later<'a, Issued> {
        Box::pin(self.issued(order, challenges))
    }
}

impl Engine {
    async fn issued(&self, wanted: Order, challenges: &dyn Challenges) -> Result<Issued> {
        let (account, credentials) = self.account(&wanted).await?;
        let hosts: Vec<Identifier> = wanted.hosts.iter().cloned().map(Identifier::Dns).collect();
        let mut order = account.new_order(&NewOrder::new(&hosts)).await.map_err(refused)?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(refused)?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization
                .challenge(ChallengeType::Http01)
                .ok_or_else(|| said("the authority does not offer the challenge `http-01`"))?;
            let answer = challenge.key_authorization().as_str().to_owned();
            challenges.publish(challenge.token.clone(), answer).await?;
            let host = challenge.identifier().to_string();
            challenge.set_ready().await.map_err(|error| match error {
                instant_acme::Error::Api(problem) => unreached(&format!("{host}: {problem}")),
                other => refused(other),
            })?;
        }
        let patience = RetryPolicy::default().timeout(PATIENCE);
        if order.poll_ready(&patience).await.map_err(refused)? != OrderStatus::Ready {
            let why = why(&mut order).await;
            return Err(unreached(&why));
        }
        let key = order.finalize().await.map_err(refused)?;
        let chain = order.poll_certificate(&patience).await.map_err(refused)?;
        let (not_before, not_after) = validity(&chain)?;
        Ok(Issued { account: credentials, chain, key, not_before, not_after })
    }

    /// The account that was made before, or a new one; and what to keep of it.
    async fn account(&self, wanted: &Order) -> Result<(Account, String)> {
        let builder = || Account::builder_with_http(Box::new(Way(Arc::clone(&self.fetch))));
        if let Some(kept) = &wanted.account {
            let credentials: AccountCredentials = serde_json::from_str(kept).map_err(Error::internal)?;
            return Ok((builder().from_credentials(credentials).await.map_err(refused)?, kept.clone()));
        }
        let contact = wanted.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new =
            NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let made = builder().create(&new, wanted.directory.clone(), None).await.map_err(refused)?;
        Ok((made.0, serde_json::to_string(&made.1).map_err(Error::internal)?))
    }
}

/// What the authority says of the hosts it did not believe.
async fn why(order: &mut instant_acme::Order) -> String {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let host = authorization.identifier().to_string();
        if authorization.refresh().await.is_err() {
            continue;
        }
        if let Some(challenge) = authorization.challenge(ChallengeType::Http01)
            && let Some(error) = &challenge.error
        {
            reasons.push(format!("{host}: {error}"));
        }
    }
    reasons.join("; ")
}

fn said(message: &str) -> Error {
    Error::unavailable("acme-refused", message)
        .hint("look whether the hosts lead here on port 80, and at the authority's limits")
}

fn unreached(why: &str) -> Error {
    said(&format!("the authority did not find the answers it asked for: {why}"))
}

fn refused(error: instant_acme::Error) -> Error {
    match error {
        // Our own way out has said why; everything else is the authority's own words.
        instant_acme::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(error) => said(&error.to_string()),
        },
        error => said(&error.to_string()),
    }
}

/// From when and until when a chain's first certificate is good.
fn validity(chain: &str) -> Result<(Time, Time)> {
    let bad = || said("the authority answered something that is no certificate");
    let pem = Pem::iter_from_buffer(chain.as_bytes()).next().ok_or_else(bad)?.map_err(|_| bad())?;
    let validity = pem.parse_x509().map_err(|_| bad())?.validity().clone();
    let time = |at: x509_parser::time::ASN1Time| Time::from_micros(at.timestamp().saturating_mul(1_000_000));
    Ok((time(validity.not_before), time(validity.not_after)))
}

/// The platform's way out, as the client speaks to it.
struct Way(Arc<dyn Fetch>);

type Answered = Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>>;

impl HttpClient for Way {
    fn request(&self, request: http::Request<BodyWrapper<Bytes>>) -> Answered {
        let fetch = Arc::clone(&self.0);
        Box::pin(async move {
            let other = |error: Error| instant_acme::Error::Other(Box::new(error));
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes().to_vec(),
                Err(never) => match never {},
            };
            let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
            let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let (method, url) = (parts.method.to_string(), parts.uri.to_string());
            let asked = Request { method, url, headers, body, ..Request::default() };
            let answer = fetch.fetch(asked).await.map_err(other)?;
            let mut response = http::Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value);
            }
            let body = http_body_util::Full::new(Bytes::from(answer.body));
            Ok(BytesResponse::from(response.body(body)?))
        })
    }
}
