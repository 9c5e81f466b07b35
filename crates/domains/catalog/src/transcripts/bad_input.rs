//! Bad input is told apart, told clearly, and changes nothing.

use super::stage;

#[test]
fn objects_that_do_not_fit_are_refused_with_the_field() {
    stage().play(
        r#"
        POST /models {"metadata": {"name": "m"}, "spec": {"description": 7}}
        => 422 {"code": "wrong-type", "field": "spec.description"}
        POST /models {"metadata": {"name": "m"}, "spec": {"colour": "red"}}
        => 422 {"code": "unknown-field", "field": "spec.colour"}
        POST /models {"metadata": {"name": "m", "colour": "red"}}
        => 422 {"code": "unknown-field", "field": "metadata.colour"}
        POST /models {"metadata": {"name": "m"}, "colour": "red"}
        => 422 {"code": "unknown-field"}
        POST /models {"metadata": {"name": "M M"}}
        => 422 {"code": "invalid-name", "field": "metadata.name"}
        POST /models {"metadata": {"name": "../etc"}}
        => 422 {"code": "invalid-name"}
        POST /models {"kind": "Dataset", "metadata": {"name": "m"}}
        => 422 {"code": "wrong-kind", "field": "kind"}
        POST /models {"metadata": {"name": "m", "labels": {"a b": "c"}}}
        => 422 {"code": "invalid-label", "field": "metadata.labels"}
        POST /models [1, 2]
        => 400 {"code": "body-not-object"}
        POST /models {"metadata":
        => 400 {"code": "bad-json"}
        POST /models {"metadata": {"name": "m"}}
        => 201 {"metadata": {"resourceVersion": "$first"}}
        POST /models {"metadata": {"name": "m"}}
        => 409 {"code": "already-exists", "field": "metadata.name"}
        PUT /models/m {"metadata": {"resourceVersion": "$first"}, "spec": {"description": "a"}}
        => 200 {"metadata": {"generation": 2}}
        PUT /models/m {"metadata": {"resourceVersion": "$first"}, "spec": {"description": "b"}}
        => 409 {"code": "stale-version", "field": "metadata.resourceVersion"}
        PUT /models/m [if-match: "1"] {"spec": {}}
        => 412 {"code": "precondition-failed"}
        PATCH /models/m [content-type: application/json-patch+json] [{"op": "test", "path": "/spec/description", "value": "z"}]
        => 422 {"code": "patch-failed"}
        PATCH /models/m [content-type: application/json-patch+json] {"op": "test"}
        => 400 {"code": "bad-patch"}
        POST /model-versions {"spec": {"model": "m", "blob": "beef"}}
        => 422 {"code": "invalid-digest", "field": "spec.blob"}
        POST /model-versions {"spec": {"model": "m"}}
        => 422 {"code": "version-without-files", "field": "spec.blob"}
        # A version of any flavour is kept, but only ONNX files are run here.
        POST /model-versions {"spec": {"model": "m", "source": "models:/m-1"}}
        => 201 {"metadata": {"name": "m.1"}, "spec": {"blob": null}}
        GET /models/m/versions/1/download
        => 409 {"code": "version-not-onnx"}
        POST /models/m/upload < noise.onnx
        => 422 {"code": "model-unreadable", "field": "spec.blob"}
        POST /models/m/upload < empty.csv
        => 422 {"code": "model-unreadable"}
        GET /models/m
        => 200 {"status": {"latest": "m.1"}}
        GET /nothing
        => 404 {"code": "no-such-operation"}
        DELETE /models
        => 405 {"code": "method-not-allowed"}
        "#,
    );
}

#[test]
fn lists_say_what_is_wrong_with_the_question() {
    stage().play(
        r#"
        GET /models?filter=spec.colour%20=%201
        => 400 {"code": "bad-filter", "field": "filter"}
        GET /models?filter=name%20=%20(
        => 400 {"code": "bad-filter"}
        GET /models?filter=spec.archived%20=%20maybe
        => 400 {"code": "bad-filter"}
        GET /models?limit=0
        => 400 {"code": "bad-limit"}
        GET /models?limit=5000
        => 400 {"code": "bad-limit"}
        GET /models?pageToken=rubbish
        => 400 {"code": "bad-page-token"}
        GET /models?sort=spec.description
        => 400 {"code": "not-sortable"}
        GET /models?colour=red
        => 400 {"code": "unknown-parameter"}
        GET /models?labelSelector=a%20in%20b
        => 400 {"code": "bad-selector"}
        POST /models {"metadata": {"name": "a"}}
        => 201
        POST /models {"metadata": {"name": "b"}}
        => 201
        GET /models?limit=1&sort=-metadata.name
        => 200 {"items": [{"metadata": {"name": "b"}}], "metadata": {"nextPageToken": "$token"}}
        # A token belongs to its list.
        GET /models?limit=1&pageToken=$token
        => 400 {"code": "bad-page-token"}
        GET /models?limit=1&sort=-metadata.name&pageToken=$token
        => 200 {"items": [{"metadata": {"name": "a"}}]}
        "#,
    );
}

#[test]
fn files_that_are_no_tables_fail_with_the_line() {
    stage().play(
        r#"
        POST /datasets {"metadata": {"name": "d"}}
        => 201
        POST /datasets/d/upload?filename=a.csv < empty.csv
        => 422 {"code": "table-empty"}
        POST /datasets/d/upload?filename=a.xls < penguins.csv
        => 415 {"code": "unsupported-format", "field": "filename"}
        POST /datasets/d/upload?filename=a.csv < ragged.csv
        => 200 {"run": "$ragged"}
        GET /api/v1/system/runs/$ragged
        => 200 {"status": {"phase": "Failed", "error": {"code": "table-ragged"}}}
        POST /datasets/d/upload?filename=a.csv < latin.csv
        => 200 {"run": "$latin"}
        GET /api/v1/system/runs/$latin
        => 200 {"status": {"phase": "Failed", "error": {"code": "table-not-utf8"}}}
        # A version that failed is not the latest, and nothing can be learned from it.
        GET /datasets/d/sample
        => 409 {"code": "dataset-empty"}
        POST /datasets/d/upload?filename=a.csv < one-class.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "one"}, "spec": {"dataset": "d", "target": "y"}}
        => 201
        GET /api/v1/system/training/jobs/one
        => 200 {"status": {"run": "$run"}}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Failed", "error": {"code": "target-one-class"}}}
        POST /api/v1/system/runs/$run/retry {}
        => 200 {"phase": "Pending"}
        POST /api/v1/system/runs/$run/cancel {}
        => 409 {"code": "run-has-ended"}
        "#,
    );
}

#[test]
fn nobody_sees_or_does_what_they_may_not() {
    stage().play(
        r#"
        POST /models {"metadata": {"name": "ours"}}
        => 201 {"metadata": {"uid": "$uid"}}
        as nobody
        GET /models/ours
        => 401 {"code": "unauthenticated"}
        as admin@other
        # Another tenant's object is not there, by name or by uid.
        GET /models/ours
        => 404 {"code": "not-found"}
        GET /models/$uid
        => 404 {"code": "not-found"}
        DELETE /models/$uid
        => 404
        GET /models
        => 200 {"items": []}
        as viewer
        GET /models/ours
        => 200
        PATCH /models/ours {"spec": {"description": "mine"}}
        => 403 {"code": "forbidden"}
        DELETE /models/ours
        => 403
        as guest
        GET /models
        => 403
        as admin
        GET /models/ours
        => 200 {"metadata": {"generation": 1}}
        "#,
    );
}
