//! Who holds a host: the organization of the oldest route that names it, and no other.

use std::collections::BTreeMap;

use base::{Error, Result};
use ports::gateway::{PathSort, Placed, Route, Rule};

use crate::path;

/// The hosts that are held, by whom.
#[derive(Default)]
pub struct Claims {
    /// Exact hosts, and what follows a star: `.example.org`.
    hosts: BTreeMap<String, String>,
    /// First segments of paths of any host; the empty one stands for all paths.
    segments: BTreeMap<String, String>,
}

impl Claims {
    /// Lets a route's organization hold its hosts, or the first segments of its paths where it names none.
    ///
    /// # Errors
    /// `hostname-taken` (409) when another organization holds one; then nothing is held for this one.
    pub fn claim(&mut self, route: &Placed<Route>) -> Result<()> {
        let org = &route.place.org;
        let hosts: Vec<String> = route.spec.hostnames.iter().map(|host| key(host)).collect();
        for (index, host) in hosts.iter().enumerate() {
            if self.hosts.iter().any(|(held, by)| by != org && overlap(held, host)) {
                return Err(taken(&route.spec.hostnames[index], format!("spec.hostnames[{index}]")));
            }
        }
        let any = route.spec.hostnames.is_empty();
        let segments: Vec<String> =
            if any { route.spec.rules.iter().flat_map(first_segments).collect() } else { Vec::new() };
        for segment in &segments {
            if self.segments.get(segment).is_some_and(|by| by != org) {
                return Err(taken(&format!("/{segment}"), "spec.rules".to_owned()));
            }
        }
        self.hosts.extend(hosts.into_iter().map(|host| (host, org.clone())));
        self.segments.extend(segments.into_iter().map(|segment| (segment, org.clone())));
        Ok(())
    }
}

fn key(host: &str) -> String {
    let host = path::lower(host);
    host.strip_prefix('*').unwrap_or(&host).to_owned()
}

/// Whether some host fits both.
fn overlap(one: &str, other: &str) -> bool {
    match (one.starts_with('.'), other.starts_with('.')) {
        (false, false) => one == other,
        (true, false) => other.ends_with(one),
        (false, true) => one.ends_with(other),
        (true, true) => one.ends_with(other) || other.ends_with(one),
    }
}

fn first_segments(rule: &Rule) -> Vec<String> {
    if rule.matches.is_empty() {
        return vec![String::new()];
    }
    let first = |wanted: &ports::gateway::Match| match &wanted.path {
        Some(path) if path.sort != PathSort::RegularExpression => {
            path.value.split('/').nth(1).unwrap_or_default().to_owned()
        }
        Some(_) | None => String::new(),
    };
    rule.matches.iter().map(first).collect()
}

fn taken(what: &str, at: String) -> Error {
    Error::conflict("hostname-taken", format!("`{what}` is held by a route of another organization"))
        .at(at)
        .hint("name another host, or ask an administrator of the platform")
}

#[cfg(test)]
mod tests {
    use base::Time;
    use ports::gateway::Owned;

    use super::*;

    fn route(org: &str, hosts: &[&str]) -> Placed<Route> {
        let spec = Route {
            hostnames: hosts.iter().map(|host| (*host).to_owned()).collect(),
            rules: vec![Rule::default()],
            ..Route::default()
        };
        let place = Owned { org: org.to_owned(), project: "p".to_owned(), name: "r".to_owned() };
        Placed { place, created: Time::from_micros(0), spec }
    }

    #[test]
    fn a_host_is_held_by_one_organization() {
        let mut claims = Claims::default();
        claims.claim(&route("a", &["shop.example.org", "*.lab.example"])).unwrap();
        claims.claim(&route("a", &["shop.example.org"])).unwrap();
        for hosts in [
            &["SHOP.example.org"][..],
            &["*.example.org"],
            &["x.lab.example"],
            &["*.y.lab.example"],
            &["*.example"],
        ] {
            assert_eq!(claims.claim(&route("b", hosts)).unwrap_err().code(), "hostname-taken", "{hosts:?}");
        }
        claims.claim(&route("b", &["other.example.org", "lab.example"])).unwrap();
        claims.claim(&route("a", &[])).unwrap();
        assert!(claims.claim(&route("b", &[])).is_err());
    }
}
