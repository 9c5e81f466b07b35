//! Searching: who finds what, and what nobody finds.

use std::sync::Arc;

use kernel::prelude::*;
use testing::Stage;

fn stage(directory: &std::path::Path) -> Stage {
    let ports = testing::engines()
        .with(engine_search::open(directory).unwrap())
        .with(Arc::new(domain_search::Feed::default()))
        .with(Arc::new(domain_serving::Serving::default()));
    let stage = Stage::of("catalog", domain_catalog::domain())
        .and(domain_serving::domain())
        .and(domain_admin::domain())
        .and(domain_search::domain());
    stage.with_ports(ports).prepared(|platform| {
        Box::pin(async move {
            let password = Secret::new("correct horse");
            let who = domain_admin::Administrator { username: "admin".to_owned(), password, platform: true };
            domain_admin::bootstrap(&platform, &who).await.map(|_| ())
        })
    })
}

const LIBRARY: &str = r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /models {"metadata": {"name": "churn", "labels": {"team": "sales"}}, "spec": {"description": "who cancels their contract"}}
        => 201 {"metadata": {"uid": "$churn"}}
        advance 1
        POST /models {"metadata": {"name": "board-only"}, "spec": {"description": "contracts of the board"}}
        => 201
        POST /experiments {"metadata": {"name": "contracts"}, "spec": {"description": "an experiment"}}
        => 201
        POST /api/v1/admin/users {"metadata": {"name": "ada"}, "spec": {"password": "long enough", "email": "countess@example.org"}}
        => 201
        POST /api/v1/admin/grants {"metadata": {"name": "ada"}, "spec": {"role": "viewer", "subject": "user:ada"}}
        => 201
        POST /api/v1/admin/users {"metadata": {"name": "eve"}, "spec": {"password": "long enough"}}
        => 201
        POST /search-index/rebuild
        => 200
        GET /search-index
        => 200 {"position": "*"}
"#;

#[test]
fn words_find_what_may_be_listed_and_nothing_secret() {
    let directory = tempfile::tempdir().unwrap();
    let story = r#"
        GET /search?query=contract
        => 200 {"metadata": {"total": 3}, "facets": {"kind": {"catalog.models": 2, "catalog.experiments": 1}}}
        POST /search/models {"query": "cancelled contracts"}
        => 200 {"metadata": {"total": 1}, "items": [{"name": "churn", "kind": "catalog.models", "uid": "$churn", "path": "*"}]}
        POST /search/advanced {"facets": {"label": ["team=sales"]}}
        => 200 {"items": [{"name": "churn"}]}
        POST /search/advanced {"query": "contract", "kinds": ["catalog.models"], "sort": "created", "limit": 1}
        => 200 {"metadata": {"total": 2, "nextPageToken": "1"}, "items": [{"name": "board-only"}]}
        POST /search/advanced {"query": "contract", "kinds": ["catalog.models"], "sort": "created", "limit": 1, "pageToken": "1"}
        => 200 {"items": [{"name": "churn"}]}
        # Personal data and secrets are nowhere in the index.
        GET /search?query=countess
        => 200 {"metadata": {"total": 0}}
        GET /search/filters/types
        => 200 {"facet": "kind", "items": "*"}
        GET /search/suggestions?query=chu
        => 200 {"items": ["churn"]}
        GET /search/sort-options
        => 200 {"items": [{"name": "relevance"}, {"name": "updated"}, {"name": "created"}]}
        GET /search/history
        => 200 {"items": [{"query": "countess"}, {"query": "contract"}, {"query": "cancelled contracts"}]}
        POST /search/clear-history
        => 200
        GET /search/history
        => 200 {"items": []}

        POST /search/advanced {"kinds": ["catalog.nothing"]}
        => 422 {"code": "unknown-kind", "field": "kinds"}
        GET /search?pageToken=x
        => 400 {"code": "bad-page-token"}
        POST /search/models {"kinds": ["admin.users"]}
        => 422 {"code": "kind-given"}
"#;
    stage(directory.path()).play(&format!("{LIBRARY}{story}"));
}

#[test]
fn each_finds_what_they_may_list() {
    let directory = tempfile::tempdir().unwrap();
    let story = r#"
        # A viewer finds it, too; a policy about one object hides that one, from the count as well.
        POST /api/v1/admin/policies {"metadata": {"name": "board"}, "spec": {"effect": "forbid", "subjects": ["user:ada"], "permissions": ["catalog.models.*"], "objects": ["board-only"]}}
        => 201
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        POST /search/models {"query": "contract"}
        => 200 {"metadata": {"total": 1}, "items": [{"name": "churn"}]}
        POST /search-index/rebuild
        => 403
        # Who was granted nothing finds nothing.
        POST /auth/login {"username": "eve", "password": "long enough"}
        => 200 {"accessToken": "$eve"}
        as $eve
        GET /search?query=contract
        => 200 {"metadata": {"total": 0}, "items": []}
        GET /search/filters
        => 200 {"facets": {}}
        as nobody
        GET /search?query=contract
        => 401
"#;
    stage(directory.path()).play(&format!("{LIBRARY}{story}"));
}
