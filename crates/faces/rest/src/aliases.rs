//! Documented paths that differ from the canonical ones, one line each.

/// Method, documented path, canonical method and path; `{}` stands for one segment and is carried over in order.
pub const ALIASES: &[(&str, &str, &str)] = &[
    ("POST", "admin/auth/login", "admin/sessions/login"),
    ("POST", "admin/auth/logout", "admin/sessions/logout"),
    ("GET", "admin/auth/me", "admin/sessions/me"),
    ("POST", "catalog/auth/login", "admin/sessions/login"),
    ("GET", "catalog/catalog/experiments/runs/{}", "catalog/runs/{}"),
    ("PUT", "catalog/catalog/experiments/runs/{}", "catalog/runs/{}"),
    ("GET", "catalog/experiments/runs/{}", "catalog/runs/{}"),
    ("PUT", "catalog/experiments/runs/{}", "catalog/runs/{}"),
    ("GET", "admin/users/filter", "admin/users"),
    ("POST", "admin/users/export", "GET admin/users/export"),
    ("PATCH", "catalog/models/{}/archive", "POST catalog/models/{}/archive"),
    ("PATCH", "catalog/datasets/{}/archive", "POST catalog/datasets/{}/archive"),
    ("POST", "catalog/models/{}/export", "GET catalog/models/{}/export"),
];

/// The segments under which the operation is served; themselves where no alias says otherwise.
pub fn canonical(method: &str, segments: &[String]) -> Vec<String> {
    find(method, segments).map_or_else(|| segments.to_vec(), |(_, path)| path)
}

/// The method an alias turns into, for the few that change it.
pub fn method<'a>(method: &'a str, segments: &[String]) -> &'a str {
    find(method, segments).map_or(method, |(other, _)| other.unwrap_or(method))
}

fn find(method: &str, segments: &[String]) -> Option<(Option<&'static str>, Vec<String>)> {
    ALIASES.iter().find_map(|(verb, documented, target)| {
        if *verb != method {
            return None;
        }
        let pattern: Vec<&str> = documented.split('/').collect();
        if pattern.len() != segments.len() {
            return None;
        }
        let mut carried = Vec::new();
        for (part, segment) in pattern.iter().zip(segments) {
            if *part == "{}" {
                carried.push(segment.clone());
            } else if part != segment {
                return None;
            }
        }
        let (verb, path) = match target.split_once(' ') {
            Some((verb, path)) => (Some(verb), path),
            None => (None, *target),
        };
        let mut carried = carried.into_iter();
        let path = path
            .split('/')
            .map(|part| if part == "{}" { carried.next().unwrap_or_default() } else { part.to_owned() })
            .collect();
        Some((verb, path))
    })
}
