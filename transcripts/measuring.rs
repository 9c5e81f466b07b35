//! What is measured and what it costs: benchmarks, evaluations, comparisons, prices, A/B tests.

use std::sync::Arc;

use domain_serving::Serving;
use testing::Stage;

mod costs;
mod tests_of_two;

/// The catalogue with what answers and what measures.
fn stage() -> Stage {
    let ports = testing::engines().with(Arc::new(Serving::default()));
    Stage::of("system", domain_measuring::domain())
        .and(domain_catalog::domain())
        .and(domain_serving::domain())
        .with_ports(ports)
        .with_file("penguins.csv", include_bytes!("../examples/data/penguins.csv"))
}

/// A model `penguins` with two versions of the same file, of which one endpoint, `birds`, answers with the first.
const BIRDS: &str = r#"
        POST /api/v1/catalog/datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /api/v1/catalog/datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /training/jobs {"metadata": {"name": "p"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 1}}
        => 201
        GET /api/v1/catalog/models/penguins/versions/1
        => 200 {"spec": {"blob": "$onnx"}}
        POST /api/v1/catalog/model-versions {"spec": {"model": "penguins", "blob": "$onnx", "inputExample": {"flipper_length_mm": 200}}}
        => 201 {"metadata": {"name": "penguins.2"}}
        POST /api/v1/catalog/endpoints {"metadata": {"name": "birds"}, "spec": {"model": "penguins", "version": "1"}}
        => 201
"#;

fn play(text: &str) {
    stage().play(&format!("{BIRDS}{text}"));
}

#[test]
fn an_endpoint_and_a_version_are_measured_under_a_load_that_can_be_repeated() {
    play(
        r#"
        POST /benchmark/run {"name": "first", "endpoint": "birds", "dataset": "penguins", "load": {"requests": 100, "rows": 50, "rowsPerRequest": 2, "concurrency": 4, "warmUp": 5}}
        => 200 {"benchmark": "first", "modelVersion": "penguins.1", "datasetVersion": "penguins.1"}
        GET /benchmark/first
        => 200 {"spec": {"endpoint": "birds", "target": "species", "task": "multiclass", "load": {"concurrency": 4, "seed": 1, "seconds": 60}},
            "status": {"run": "$run", "measured": true, "rows": 50, "submittedBy": null, "measuredAt": "*", "actor": {"name": "admin"},
                "results": {"requests": 100, "answered": 100, "errorRate": 0, "rows": 200, "p50Ms": 0, "p99Ms": 0, "errors": {}, "judged": 50, "metrics": {"accuracy": "*", "auc": "*"}}}}
        GET /runs/$run
        => 200 {"spec": {"workflow": "system.benchmark"}, "status": {"phase": "Succeeded", "output": {"answered": 100}}}
        POST /benchmarks/first/cancel {}
        => 409 {"code": "run-has-ended"}
        # It asks as whoever ordered it, and what it asks is counted.
        GET /api/v1/catalog/endpoints/birds/usage
        => 200 {"calls": 105, "callers": {"user:admin": 105}}

        # Requests that are due at even times.
        POST /benchmark/run {"name": "again", "endpoint": "birds", "dataset": "penguins", "datasetVersion": 1, "load": {"requests": 25, "rows": 50, "rowsPerRequest": 2, "rate": 100000}}
        => 200
        GET /benchmarks/again
        => 200 {"status": {"results": {"requests": 25, "judged": 50, "metrics": {"accuracy": "*"}}}}

        # A version without an endpoint, by its own example: nothing can be said of quality.
        POST /catalog/models/benchmark {"name": "alone", "model": "penguins", "load": {"requests": 10, "warmUp": 0}}
        => 200 {"modelVersion": "penguins.2", "datasetVersion": null}
        GET /benchmarks/alone
        => 200 {"status": {"rows": 1, "results": {"answered": 10, "judged": null, "metrics": {}}}}
        POST /benchmarks {"metadata": {"name": "plain"}, "spec": {"modelVersion": "penguins.2", "datasetVersion": "penguins.1", "target": "sex", "load": {"requests": 5}}}
        => 201 {"spec": {"load": {"warmUp": 10}}, "status": {"measured": false}}
        GET /benchmarks/plain
        => 200 {"status": {"results": {"judged": "*", "metrics": {"accuracy": 0}}}}

        # What is asked too much of refuses, and that is an error like any other.
        PATCH /api/v1/catalog/endpoints/birds {"spec": {"rowsMax": 1}}
        => 200
        POST /benchmark/run {"name": "refused", "endpoint": "birds", "dataset": "penguins", "load": {"requests": 5, "rowsPerRequest": 2}}
        => 200
        GET /benchmarks/refused
        => 200 {"status": {"measured": false, "run": "$refused"}}
        GET /runs/$refused
        => 200 {"status": {"phase": "Failed", "error": {"code": "too-many-rows"}}}
        POST /benchmark/run {"name": "refused-cold", "endpoint": "birds", "dataset": "penguins", "load": {"requests": 5, "rowsPerRequest": 2, "warmUp": 0}}
        => 200
        GET /benchmarks/refused-cold
        => 200 {"status": {"results": {"requests": 5, "answered": 0, "errorRate": 1, "p50Ms": null, "errors": {"too-many-rows": 5}}}}

        POST /benchmark/run {"dataset": "penguins"}
        => 422 {"code": "missing-field"}
        POST /benchmark/run {"endpoint": "birds", "dataset": "penguins", "target": "wings"}
        => 422 {"code": "target-missing"}
        POST /benchmark/run {"endpoint": "birds", "load": {"concurrency": 65}}
        => 422 {"code": "out-of-range"}
        POST /benchmark/run {"endpoint": "nowhere"}
        => 404
        PATCH /benchmarks/first {"spec": {"target": "sex"}}
        => 405
        as viewer
        POST /benchmark/run {"endpoint": "birds"}
        => 403
        GET /benchmark/leaderboard
        => 200
        "#,
    );
}

