//! Documented paths that differ from the canonical ones, one line each.

/// Method, documented path, canonical method and path; `{}` stands for one segment and is carried over in order,
/// into the path or into a parameter. The first line that fits counts.
pub const ALIASES: &[(&str, &str, &str)] = &[
    ("POST", "admin/auth/login", "admin/sessions/login"),
    ("POST", "admin/auth/logout", "admin/sessions/logout"),
    ("GET", "admin/auth/me", "admin/sessions/me"),
    ("POST", "agents/auth/login", "admin/sessions/login"),
    ("POST", "assets/auth/login", "admin/sessions/login"),
    ("POST", "catalog/auth/login", "admin/sessions/login"),
    ("POST", "cicd/auth/login", "admin/sessions/login"),
    ("POST", "composables/auth/login", "admin/sessions/login"),
    ("POST", "connections/auth/login", "admin/sessions/login"),
    ("POST", "data/auth/login", "admin/sessions/login"),
    ("POST", "deployments/auth/login", "admin/sessions/login"),
    ("POST", "system/auth/login", "admin/sessions/login"),
    ("POST", "lineage", "catalog/lineage-events/receive"),
    ("GET", "lineage/events", "catalog/lineage-events"),
    ("POST", "catalog/provenance", "catalog/provenance/record"),
    ("GET", "catalog/provenance/activities", "catalog/provenance"),
    ("GET", "catalog/provenance/activities/recent", "catalog/provenance"),
    ("GET", "catalog/provenance/activities/artifact/{}", "catalog/provenance/artifact?id={}"),
    ("GET", "catalog/provenance/activities/user/{}", "catalog/provenance/user?id={}"),
    ("GET", "catalog/provenance/artifact/{}", "catalog/provenance/artifact?id={}"),
    ("GET", "catalog/provenance/changes/{}", "catalog/provenance/change?id={}"),
    ("GET", "catalog/provenance/changes/{}/diff", "catalog/provenance/change-diff?id={}"),
    ("POST", "catalog/provenance/changes/{}/restore", "catalog/provenance/restore-change?id={}"),
    ("POST", "catalog/provenance/export", "catalog/provenance-exports/make"),
    ("GET", "catalog/provenance/export/{}", "catalog/provenance-exports/{}"),
    ("GET", "catalog/provenance/export/{}/download", "catalog/provenance-exports/{}/download"),
    ("GET", "catalog/provenance/filter/{}", "catalog/provenance/facet?facet={}"),
    ("GET", "catalog/provenance/lineage/{}", "catalog/provenance/lineage?id={}"),
    ("GET", "catalog/provenance/lineage/{}/upstream", "catalog/provenance/upstream?id={}"),
    ("GET", "catalog/provenance/lineage/{}/downstream", "catalog/provenance/downstream?id={}"),
    ("GET", "catalog/provenance/lineage/{}/impact", "catalog/provenance/impact?id={}"),
    ("GET", "catalog/provenance/search", "catalog/provenance/search"),
    ("GET", "catalog/provenance/artifact", "catalog/provenance/artifact"),
    ("GET", "catalog/provenance/user", "catalog/provenance/user"),
    ("GET", "catalog/provenance/change", "catalog/provenance/change"),
    ("GET", "catalog/provenance/change-diff", "catalog/provenance/change-diff"),
    ("GET", "catalog/provenance/facet", "catalog/provenance/facet"),
    ("GET", "catalog/provenance/of", "catalog/provenance/of"),
    ("GET", "catalog/provenance/lineage", "catalog/provenance/lineage"),
    ("GET", "catalog/provenance/upstream", "catalog/provenance/upstream"),
    ("GET", "catalog/provenance/downstream", "catalog/provenance/downstream"),
    ("GET", "catalog/provenance/impact", "catalog/provenance/impact"),
    ("GET", "catalog/provenance/experiments-of-dataset", "catalog/provenance/experiments-of-dataset"),
    ("GET", "catalog/provenance/experiments-of-model", "catalog/provenance/experiments-of-model"),
    ("GET", "catalog/provenance/{}", "catalog/provenance/of?id={}"),
    ("GET", "composables/provenance", "catalog/provenance"),
    ("GET", "composables/provenance/lineage/{}", "catalog/provenance/lineage?id={}"),
    ("POST", "composables/provenance/query", "catalog/provenance/filter"),
    ("GET", "composables/provenance/{}", "catalog/provenance/of?id={}"),
    ("GET", "system/governance/provenance", "catalog/provenance"),
    ("GET", "system/governance/provenance/lineage/{}", "catalog/provenance/lineage?id={}"),
    ("POST", "system/governance/provenance/query", "catalog/provenance/filter"),
    ("GET", "system/governance/provenance/{}", "catalog/provenance/of?id={}"),
    ("POST", "composables/search", "catalog/search/advanced"),
    ("POST", "composables/search/models", "catalog/search/models"),
    ("POST", "composables/search/datasets", "catalog/search/datasets"),
    ("POST", "composables/search/experiments", "catalog/search/experiments"),
    ("POST", "composables/search/pipelines", "catalog/search/pipelines"),
    ("GET", "catalog/experiments/by-dataset/{}", "catalog/provenance/experiments-of-dataset?name={}"),
    ("GET", "catalog/experiments/by-model/{}", "catalog/provenance/experiments-of-model?name={}"),
    ("POST", "catalog/experiments/runs/{}/stop", "catalog/runs/{}/stop"),
    ("POST", "catalog/experiments/runs/{}/resume", "catalog/runs/{}/resume"),
    ("GET", "catalog/search/filters/{}", "catalog/search/filter?facet={}"),
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
    ("PUT", "catalog/datasets/{}/schema", "POST catalog/datasets/{}/set-schema"),
    ("POST", "catalog/datasets/{}/quality/check", "catalog/datasets/{}/check-quality"),
    ("POST", "catalog/datasets/{}/versions", "catalog/datasets/{}/upload"),
    ("GET", "catalog/datasets/{}/profile", "catalog/datasets/{}/statistics"),
    ("POST", "catalog/datasets/{}/analyze", "catalog/datasets/{}/profile"),
    ("GET", "catalog/datasets/{}/dependencies", "catalog/datasets/{}/lineage"),
    ("PATCH", "catalog/datasets/{}/metadata", "catalog/datasets/{}"),
    ("POST", "catalog/models/{}/export", "GET catalog/models/{}/export"),
    ("PUT", "catalog/models/{}/metadata", "POST catalog/models/{}/set-metadata"),
    ("PATCH", "catalog/models/{}/metadata", "POST catalog/models/{}/set-metadata"),
    ("POST", "catalog/models/{}/metrics", "catalog/models/{}/add-metrics"),
    ("POST", "catalog/models/{}/artifacts", "catalog/models/{}/attach"),
    ("GET", "catalog/endpoints/by-model/{}", "catalog/endpoints/by-model?model={}"),
    ("GET", "catalog/endpoints/by-status/{}", "catalog/endpoints/by-status?status={}"),
    ("PUT", "catalog/endpoints/{}/config", "POST catalog/endpoints/{}/set-config"),
    ("PUT", "catalog/endpoints/{}/routing", "POST catalog/endpoints/{}/set-routing"),
    ("PATCH", "catalog/endpoints/{}/status", "POST catalog/endpoints/{}/set-status"),
    ("GET", "catalog/pipelines/by-type/{}", "catalog/pipelines/by-type?type={}"),
    ("GET", "catalog/pipelines/runs/{}", "catalog/pipeline-runs/{}"),
    ("POST", "catalog/pipelines/runs/{}/retry", "catalog/pipeline-runs/{}/retry"),
    ("POST", "catalog/pipelines/runs/{}/stop", "catalog/pipeline-runs/{}/stop"),
    ("PUT", "catalog/pipelines/schedules/{}", "catalog/pipeline-schedules/{}"),
    ("DELETE", "catalog/pipelines/schedules/{}", "catalog/pipeline-schedules/{}"),
    ("POST", "catalog/pipelines/{}/components", "catalog/pipelines/{}/add-component"),
    ("PUT", "catalog/pipelines/{}/components/{}", "POST catalog/pipelines/{}/set-component?id={}"),
    ("DELETE", "catalog/pipelines/{}/components/{}", "POST catalog/pipelines/{}/remove-component?id={}"),
    ("PUT", "catalog/pipelines/{}/config", "POST catalog/pipelines/{}/set-config"),
    ("PUT", "catalog/pipelines/{}/stages", "POST catalog/pipelines/{}/set-stages"),
    ("GET", "catalog/marketplace/featured", "catalog/listings/featured"),
    ("GET", "catalog/marketplace/new", "catalog/listings/new"),
    ("GET", "catalog/marketplace/popular", "catalog/listings/popular"),
    ("GET", "catalog/marketplace/trending", "catalog/listings/trending"),
    ("GET", "catalog/marketplace/recommended", "catalog/listings/recommended"),
    ("GET", "catalog/marketplace/search", "catalog/listings/find"),
    ("GET", "catalog/marketplace/favorites", "catalog/listings/favorites"),
    ("POST", "catalog/marketplace/favorites/{}", "catalog/listings/{}/favorite"),
    ("DELETE", "catalog/marketplace/favorites/{}", "POST catalog/listings/{}/unfavorite"),
    ("DELETE", "catalog/marketplace/models/{}/unsubscribe", "POST catalog/listings/{}/unsubscribe"),
    ("PATCH", "catalog/marketplace/models/{}/visibility", "POST catalog/listings/{}/set-visibility"),
    ("GET", "catalog/marketplace/models/{}/ratings", "catalog/listings/{}/rating"),
    ("POST", "catalog/marketplace/models/{}/review", "catalog/listings/{}/reviews"),
    ("PUT", "catalog/marketplace/models/{}/reviews/{}", "catalog/listings/{}/reviews/{}"),
    ("POST", "catalog/marketplace/subscribe/{}", "catalog/listings/{}/subscribe"),
    ("DELETE", "catalog/marketplace/subscribe/{}", "POST catalog/listings/{}/unsubscribe"),
    (
        "GET",
        "catalog/governance/policies/access-control",
        "catalog/governance-policies/by-category?category=access-control",
    ),
    (
        "GET",
        "catalog/governance/policies/compliance",
        "catalog/governance-policies/by-category?category=compliance",
    ),
    (
        "GET",
        "catalog/governance/policies/deployment",
        "catalog/governance-policies/by-category?category=deployment",
    ),
    (
        "GET",
        "catalog/governance/policies/monitoring",
        "catalog/governance-policies/by-category?category=monitoring",
    ),
    (
        "GET",
        "catalog/governance/policies/retention",
        "catalog/governance-policies/by-category?category=retention",
    ),
    (
        "GET",
        "catalog/governance/policies/access",
        "catalog/governance-policies/by-category?category=access-control",
    ),
    ("GET", "catalog/governance/policies/compliance-report", "catalog/governance-reports/compliance"),
    ("GET", "catalog/governance/policies/by-resource/{}", "catalog/governance-policies/by-resource?id={}"),
    ("PATCH", "catalog/governance/policies/{}/status", "POST catalog/governance-policies/{}/set-status"),
    (
        "POST",
        "catalog/governance/policies/{}/enable",
        "catalog/governance-policies/{}/set-status?status=active",
    ),
    (
        "POST",
        "catalog/governance/policies/{}/disable",
        "catalog/governance-policies/{}/set-status?status=disabled",
    ),
    ("DELETE", "catalog/governance/policies/{}/unassign", "POST catalog/governance-policies/{}/unassign"),
    ("POST", "catalog/governance/policies/{}/exceptions", "catalog/governance-policies/{}/policy-exceptions"),
    ("GET", "catalog/governance/policies/{}/exceptions", "catalog/governance-policies/{}/policy-exceptions"),
    ("GET", "catalog/governance/audit/policies", "catalog/governance-policies/changes"),
    ("POST", "catalog/governance/compliance/{}/assess", "catalog/compliance/assess?framework={}"),
    ("GET", "catalog/governance/compliance/{}/requirements", "catalog/compliance/requirements?framework={}"),
    ("GET", "catalog/governance/compliance/certifications", "catalog/certifications"),
    ("POST", "catalog/governance/compliance/validate", "catalog/compliance/assess"),
    ("GET", "catalog/feature-sets/by-model/{}", "catalog/feature-sets/by-model?model={}"),
    ("POST", "catalog/feature-sets/{}/features", "catalog/feature-sets/{}/add-feature"),
    ("PUT", "catalog/feature-sets/{}/features/{}", "POST catalog/feature-sets/{}/set-feature?id={}"),
    ("DELETE", "catalog/feature-sets/{}/features/{}", "POST catalog/feature-sets/{}/remove-feature?id={}"),
    ("GET", "catalog/feature-sets/{}/stats", "catalog/feature-sets/{}/statistics"),
    ("GET", "catalog/feature-sets/{}/impact", "catalog/feature-sets/{}/consumers"),
    ("POST", "system/training/jobs/{}/stop", "system/training-jobs/{}/cancel"),
    ("GET", "catalog/models/{}/performance", "catalog/models/{}/metrics"),
    ("GET", "catalog/endpoints/{}/explain", "catalog/endpoints/{}/predictions?explained=true"),
    ("POST", "catalog/endpoints/{}/batch-predict", "catalog/batch-predictions/start?endpoint={}"),
    ("POST", "catalog/endpoints/{}/batch-invoke", "catalog/batch-predictions/start?endpoint={}"),
    ("POST", "catalog/models/{}/batch-predict", "catalog/batch-predictions/start?model={}"),
    ("GET", "catalog/models/{}/drift", "catalog/monitors/of-model?model={}"),
    ("GET", "system/analytics/quality", "catalog/monitors/quality"),
    ("GET", "system/analytics/quality/accuracy", "catalog/monitors/quality?part=accuracy"),
    ("GET", "system/analytics/quality/drift", "catalog/monitors/quality?part=drift"),
    ("GET", "system/analytics/quality/fairness", "catalog/monitors/quality?part=fairness"),
    ("GET", "system/analytics/usage/models", "system/analytics/models"),
    ("GET", "system/analytics/usage/datasets", "system/analytics/datasets"),
    ("GET", "system/analytics/usage/trends", "catalog/models/trending"),
    ("POST", "system/scoring/calculate", "system/analytics/score"),
    ("POST", "system/scoring/custom", "system/analytics/score"),
    ("GET", "system/scoring/rankings", "system/analytics/ranking"),
    ("GET", "system/scoring/{}", "system/analytics/score-of?model={}"),
    ("POST", "system/catalog/models/benchmark", "system/benchmarks/run"),
    ("GET", "system/catalog/models/compare/{}", "system/comparisons/{}"),
    ("POST", "system/analysis/cost-efficiency", "system/costs/efficiency"),
    ("GET", "catalog/endpoints/{}/billing", "system/costs/of-endpoint?endpoint={}"),
    ("POST", "catalog/models/{}/evaluate", "system/evaluations/start?model={}"),
    ("POST", "assets/models/{}/evaluate", "system/evaluations/start?model={}"),
    ("PUT", "catalog/models/{}/deployments/{}", "POST catalog/models/{}/set-deployment?endpoint={}"),
    ("DELETE", "catalog/models/{}/deployments/{}", "POST catalog/models/{}/remove-deployment?endpoint={}"),
    ("GET", "system/monitoring/alerts", "admin/alerts"),
    ("POST", "system/monitoring/alerts", "admin/alerts"),
    ("PUT", "system/monitoring/alerts/{}", "admin/alerts/{}"),
    ("DELETE", "system/monitoring/alerts/{}", "admin/alerts/{}"),
    ("POST", "system/monitoring/alerts/{}/acknowledge", "admin/alerts/{}/acknowledge"),
    ("GET", "system/monitoring/metrics", "admin/metrics"),
    ("GET", "system/monitoring/metrics/endpoints", "catalog/endpoints/metrics-of-all"),
    ("GET", "system/monitoring/metrics/models", "catalog/monitors/quality?part=accuracy"),
    ("GET", "system/monitoring/metrics/infrastructure", "admin/metrics/resources"),
    ("POST", "catalog/endpoints/{}/invoke", "catalog/endpoints/{}/predict"),
    ("POST", "catalog/endpoints/{}/restart", "catalog/endpoints/{}/redeploy"),
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
    ("GET", "admin/dashboard/config", "views/dashboards/config"),
    ("PUT", "admin/dashboard/config", "POST views/dashboards/config"),
    ("DELETE", "views/views/{}/state", "POST views/views/{}/clear-state"),
    ("POST", "views/dashboards/{}/duplicate", "views/dashboards/{}/clone"),
    ("GET", "rag/monitoring/dashboards/{}/export", "POST views/dashboards/{}/export"),
    ("POST", "views/widgets/{}/instances/{}/config", "views/widgets/{}/configure?instance={}"),
    ("POST", "views/layouts/grid/calculate", "views/layouts/calculate"),
    ("GET", "views/layouts/grid/{}", "views/layouts/{}/grid"),
    ("PUT", "views/layouts/grid/{}", "POST views/layouts/{}/set-grid"),
    ("POST", "views/components/marketplace/{}/install", "views/components/{}/install"),
    ("POST", "views/components/marketplace/{}/rate", "views/components/{}/rate"),
    ("PUT", "views/personalization/preferences", "POST views/personalization/preferences"),
    ("DELETE", "views/personalization/preferences", "POST views/personalization/clear-preferences"),
    ("DELETE", "views/personalization/favorites/{}", "POST views/personalization/remove-favorite?id={}"),
    ("DELETE", "views/personalization/recent", "POST views/personalization/clear-recent"),
    ("PUT", "admin/license", "POST admin/license/settle"),
    ("GET", "admin/projects/{}/budget", "admin/budgets/current?project={}"),
    ("PUT", "admin/projects/{}/budget", "POST admin/budgets/set?project={}"),
    ("POST", "admin/projects/{}/budget/request", "admin/budgets/request?project={}"),
    ("POST", "admin/projects/{}/budget/approve", "admin/budgets/approve?project={}"),
    ("POST", "admin/projects/{}/budget/reject", "admin/budgets/reject?project={}"),
    ("GET", "admin/projects/{}/quota", "admin/quotas/current?project={}"),
    ("PUT", "admin/projects/{}/quota", "POST admin/quotas/set?project={}"),
    ("GET", "admin/projects/{}/resources", "admin/quotas/resources?project={}"),
    ("PUT", "admin/projects/{}/resources", "POST admin/quotas/resources?project={}"),
    ("DELETE", "admin/projects/{}/members/{}", "POST admin/projects/{}/remove-member?subject={}"),
    // Last, because it would take the others of its base for names.
    ("GET", "admin/permissions/categories", "admin/permissions/categories"),
    ("GET", "admin/permissions/matrix", "admin/permissions/matrix"),
    ("GET", "admin/permissions/entry", "admin/permissions/entry"),
    ("GET", "admin/permissions/{}", "admin/permissions/entry?id={}"),
];

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// The method, where an alias changes it.
    pub method: Option<&'static str>,
    /// The segments under which the operation is served.
    pub segments: Vec<String>,
    /// What of the documented path is a parameter there.
    pub params: Vec<(&'static str, String)>,
}

