//! From a table to an explained prediction, and back by its lineage.

use super::stage;

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in one go")]
fn a_table_becomes_an_endpoint_that_explains_itself() {
    stage().play(
        r#"
        POST /datasets {"metadata": {"name": "penguins"}, "spec": {"license": "CC0-1.0"}}
        => 201 {"metadata": {"name": "penguins", "namespace": "default"}, "status": {}}

        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200 {"version": "penguins.1", "bytes": 13642}
        GET /datasets/penguins/versions/1
        => 200 {"status": {"phase": "Ready", "rows": 344}}
        GET /datasets/penguins/schema
        => 200 {"version": "penguins.1", "columns": ["*", "*", "*", "*", "*", "*", "*"]}
        GET /datasets/penguins/sample?limit=1
        => 200 {"rows": [{"species": "Adelie", "body_mass_g": 3750, "sex": "male"}]}
        GET /datasets/penguins/statistics
        => 200 {"rows": 344}

        # The target must be a column; saying so at once beats a run that fails later.
        POST /api/v1/system/training/jobs {"metadata": {"name": "wrong"}, "spec": {"dataset": "penguins", "target": "left"}}
        => 422 {"code": "target-missing", "field": "spec.target"}

        POST /api/v1/system/training/jobs {"metadata": {"name": "first"},
            "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 5, "folds": 2}}
        => 201 {"spec": {"seed": 7}}
        GET /api/v1/system/training/jobs/first
        => 200 {"status": {"run": "$work", "experimentRun": "$run", "modelVersion": "penguins.1"}}
        GET /api/v1/system/runs/$work
        => 200 {"status": {"phase": "Succeeded", "steps": [
            {"name": "prepare", "attempt": 1}, {"name": "learn", "attempt": 1}, {"name": "register", "attempt": 1}]}}
        GET /api/v1/system/runs/$work/logs
        => 200
        GET /runs/$run
        => 200 {"status": {"phase": "FINISHED", "task": "multiclass", "errors": {"kind": "confusion"}}}
        GET /runs/$run/metrics
        => 200 {"last": {"accuracy": "*"}}
        GET /runs/$run/parameters
        => 200 {"target": "species"}
        GET /experiments/leaderboard?metric=accuracy
        => 200 {"items": [{"rank": 1, "experiment": "penguins"}]}
        GET /experiments/penguins/metrics
        => 200 {"items": [{"run": "*"}]}

        GET /models/penguins
        => 200 {"status": {"latest": "penguins.1", "task": "multiclass"}}
        GET /models/penguins/versions/1/card
        => 200 {"trainingData": {"dataset": "penguins", "license": "CC0-1.0"}, "missing": ["intendedUse", "caveats"]}
        POST /models/penguins/versions/1/promote {"stage": "Production"}
        => 200 {"stage": "Production"}

        POST /endpoints {"metadata": {"name": "penguins"}, "spec": {"model": "penguins"}}
        => 201 {"spec": {"modelVersion": "penguins.1"}, "status": {"phase": "Pending"}}
        GET /endpoints/penguins
        => 200 {"status": {"phase": "Ready", "serving": "penguins.1", "conditions": [{"type": "Ready", "status": "True"}]}}
        GET /endpoints/penguins/health
        => 200 {"healthy": true}
        GET /endpoints/penguins/schema
        => 200 {"classes": ["Adelie", "Chinstrap", "Gentoo"]}
        POST /endpoints/penguins/predict {"rows": [
            {"island": "Torgersen", "bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750, "sex": "male"},
            {"island": "Biscoe", "bill_length_mm": 50.0, "bill_depth_mm": 15.2, "flipper_length_mm": 218, "body_mass_g": 5700}]}
        => 200 {"predictions": [{"label": "Adelie"}, {"label": "Gentoo"}], "model": "penguins", "version": "1"}
        POST /endpoints/penguins/explain {"rows": [{"flipper_length_mm": 218}]}
        => 200 {"explanations": [{"base": "*", "margin": "*"}]}
        POST /endpoints/penguins/test {}
        => 200 {"predictions": [{"label": "*"}]}

        GET /endpoints/penguins/lineage?direction=upstream
        => 200 {"truncated": false}
        GET /datasets/penguins/lineage?direction=downstream
        => 200 {"truncated": false}

        # A file of one's own is a version like any other.
        GET /models/penguins/versions/1
        => 200 {"spec": {"blob": "$onnx"}}
        POST /model-versions {"spec": {"model": "penguins", "blob": "$onnx"}}
        => 201 {"metadata": {"name": "penguins.2"}, "spec": {"number": 2, "signature": {"classes": ["Adelie", "Chinstrap", "Gentoo"]}}}

        # A deprecated version is not deployed again, and cannot be promoted.
        POST /models/penguins/versions/1/deprecate {}
        => 200 {"deprecated": true}
        POST /models/penguins/versions/1/promote {"stage": "Staging"}
        => 409 {"code": "version-deprecated"}
        POST /endpoints {"metadata": {"name": "late"}, "spec": {"model": "penguins", "version": "1"}}
        => 409 {"code": "version-deprecated", "field": "spec.version"}
        "#,
    );
}

#[test]
fn a_prediction_is_refused_with_the_place_of_the_mistake() {
    stage().play(
        r#"
        POST /datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "mass"},
            "spec": {"dataset": "penguins", "target": "body_mass_g", "budgetSeconds": 2, "folds": 2, "model": "mass"}}
        => 201
        POST /endpoints {"metadata": {"name": "mass"}, "spec": {"model": "mass", "version": "1"}}
        => 201

        POST /endpoints/mass/predict {"rows": [{"species": "Gentoo", "flipper_length_mm": 220}]}
        => 200 {"predictions": [{"prediction": "*"}]}
        POST /endpoints/mass/predict {"rows": [{"wings": 2}]}
        => 422 {"code": "unknown-column", "field": "rows[0].wings"}
        POST /endpoints/mass/predict {"rows": [{"flipper_length_mm": "long"}]}
        => 422 {"code": "wrong-type", "field": "rows[0].flipper_length_mm"}
        POST /endpoints/mass/predict {"rows": []}
        => 422 {"code": "too-short", "field": "rows"}
        POST /endpoints/mass/predict {"rows": [7]}
        => 422 {"code": "wrong-type", "field": "rows[0]"}
        POST /endpoints/mass/infer {"inputs": [{"name": "species", "datatype": "BYTES", "shape": [2, 1], "data": ["Adelie"]}]}
        => 422 {"code": "tensor-wrong-shape"}
        POST /endpoints/mass/infer {"inputs": [{"name": "species", "datatype": "UINT7", "shape": [1, 1], "data": [1]}]}
        => 422 {"code": "tensor-wrong-type"}
        POST /endpoints/mass/infer {"inputs": ["x"]}
        => 422 {"code": "bad-tensor"}

        # Another version that is not there does not disturb the one that serves.
        PATCH /endpoints/mass {"spec": {"version": "9"}}
        => 422 {"code": "bad-reference", "field": "spec.version"}
        GET /endpoints/mass
        => 200 {"status": {"phase": "Ready"}}
        "#,
    );
}