#[test]
fn what_was_measured_stands_side_by_side_by_one_metric() {
    play(
        r#"
        POST /benchmark/run {"name": "one", "endpoint": "birds", "dataset": "penguins", "load": {"requests": 40, "rows": 40}}
        => 200
        POST /benchmark/run {"name": "two", "model": "penguins", "modelVersion": 2, "dataset": "penguins", "target": "species", "load": {"requests": 40, "rows": 40}}
        => 200
        POST /benchmark/run {"name": "three", "model": "penguins", "modelVersion": 2, "dataset": "penguins", "target": "species", "load": {"requests": 40, "rows": 40, "concurrency": 2}}
        => 200
        POST /benchmark/submit {"name": "theirs", "model": "penguins", "modelVersion": 1, "dataset": "penguins", "load": {"rows": 40},
            "submitted": {"tool": "hey 0.1.4", "hardware": "a laptop", "measuredAt": "2025-12-31T10:00:00Z", "results": {"p50Ms": 1, "p95Ms": 2, "throughput": 900, "metrics": {"accuracy": 0.5}}}}
        => 200 {"benchmark": "theirs", "modelVersion": "penguins.1"}
        GET /benchmarks/theirs
        => 200 {"spec": {"submitted": {"tool": "hey 0.1.4"}}, "status": {"run": null, "measured": true, "submittedBy": "user:admin", "hardware": "a laptop", "measuredAt": "2025-12-31T10:00:00.000000Z", "results": {"p95Ms": 2}}}
        POST /benchmarks/theirs/cancel {}
        => 409 {"code": "run-not-started"}
        POST /benchmark/submit {"model": "penguins", "submitted": {"tool": "hey", "hardware": "a laptop", "measuredAt": "2025-12-31T10:00:00Z", "results": {"p50Ms": 3, "p99Ms": 2}}}
        => 422 {"code": "results-unsound"}
        POST /benchmark/submit {"model": "penguins", "submitted": {"tool": "hey", "hardware": "a laptop", "measuredAt": "2025-12-31T10:00:00Z", "results": {}}}
        => 422 {"code": "results-unsound"}

        GET /benchmark/leaderboard?metric=accuracy&task=multiclass
        => 200 {"metric": "accuracy", "descending": true, "next": null, "items": [
            {"rank": 1, "value": "*", "submittedBy": null}, {"rank": 2, "benchmark": "theirs", "value": 0.5, "submittedBy": "user:admin"}]}
        GET /benchmark/leaderboard?dataset=penguins&metric=accuracy&measuredHere=true&limit=1
        => 200 {"items": [{"rank": 1, "modelVersion": "penguins.2", "concurrency": 1}], "next": 1}
        GET /benchmark/leaderboard?dataset=penguins&from=1
        => 200 {"metric": "p95Ms", "descending": false, "items": ["*", "*", "*"]}
        GET /benchmark/leaderboard?concurrency=2
        => 200 {"items": [{"benchmark": "three", "rank": 1}]}
        GET /benchmark/leaderboard?metric=throughput
        => 200 {"items": [{"benchmark": "theirs", "value": 900}]}
        GET /benchmark/leaderboard?dataset=other
        => 200 {"items": []}
        "#,
    );
}