/// The same noun in several services is one kind: base paths of other services, and where they stand. The
/// first line that fits counts.
pub const TWINS: &[(&str, &str)] = &[
    ("system/catalog/features", "catalog/feature-sets"),
    ("system/catalog", "catalog"),
    ("system/marketplace", "catalog/marketplace"),
    ("composables/marketplace", "catalog/marketplace"),
    ("composables/models", "catalog/models"),
    ("composables/datasets", "catalog/datasets"),
    ("composables/endpoints", "catalog/endpoints"),
    ("composables/experiments", "catalog/experiments"),
    ("composables/pipelines", "catalog/pipelines"),
    ("composables/feature-sets", "catalog/feature-sets"),
    ("system/governance/policies", "catalog/governance/policies"),
    ("system/governance/compliance", "catalog/governance/compliance"),
    ("composables/policies", "catalog/governance/policies"),
    ("composables/compliance", "catalog/governance/compliance"),
    ("admin/dashboard/layouts", "views/layouts"),
    ("admin/dashboard/widgets", "views/widgets"),
    ("rag/monitoring/dashboards", "views/dashboards"),
];

/// Where a path leads: to itself where no line of the tables fits.
pub fn target(method: &str, segments: &[String]) -> Target {
    if let Some(found) = find(method, segments) {
        return found;
    }
    if let [service, again, _, ..] = segments
        && service == again
    {
        // `/api/v1/catalog/catalog/models` is how the catalogue of operations writes it; a service may also have a
        // noun of its own name, which the routes know.
        let plain = Target { method: None, segments: segments.to_vec(), params: Vec::new() };
        return find(method, &segments[1..]).unwrap_or(plain);
    }
    let segments = twin(segments).unwrap_or_else(|| segments.to_vec());
    find(method, &segments).unwrap_or(Target { method: None, segments, params: Vec::new() })
}

