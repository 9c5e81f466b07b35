//! Documented paths that differ from the canonical ones, one line each.

/// Method, documented path, canonical method and path; `{}` stands for one segment and is carried over in order,
/// into the path or into a parameter.
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
    ("GET", "admin/permissions/groups", "admin/permission-groups"),
    ("POST", "admin/permissions/groups", "admin/permission-groups"),
    ("GET", "admin/roles/templates", "admin/role-templates"),
    ("POST", "admin/roles/templates/{}/apply", "admin/role-templates/{}/apply"),
    ("PUT", "admin/roles/{}/parent", "POST admin/roles/{}/parent"),
    ("PUT", "admin/roles/{}/permissions", "POST admin/roles/{}/set-permissions"),
    ("DELETE", "admin/roles/{}/permissions/{}", "POST admin/roles/{}/remove-permission?permission={}"),
    ("DELETE", "admin/users/{}/roles/{}", "POST admin/users/{}/revoke-role?role={}"),
    ("PATCH", "catalog/models/{}/archive", "POST catalog/models/{}/archive"),
    ("PATCH", "catalog/datasets/{}/archive", "POST catalog/datasets/{}/archive"),
    ("POST", "catalog/models/{}/export", "GET catalog/models/{}/export"),
];

/// Where an alias leads.
struct Target {
    /// The method, where the alias changes it.
    method: Option<&'static str>,
    /// The canonical path.
    path: Vec<String>,
    /// What of the documented path is a parameter there.
    params: Vec<(&'static str, String)>,
}

/// The segments under which the operation is served; themselves where no alias says otherwise.
pub fn canonical(method: &str, segments: &[String]) -> Vec<String> {
    find(method, segments).map_or_else(|| segments.to_vec(), |target| target.path)
}

/// The method an alias turns into, for the few that change it.
pub fn method<'a>(method: &'a str, segments: &[String]) -> &'a str {
    find(method, segments).map_or(method, |target| target.method.unwrap_or(method))
}

/// The parameters an alias makes of segments, for the few that name something below the object.
pub fn params(method: &str, segments: &[String]) -> Vec<(&'static str, String)> {
    find(method, segments).map_or_else(Vec::new, |target| target.params)
}

fn find(method: &str, segments: &[String]) -> Option<Target> {
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
        let (method, target) = match target.split_once(' ') {
            Some((method, target)) => (Some(method), target),
            None => (None, *target),
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut carried = carried.into_iter();
        let mut next =
            |part: &str| if part == "{}" { carried.next().unwrap_or_default() } else { part.to_owned() };
        let path = path.split('/').map(&mut next).collect();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let params = pairs.map(|(name, part)| (name, next(part))).collect();
        Some(Target { method, path, params })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_below_an_object_becomes_a_parameter() {
        let path = ["admin", "users", "ada", "roles", "editor"].map(str::to_owned);
        assert_eq!(canonical("DELETE", &path).join("/"), "admin/users/ada/revoke-role");
        assert_eq!(method("DELETE", &path), "POST");
        assert_eq!(params("DELETE", &path), [("role", "editor".to_owned())]);
        assert_eq!(canonical("GET", &path), path);
    }
}
