//! What runs the platform, as its users meet it: a real administrator, the real engines, requests and answers.

use std::sync::Arc;

use domain_admin::{Administrator, bootstrap};
use kernel::{platform::Ports, prelude::Secret};
use ports::measure::Host;
use testing::Stage;

mod alerting;
mod auditing;
mod backing_up;
mod describing;
mod privacy;
mod projects;

/// A platform on its first start, logged in to as `$admin`.
fn stage() -> Stage {
    prepared(Ports::default())
}

/// The same with engines behind ports.
fn prepared(ports: Ports) -> Stage {
    let host: Arc<dyn Host> = engine_host::open(std::path::Path::new("/"));
    let ports = ports.with(host).with(Arc::new(domain_operations::History::default()));
    Stage::of("admin", domain_admin::domain()).and(domain_operations::domain()).with_ports(ports).prepared(
        |platform| {
            Box::pin(async move {
                let password = Secret::new("correct horse");
                let who = Administrator { username: "admin".to_owned(), password, platform: true };
                bootstrap(&platform, &who).await?;
                domain_operations::maintenance::prepare(&platform).await
            })
        },
    )
}

/// Logs in the administrator, and makes the user `ada` with the token `$ada`.
const PEOPLE: &str = r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough", "groups": ["science"]}}
        => 201
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
"#;

fn play(text: &str) {
    stage().play(&format!("{PEOPLE}{text}"));
}
