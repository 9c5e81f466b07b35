//! The catalogue among people: what one project offers to another, and what governs it.

use std::sync::Arc;

use domain_admin::{Administrator, bootstrap};
use domain_serving::Serving;
use kernel::prelude::Secret;
use testing::Stage;

mod features;
mod governance;
mod market;

/// A platform on its first start with the whole catalogue; `admin` works in the project `default`, `ada` may do
/// everything in the project `lab`, `bob` is in neither.
fn play(text: &str) {
    let ports = testing::engines().with(Arc::new(Serving::default()));
    let stage = Stage::of("catalog", domain_catalog::domain())
        .and(domain_serving::domain())
        .and(domain_admin::domain())
        .and(domain_pipelines::domain())
        .and(domain_features::domain())
        .and(domain_market::domain())
        .and(domain_governance::domain())
        .with_ports(ports)
        .with_file("penguins.csv", include_bytes!("../examples/data/penguins.csv"))
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
        POST /api/v1/admin/roles {"metadata": {"name": "maker"}, "spec": {"permissions": ["catalog.*", "system.*"]}}
        => 201
        POST /api/v1/admin/users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /api/v1/admin/users {"metadata": {"name": "bob"}, "spec": {"password": "long enough"}}
        => 201
        POST /api/v1/admin/grants {"metadata": {"name": "ada-lab"}, "spec": {"role": "maker", "subject": "user:ada", "project": "lab"}}
        => 201
        POST /api/v1/admin/auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        POST /api/v1/admin/auth/login {"username": "bob", "password": "long enough"}
        => 200 {"accessToken": "$bob"}
        POST /datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "p"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 1}}
        => 201
        GET /models/penguins
        => 200 {"status": {"latest": "penguins.1"}}
"#;
