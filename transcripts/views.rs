//! What people make to look at things, on a platform with runs to look at and people who may see different things.

use std::sync::Arc;

use domain_admin::{Administrator, bootstrap};
use domain_serving::Serving;
use domain_views::Computed;
use kernel::prelude::Secret;
use testing::Stage;

mod composing;
mod dressing;
mod sharing;

/// A platform on its first start; `$admin` works in the project `default`, `$ada` may do everything with views there and
/// look at models but not at users, `$bob` may nothing. Two runs have metrics.
fn play(text: &str) {
    let ports = testing::engines().with(Arc::new(Serving::default())).with(Arc::new(Computed::default()));
    let stage = Stage::of("views", domain_views::domain())
        .and(domain_admin::domain())
        .and(domain_catalog::domain())
        .with_ports(ports)
        .prepared(|platform| {
            Box::pin(async move {
                let password = Secret::new("correct horse");
                let who = Administrator { username: "admin".to_owned(), password, platform: true };
                bootstrap(&platform, &who).await.map(drop)
            })
        });
    stage.play(&format!("{PEOPLE}{text}"));
}

const PEOPLE: &str = r#"
        POST /api/v1/admin/auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /api/v1/admin/projects {"metadata": {"name": "lab"}}
        => 201
        POST /api/v1/admin/roles {"metadata": {"name": "looker"}, "spec": {"permissions": ["views.*", "catalog.models.*", "catalog.experiments.*", "catalog.runs.*"]}}
        => 201
        POST /api/v1/admin/users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /api/v1/admin/users {"metadata": {"name": "bob"}, "spec": {"password": "long enough"}}
        => 201
        POST /api/v1/admin/grants {"metadata": {"name": "ada"}, "spec": {"role": "looker", "subject": "user:ada", "project": "default"}}
        => 201
        POST /api/v1/admin/auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        POST /api/v1/admin/auth/login {"username": "bob", "password": "long enough"}
        => 200 {"accessToken": "$bob"}
        POST /api/v1/catalog/experiments {"metadata": {"name": "churn"}}
        => 201
        POST /api/v1/catalog/experiments/churn/runs {"metadata": {"name": "one"}}
        => 201 {"metadata": {"name": "$one"}}
        POST /api/v1/catalog/experiments/churn/runs {"metadata": {"name": "two"}}
        => 201 {"metadata": {"name": "$two"}}
        POST /api/v1/catalog/runs/$one/metrics {"points": [{"metric": "loss", "value": 0.5}, {"metric": "loss", "value": 0.25, "step": 1}]}
        => 200
        POST /api/v1/catalog/runs/$two/metrics {"points": [{"metric": "loss", "value": 0.1}]}
        => 200
        POST /api/v1/catalog/runs/$one/finish {"phase": "FINISHED"}
        => 200
        POST /api/v1/catalog/models {"metadata": {"name": "churn"}, "spec": {"description": "who leaves"}}
        => 201
"#;
