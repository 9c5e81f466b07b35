//! What is asked of a request before it passes: where it comes from, which page sent it, what it looks like, its size.

use std::net::IpAddr;

use base::{Error, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use ipnet::IpNet;
use ports::gateway::{AccessLog, Cors, Protection, Waf};

use crate::{rule::invalid, waf};

/// Bytes a request's body may have where nothing else was said.
const REQUEST_BODY_MAX: u64 = 1 << 30;

/// A protection, ready.
#[derive(Default)]
pub struct Protect {
    allow: Vec<IpNet>,
    deny: Vec<IpNet>,
    cors: Option<Cross>,
    waf: Option<Waf>,
    /// Bytes a request's body may have.
    pub request_body_max: Option<u64>,
    /// Bytes an answer's body may have.
    pub response_body_max: Option<u64>,
    /// What is noted.
    pub access_log: AccessLog,
}

struct Cross {
    origins: Vec<String>,
    any: bool,
    methods: HeaderValue,
    headers: HeaderValue,
    exposed: Option<HeaderValue>,
    credentials: bool,
    max_age: HeaderValue,
}

impl Protect {
    /// Makes one ready.
    pub fn of(wanted: &Protection, at: &str) -> Result<Self> {
        let (allow, deny) = match &wanted.addresses {
            Some(it) => (
                networks(&it.allow, &format!("{at}.addresses.allow"))?,
                networks(&it.deny, &format!("{at}.addresses.deny"))?,
            ),
            None => Default::default(),
        };
        let cors = wanted.cors.as_ref().map(|cors| Cross::of(cors, &format!("{at}.cors"))).transpose()?;
        Ok(Self {
            allow,
            deny,
            cors,
            waf: wanted.waf.clone(),
            request_body_max: wanted.request_body_max.or(Some(REQUEST_BODY_MAX)),
            response_body_max: wanted.response_body_max,
            access_log: wanted.access_log,
        })
    }

    /// Whether a request may come from an address; deny beats allow.
    pub fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let within = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        !within(&self.deny) && (self.allow.is_empty() || within(&self.allow))
    }

    /// Refuses a request that may not pass; answers whether it looked like an attack and passed.
    ///
    /// # Errors
    /// `address-refused`, `looks-like-attack` (403), `body-too-large` (413).
    pub fn check<B>(&self, request: &Request<B>, address: IpAddr) -> Result<bool> {
        if !self.admits(address) {
            return Err(Error::forbidden(
                "address-refused",
                "requests from this address are not let through",
            )
            .hint("the route's `protection.addresses` says which are"));
        }
        if let Some(max) = self.request_body_max
            && length(request.headers()).is_some_and(|length| length > max)
        {
            return Err(too_large(max));
        }
        match &self.waf {
            Some(waf) => waf::check(waf, request.method(), request.uri()),
            None => Ok(false),
        }
    }

    /// What is seen in a request that looks like an attack, for `explain`.
    pub fn suspicion(&self, method: &Method, uri: &http::Uri) -> Option<ports::gateway::WafRule> {
        self.waf.as_ref().and_then(|waf| waf::suspicion(waf, method, uri))
    }

    /// The answer to a preflight request (Fetch standard, section 3.3), if it is one.
    pub fn preflight<B, T: Default>(&self, request: &Request<B>) -> Option<Response<T>> {
        let cors = self.cors.as_ref()?;
        let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks {
            return None;
        }
        let mut response = Response::new(T::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        if cors.allow(request.headers().get(header::ORIGIN), headers) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, cors.methods.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.clone());
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, cors.max_age.clone());
        }
        Some(response)
    }

    /// Whether answers depend on the page that asks.
    pub fn is_cross(&self) -> bool {
        self.cors.is_some()
    }

    /// Lets a page read an answer.
    pub fn open(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let Some(cors) = &self.cors else { return };
        // Whatever the upstream said is about an origin it did not see.
        let named: Vec<HeaderName> =
            headers.keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in named {
            headers.remove(name);
        }
        if cors.allow(origin, headers)
            && let Some(exposed) = &cors.exposed
        {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }
}

