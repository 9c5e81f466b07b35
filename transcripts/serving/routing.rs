//! Revisions of an endpoint, how requests are shared among them, and the way back.

use super::play;

#[test]
fn a_new_version_is_a_new_revision_and_a_broken_one_disturbs_nobody() {
    play(
        r#"
        GET /endpoints/birds
        => 200 {"status": {"phase": "Ready", "serving": "penguins.1", "revision": 1, "latest": 1}}
        GET /endpoints/birds/revisions
        => 200 {"items": [{"metadata": {"name": "birds.1"}, "spec": {"number": 1, "modelVersion": "penguins.1"}, "status": {"phase": "Ready", "tried": "example"}}]}
        PATCH /endpoint-revisions/birds.1 {"spec": {"number": 7}}
        => 405 {"code": "verb-not-served"}
        DELETE /endpoint-revisions/birds.1
        => 405 {"code": "verb-not-served"}

        # There is no way back yet.
        POST /endpoints/birds/revert {}
        => 409 {"code": "no-earlier-revision"}
        POST /endpoints/birds/revert {"revision": 9}
        => 422 {"code": "bad-reference", "field": "revision"}

        # A change that is no new version makes no revision.
        PATCH /endpoints/birds {"spec": {"description": "which penguin it is"}}
        => 200
        GET /endpoints/birds
        => 200 {"status": {"revision": 1, "latest": 1, "observedGeneration": 2}}

        POST /endpoints/birds/deploy {"version": "2"}
        => 200
        GET /endpoints/birds
        => 200 {"status": {"phase": "Ready", "serving": "penguins.2", "revision": 2, "previous": 1}}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "2"}
        POST /endpoints/birds/revert {}
        => 200 {"revision": 1, "serving": "penguins.1"}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}
        GET /endpoints/birds
        => 200 {"spec": {"version": "1", "modelVersion": "penguins.1"}, "status": {"revision": 1, "previous": 2, "latest": 2}}

        # It fails its own example, so nobody ever asks it.
        POST /model-versions {"spec": {"model": "penguins", "blob": "$onnx", "inputExample": {"wings": 2}}}
        => 201 {"metadata": {"name": "penguins.3"}}
        POST /endpoints/birds/deploy {"version": "3"}
        => 200
        GET /endpoints/birds
        => 200 {"spec": {"modelVersion": "penguins.3"}, "status": {"phase": "Ready", "serving": "penguins.1", "revision": 1, "latest": 3,
            "message": "the model knows no column `wings`", "conditions": [{"type": "Ready", "status": "True"}, {"type": "Deployed", "status": "False"}]}}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}
        POST /endpoints/birds/revert {"revision": 3}
        => 409 {"code": "revision-not-ready"}

        # An endpoint that never had one that answers says so.
        POST /endpoints {"metadata": {"name": "wings"}, "spec": {"model": "penguins", "version": "3"}}
        => 201
        POST /endpoints/wings/predict {"rows": [{}]}
        => 503 {"code": "endpoint-failed"}
        POST /endpoints/try {"version": "penguins.2"}
        => 200 {"predictions": ["*"], "version": "2"}
        POST /endpoints/try {"version": "penguins.2", "rows": [{"flipper_length_mm": 180}, {}]}
        => 200 {"predictions": ["*", "*"]}
        # What it takes is told, too, and an ONNX file needs nothing beside itself.
        POST /endpoints/signature {"version": "penguins.2"}
        => 200 {"outputs": [{"name": "label", "datatype": "BYTES"}, {"name": "probabilities", "datatype": "FP32"}]}
        POST /endpoints/make-ready {"version": "penguins.2"}
        => 200 {"ready": true, "run": null}
        POST /endpoints/make-ready {"version": "penguins.9"}
        => 404 {"code": "not-found"}
        POST /endpoints/try {"version": "penguins.9"}
        => 404
        "#,
    );
}

