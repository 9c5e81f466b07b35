//! Header fields on their way through: what belongs to one connection stays there, what tells of the caller is added.

use std::{io::Write, net::IpAddr};

use base::{Error, Result};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri, Version,
    header::{self, CONNECTION, HOST},
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};
use ports::gateway::{Access, Caller, Protocol, Redirect};

use crate::{Peer, table::Hit, upstream::Upstream};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const ACTOR: HeaderName = HeaderName::from_static("x-aic-actor");
const ORGANIZATION: HeaderName = HeaderName::from_static("x-aic-organization");

/// In a request's extensions: its `Authorization` is for the platform, and for nobody behind it.
#[derive(Clone, Copy, Debug)]
pub struct Ours;

/// Cookies that hold a session of the platform.
const SESSIONS: [&str; 2] = ["__Host-aic_session", "aic_session"];

/// Fields of one connection (RFC 9110 section 7.6.1), beside those that `Connection` names.
const HOP: [HeaderName; 5] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
];

/// Whether a request asks to switch to WebSocket (RFC 6455). Nothing else is passed on: a backend that switched to
/// HTTP/2 would be spoken to past every rule.
pub fn switches(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    asked.is_some_and(|text| text.trim().eq_ignore_ascii_case("websocket")) && names(headers, "upgrade")
}

/// Whether `Connection` has a word.
fn names(headers: &HeaderMap, word: &str) -> bool {
    headers.get_all(CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|text| text.split(',').any(|it| it.trim().eq_ignore_ascii_case(word)))
    })
}

/// Takes out what belongs to one connection.
fn without_hops(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            // A caller may not have fields removed that tell the backend who it is or how long the body is.
            .filter(|name| ![header::UPGRADE, header::CONTENT_LENGTH, HOST, header::TE].contains(name))
            .filter(|name| !name.as_str().starts_with("x-forwarded-") && !name.as_str().starts_with("x-aic-"))
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in HOP {
        headers.remove(name);
    }
}

/// A WebSocket over HTTP/2 (RFC 8441) as one over HTTP/1.1; answers whether it was one.
pub fn from_extended_connect(parts: &mut Parts) -> bool {
    let asked = parts.extensions.get::<hyper::ext::Protocol>().map(|it| it.as_str().to_owned());
    if parts.method != Method::CONNECT || asked.as_deref() != Some("websocket") {
        return false;
    }
    parts.method = Method::GET;
    parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    // The key only shows that the other side speaks the protocol (RFC 6455 section 1.3); ours never checks.
    parts.headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::from_static("YWljLWdhdGV3YXktYnJpZA=="));
    true
}

/// Makes of a caller's request the one a backend gets.
pub fn outbound(
    parts: &mut Parts,
    hit: &Hit,
    upstream: &Upstream,
    peer: Peer,
    caller: Option<&Caller>,
) -> Result<()> {
    let rule = &hit.rule;
    let switching = switches(&parts.headers);
    let trailers = parts.headers.get(header::TE).is_some_and(|value| {
        value.to_str().is_ok_and(|text| text.split(',').any(|it| it.trim().eq_ignore_ascii_case("trailers")))
    });
    without_hops(&mut parts.headers);
    let headers = &mut parts.headers;
    headers.remove(header::EXPECT);
    headers.remove(header::TE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    // A credential that is for the platform reaches no backend; on a public route it may be for the backend.
    let is_ours = parts.extensions.get::<Ours>().is_some();
    if rule.route.access != Access::Public || is_ours {
        headers.remove(header::AUTHORIZATION);
    }
    without_session(headers);
    headers.remove(ACTOR);
    headers.remove(ORGANIZATION);
    if let Some(caller) = caller {
        for (name, text) in [(ACTOR, &caller.actor), (ORGANIZATION, &caller.org)] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
    }
    let host = match headers.remove(HOST) {
        Some(host) => Some(host),
        None => parts.uri.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()),
    };
    let host = host.ok_or_else(|| Error::bad_request("bad-host", "the request names no host"))?;
    headers.insert(FORWARDED_HOST, host.clone());
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(if peer.secure { "https" } else { "http" }));
    if let Some(value) = written(peer.address.ip().to_canonical()) {
        headers.insert(FORWARDED_FOR, value);
    }
    let host = rule.rewrite_host.clone().unwrap_or(host);
    rule.request_headers.apply(headers);
    let path = rewritten(hit, &parts.uri)?;
    match upstream.spec.protocol {
        Protocol::Http1 => {
            one_cookie(headers);
            if switching {
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            }
            headers.insert(HOST, host);
            parts.version = Version::HTTP_11;
            if let Some(path) = path {
                parts.uri = Uri::from(path);
            } else if parts.uri.authority().is_some() {
                let path = parts.uri.path_and_query().cloned();
                parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
            }
        }
        Protocol::Http2 => {
            let authority = Authority::from_maybe_shared(bytes::Bytes::copy_from_slice(host.as_bytes()))
                .map_err(|_| Error::bad_request("bad-host", "the request names no host"))?;
            let path = path.or_else(|| parts.uri.path_and_query().cloned());
            let mut uri = http::uri::Parts::default();
            uri.scheme = Some(if upstream.secure.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
            uri.authority = Some(authority);
            uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
            parts.uri = Uri::from_parts(uri).map_err(Error::internal)?;
            parts.version = Version::HTTP_2;
        }
    }
    Ok(())
}

