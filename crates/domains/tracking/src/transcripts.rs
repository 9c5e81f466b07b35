//! The kinds as their users meet them: requests, and the answers they must get.

use kernel::prelude::*;
use testing::Stage;

/// As much of an experiment as a reference needs.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "experiment", prefix = "exp")]
struct Experiment {
    /// What it is for.
    description: Option<String>,
}

fn stage() -> Stage {
    let experiments = Domain::new("catalog").kind(|kind: KindBuilder<Experiment>| kind);
    Stage::of("catalog", crate::domain()).and(experiments).with_ports(testing::engines())
}

#[test]
fn a_logged_model_is_pending_until_its_files_have_come() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "churn"}}
        => 201
        POST /logged-models {"metadata": {"name": "m-1"}, "spec": {"experiment": "churn", "title": "forest", "parameters": {"depth": "3"}}}
        => 201 {"status": {"phase": "PENDING"}}
        POST /logged-models/m-1/finish {"phase": "READY"}
        => 200 {"phase": "READY", "message": null}
        POST /logged-models/m-1/finish {"phase": "FAILED", "message": "the disk was full"}
        => 200 {"phase": "FAILED", "message": "the disk was full"}
        GET /logged-models?filter=status.phase%20%3D%20%22FAILED%22
        => 200 {"items": [{"metadata": {"name": "m-1"}, "spec": {"parameters": {"depth": "3"}}}]}
        POST /logged-models/m-1/finish {"phase": "DONE"}
        => 422
        POST /logged-models {"metadata": {"name": "m-2"}, "spec": {"experiment": "nothing"}}
        => 422 {"code": "bad-reference", "field": "spec.experiment"}
        PATCH /logged-models/m-1 {"spec": {"experiment": "other"}}
        => 422 {"code": "immutable-field"}
        "#,
    );
}

#[test]
fn a_record_belongs_to_a_dataset_and_keeps_what_goes_in() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "churn"}}
        => 201
        POST /evaluation-datasets {"metadata": {"name": "questions"}, "spec": {"title": "Questions", "experiments": ["churn"]}}
        => 201 {"status": {"updated": "2026-01-01T00:00:00.000000Z"}}
        POST /evaluation-records {"metadata": {"name": "r-1"}, "spec": {"dataset": "questions", "inputs": {"q": "why?"}, "expectations": {"a": "because"}}}
        => 201
        PATCH /evaluation-records/r-1 {"spec": {"inputs": {"q": "how?"}}}
        => 422 {"code": "immutable-field"}
        POST /evaluation-records {"metadata": {"name": "r-2"}, "spec": {"dataset": "nothing"}}
        => 422 {"code": "bad-reference"}
        "#,
    );
}

#[test]
fn a_scorer_is_a_json_object_that_does_not_change() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "churn"}}
        => 201
        POST /scorers {"metadata": {"name": "s.1"}, "spec": {"experiment": "churn", "title": "Safety", "number": 1, "serialized": "{}"}}
        => 201
        PATCH /scorers/s.1 {"spec": {"serialized": "{\"a\": 1}"}}
        => 422 {"code": "immutable-field"}
        POST /scorers {"metadata": {"name": "s.2"}, "spec": {"experiment": "churn", "title": "Safety", "number": 2, "serialized": "[]"}}
        => 422 {"code": "wrong-type", "field": "spec.serialized"}
        "#,
    );
}

#[test]
fn a_webhook_names_an_address_and_what_it_is_told_of() {
    stage().play(
        r#"
        POST /webhooks {"metadata": {"name": "made"}, "spec": {"url": "https://hooks.example.org/a", "events": ["model_version.created"], "secret": "s3cret-s3cret"}}
        => 201 {"spec": {"disabled": false, "secret": null}}
        POST /webhooks {"metadata": {"name": "other"}, "spec": {"url": "ftp://hooks.example.org", "events": ["model_version.created"]}}
        => 422 {"code": "bad-url", "field": "spec.url"}
        POST /webhooks {"metadata": {"name": "other"}, "spec": {"url": "https://hooks.example.org/a", "events": ["model_version.eaten"]}}
        => 422 {"code": "unknown-value", "field": "spec.events[0]"}
        # A platform that calls nobody says so.
        POST /webhooks/made/test
        => 200 {"success": false, "responseStatus": null}
        POST /webhooks/made/test {"event": "nothing.happened"}
        => 422 {"code": "unknown-value", "field": "event"}
        "#,
    );
}

#[test]
fn a_price_is_no_less_than_nothing() {
    stage().play(
        r#"
        POST /model-prices {"metadata": {"name": "gpt-4o-mini"}, "spec": {"model": "gpt-4o-mini", "provider": "openai", "input": 0.15, "output": 0.6, "cacheRead": 0.075}}
        => 201 {"spec": {"input": 0.15, "cacheRead": 0.075, "cacheWrite": null}}
        PATCH /model-prices/gpt-4o-mini {"spec": {"cacheWrite": -1}}
        => 422 {"code": "out-of-range", "field": "spec.cacheWrite"}
        POST /model-prices {"metadata": {"name": "free"}, "spec": {"model": "free", "input": 0, "output": 0}}
        => 201 {"spec": {"provider": null}}
        POST /model-prices {"metadata": {"name": "none"}, "spec": {"model": "none"}}
        => 422 {"code": "missing-field", "field": "spec.input"}
        "#,
    );
}
