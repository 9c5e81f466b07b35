//! What is watched of endpoints: drift, quality, fairness, what answers depend on; and predictions of whole datasets.

use std::sync::Arc;

use domain_admin::{Administrator, bootstrap};
use domain_monitoring::Baselines;
use domain_serving::Serving;
use kernel::prelude::Secret;
use ports::measure::Host;
use testing::Stage;

/// The catalogue with what answers and what watches, and the alerts of the service `admin`.
fn stage() -> Stage {
    let host: Arc<dyn Host> = engine_host::open(std::path::Path::new("/"));
    let ports = testing::engines().with(host).with(Arc::new(domain_operations::History::default()));
    Stage::of("catalog", domain_catalog::domain())
        .and(domain_serving::domain())
        .and(domain_monitoring::domain())
        .and(domain_admin::domain())
        .and(domain_operations::domain())
        .with_ports(ports.with(Arc::new(Serving::default())).with(Arc::new(Baselines::default())))
        .with_file("penguins.csv", include_bytes!("../examples/data/penguins.csv"))
        .prepared(|platform| {
            Box::pin(async move {
                let password = Secret::new("correct horse");
                let who = Administrator { username: "admin".to_owned(), password, platform: true };
                bootstrap(&platform, &who).await?;
                domain_operations::maintenance::prepare(&platform).await
            })
        })
}

/// A model `penguins` that an endpoint, `birds`, answers with.
const BIRDS: &str = r#"
        POST /api/v1/admin/auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "p"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 1}}
        => 201
        POST /endpoints {"metadata": {"name": "birds"}, "spec": {"model": "penguins", "version": "1"}}
        => 201
"#;

fn play(text: &str) {
    stage().play(&format!("{BIRDS}{text}"));
}