/// Takes the platform's own session out of the cookies.
fn without_session(headers: &mut HeaderMap) {
    let ours = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| SESSIONS.contains(&name.trim()));
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let all: Vec<String> = match headers.contains_key(header::COOKIE) {
        true => headers.get_all(header::COOKIE).iter().map(text).collect(),
        false => return,
    };
    if !all.iter().any(|line| line.split(';').any(ours)) {
        return;
    }
    headers.remove(header::COOKIE);
    let kept: Vec<&str> =
        all.iter().flat_map(|line| line.split(';')).filter(|pair| !ours(pair)).map(str::trim).collect();
    if let Ok(value) = HeaderValue::from_str(&kept.join("; "))
        && !kept.is_empty()
    {
        headers.insert(header::COOKIE, value);
    }
}

/// An address as a value, without a text in between.
fn written(address: IpAddr) -> Option<HeaderValue> {
    let mut space = [0; 48];
    let mut rest = &mut space[..];
    write!(rest, "{address}").ok()?;
    let left = rest.len();
    HeaderValue::from_bytes(&space[..48 - left]).ok()
}

/// HTTP/2 may cut a cookie in pieces; HTTP/1.1 has one field for it (RFC 9113 section 8.2.3).
fn one_cookie(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(header::COOKIE, whole);
    }
}

/// The path a backend sees, if it is another.
fn rewritten(hit: &Hit, uri: &Uri) -> Result<Option<PathAndQuery>> {
    let Some(rewrite) = &hit.rule.rewrite else { return Ok(None) };
    instead(rewrite.path.as_deref(), rewrite.prefix.as_deref(), hit.prefix, uri)
}

/// A path in place of another, or of its prefix; the query stays.
fn instead(
    path: Option<&str>,
    prefix: Option<&str>,
    length: usize,
    uri: &Uri,
) -> Result<Option<PathAndQuery>> {
    let path = match (path, prefix) {
        (Some(path), _) => path.to_owned(),
        (None, Some(prefix)) => {
            let rest = uri.path().get(length..).unwrap_or_default();
            let rest = rest.trim_start_matches('/');
            let prefix = prefix.trim_end_matches('/');
            if rest.is_empty() && !uri.path().ends_with('/') && !prefix.is_empty() {
                prefix.to_owned()
            } else {
                format!("{prefix}/{rest}")
            }
        }
        (None, None) => return Ok(None),
    };
    let whole = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    whole.parse().map(Some).map_err(|_| Error::bad_request("ambiguous-path", "the path cannot be rewritten"))
}

/// Where a redirect points.
pub fn location(redirect: &Redirect, hit: &Hit, uri: &Uri, host: &str, secure: bool) -> Result<HeaderValue> {
    let own = if secure { "https" } else { "http" };
    let scheme = redirect.scheme.as_deref().unwrap_or(own);
    let port = redirect.port.filter(|port| !matches!((scheme, port), ("http", 80) | ("https", 443)));
    let port = port.map_or_else(String::new, |port| format!(":{port}"));
    let host = redirect.hostname.as_deref().unwrap_or(host);
    let path = instead(redirect.path.as_deref(), redirect.prefix.as_deref(), hit.prefix, uri)?;
    let path = match &path {
        Some(path) => path.as_str(),
        None => uri.path_and_query().map_or("/", PathAndQuery::as_str),
    };
    HeaderValue::from_str(&format!("{scheme}://{host}{port}{path}"))
        .map_err(|_| Error::bad_request("bad-host", "the request names no host"))
}

/// Makes of a backend's answer the one a caller gets.
pub fn inbound(headers: &mut HeaderMap, switched: bool) {
    let upgrade = if switched { headers.get(header::UPGRADE).cloned() } else { None };
    without_hops(headers);
    match upgrade {
        Some(value) => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, value);
        }
        None => drop(headers.remove(header::UPGRADE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: Option<&str>, prefix: Option<&str>, length: usize, uri: &str) -> String {
        instead(path, prefix, length, &uri.parse().unwrap()).unwrap().unwrap().to_string()
    }

    #[test]
    fn a_prefix_is_replaced_as_the_gateway_api_says() {
        assert_eq!(seen(None, Some("/v2"), 4, "/old/a?x=1"), "/v2/a?x=1");
        assert_eq!(seen(None, Some("/v2/"), 4, "/old/a"), "/v2/a");
        assert_eq!(seen(None, Some("/v2"), 4, "/old"), "/v2");
        assert_eq!(seen(None, Some("/v2"), 4, "/old/"), "/v2/");
        assert_eq!(seen(None, Some("/"), 4, "/old/a"), "/a");
        assert_eq!(seen(None, Some("/"), 4, "/old"), "/");
        assert_eq!(seen(Some("/all"), None, 4, "/old/a?x=1"), "/all?x=1");
    }

    #[test]
    fn a_session_of_the_platform_reaches_no_backend() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_static("a=1; __Host-aic_session=secret; b=2"));
        headers.append("cookie", HeaderValue::from_static("aic_session=secret"));
        without_session(&mut headers);
        assert_eq!(headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }

    #[test]
    fn what_belongs_to_a_connection_stays_there() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-mine, x-forwarded-for"),
            ("x-mine", "1"),
            ("keep-alive", "5"),
            ("x-forwarded-for", "1.2.3.4"),
            ("accept", "*/*"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        without_hops(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-forwarded-for"]);
    }
}
