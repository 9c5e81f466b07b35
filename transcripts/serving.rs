//! Models that answer: from a table to an endpoint, from one revision to the next, and back.

use std::sync::Arc;

use domain_serving::Serving;
use testing::Stage;

mod graphs;
mod logging;
mod main_job;
mod models;
mod rollouts;
mod routing;

/// The catalogue with what answers, its engines, and a few small files to send.
fn stage() -> Stage {
    let ports = testing::engines().with(Arc::new(Serving::default()));
    Stage::of("catalog", domain_catalog::domain())
        .and(domain_serving::domain())
        .with_ports(ports)
        .with_file("penguins.csv", include_bytes!("../examples/data/penguins.csv"))
        .with_file("empty.csv", b"")
        .with_file("header.csv", b"a,b\n")
}

/// A model `penguins` with two versions, of which one endpoint, `birds`, answers with the first.
const BIRDS: &str = r#"
        POST /datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "p"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 1}}
        => 201
        GET /models/penguins/versions/1
        => 200 {"spec": {"blob": "$onnx"}}
        POST /model-versions {"spec": {"model": "penguins", "blob": "$onnx", "inputExample": {"flipper_length_mm": 200}}}
        => 201 {"metadata": {"name": "penguins.2"}}
        POST /endpoints {"metadata": {"name": "birds"}, "spec": {"model": "penguins", "version": "1"}}
        => 201
"#;

fn play(text: &str) {
    stage().play(&format!("{BIRDS}{text}"));
}

#[test]
fn an_endpoint_needs_a_model_with_a_version() {
    stage().play(
        r#"
        POST /endpoints {"metadata": {"name": "e"}, "spec": {"model": "nowhere"}}
        => 404
        POST /models {"metadata": {"name": "churn"}}
        => 201
        POST /endpoints {"metadata": {"name": "churn"}, "spec": {"model": "churn"}}
        => 409 {"code": "model-empty"}
        POST /model-versions {"spec": {"model": "churn", "source": "models:/m-1"}}
        => 201
        POST /models/churn/versions/1/clear {"event": "deploy"}
        => 200 {"clear": true}
        POST /models/churn/versions/1/clear {"event": "steal"}
        => 422
        POST /endpoints {"metadata": {"name": "churn"}, "spec": {"model": "churn", "version": "1"}}
        => 201
        GET /endpoints/churn
        => 200 {"status": {"phase": "Failed", "latest": 1, "revision": null, "conditions": [{"type": "Ready", "status": "False", "reason": "LoadFailed"}]}}
        POST /endpoints/churn/predict {"rows": [{}]}
        => 503 {"code": "endpoint-failed"}
        "#,
    );
}