#[test]
fn requests_are_shared_as_they_shall_be() {
    play(
        r#"
        POST /endpoints/birds/deploy {"version": "2"}
        => 200
        PUT /endpoints/birds/routing {"traffic": [{"revision": 1, "percent": 60}, {"revision": 2, "percent": 30}]}
        => 422 {"code": "bad-traffic", "field": "spec.routing.traffic"}
        PUT /endpoints/birds/routing {"traffic": [{"revision": 1, "percent": 50}, {"revision": 1, "percent": 50}]}
        => 422 {"code": "bad-traffic"}
        PUT /endpoints/birds/routing {"traffic": [{"revision": 1, "percent": 99.99}, {"revision": 2, "percent": 0.01}]}
        => 422 {"code": "bad-traffic"}
        PUT /endpoints/birds/routing {"traffic": [{"revision": 1, "percent": 50}, {"revision": 5, "percent": 50}]}
        => 422 {"code": "bad-reference", "field": "spec.routing.traffic[1].revision"}
        PUT /endpoints/birds/routing {"rules": [{"name": "beta", "revision": 8}]}
        => 422 {"code": "bad-reference", "field": "spec.routing.rules[0].revision"}
        PUT /endpoints/birds/routing {"shadow": 8}
        => 422 {"code": "bad-reference", "field": "spec.routing.shadow"}

        PUT /endpoints/birds/routing {"traffic": [{"revision": 1, "percent": 50}, {"revision": 2, "percent": 50}],
            "rules": [{"name": "beta", "value": "yes", "revision": 2}], "stickyBy": "user"}
        => 200 {"traffic": [{"revision": 1, "percent": 50}, {"revision": 2, "percent": 50}]}
        GET /endpoints/birds/routing
        => 200 {"stickyBy": "user", "revision": 2}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "2"}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}
        POST /endpoints/birds/predict {"rows": [{}], "parameters": {"beta": "yes"}}
        => 200 {"version": "2"}
        POST /endpoints/birds/predict {"rows": [{}], "parameters": {"user": "ada"}}
        => 200 {"version": "*"}
        POST /endpoints/birds/predict {"rows": [{}], "parameters": {"user": "ada"}}
        => 200 {"version": "*"}
        GET /endpoints/birds/traffic
        => 200 {"items": [{"revision": 1, "percent": 50}, {"revision": 2, "percent": 50}]}

        # What happened within ten minutes is one bucket; a frozen clock leaves the day whole.
        GET /endpoints/birds/series?days=1
        => 200 {"seconds": 600, "items": [{"calls": 6, "answered": 6, "refused": 0, "failed": 0, "rows": 6}]}
        GET /endpoints/birds/series?days=90
        => 200 {"seconds": 27000, "items": [{"calls": 6}]}

        # A revert takes the shares away; what was not about revisions stays.
        POST /endpoints/birds/revert {"revision": 1}
        => 200 {"revision": 1}
        GET /endpoints/birds/routing
        => 200 {"traffic": [], "rules": [{"name": "beta"}], "stickyBy": "user"}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}

        # A shadow gets copies; what it answers is compared, and never returned.
        PUT /endpoints/birds/routing {"shadow": 2}
        => 200 {"shadow": 2}
        POST /endpoints/birds/predict {"rows": [{}, {}]}
        => 200 {"version": "1"}
        POST /endpoints/birds/infer {"inputs": [{"name": "nothing", "datatype": "FP64", "shape": [1, 1], "data": [1]}]}
        => 422
        PUT /endpoints/birds/routing {}
        => 200 {"traffic": [], "rules": [], "shadow": null}
        "#,
    );
}

#[test]
fn load_is_bounded_and_an_endpoint_is_scaled() {
    play(
        r#"
        POST /endpoints/birds/scale {}
        => 422 {"code": "bad-scale", "field": "replicas"}
        POST /endpoints/birds/scale {"minReplicas": 4, "maxReplicas": 2}
        => 422 {"code": "bad-scale", "field": "spec.limits.replicasMin"}
        POST /endpoints/birds/scale {"replicas": 65}
        => 422
        POST /endpoints/birds/scale {"replicas": 2}
        => 200 {"replicasMin": 2, "replicasMax": 2, "queueMax": 100}
        POST /endpoints/birds/predict {"rows": [{}, {}]}
        => 200 {"predictions": ["*", "*"]}
        POST /endpoints/birds/predict {"rows": [{"flipper_length_mm": "long"}]}
        => 422 {"code": "wrong-type"}
        GET /endpoints/birds/load
        => 200 {"loaded": true, "limits": {"replicasMax": 2}, "revisions": [{"revision": 1, "waiting": 0, "batches": 1, "requests": 1, "refused": 0}]}
        PATCH /endpoints/birds {"spec": {"limits": {"batchRows": 64, "batchTargetMs": 20}}}
        => 200 {"spec": {"limits": {"batchRows": 64, "replicasMax": 2}}}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200
        POST /api/v1/composables/endpoints/birds/scale {"minReplicas": 0}
        => 200 {"replicasMin": 0}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200
        GET /endpoints/birds/metrics
        => 200 {"wakes": 0}
        "#,
    );
}
