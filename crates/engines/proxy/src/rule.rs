//! One rule of a route, ready to be held against requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use base::{Error, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ports::gateway::{
    Access, HeaderChange, Match, Owned, Placed, Redirect, Rewrite, Route, Rule, TextMatch, TextSort,
};
use regex::Regex;

use crate::{limits::Limit, path, protect::Protect, stats::Counts, upstream::Upstream};

/// What all rules of a route share.
pub struct Shared {
    /// Whose it is.
    pub place: Owned,
    /// Who may ask.
    pub access: Access,
    /// The limits that hold.
    pub limits: Vec<Arc<Limit>>,
    /// What is asked of a request.
    pub protect: Protect,
    /// What was counted.
    pub counts: Arc<Counts>,
}

/// A rule, ready.
pub struct Ready {
    /// What it shares with its route's others.
    pub route: Arc<Shared>,
    /// Its place among them.
    pub index: usize,
    /// Where requests go, each with the sum of the weights up to it.
    pub targets: Vec<(u32, Arc<Upstream>)>,
    /// Changes to the request.
    pub request_headers: Change,
    /// Changes to the answer.
    pub response_headers: Change,
    /// Answers with another place.
    pub redirect: Option<Redirect>,
    /// Another host or path.
    pub rewrite: Option<Rewrite>,
    /// The host of the rewrite, as a field.
    pub rewrite_host: Option<HeaderValue>,
    /// A copy for somebody, and for how many of a hundred requests.
    pub mirror: Option<(Arc<Upstream>, u32)>,
    /// Until the answer must begin.
    pub response_timeout: Option<Duration>,
    turn: AtomicU32,
}

impl Ready {
    /// The backend whose turn it is, spread evenly by weight.
    pub fn target(&self) -> Option<&Arc<Upstream>> {
        let (total, _) = self.targets.last()?;
        if self.targets.len() == 1 {
            return self.targets.first().filter(|_| *total > 0).map(|(_, upstream)| upstream);
        }
        let point = self.chance(*total)?;
        self.targets.iter().find(|(sum, _)| point < *sum).map(|(_, upstream)| upstream)
    }

    /// A number below a bound: steps of the golden ratio, which leave no gaps and no runs.
    pub fn chance(&self, bound: u32) -> Option<u32> {
        let step = self.turn.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9);
        let point = (u64::from(step) * u64::from(bound)) >> 32;
        u32::try_from(point).ok().filter(|point| *point < bound)
    }
}

/// Changes to header fields.
#[derive(Default)]
pub struct Change {
    remove: Vec<HeaderName>,
    set: Vec<(HeaderName, HeaderValue)>,
    add: Vec<(HeaderName, HeaderValue)>,
}

impl Change {
    /// Makes them.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.add {
            headers.append(name, value.clone());
        }
    }

    fn of(wanted: Option<&HeaderChange>, at: &str) -> Result<Self> {
        let Some(wanted) = wanted else { return Ok(Self::default()) };
        let pairs = |map: &std::collections::BTreeMap<String, String>, part: &str| {
            map.iter()
                .map(|(name, text)| {
                    let value = HeaderValue::from_str(text)
                        .map_err(|_| invalid(format!("{at}.{part}"), "this is no value of a header field"))?;
                    Ok((field_name(name, &format!("{at}.{part}"))?, value))
                })
                .collect::<Result<Vec<_>>>()
        };
        let remove = wanted.remove.iter().map(|name| field_name(name, &format!("{at}.remove")));
        Ok(Self {
            remove: remove.collect::<Result<_>>()?,
            set: pairs(&wanted.set, "set")?,
            add: pairs(&wanted.add, "add")?,
        })
    }
}

/// Fields that say where a message ends or who sent it: no route may touch them.
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
];

