//! The table requests are held against: built once, never changed, replaced as a whole.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, LazyLock},
};

use base::{Error, Result};
use engine_fetch::Egress;
use http::Request;
use ports::gateway::{Match, Owned, PathMatch, PathSort, Placed, RateLimit, Route, ServicePolicy, Table};
use regex::Regex;

use crate::{
    claims::Claims,
    limits::Limit,
    path,
    protect::Protect,
    rule::{self, Ready, Shared, Wanted, age, invalid},
    stats::{self, Counts},
    upstream::{self, Upstream},
};

/// A rule that a request fits, and how much of its path matched as a prefix.
#[derive(Clone)]
pub struct Hit {
    /// The rule.
    pub rule: Arc<Ready>,
    /// The length of the prefix.
    pub prefix: usize,
}

struct Candidate {
    wanted: Wanted,
    order: (i64, Owned, usize),
    rule: Arc<Ready>,
}

/// The routes of one host, by path.
#[derive(Default)]
struct Paths {
    exact: HashMap<Box<str>, Vec<Candidate>>,
    regexes: Vec<(Regex, Candidate)>,
    prefixes: HashMap<Box<str>, Vec<Candidate>>,
}

/// What holds for the platform's own services below a path.
pub struct Policy {
    /// The path.
    pub path: String,
    /// The methods; all when empty.
    pub methods: Vec<String>,
    /// What it is called.
    pub place: Owned,
    /// What is asked of a request.
    pub protect: Protect,
    /// The limits that hold.
    pub limits: Vec<Arc<Limit>>,
}

impl Policy {
    /// Whether it holds for a request.
    pub fn holds(&self, method: &str, path: &str) -> bool {
        let below = path.strip_prefix(self.path.trim_end_matches('/'));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (self.methods.is_empty() || self.methods.iter().any(|it| it == method))
    }
}

/// A table, ready.
#[derive(Default)]
pub struct Ruled {
    /// The position of the journal it was read at.
    pub position: u64,
    hosts: HashMap<Box<str>, Paths>,
    /// By what follows the star, such as `.example.org`.
    suffixes: HashMap<Box<str>, Paths>,
    anywhere: Paths,
    /// Whether there is any route.
    pub has_routes: bool,
    /// What holds for the platform's own services.
    pub policies: Vec<Policy>,
    /// The upstreams, by place.
    pub upstreams: HashMap<Owned, Arc<Upstream>>,
    /// The counters of routes, by place.
    pub counts: HashMap<Owned, Arc<Counts>>,
}

/// The paths of the platform's own services: a route takes them only for a host it names.
static RESERVED: LazyLock<Vec<&str>> = LazyLock::new(|| {
    vec![
        "/api",
        "/apis",
        "/oauth2",
        "/.well-known",
        "/healthz",
        "/readyz",
        "/livez",
        "/metrics",
        "/docs",
        "/errors",
        "/openapi.json",
        "/openapi-3.0.json",
        "/openapi",
        "/version",
        "/v1",
        "/v2",
        "/scim",
        "/login",
        "/logout",
        "/account",
        "/console",
        "/auth",
    ]
});

