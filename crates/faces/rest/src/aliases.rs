//! Documented paths that differ from the canonical ones, one line each.

/// Method, documented path, canonical method and path; `{}` stands for one segment and is carried over in order.
/// Behind a `?` a carried segment becomes a parameter. The first line that fits counts.
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
    ("GET", "admin/activities/export", "admin/activities/export"),
    ("GET", "admin/activities/user", "admin/activities/user"),
    ("GET", "admin/activities/entry", "admin/activities/entry"),
    ("GET", "admin/activities/user/{}", "admin/activities/user?user={}"),
    ("GET", "admin/activities/{}", "admin/activities/entry?id={}"),
    ("GET", "admin/audit/user/{}", "admin/audit/user?user={}"),
    ("GET", "admin/audit/resource/{}", "admin/audit/resource?uid={}"),
    ("PATCH", "admin/alerts/{}/acknowledge", "POST admin/alerts/{}/acknowledge"),
    ("GET", "admin/admin/health", "admin/platform/health"),
    ("GET", "admin/admin/status", "admin/platform/status"),
    ("GET", "admin/admin/cache/stats", "admin/platform/caches"),
    ("POST", "admin/admin/cache/clear", "admin/platform/clear-caches"),
    ("POST", "admin/admin/backup", "admin/backups/take"),
    ("POST", "admin/admin/restore/{}", "admin/backups/{}/prepare-restore"),
    ("GET", "admin/dashboard/config", "admin/dashboards/config"),
    ("PUT", "admin/dashboard/config", "POST admin/dashboards/config"),
    ("PUT", "admin/license", "POST admin/license/settle"),
    ("PUT", "admin/projects/{}/budget", "POST admin/projects/{}/budget"),
    ("POST", "admin/projects/{}/budget/request", "admin/projects/{}/request-budget"),
    ("POST", "admin/projects/{}/budget/approve", "admin/projects/{}/approve-budget"),
    ("POST", "admin/projects/{}/budget/reject", "admin/projects/{}/reject-budget"),
    ("PUT", "admin/projects/{}/quota", "POST admin/projects/{}/quota"),
    ("PUT", "admin/projects/{}/resources", "POST admin/projects/{}/resources"),
    ("DELETE", "admin/projects/{}/members/{}", "POST admin/projects/{}/remove-member?subject={}"),
];

/// What a documented path turns into.
#[derive(Debug, PartialEq, Eq)]
pub struct Canonical {
    /// The method, where it is another one.
    pub method: Option<&'static str>,
    /// The segments under which the operation is served.
    pub segments: Vec<String>,
    /// A parameter that a segment of the documented path carries.
    pub param: Option<(&'static str, String)>,
}

/// A path that is no alias.
pub fn same(segments: &[String]) -> Canonical {
    Canonical { method: None, segments: segments.to_vec(), param: None }
}

/// What a documented path turns into, if a line of the table fits.
pub fn find(method: &str, segments: &[String]) -> Option<Canonical> {
    ALIASES.iter().find_map(|(verb, documented, target)| {
        if *verb != method {
            return None;
        }
        let mut carried = carried(documented, segments)?.into_iter();
        let (method, path) = match target.split_once(' ') {
            Some((verb, path)) => (Some(verb), path),
            None => (None, *target),
        };
        let (path, param) = path.split_once('?').map_or((path, None), |(path, param)| (path, Some(param)));
        let segments = path
            .split('/')
            .map(|part| if part == "{}" { carried.next().unwrap_or_default() } else { part.to_owned() })
            .collect();
        let param =
            param.and_then(|param| Some((param.strip_suffix("={}")?, carried.next().unwrap_or_default())));
        Some(Canonical { method, segments, param })
    })
}

/// The segments that stand where a pattern has `{}`; nothing where the path is another one.
fn carried(pattern: &str, segments: &[String]) -> Option<Vec<String>> {
    let parts: Vec<&str> = pattern.split('/').collect();
    if parts.len() != segments.len() {
        return None;
    }
    let mut carried = Vec::new();
    for (part, segment) in parts.iter().zip(segments) {
        if *part == "{}" {
            carried.push(segment.clone());
        } else if part != segment {
            return None;
        }
    }
    Some(carried)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &str, path: &str) -> Option<Canonical> {
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        find(method, &segments)
    }

    #[test]
    fn a_segment_becomes_a_parameter_where_the_table_says_so() {
        let found = of("DELETE", "admin/projects/lab/members/user:ada").unwrap();
        assert_eq!(found.method, Some("POST"));
        assert_eq!(found.segments, ["admin", "projects", "lab", "remove-member"]);
        assert_eq!(found.param, Some(("subject", "user:ada".to_owned())));
        assert_eq!(of("GET", "admin/projects/lab/members/user:ada"), None);
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(of("GET", "admin/activities/export").unwrap().param, None);
        assert_eq!(of("GET", "admin/activities/7").unwrap().param, Some(("id", "7".to_owned())));
    }
}