/// The path as the service that has the noun writes it.
fn twin(segments: &[String]) -> Option<Vec<String>> {
    TWINS.iter().find_map(|(theirs, ours)| {
        let base: Vec<&str> = theirs.split('/').collect();
        let starts = segments.len() >= base.len() && base.iter().zip(segments).all(|(a, b)| a == b);
        starts.then(|| ours.split('/').map(str::to_owned).chain(segments[base.len()..].to_vec()).collect())
    })
}

fn find(method: &str, segments: &[String]) -> Option<Target> {
    ALIASES.iter().find_map(|(verb, documented, target)| {
        if *verb != method {
            return None;
        }
        let mut carried = carried(documented, segments)?.into_iter();
        let (method, target) = match target.split_once(' ') {
            Some((method, target)) => (Some(method), target),
            None => (None, *target),
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut next =
            |part: &str| if part == "{}" { carried.next().unwrap_or_default() } else { part.to_owned() };
        let segments = path.split('/').map(&mut next).collect();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let params = pairs.map(|(name, part)| (name, next(part))).collect();
        Some(Target { method, segments, params })
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

    fn of(method: &str, path: &str) -> Target {
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        target(method, &segments)
    }

    #[test]
    fn what_stands_below_an_object_becomes_a_parameter() {
        let found = of("DELETE", "admin/users/ada/roles/editor");
        assert_eq!(found.segments.join("/"), "admin/users/ada/revoke-role");
        assert_eq!((found.method, found.params), (Some("POST"), vec![("role", "editor".to_owned())]));
        let other = of("GET", "admin/users/ada/roles/editor");
        assert_eq!((other.method, other.segments.len()), (None, 5));
    }

    #[test]
    fn a_noun_of_another_service_leads_to_its_kind() {
        assert_eq!(of("GET", "system/catalog/models/churn").segments.join("/"), "catalog/models/churn");
        assert_eq!(of("GET", "composables/datasets").segments.join("/"), "catalog/datasets");
        let found = of("PUT", "composables/datasets/rows/schema");
        assert_eq!(
            (found.method, found.segments.join("/")),
            (Some("POST"), "catalog/datasets/rows/set-schema".to_owned())
        );
        assert_eq!(of("PATCH", "catalog/catalog/models/churn/archive").method, Some("POST"));
        assert_eq!(of("GET", "composables/other").segments.join("/"), "composables/other");
    }

    #[test]
    fn a_service_may_have_a_noun_of_its_own_name() {
        assert_eq!(of("GET", "views/views/mine").segments.join("/"), "views/views/mine");
        assert_eq!(of("DELETE", "views/views/mine/state").segments.join("/"), "views/views/mine/clear-state");
        assert_eq!(of("GET", "rag/monitoring/dashboards/a").segments.join("/"), "views/dashboards/a");
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        assert_eq!(of("GET", "admin/activities/export").params, []);
        assert_eq!(of("GET", "admin/activities/7").params, [("id", "7".to_owned())]);
    }
}