/// Whether a path belongs to the platform's own services.
pub fn is_reserved(path: &str) -> bool {
    path == "/"
        || RESERVED
            .iter()
            .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

impl Paths {
    fn find<B>(&self, request: &Request<B>) -> Option<Hit> {
        let path = request.uri().path();
        let fits = |candidates: &Vec<Candidate>| {
            candidates.iter().find(|it| it.wanted.holds(request)).map(|it| Arc::clone(&it.rule))
        };
        if let Some(rule) = self.exact.get(path).and_then(fits) {
            return Some(Hit { rule, prefix: path.len() });
        }
        let fitting =
            self.regexes.iter().find(|(regex, it)| regex.is_match(path) && it.wanted.holds(request));
        if let Some((_, it)) = fitting {
            return Some(Hit { rule: Arc::clone(&it.rule), prefix: path.len() });
        }
        if self.prefixes.is_empty() {
            return None;
        }
        path::prefixes(path).find_map(|prefix| {
            let rule = self.prefixes.get(prefix).and_then(fits)?;
            Some(Hit { rule, prefix: if prefix == "/" { 0 } else { prefix.len() } })
        })
    }

    fn add(&mut self, path: &PathMatch, candidate: Candidate, at: &str) -> Result<()> {
        match path.sort {
            PathSort::Exact => self.exact.entry(path.value.as_str().into()).or_default().push(candidate),
            PathSort::PathPrefix => {
                let prefix = path.value.strip_suffix('/').filter(|it| !it.is_empty()).unwrap_or(&path.value);
                self.prefixes.entry(prefix.into()).or_default().push(candidate);
            }
            PathSort::RegularExpression => {
                self.regexes.push((rule::regex(&path.value, &format!("{at}.path.value"))?, candidate));
            }
        }
        Ok(())
    }

    fn sort(&mut self) {
        for candidates in self.exact.values_mut().chain(self.prefixes.values_mut()) {
            candidates.sort_by(|one, other| {
                other.wanted.weight().cmp(&one.wanted.weight()).then_with(|| one.order.cmp(&other.order))
            });
        }
        // The Gateway API leaves the order of expressions open: the longer one is the more particular.
        self.regexes.sort_by(|(one_text, one), (other_text, other)| {
            (other_text.as_str().len(), other.wanted.weight())
                .cmp(&(one_text.as_str().len(), one.wanted.weight()))
                .then_with(|| one.order.cmp(&other.order))
        });
    }
}

impl Ruled {
    /// The rule a request fits: an exact host before the longest suffix before any, then by path.
    pub fn find<B>(&self, request: &Request<B>) -> Option<Hit> {
        if !self.has_routes {
            return None;
        }
        let host = path::host(request.uri(), request.headers());
        if let Some(host) = host.as_deref() {
            if let Some(hit) = self.hosts.get(host).and_then(|paths| paths.find(request)) {
                return Some(hit);
            }
            if !self.suffixes.is_empty() {
                let dots = host.match_indices('.').map(|(at, _)| &host[at..]);
                let found =
                    dots.filter_map(|suffix| self.suffixes.get(suffix)).find_map(|it| it.find(request));
                if found.is_some() {
                    return found;
                }
            }
        }
        if is_reserved(request.uri().path()) { None } else { self.anywhere.find(request) }
    }

    /// The policies that hold for a request to the platform's own services.
    pub fn policies_for(&self, method: &str, path: &str) -> impl Iterator<Item = &Policy> {
        self.policies.iter().filter(move |policy| policy.holds(method, path))
    }

    /// Builds it; upstreams and counters that did not change are taken over from the last one.
    pub fn build(table: Table, last: &Self, egress: &Arc<Egress>) -> (Self, Vec<(Owned, Error)>) {
        let mut ruled = Self { position: table.position, ..Self::default() };
        let mut refused = Vec::new();
        for backend in table.backends {
            let kept = last.upstreams.get(&backend.place).filter(|it| it.spec == backend.spec).cloned();
            match kept.map_or_else(|| upstream::open(&backend, egress), Ok) {
                Ok(upstream) => drop(ruled.upstreams.insert(backend.place, upstream)),
                Err(error) => refused.push((backend.place, error)),
            }
        }
        let limits: HashMap<Owned, Arc<Limit>> = table
            .rate_limits
            .iter()
            .map(|it| (it.place.clone(), Arc::new(Limit::of(&it.place, &it.spec))))
            .collect();
        let mut routes: Vec<&Placed<Route>> = table.routes.iter().collect();
        routes.sort_by_key(|route| age(route, 0));
        let mut claims = Claims::default();
        for route in routes {
            let added = claims.claim(route).and_then(|()| ruled.add(route, &limits, last));
            if let Err(error) = added {
                refused.push((route.place.clone(), error));
            }
        }
        for paths in ruled.hosts.values_mut().chain(ruled.suffixes.values_mut()) {
            paths.sort();
        }
        ruled.anywhere.sort();
        for policy in &table.policies {
            match policy_of(policy) {
                Ok(policy) => ruled.policies.push(policy),
                Err(error) => refused.push((policy.place.clone(), error)),
            }
        }
        (ruled, refused)
    }

    fn add(&mut self, route: &Placed<Route>, limits: &HashMap<Owned, Arc<Limit>>, last: &Self) -> Result<()> {
        check_route(&route.spec)?;
        let beside = |name: &str| Owned { name: name.to_owned(), ..route.place.clone() };
        let counts = last.counts.get(&route.place).cloned().unwrap_or_default();
        self.counts.insert(route.place.clone(), Arc::clone(&counts));
        let shared = Arc::new(Shared {
            place: route.place.clone(),
            access: route.spec.access,
            limits: route.spec.rate_limits.iter().filter_map(|it| limits.get(&beside(it)).cloned()).collect(),
            protect: Protect::of(&route.spec.protection, "spec.protection")?,
            counts,
        });
        for (index, rule) in route.spec.rules.iter().enumerate() {
            let upstreams = &self.upstreams;
            let ready = rule::ready(&shared, index, rule, &|name| upstreams.get(&beside(name)).cloned())?;
            let ready = Arc::new(ready);
            let all = [Match::default()];
            let matches = if rule.matches.is_empty() { &all[..] } else { &rule.matches };
            for (number, wanted) in matches.iter().enumerate() {
                let at = format!("spec.rules[{index}].matches[{number}]");
                self.place(route, &ready, wanted, &at)?;
            }
        }
        self.has_routes = true;
        Ok(())
    }

    fn place(&mut self, route: &Placed<Route>, ready: &Arc<Ready>, wanted: &Match, at: &str) -> Result<()> {
        let root = PathMatch { sort: PathSort::PathPrefix, value: "/".to_owned() };
        let path = wanted.path.as_ref().unwrap_or(&root);
        let candidate = || -> Result<Candidate> {
            let (rule, order) = (Arc::clone(ready), age(route, ready.index));
            Ok(Candidate { wanted: Wanted::of(wanted, at)?, order, rule })
        };
        if route.spec.hostnames.is_empty() {
            self.anywhere.add(path, candidate()?, at)?;
        }
        for host in &route.spec.hostnames {
            let host = path::lower(host);
            let paths = match host.strip_prefix('*') {
                Some(suffix) => self.suffixes.entry(suffix.into()).or_default(),
                None => self.hosts.entry(host.as_ref().into()).or_default(),
            };
            paths.add(path, candidate()?, at)?;
        }
        Ok(())
    }

    /// What was counted, for all routes and upstreams.
    pub fn counted(&self) -> Vec<stats::Line> {
        let routes = self.counts.iter().map(|(place, counts)| stats::line("route", place, counts));
        let upstreams = self.upstreams.iter().map(|(place, it)| stats::line("backend", place, &it.counts));
        routes.chain(upstreams).collect()
    }
}

fn policy_of(policy: &Placed<ServicePolicy>) -> Result<Policy> {
    let limit = |(index, limit): (usize, &RateLimit)| {
        let name = format!("{}-{index}", policy.place.name);
        Arc::new(Limit::of(&Owned { name, ..policy.place.clone() }, limit))
    };
    Ok(Policy {
        path: policy.spec.path.clone(),
        methods: policy.spec.methods.clone(),
        place: policy.place.clone(),
        protect: Protect::of(&policy.spec.protection, "spec.protection")?,
        limits: policy.spec.rate_limits.iter().enumerate().map(limit).collect(),
    })
}

/// Refuses a route that cannot be used, with the field.
pub fn check_route(route: &Route) -> Result<()> {
    for (index, host) in route.hostnames.iter().enumerate() {
        let at = format!("spec.hostnames[{index}]");
        let host = path::lower(host);
        check_host(host.strip_prefix("*.").unwrap_or(&host), &at)?;
        if &*host == "localhost" || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Err(invalid(at, "this address is the platform's own")
                .hint("name a host of the DNS, or none for paths outside the platform's own"));
        }
    }
    if route.rules.is_empty() {
        return Err(invalid("spec.rules".to_owned(), "a route has at least one rule"));
    }
    for (index, rule) in route.rules.iter().enumerate() {
        let at = format!("spec.rules[{index}]");
        rule::check(rule, &at)?;
        for (number, wanted) in rule.matches.iter().enumerate() {
            let at = format!("{at}.matches[{number}]");
            Wanted::of(wanted, &at)?;
            if let Some(path) = &wanted.path {
                check_path(path, &format!("{at}.path.value"), route.hostnames.is_empty())?;
            }
        }
        // Everything else that can be wrong is found by making it ready.
        let shared = Arc::new(Shared {
            place: Owned::default(),
            access: route.access,
            limits: Vec::new(),
            protect: Protect::of(&route.protection, "spec.protection")?,
            counts: Arc::default(),
        });
        rule::ready(&shared, index, rule, &|_| None)?;
    }
    Ok(())
}

fn check_path(path: &PathMatch, at: &str, any_host: bool) -> Result<()> {
    if path.sort == PathSort::RegularExpression {
        return rule::regex(&path.value, at).map(|_| ());
    }
    let fine = path.value.starts_with('/')
        && path.value.parse::<http::uri::PathAndQuery>().is_ok_and(|it| it.query().is_none())
        && !path::has_dot_segment(&path.value);
    if !fine {
        return Err(invalid(at.to_owned(), "a path begins with `/` and has no `.` or `..` segment"));
    }
    if any_host && path.value != "/" && is_reserved(&path.value) {
        return Err(
            invalid(at.to_owned(), "this path is the platform's own").hint("name a host in `hostnames`")
        );
    }
    Ok(())
}

/// Refuses what is no name of a host (RFC 1123 section 2.1).
pub fn check_host(host: &str, at: &str) -> Result<()> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() <= 253 && host.split('.').all(label) {
        return Ok(());
    }
    Err(invalid(at.to_owned(), "this is no name of a host")
        .hint("write `app.example.org` or `*.example.org`"))
}