fn field_name(name: &str, at: &str) -> Result<HeaderName> {
    let parsed = HeaderName::from_bytes(name.as_bytes());
    let parsed = parsed.map_err(|_| invalid(at.to_owned(), "this is no name of a header field"))?;
    if FRAMING.contains(&parsed.as_str()) {
        return Err(invalid(at.to_owned(), &format!("`{parsed}` belongs to the connection"))
            .hint("to change the host, use `rewrite.hostname`"));
    }
    Ok(parsed)
}

/// How a text is compared, ready.
pub enum Text {
    /// The same.
    Same(String),
    /// Fits as a whole.
    Fits(Regex),
}

impl Text {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Same(wanted) => wanted == text,
            Self::Fits(regex) => regex.is_match(text),
        }
    }

    fn of(wanted: &TextMatch, at: &str) -> Result<Self> {
        Ok(match wanted.sort {
            TextSort::Exact => Self::Same(wanted.value.clone()),
            TextSort::RegularExpression => Self::Fits(regex(&wanted.value, &format!("{at}.value"))?),
        })
    }
}

/// A regular expression that must fit a whole text. Its size is bounded, and so is the time it takes.
pub fn regex(text: &str, at: &str) -> Result<Regex> {
    let whole = format!("^(?:{text})$");
    regex::RegexBuilder::new(&whole).size_limit(1 << 18).build().map_err(|error| {
        let line = error.to_string();
        let line = line.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        invalid(at.to_owned(), &format!("this is no regular expression: {line}"))
    })
}

/// What a request must be beside its path.
pub struct Wanted {
    method: Option<Method>,
    headers: Vec<(HeaderName, Text)>,
    query: Vec<(String, Text)>,
}

impl Wanted {
    /// Whether a request is it.
    pub fn holds<B>(&self, request: &Request<B>) -> bool {
        if self.method.as_ref().is_some_and(|method| method != request.method()) {
            return false;
        }
        let field = |(name, text): &(HeaderName, Text)| {
            request
                .headers()
                .get_all(name)
                .iter()
                .any(|value| value.to_str().is_ok_and(|value| text.holds(value)))
        };
        if !self.headers.iter().all(field) {
            return false;
        }
        let query = request.uri().query().unwrap_or_default();
        self.query
            .iter()
            .all(|(name, text)| path::parameter(query, name).is_some_and(|value| text.holds(&value)))
    }

    /// How particular it is, in the order of the Gateway API: method, then fields, then parameters.
    pub fn weight(&self) -> (bool, usize, usize) {
        (self.method.is_some(), self.headers.len(), self.query.len())
    }

    /// Reads a match.
    pub fn of(wanted: &Match, at: &str) -> Result<Self> {
        let method = wanted.method.as_deref().map(|text| {
            let known = text.chars().all(|c| c.is_ascii_uppercase() || c == '-');
            Method::from_bytes(text.as_bytes())
                .ok()
                .filter(|_| known)
                .ok_or_else(|| invalid(format!("{at}.method"), "a method is written like `GET`"))
        });
        let headers = wanted.headers.iter().enumerate().map(|(index, field)| {
            let at = format!("{at}.headers[{index}]");
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|_| invalid(format!("{at}.name"), "this is no name of a header field"))?;
            Ok((name, Text::of(field, &at)?))
        });
        let query = wanted.query.iter().enumerate().map(|(index, pair)| {
            let at = format!("{at}.query[{index}]");
            if pair.name.is_empty() {
                return Err(invalid(format!("{at}.name"), "a parameter has a name"));
            }
            Ok((pair.name.clone(), Text::of(pair, &at)?))
        });
        Ok(Self {
            method: method.transpose()?,
            headers: headers.collect::<Result<_>>()?,
            query: query.collect::<Result<_>>()?,
        })
    }
}

/// Something about a route that cannot be used, with the field.
pub fn invalid(at: String, message: &str) -> Error {
    Error::invalid("invalid-route", message).at(at)
}

