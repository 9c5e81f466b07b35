//! Datasets, experiments and models without a training.

use super::stage;

#[test]
fn versions_of_a_dataset_count_up_and_go_with_it() {
    stage().play(
        r#"
        POST /datasets {"metadata": {"name": "small"}, "spec": {"description": "rows"}}
        => 201
        # Nothing to sample before something was uploaded.
        GET /datasets/small/sample
        => 409 {"code": "dataset-empty"}
        POST /datasets/small/upload?filename=a.csv < penguins.csv
        => 200 {"version": "small.1", "run": "*"}
        POST /datasets/small/upload [content-type: text/csv] < one-class.csv
        => 200 {"version": "small.2"}
        GET /datasets/small
        => 200 {"status": {"latest": "small.2", "rows": 10, "columns": 2}}
        GET /datasets/small/versions
        => 200 {"items": [{"spec": {"number": 1}}, {"spec": {"number": 2}}]}
        GET /dataset-versions/small.1/sample?limit=2&skip=1
        => 200 {"rows": ["*", "*"]}
        POST /datasets/small/profile {}
        => 200 {"run": "*"}
        POST /datasets/small/archive {}
        => 200
        GET /datasets?filter=spec.archived%20=%20true
        => 200 {"items": [{"metadata": {"name": "small"}}]}
        GET /datasets/formats
        => 200 {"items": ["csv", "parquet"]}

        # A dataset takes its versions along.
        DELETE /datasets/small
        => 200
        GET /datasets/small/versions
        => 404
        GET /dataset-versions
        => 200 {"items": []}
        POST /datasets/small/restore {}
        => 200 {"metadata": {"name": "small"}}
        "#,
    );
}

#[test]
fn a_run_keeps_what_is_logged_to_it() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "tuning"}}
        => 201
        POST /experiments/tuning/runs {"metadata": {"name": "one"}, "spec": {"parameters": {"depth": "3"}}}
        => 201 {"metadata": {"name": "tuning.one"}, "status": {"phase": "RUNNING"}}
        POST /experiments/tuning/runs/one/metrics {"points": [
            {"metric": "loss", "value": 0.5, "step": 1}, {"metric": "loss", "value": 0.4, "step": 2}]}
        => 200
        GET /runs/tuning.one/metrics?metric=loss
        => 200 {"items": [{"step": 1, "value": 0.5}, {"step": 2, "value": 0.4}], "last": {"loss": 0.4}}
        POST /runs/tuning.one/finish {"phase": "FINISHED"}
        => 200
        GET /experiments/tuning/parameters
        => 200 {"items": [{"parameters": {"depth": "3"}}]}
        POST /experiments/tuning/archive {}
        => 200
        GET /runs/tuning.one/held-out
        => 404 {"code": "no-held-out-rows"}
        POST /runs/tuning.one/metrics {"points": []}
        => 422 {"code": "too-short", "field": "points"}
        "#,
    );
}

#[test]
fn a_model_says_what_it_has() {
    stage().play(
        r#"
        POST /models {"metadata": {"name": "churn"}, "spec": {"description": "who leaves"}}
        => 201
        GET /models/churn/metadata
        => 200 {"description": "who leaves", "latest": null}
        GET /models/churn/metrics
        => 200 {"items": []}
        GET /models/churn/dependencies
        => 200 {"items": []}
        POST /models/churn/compare {"versions": [1, 2]}
        => 404
        POST /models/churn/archive {}
        => 200
        GET /models/types
        => 200 {"items": [{"type": "unknown", "count": 1}]}
        "#,
    );
}
