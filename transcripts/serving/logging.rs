//! What endpoints were asked and answered, and what turned out to be true.

use super::play;

#[test]
fn a_request_is_logged_found_and_told_the_truth_of() {
    play(
        r#"
        # Nothing is logged unless somebody asks for it.
        POST /endpoints/birds/predict {"rows": [{"flipper_length_mm": 200}]}
        => 200 {"predictionId": null}
        GET /endpoints/birds/predictions
        => 200 {"items": []}
        PATCH /endpoints/birds {"spec": {"logging": {"redact": ["sex"], "days": 2}}}
        => 200 {"spec": {"logging": {"rate": 1, "explainRate": 0, "megabytes": 1024}}}
        POST /endpoints/birds/predict {"rows": [{"flipper_length_mm": 181, "bill_length_mm": 39, "sex": "male"}, {"flipper_length_mm": 220, "body_mass_g": 5700}]}
        => 200 {"predictions": ["*", "*"], "predictionId": "$two"}
        GET /endpoints/birds/predictions
        => 200 {"items": [{"number": 1, "row": 1, "inputs": {"flipper_length_mm": 220, "sex": null}},
            {"number": 0, "id": "$two", "row": 0, "version": 1, "revision": 1, "caller": "user:admin", "inputs": {"flipper_length_mm": 181, "sex": null},
             "outputs": {"label": "*", "probabilities.Gentoo": "*"}}]}

        POST /endpoints/birds/explain {"rows": [{"flipper_length_mm": 218}]}
        => 200 {"predictionId": "$why"}
        GET /endpoints/birds/predictions?explained=true
        => 200 {"items": [{"id": "$why", "base": "*", "contributions": {"flipper_length_mm": "*"}}]}
        GET /api/v1/system/catalog/endpoints/birds/explain
        => 200 {"items": [{"id": "$why"}]}

        # Pages go from the newest on, and every filter narrows them.
        GET /endpoints/birds/predictions?limit=1
        => 200 {"metadata": {"nextPageToken": "$next"}, "items": [{"number": 2}]}
        GET /endpoints/birds/predictions?limit=5&pageToken=$next
        => 200 {"metadata": {"nextPageToken": null}, "items": [{"number": 1}, {"number": 0}]}
        GET /endpoints/birds/predictions?pageToken=x
        => 400 {"code": "bad-page-token"}
        GET /endpoints/birds/predictions?prediction=$two&caller=user:admin&version=1&revision=1
        => 200 {"items": ["*", "*"]}
        GET /endpoints/birds/predictions?caller=user:nobody
        => 200 {"items": []}
        GET /endpoints/birds/predictions?label=Dodo
        => 200 {"items": []}
        # What callers sent is not for everybody who may look at the endpoint.
        as viewer
        GET /endpoints/birds/predictions
        => 403
        as admin
        GET /endpoints/birds/logs
        => 200 {"items": [{"event": "loaded"}]}

        # However often the truth is told, it is told once.
        POST /endpoints/birds/feedback {"id": "$two", "truth": "Adelie"}
        => 200 {"accepted": 1, "repeated": 0, "missing": 0}
        POST /endpoints/birds/feedback {"items": [{"id": "$two", "truth": "Adelie"}, {"id": "$two", "row": 1, "truth": "Gentoo"}, {"id": "$two", "row": 2, "truth": "Gentoo"}, {"id": "prd_none", "truth": "Gentoo"}]}
        => 200 {"accepted": 1, "repeated": 1, "changed": 0, "missing": 2, "unknown": ["$two/2", "prd_none/0"]}
        POST /endpoints/birds/feedback {"id": "$two", "row": 1, "truth": "Chinstrap"}
        => 200 {"changed": 1}
        GET /endpoints/birds/predictions?prediction=$two
        => 200 {"items": [{"row": 1, "truth": "Chinstrap"}, {"row": 0, "truth": "Adelie"}]}
        POST /endpoints/birds/feedback {}
        => 422 {"code": "missing-field"}
        POST /endpoints/birds/feedback {"id": "$two", "truth": []}
        => 422 {"code": "wrong-type", "field": "truth"}
        GET /endpoints/birds/log-extent
        => 200 {"rows": 3, "files": 1, "feedback": 2}

        # A share of nothing keeps nothing.
        PATCH /endpoints/birds {"spec": {"logging": {"rate": 0}}}
        => 200
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"predictionId": null}
        PATCH /endpoints/birds {"spec": {"logging": {"rate": 2}}}
        => 422 {"field": "spec.logging.rate"}
        "#,
    );
}

#[test]
fn tensors_are_logged_as_rows_are_and_named_in_the_answer() {
    play(
        r#"
        PATCH /endpoints/birds {"spec": {"logging": {}}}
        => 200
        GET /endpoints/birds/schema
        => 200
        POST /endpoints/birds/infer {"inputs": [
            {"name": "island", "datatype": "BYTES", "shape": [1, 1], "data": ["Dream"]}, {"name": "sex", "datatype": "BYTES", "shape": [1, 1], "data": ["male"]},
            {"name": "bill_length_mm", "datatype": "FP64", "shape": [1, 1], "data": [40]}, {"name": "bill_depth_mm", "datatype": "FP64", "shape": [1, 1], "data": [17]},
            {"name": "flipper_length_mm", "datatype": "FP64", "shape": [1, 1], "data": [200]}, {"name": "body_mass_g", "datatype": "FP64", "shape": [1, 1], "data": [4000]}]}
        => 200 {"id": "$id", "parameters": {"prediction_id": "$same"}}
        POST /endpoints/birds/infer {"id": "mine", "inputs": [
            {"name": "island", "datatype": "BYTES", "shape": [1, 1], "data": ["Dream"]}, {"name": "sex", "datatype": "BYTES", "shape": [1, 1], "data": ["male"]},
            {"name": "bill_length_mm", "datatype": "FP64", "shape": [1, 1], "data": [40]}, {"name": "bill_depth_mm", "datatype": "FP64", "shape": [1, 1], "data": [17]},
            {"name": "flipper_length_mm", "datatype": "FP64", "shape": [1, 1], "data": [200]}, {"name": "body_mass_g", "datatype": "FP64", "shape": [1, 1], "data": [4000]}]}
        => 200 {"id": "mine", "parameters": {"prediction_id": "*"}}
        GET /endpoints/birds/predictions
        => 200 {"items": ["*", {"id": "$id", "inputs": {"flipper_length_mm": 200}}]}
        "#,
    );
}
