//! Provenance: what was done, what came from what, and what other programs report.

use std::sync::Arc;

use testing::Stage;

fn stage() -> Stage {
    let ports = testing::engines().with(Arc::new(domain_serving::Serving::default()));
    Stage::of("catalog", domain_catalog::domain())
        .and(domain_serving::domain())
        .and(domain_provenance::domain())
        .with_ports(ports)
}

#[test]
fn changes_are_told_filtered_and_undone() {
    stage().play(
        r#"
        POST /models {"metadata": {"name": "churn"}, "spec": {"description": "first"}}
        => 201 {"metadata": {"uid": "$uid", "resourceVersion": "$first"}}
        advance 60
        PATCH /models/churn {"spec": {"description": "second"}}
        => 200 {"metadata": {"resourceVersion": "$second"}}
        POST /experiments {"metadata": {"name": "tries"}, "spec": {}}
        => 201
        GET /provenance?limit=2
        => 200 {"metadata": {"nextPageToken": "*"}, "items": [{"kind": "catalog.experiments", "verb": "create"}, {"verb": "patch", "name": "churn"}]}
        GET /provenance/activities/recent
        => 200 {"items": "*"}
        GET /provenance/activities/artifact/$uid
        => 200 {"items": [{"verb": "patch"}, {"verb": "create"}]}
        GET /provenance/activities/user/admin
        => 200 {"items": "*"}
        GET /provenance/search?query=TRIES
        => 200 {"items": [{"name": "tries"}]}
        POST /provenance/filter {"kinds": ["catalog.models"], "verbs": ["create"]}
        => 200 {"items": [{"name": "churn", "verb": "create"}]}
        GET /provenance/filter/types
        => 200 {"items": [{"value": "catalog.experiments", "count": 1}, {"value": "catalog.models", "count": 2}]}
        GET /provenance/filter/timerange
        => 200 {"changes": 3, "truncated": false}
        GET /provenance/changes/$second
        => 200 {"verb": "patch", "patch": [{"op": "replace", "path": "/metadata/generation", "value": 2}, {"op": "replace", "path": "/spec/description", "value": "second"}, "*"]}
        GET /provenance/changes/$second/diff
        => 200 {"before": {"spec": {"description": "first"}}, "after": {"spec": {"description": "second"}}}
        DELETE /models/churn
        => 200
        # What is in the trash comes back first.
        POST /provenance/changes/$first/restore
        => 200 {"spec": {"description": "first"}}
        GET /models/churn
        => 200 {"metadata": {"uid": "$uid"}, "spec": {"description": "first"}}
        GET /provenance/$uid
        => 200 {"object": {"name": "churn"}, "made": {"verb": "create", "position": "*"}, "changed": {"verb": "rollback"}, "from": []}
        GET /provenance/changes/99999
        => 404
        GET /provenance/activities/artifact/mdl_nothing
        => 404
        GET /provenance?pageToken=x
        => 400 {"code": "bad-page-token"}
        "#,
    );
}

const EVENTS: &str = r#"
        POST /api/v1/lineage {"eventType": "START", "eventTime": "2026-01-01T00:00:00Z", "producer": "https://example.org/airflow", "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json", "run": {"runId": "0190b0a0-1111-7000-8000-000000000001"}, "job": {"namespace": "airflow", "name": "nightly.export"}, "inputs": [{"namespace": "aic", "name": "people"}], "outputs": [{"namespace": "s3://lake", "name": "people/2026"}]}
        => 200 {"job": "$job", "run": "$run", "datasets": ["$in", "$out"]}
"#;