impl Cross {
    fn of(cors: &Cors, at: &str) -> Result<Self> {
        let any = cors.origins.iter().any(|origin| origin == "*");
        if any && cors.credentials {
            return Err(invalid(
                format!("{at}.credentials"),
                "pages of every origin may not send credentials",
            )
            .hint("name the origins"));
        }
        for (index, origin) in cors.origins.iter().enumerate() {
            let fine = origin == "*" || origin.starts_with("http://") || origin.starts_with("https://");
            if !fine || origin.ends_with('/') {
                let message = "an origin is written like `https://app.example.org`";
                return Err(invalid(format!("{at}.origins[{index}]"), message));
            }
        }
        let list = |texts: &[String], usual: &str, part: &str| {
            let text = if texts.is_empty() { usual.to_owned() } else { texts.join(", ") };
            HeaderValue::from_str(&text)
                .map_err(|_| invalid(format!("{at}.{part}"), "this is no list of names"))
        };
        let exposed = (!cors.exposed.is_empty()).then(|| list(&cors.exposed, "", "exposed")).transpose()?;
        Ok(Self {
            origins: cors.origins.clone(),
            any,
            methods: list(&cors.methods, "GET, HEAD, POST, PUT, PATCH, DELETE", "methods")?,
            headers: list(&cors.headers, "authorization, content-type", "headers")?,
            exposed,
            credentials: cors.credentials,
            max_age: HeaderValue::from(cors.max_age_s),
        })
    }

    fn knows(&self, origin: &str) -> bool {
        self.origins.iter().any(|known| match known.split_once("*.") {
            // One or more labels in place of the star, and nothing after the name.
            Some((before, after)) => {
                origin.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|labels| {
                    labels.len() > 1 && labels.ends_with('.') && !labels.contains(['/', ':', '@'])
                })
            }
            None => known == origin,
        })
    }

    /// Names the origin, if it may ask.
    fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin else { return false };
        if self.any {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            return true;
        }
        if !origin.to_str().is_ok_and(|origin| self.knows(origin)) {
            return false;
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        true
    }
}

fn networks(texts: &[String], at: &str) -> Result<Vec<IpNet>> {
    let parsed = texts.iter().enumerate().map(|(index, text)| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| {
            invalid(format!("{at}[{index}]"), "this is no network")
                .hint("write it like `10.0.0.0/8` or `2001:db8::/32`")
        })
    });
    parsed.collect()
}

/// The length a body was announced with.
pub fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The refusal of a body that is too large.
pub fn too_large(max: u64) -> Error {
    Error::too_large("body-too-large", format!("the body is larger than {max} bytes"))
        .hint("send less at once, or upload it as a file where that is served")
}

#[cfg(test)]
mod tests {
    use ports::gateway::Addresses;

    use super::*;

    #[test]
    fn deny_beats_allow() {
        let addresses =
            Addresses { allow: vec!["10.0.0.0/8".into()], deny: vec!["10.1.0.0/16".into(), "::1".into()] };
        let wanted = Protection { addresses: Some(addresses), ..Protection::default() };
        let protect = Protect::of(&wanted, "spec").unwrap();
        let may = |text: &str| protect.admits(text.parse().unwrap());
        assert!(may("10.2.0.1") && may("::ffff:10.2.0.1"));
        assert!(!may("10.1.0.1") && !may("::ffff:10.1.0.1") && !may("192.0.2.1") && !may("::1"));
    }

    #[test]
    fn an_origin_that_nearly_fits_is_another() {
        let origins = vec!["https://*.example.org".to_owned(), "http://localhost:3000".to_owned()];
        let cross = Cross::of(&Cors { origins, ..Cors::default() }, "spec").unwrap();
        assert!(cross.knows("https://a.example.org") && cross.knows("https://a.b.example.org"));
        for origin in [
            "https://example.org",
            "https://evil.org/.example.org",
            "https://aexample.org",
            "http://a.example.org",
            "https://a.example.org.evil.org",
            "http://localhost:3001",
            "https://x@.example.org",
            "null",
        ] {
            assert!(!cross.knows(origin), "{origin}");
        }
    }
}