/// Everything `birds` is asked is logged, and the truth of it told.
const ASKED: &str = r#"
        PATCH /endpoints/birds {"spec": {"logging": {}}}
        => 200
        POST /endpoints/birds/predict {"rows": [
            {"island": "Torgersen", "bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750, "sex": "male"},
            {"island": "Biscoe", "bill_length_mm": 50.0, "bill_depth_mm": 15.2, "flipper_length_mm": 218, "body_mass_g": 5700, "sex": "male"},
            {"island": "Biscoe", "bill_length_mm": 46.1, "bill_depth_mm": 13.2, "flipper_length_mm": 211, "body_mass_g": 4500, "sex": "female"},
            {"island": "Dream", "bill_length_mm": 37.0, "bill_depth_mm": 16.9, "flipper_length_mm": 185, "body_mass_g": 3000, "sex": "female"}]}
        => 200 {"predictionId": "$p"}
        POST /endpoints/birds/feedback {"items": [{"id": "$p", "row": 0, "truth": "Adelie"}, {"id": "$p", "row": 1, "truth": "Gentoo"},
            {"id": "$p", "row": 2, "truth": "Gentoo"}, {"id": "$p", "row": 3, "truth": "Chinstrap"}]}
        => 200 {"accepted": 4}
"#;

#[test]
fn what_an_endpoint_answers_is_held_against_its_training_and_the_truth() {
    play(&format!(
        r#"{ASKED}
        GET /endpoints/birds/drift
        => 200 {{"rows": 4, "comparedWith": "held-out", "version": "penguins.1", "columns": [
            {{"column": "in.bill_depth_mm"}}, {{"column": "in.bill_length_mm", "sort": "numbers", "test": "kolmogorov-smirnov", "current": 4}}, {{"column": "in.body_mass_g"}},
            {{"column": "in.flipper_length_mm"}}, {{"column": "in.island", "sort": "classes", "test": "chi-square"}}, {{"column": "in.sex"}}, {{"column": "out.label", "sort": "classes"}}]}}
        GET /endpoints/birds/performance
        => 200 {{"rows": 4, "judged": 4, "metrics": {{"accuracy": 0.75, "auc": "*"}}}}
        GET /endpoints/birds/fairness?column=sex&favourable=Gentoo
        => 200 {{"groups": [{{"group": "female", "selection": {{"rate": 0.5, "of": 2}}}}, {{"group": "male", "selection": {{"rate": 0.5}}}}],
            "demographicParity": {{"difference": 0, "ratio": 1}}, "equalizedOdds": 0}}
        GET /endpoints/birds/fairness?column=wings&favourable=Gentoo
        => 422 {{"code": "unknown-column", "field": "column"}}
        GET /endpoints/birds/fairness
        => 422 {{"code": "missing-field", "field": "column"}}
        GET /endpoints/birds/importance?rows=50
        => 200 {{"metric": "accuracy", "rows": 50, "items": [{{"importance": "*"}}, "*", "*", "*", "*", "*"]}}
        GET /endpoints/birds/partial-dependence?column=island&class=Gentoo&rows=20
        => 200 {{"class": "Gentoo", "rows": 20, "items": [{{"value": "*", "mean": "*"}}, "*", "*"]}}
        GET /endpoints/birds/partial-dependence?column=wings
        => 422 {{"code": "unknown-column"}}
        GET /endpoints/birds/partial-dependence?column=island&class=Dodo
        => 422 {{"code": "unknown-value", "field": "class"}}
        GET /api/v1/composables/models/penguins/drift
        => 200 {{"items": [{{"endpoint": "birds", "rows": 4}}]}}
        POST /models/penguins/versions/1/reference {{"limit": 5}}
        => 200 {{"rows": ["*", "*", "*", "*", "*"], "from": "held-out", "target": "species"}}
        GET /models/penguins/versions/1
        => 200 {{"spec": {{"blob": "$onnx"}}}}
        POST /model-versions {{"spec": {{"model": "penguins", "blob": "$onnx"}}}}
        => 201 {{"metadata": {{"name": "penguins.2"}}}}
        POST /models/penguins/versions/2/reference {{}}
        => 409 {{"code": "no-background"}}

        # What was asked longer ago than the window is not looked at.
        advance 7200
        GET /endpoints/birds/performance?windowSeconds=3600
        => 200 {{"rows": 0, "judged": 0}}
        GET /api/v1/system/monitoring/metrics/endpoints
        => 200 {{"items": [{{"endpoint": "birds", "answered": 1}}]}}
        "#
    ));
}

#[test]
fn a_monitor_says_what_is_wrong_and_an_alert_tells_of_it() {
    play(&format!(
        r#"{ASKED}
        POST /monitors {{"metadata": {{"name": "few"}}, "spec": {{"endpoint": "birds"}}}}
        => 201 {{"spec": {{"windowSeconds": 86400, "test": "Auto", "driftShareMax": 0.5}}}}
        POST /monitors/few/evaluate {{}}
        => 200 {{"state": "Waiting", "breached": false, "rows": 4}}
        POST /monitors {{"metadata": {{"name": "birds"}}, "spec": {{"endpoint": "birds", "rowsMin": 4, "driftShareMax": 1, "bounds": [{{"metric": "accuracy", "min": 0.9}}],
            "fairness": {{"column": "sex", "favourable": "Gentoo"}}, "alert": {{"severity": "critical"}}}}}}
        => 201
        POST /monitors/birds/evaluate {{}}
        => 200 {{"state": "Breached", "breached": true, "reasons": ["accuracy is 0.7500, below 0.9"], "judged": 4, "comparedWith": "held-out", "alert": "$alert", "message": null}}
        GET /api/v1/admin/alerts/$alert
        => 200 {{"spec": {{"severity": "critical", "count": {{"kind": "catalog.monitors", "project": "default"}}}}}}
        GET /api/v1/admin/alerts/$alert/value
        => 200 {{"value": 1, "holds": true}}
        GET /monitors/quality
        => 200 {{"counts": {{"Breached": 1, "Waiting": 1}}, "items": ["*", "*"]}}
        GET /api/v1/system/analytics/quality/accuracy
        => 200 {{"items": [{{"monitor": "few"}}, {{"monitor": "birds", "metrics": {{"accuracy": 0.75}}, "groups": null}}]}}

        # Once nothing is wrong any more, nor is the alert.
        PATCH /monitors/birds {{"spec": {{"bounds": [{{"metric": "accuracy", "min": 0.5}}], "alert": {{"severity": "warning"}}}}}}
        => 200
        POST /monitors/birds/evaluate {{}}
        => 200 {{"state": "Healthy", "reasons": []}}
        GET /api/v1/admin/alerts/$alert/value
        => 200 {{"value": 0, "holds": false}}
        GET /api/v1/admin/alerts/$alert
        => 200 {{"spec": {{"severity": "warning"}}}}
        DELETE /monitors/birds
        => 200
        GET /api/v1/admin/alerts/$alert
        => 404
        POST /monitors {{"metadata": {{"name": "none"}}, "spec": {{"endpoint": "nowhere"}}}}
        => 422 {{"code": "bad-reference"}}
        "#
    ));
}

#[test]
fn a_model_is_scored_by_what_is_known_of_it() {
    play(&format!(
        r#"
        GET /api/v1/system/scoring/penguins
        => 200 {{"model": "penguins", "score": "*", "parts": [{{"part": "heldOut", "value": "*", "weight": 1}}, {{"part": "live", "value": null, "weight": 2}}, "*", "*", {{"part": "reliability", "value": null}}]}}
        {ASKED}
        POST /monitors {{"metadata": {{"name": "birds"}}, "spec": {{"endpoint": "birds", "rowsMin": 4, "fairness": {{"column": "sex", "favourable": "Gentoo"}}}}}}
        => 201
        POST /monitors/birds/evaluate {{}}
        => 200
        POST /api/v1/system/scoring/custom {{"model": "penguins", "weights": {{"heldOut": 0, "live": 3, "stability": 0, "fairness": 1, "reliability": 0}}}}
        => 200 {{"score": 0.8125}}
        POST /api/v1/system/scoring/calculate {{"model": "penguins"}}
        => 200 {{"parts": ["*", {{"value": 0.75}}, {{"part": "stability", "value": "*"}}, {{"part": "fairness", "value": 1}}, {{"part": "reliability", "value": 1}}]}}
        POST /models {{"metadata": {{"name": "empty"}}}}
        => 201
        GET /api/v1/system/scoring/rankings
        => 200 {{"items": [{{"model": "penguins"}}]}}
        GET /api/v1/system/scoring/empty
        => 409 {{"code": "model-empty"}}
        GET /api/v1/system/analytics
        => 200 {{"counts": {{"catalog.endpoints": 1, "catalog.models": 2}}, "monitors": {{"Healthy": 1}}}}
        GET /api/v1/system/analytics/usage
        => 200 {{"calls": 1, "rows": 4, "endpoints": [{{"endpoint": "birds"}}], "models": [{{"model": "penguins", "counts": {{"predictions": 4}}}}, {{"model": "empty"}}]}}
        GET /api/v1/system/analytics/usage/models
        => 200 {{"items": ["*", "*"]}}
        GET /api/v1/system/analytics/usage/datasets
        => 200 {{"items": [{{"dataset": "penguins"}}]}}
        GET /api/v1/system/analytics/usage/trends
        => 200 {{"items": [{{"model": "penguins"}}]}}
        "#
    ));
}

#[test]
fn a_whole_dataset_is_predicted_into_a_new_version() {
    play(
        r#"
        POST /endpoints/birds/batch-predict {"dataset": "penguins", "into": "named"}
        => 200 {"batchPrediction": "$batch", "modelVersion": "penguins.1", "into": "named"}
        GET /batch-predictions/$batch
        => 200 {"spec": {"datasetVersion": "penguins.1"}, "status": {"run": "$run", "done": 344, "parts": [{"rows": 344}], "version": "named.1"}}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Succeeded"}}
        GET /datasets/named/versions/1
        => 200 {"spec": {"derivedFrom": "penguins.1"}, "status": {"phase": "Ready", "rows": 344}}
        GET /datasets/named/sample?limit=1
        => 200 {"rows": [{"species": "Adelie", "body_mass_g": 3750, "prediction": "Adelie", "probability_Gentoo": "*"}]}
        POST /batch-predictions/$batch/cancel {}
        => 409 {"code": "run-has-ended"}

        POST /api/v1/composables/models/penguins/batch-predict {"dataset": "penguins"}
        => 200 {"modelVersion": "penguins.1", "into": "penguins-predictions"}
        POST /batch-predictions {"metadata": {"name": "own"}, "spec": {"endpoint": "birds", "datasetVersion": "penguins.1", "into": "third"}}
        => 201 {"spec": {"modelVersion": "penguins.1"}}
        GET /batch-predictions/own
        => 200 {"status": {"version": "third.1"}}
        POST /batch-predictions/start {"dataset": "penguins"}
        => 422 {"code": "missing-field"}
        # What has been predicted has such columns already.
        POST /endpoints/birds/batch-predict {"dataset": "named"}
        => 422 {"code": "table-duplicate-column"}
        POST /endpoints/nowhere/batch-predict {"dataset": "penguins"}
        => 404
        "#,
    );
}