#[test]
fn other_programs_report_what_they_read_and_wrote() {
    let story = r#"
        # Once more changes nothing; the end may come before the beginning.
        GET /lineage-runs/$run
        => 200 {"metadata": {"resourceVersion": "$version"}, "spec": {"state": "START", "ended": null}}
        POST /api/v1/lineage {"eventType": "START", "eventTime": "2026-01-01T00:00:00Z", "producer": "https://example.org/airflow", "schemaURL": "x", "run": {"runId": "0190b0a0-1111-7000-8000-000000000001"}, "job": {"namespace": "airflow", "name": "nightly.export"}, "inputs": [{"namespace": "aic", "name": "people"}], "outputs": [{"namespace": "s3://lake", "name": "people/2026"}]}
        => 200
        GET /lineage-runs/$run
        => 200 {"metadata": {"resourceVersion": "$version"}}
        POST /api/v1/lineage {"eventType": "COMPLETE", "eventTime": "2026-01-01T00:05:00Z", "producer": "https://example.org/airflow", "schemaURL": "x", "run": {"runId": "0190b0a0-1111-7000-8000-000000000001"}, "job": {"namespace": "airflow", "name": "nightly.export"}}
        => 200
        POST /api/v1/lineage {"eventType": "RUNNING", "eventTime": "2026-01-01T00:04:00Z", "producer": "https://example.org/airflow", "schemaURL": "x", "run": {"runId": "0190b0a0-1111-7000-8000-000000000001"}, "job": {"namespace": "airflow", "name": "nightly.export"}}
        => 200
        GET /lineage-runs/$run
        => 200 {"spec": {"state": "COMPLETE", "job": "$job", "inputs": ["$in"], "outputs": ["$out"]}}
        # From the platform's own dataset to the file outside, and back.
        GET /datasets/people
        => 200 {"metadata": {"uid": "$people"}}
        GET /provenance/lineage/$people/impact
        => 200 {"counts": {"catalog.lineage-datasets": 2, "catalog.lineage-runs": 1}, "affected": {"catalog.lineage-datasets": [{"name": "$in", "via": []}, {"name": "$out", "via": "*"}]}}
        GET /lineage-datasets/$out/lineage?direction=upstream
        => 200 {"nodes": [{"kind": "catalog.lineage-datasets"}, {"kind": "catalog.lineage-runs"}, {"kind": "catalog.lineage-jobs"}, {"kind": "catalog.lineage-datasets"}, {"kind": "catalog.datasets", "name": "people"}]}
        POST /provenance {"activity": "typed in by hand", "inputs": [{"namespace": "s3://lake", "name": "people/2026"}], "outputs": [{"namespace": "paper", "name": "report"}]}
        => 200 {"datasets": ["$out", "$report"]}
        POST /provenance/export {"id": "$people", "direction": "downstream", "format": "prov-json"}
        => 200 {"id": "$export", "bytes": "*"}
        GET /provenance/export/$export
        => 200 {"spec": {"root": "$people", "format": "prov-json"}}
        GET /provenance/export/$export/download
        => 200 {"prefix": {"aic": "urn:aic:"}, "entity": "*", "wasDerivedFrom": "*"}
        GET /api/v1/lineage/events
        => 200 {"items": []}
        # What is no event is refused with the field.
        POST /api/v1/lineage {"eventTime": "2026-01-01T00:00:00Z", "producer": "x", "schemaURL": "x", "run": {"runId": "0190b0a0-1111-7000-8000-000000000002"}}
        => 422 {"code": "missing-field", "field": "job"}
        POST /api/v1/lineage {"eventTime": "yesterday", "producer": "x", "schemaURL": "x"}
        => 422
        POST /api/v1/lineage {"eventTime": "2026-01-01T00:00:00Z", "producer": "x", "schemaURL": "x", "run": {"runId": 7}, "job": {"namespace": "a", "name": "b"}}
        => 422 {"code": "missing-field", "field": "run.runId"}
        POST /api/v1/lineage {"eventTime": "2026-01-01T00:00:00Z", "producer": "x", "schemaURL": "x", "job": {"namespace": "a", "name": "b"}, "inputs": [{"name": "c"}]}
        => 422 {"code": "missing-field", "field": "inputs.0.namespace"}
"#;
    let data = r#"
        POST /datasets {"metadata": {"name": "people"}, "spec": {"description": "of the platform"}}
        => 201
"#;
    stage().play(&format!("{data}{EVENTS}{story}"));
}

#[test]
fn what_came_of_something_withdrawn_stops_and_stays_out_of_service() {
    let penguins = include_bytes!("../examples/data/penguins.csv");
    stage().with_file("penguins.csv", penguins).play(
        r#"
        POST /datasets {"metadata": {"name": "penguins"}, "spec": {}}
        => 201 {"metadata": {"uid": "$data"}}
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "penguins"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 5, "folds": 2}}
        => 201
        GET /experiments/by-dataset/penguins
        => 200 {"items": [{"experiment": "penguins", "runs": 1}]}
        GET /experiments/by-model/penguins
        => 200 {"items": [{"experiment": "penguins", "runs": 1}]}
        GET /experiments/by-model/nothing
        => 200 {"items": []}
        POST /endpoints {"metadata": {"name": "birds"}, "spec": {"model": "penguins"}}
        => 201
        POST /endpoints/birds/test {}
        => 200
        POST /quarantines {"metadata": {"name": "case"}, "spec": {"subject": "dst_nothing", "reason": "consent was withdrawn"}}
        => 404 {"field": "spec.subject"}
        POST /quarantines {"metadata": {"name": "case"}, "spec": {"subject": "$data", "reason": "consent was withdrawn"}}
        => 201
        GET /quarantines/case
        => 200 {"status": {"stopped": ["birds"]}}
        POST /endpoints/birds/test {}
        => 409 {"code": "endpoint-stopped", "detail": "endpoint `birds` is out of service: consent was withdrawn (quarantine `case`)"}
        POST /endpoints/birds/deploy {}
        => 409 {"code": "in-quarantine"}
        POST /model-versions/penguins.1/promote {"stage": "Production"}
        => 409 {"code": "in-quarantine"}
        POST /endpoints {"metadata": {"name": "other"}, "spec": {"model": "penguins"}}
        => 409 {"code": "in-quarantine"}
        DELETE /quarantines/case
        => 200
        POST /endpoints/birds/deploy {}
        => 200
        POST /endpoints/birds/test {}
        => 200
        "#,
    );
}

#[test]
fn a_sink_is_told_when_it_is_asked() {
    stage().play(
        r#"
        POST /lineage-sinks {"metadata": {"name": "marquez"}, "spec": {"url": "ftp://marquez.example"}}
        => 422 {"code": "bad-url", "field": "spec.url"}
        POST /lineage-sinks {"metadata": {"name": "marquez"}, "spec": {"url": "https://marquez.example/api/v1/lineage", "token": "s3"}}
        => 201 {"spec": {"url": "https://marquez.example/api/v1/lineage", "fromBeginning": false}}
        # Nothing has been learned that it could be told.
        POST /lineage-sinks/marquez/flush {}
        => 200 {"position": "*"}
        "#,
    );
}
