//! What is done with models and endpoints once they are there.

use super::stage;

const TRAINED: &str = r#"
        POST /datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "p"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 1}}
        => 201
        GET /models/penguins
        => 200 {"status": {"latest": "penguins.1"}}
"#;

fn play(text: &str) {
    stage().play(&format!("{TRAINED}{text}"));
}

#[test]
fn a_model_is_tried_found_and_put_into_service() {
    play(
        r#"
        GET /api/v1/system/training/jobs/p/logs
        => 200 "*"
        GET /api/v1/system/training/jobs/p/config
        => 200 {"dataset": "penguins", "target": "species"}
        GET /api/v1/system/training/jobs/p/hyperparameters
        => 200 {"budgetSeconds": 1, "seed": 7}
        POST /api/v1/system/training/jobs/p/stop {}
        => 409 {"code": "run-has-ended"}
        POST /models/penguins/validate {}
        => 200 {"version": 1, "valid": true, "checks": [{"check": "digest"}, {"check": "signed"}, {"check": "loads"}, {"check": "signature"}, {"check": "example"}]}
        POST /models/penguins/metrics {"metrics": {"latency_ms": 0.4}}
        => 200 {"version": 1, "metrics": {"latency_ms": 0.4, "accuracy": "*"}}
        POST /models/penguins/metrics {"metrics": {}}
        => 422 {"field": "metrics"}
        PUT /models/penguins/metadata {"description": "which penguin it is", "labels": {"team": "birds"}}
        => 200 {"description": "which penguin it is", "labels": {"team": "birds"}}
        GET /models/frameworks
        => 200 {"items": [{"framework": "*", "count": 1}]}
        GET /models/trending
        => 200 {"items": []}
        POST /models/penguins/predict {"rows": [{"bill_length_mm": 39.1}, {"bill_length_mm": 50}]}
        => 200 {"predictions": ["*", "*"], "version": "1"}
        GET /models/trending
        => 200 {"items": [{"model": "penguins", "used": 2, "growth": 2}]}
        # What was much used once is not trending a month later.
        advance 700000
        POST /models/penguins/predict {"rows": [{}]}
        => 200
        GET /models/trending
        => 200 {"items": [{"model": "penguins", "used": 1, "growth": -1}]}
        GET /models/penguins/usage
        => 200 {"counts": {"predictions": 3}}
        GET /models/recommended
        => 200 {"items": [{"model": "penguins", "why": ["of a task you work on", "in use"]}]}
        GET /models/rankings?metric=latency_ms&ascending=true
        => 200 {"items": [{"rank": 1, "model": "penguins", "value": 0.4}]}
        POST /models {"metadata": {"name": "empty"}}
        => 201
        POST /models/compare {"models": ["penguins", "empty"]}
        => 409 {"code": "model-empty"}
        POST /models/empty/predict {"rows": [{}]}
        => 409 {"code": "model-empty"}
        POST /models/penguins/deploy {"endpoint": "birds"}
        => 200 {"endpoint": "birds", "version": "penguins.1"}
        GET /models/penguins/deployments
        => 200 {"items": [{"endpoint": "birds", "phase": "Ready", "desired": "Serving"}]}
        POST /models/penguins/artifacts?filename=Report.md [content-type: text/markdown] < header.csv
        => 200 {"artifact": "$artifact", "bytes": 4}
        GET /models/penguins/artifacts
        => 200 {"items": [{"spec": {"filename": "Report.md", "media": "text/markdown"}}]}
        GET /model-artifacts/$artifact/download
        => 200 "a,b\n"
        GET /models/penguins/export
        => 200 "*"
        POST /models/empty/import-version < penguins.csv
        => 422 {"code": "bad-archive"}
        "#,
    );
}

#[test]
fn an_endpoint_is_taken_out_of_service_and_back() {
    play(
        r#"
        POST /endpoints {"metadata": {"name": "birds"}, "spec": {"model": "penguins"}}
        => 201
        POST /endpoints/birds/predict {"rows": [{}, {}]}
        => 200
        POST /endpoints/birds/predict {"rows": [{"bill_length_mm": "long"}]}
        => 422
        GET /endpoints/birds/metrics
        => 200 {"calls": 2, "answered": 1, "refused": 1, "failed": 0, "rows": 2, "withinSeconds": {"p50": 0.001}}
        GET /endpoints/birds/usage
        => 200 {"calls": 2, "rows": 2, "callers": {"user:admin": 2}}

        # What was counted is written after ten minutes, and added up with what was not.
        advance 601
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200
        GET /endpoints/birds/usage
        => 200 {"calls": 4, "rows": 4}

        PATCH /endpoints/birds/status {"status": "Maintenance", "reason": "new data"}
        => 200 {"desired": "Maintenance"}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 503 {"code": "endpoint-in-maintenance", "detail": "endpoint `birds` is being worked on: new data"}
        GET /endpoints/maintenance
        => 200 {"items": [{"name": "birds", "reason": "new data"}]}
        POST /endpoints/birds/undeploy {"reason": "retired"}
        => 200
        POST /endpoints/birds/predict {"rows": [{}]}
        => 409 {"code": "endpoint-stopped"}
        GET /endpoints/by-status/Stopped
        => 200 {"items": [{"name": "birds"}]}
        GET /endpoints/by-status/Lost
        => 422
        POST /endpoints/birds/deploy {"version": "7"}
        => 422 {"code": "bad-reference"}
        POST /endpoints/birds/deploy {"version": "1"}
        => 200
        GET /endpoints/birds/config
        => 200 {"version": "1", "rowsMax": 10000}
        PUT /endpoints/birds/config {"version": "1", "rowsMax": 1}
        => 200
        POST /endpoints/birds/predict {"rows": [{}, {}]}
        => 422 {"code": "too-many-rows"}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200
        GET /endpoints/by-model/penguins
        => 200 {"items": [{"name": "birds", "phase": "Ready", "desired": "Serving"}]}
        GET /endpoints/birds/deployments
        => 200 {"items": [{"verb": "deploy", "version": "penguins.1", "desired": "Serving", "outcome": {"phase": "Ready"}},
            {"verb": "undeploy", "desired": "Stopped"}, {"desired": "Maintenance"}, {"verb": "create", "outcome": {"phase": "Ready"}}]}
        GET /endpoints/birds/logs
        => 200 {"items": "*"}
        GET /api/v1/system/catalog/endpoints/birds/status
        => 200 {"phase": "Ready"}
        POST /api/v1/composables/endpoints/birds/invoke {"rows": [{}]}
        => 200
        "#,
    );
}