/// Makes a rule ready; `upstream` finds a backend of the route's project.
pub fn ready(
    route: &Arc<Shared>,
    index: usize,
    rule: &Rule,
    upstream: &dyn Fn(&str) -> Option<Arc<Upstream>>,
) -> Result<Ready> {
    let at = format!("spec.rules[{index}]");
    let mut sum: u32 = 0;
    let mut targets = Vec::new();
    for target in &rule.backends {
        sum = sum.saturating_add(target.weight);
        // A backend that is not there keeps its share, and fails it: so that a mistake is seen.
        let found = upstream(&target.name).unwrap_or_else(|| Upstream::missing(&route.place, &target.name));
        targets.push((sum, found));
    }
    let mirror = rule.mirror.as_ref().and_then(|mirror| Some((upstream(&mirror.backend)?, mirror.percent)));
    let rewrite_host = rule.rewrite.as_ref().and_then(|rewrite| rewrite.hostname.as_deref()).map(|host| {
        HeaderValue::from_str(host).map_err(|_| invalid(format!("{at}.rewrite.hostname"), "this is no host"))
    });
    Ok(Ready {
        route: Arc::clone(route),
        index,
        targets,
        request_headers: Change::of(rule.request_headers.as_ref(), &format!("{at}.requestHeaders"))?,
        response_headers: Change::of(rule.response_headers.as_ref(), &format!("{at}.responseHeaders"))?,
        redirect: rule.redirect.clone(),
        rewrite: rule.rewrite.clone(),
        rewrite_host: rewrite_host.transpose()?,
        mirror,
        response_timeout: rule.response_timeout_ms.map(Duration::from_millis),
        turn: AtomicU32::new(0),
    })
}

/// Refuses a rule that says nothing or contradicts itself.
pub fn check(rule: &Rule, at: &str) -> Result<()> {
    match (&rule.redirect, rule.backends.is_empty()) {
        (None, true) => {
            return Err(invalid(format!("{at}.backends"), "a rule has backends or a `redirect`"));
        }
        (Some(_), false) => {
            return Err(invalid(format!("{at}.redirect"), "a rule has backends or a `redirect`, not both"));
        }
        _ => {}
    }
    if let Some(redirect) = &rule.redirect {
        if ![301, 302, 303, 307, 308].contains(&redirect.status) {
            return Err(invalid(format!("{at}.redirect.status"), "one of 301, 302, 303, 307 and 308"));
        }
        if redirect.scheme.as_deref().is_some_and(|scheme| !["http", "https"].contains(&scheme)) {
            return Err(invalid(format!("{at}.redirect.scheme"), "`http` or `https`"));
        }
        plain_path(redirect.path.as_deref(), &format!("{at}.redirect.path"))?;
        plain_path(redirect.prefix.as_deref(), &format!("{at}.redirect.prefix"))?;
        if let Some(host) = &redirect.hostname {
            crate::table::check_host(host, &format!("{at}.redirect.hostname"))?;
        }
    }
    if let Some(rewrite) = &rule.rewrite {
        plain_path(rewrite.path.as_deref(), &format!("{at}.rewrite.path"))?;
        plain_path(rewrite.prefix.as_deref(), &format!("{at}.rewrite.prefix"))?;
        if let Some(host) = &rewrite.hostname {
            crate::table::check_host(path::without_port(host), &format!("{at}.rewrite.hostname"))?;
        }
    }
    Ok(())
}

fn plain_path(text: Option<&str>, at: &str) -> Result<()> {
    let Some(text) = text else { return Ok(()) };
    let fine = text.starts_with('/') && text.parse::<http::uri::PathAndQuery>().is_ok();
    if fine && !path::has_dot_segment(text) {
        Ok(())
    } else {
        Err(invalid(at.to_owned(), "a path begins with `/`"))
    }
}

/// The order among matches that are alike: the older route, then the name, then the place in the route.
pub fn age(route: &Placed<Route>, index: usize) -> (i64, Owned, usize) {
    (route.created.micros(), route.place.clone(), index)
}