#[test]
fn a_version_is_evaluated_on_labelled_data() {
    play(
        r#"
        POST /api/v1/composables/models/penguins/evaluate {"version": 1, "dataset": "penguins"}
        => 200 {"evaluation": "$one", "modelVersion": "penguins.1", "datasetVersion": "penguins.1"}
        GET /evaluations/$one
        => 200 {"spec": {"target": "species"}, "status": {"run": "$run", "measured": true, "rows": 344, "judged": 344, "classes": ["Adelie", "Chinstrap", "Gentoo"], "counts": ["*", "*", "*"],
            "metrics": {"accuracy": "*", "balanced_accuracy": "*", "f1": "*", "auc": "*", "logloss": "*"}}}
        GET /runs/$run
        => 200 {"status": {"phase": "Succeeded", "output": {"judged": 344}}}
        POST /evaluations/$one/cancel {}
        => 409 {"code": "run-has-ended"}

        # The second version was registered by hand, and does not say what it predicts.
        POST /api/v1/assets/models/penguins/evaluate {"dataset": "penguins"}
        => 422 {"code": "target-unknown", "field": "spec.target"}
        POST /api/v1/assets/models/penguins/evaluate {"dataset": "penguins", "target": "wings"}
        => 422 {"code": "target-missing"}
        POST /evaluations {"metadata": {"name": "own"}, "spec": {"modelVersion": "penguins.2", "datasetVersion": "penguins.1", "target": "sex"}}
        => 201
        GET /evaluations/own
        => 200 {"status": {"judged": 333, "metrics": {"accuracy": 0}}}
        POST /evaluations/start {"model": "penguins", "version": 2, "dataset": "penguins", "target": "species"}
        => 200
        POST /evaluations/start {"model": "penguins", "dataset": "nowhere"}
        => 404
        as viewer
        POST /evaluations/start {"model": "penguins", "dataset": "penguins"}
        => 403
        "#,
    );
}

#[test]
fn things_stand_side_by_side_as_they_were() {
    play(
        r#"
        POST /api/v1/composables/models/penguins/evaluate {"version": 1, "dataset": "penguins"}
        => 200 {"evaluation": "$evaluation"}
        POST /benchmark/run {"name": "one", "endpoint": "birds", "dataset": "penguins", "load": {"requests": 40, "rows": 40, "warmUp": 0}}
        => 200
        POST /comparison/compare {"name": "both", "subjects": [{"endpoint": "birds"}, {"modelVersion": "penguins.2"}, {"benchmark": "one"}], "dataset": "penguins", "sample": 100}
        => 200 {"comparison": "both", "seen": {"rows": 100,
            "items": [{"thing": "endpoint/birds", "modelVersion": "penguins.1", "benchmark": "one", "evaluation": "$evaluation", "values": {"live/calls": 40, "live/errorRate": 0, "heldOut/accuracy": "*", "evaluation/accuracy": "*", "benchmark/accuracy": "*", "benchmark/p95Ms": 0}},
                {"thing": "version/penguins.2", "benchmark": null, "values": {}}, {"thing": "benchmark/one", "endpoint": "birds"}],
            "agreement": [{"one": 0, "other": 1, "agreed": 100, "share": 1, "interval": ["*", 1], "meanDifference": null}, {"one": 0, "other": 2}, {"one": 1, "other": 2}]}}
        GET /comparison/both
        => 200 {"spec": {"datasetVersion": "penguins.1", "days": 30}, "status": {"rows": 100, "seenAt": "*", "items": ["*", "*", "*"]}}
        GET /catalog/models/compare/both
        => 200 {"metadata": {"name": "both"}}
        GET /comparisons?filter=metadata.name%3D%22both%22
        => 200 {"items": ["*"]}
        POST /comparison/compare {"subjects": [{"model": "penguins"}, {"modelVersion": "penguins.1"}], "rows": [{"flipper_length_mm": 200}, {"flipper_length_mm": 180}], "metrics": ["accuracy"]}
        => 200 {"seen": {"rows": 2, "items": [{"thing": "model/penguins", "modelVersion": "penguins.2"}, {"values": {"heldOut/accuracy": "*", "benchmark/p50Ms": null}}], "agreement": [{"agreed": 2}], "differences": []}}
        POST /comparison/metrics {"subjects": [{"modelVersion": "penguins.1"}, {"endpoint": "birds"}], "metrics": ["heldOut/accuracy", "p95Ms"]}
        => 200 {"items": ["*", "*"], "differences": [{"metric": "benchmark/p95Ms", "moreIsBetter": false, "fromFirst": [0, 0]}, {"metric": "heldOut/accuracy", "moreIsBetter": true, "fromFirst": [0, 0], "relative": [0, 0], "best": 0}]}
        GET /comparison/metrics
        => 200 {"items": "*"}
        POST /comparison/compare {"subjects": [{"model": "penguins"}]}
        => 422 {"code": "too-short"}
        POST /comparison/compare {"subjects": [{"model": "penguins"}, {"model": "penguins", "endpoint": "birds"}]}
        => 422 {"code": "missing-field", "field": "subjects[1]"}
        POST /comparison/compare {"subjects": [{"endpoint": "birds"}, {"endpoint": "nowhere"}]}
        => 404 {"field": "subjects[1]"}
        POST /comparison/compare {"subjects": [{"endpoint": "birds"}, {"model": "penguins"}], "rows": [7]}
        => 422 {"code": "wrong-type", "field": "rows[0]"}
        POST /comparisons {"metadata": {"name": "bare"}, "spec": {"subjects": [{"model": "penguins"}, {"endpoint": "birds"}]}}
        => 405
        as guest
        POST /comparison/metrics {"subjects": [{"endpoint": "birds"}]}
        => 403
        "#,
    );
}
