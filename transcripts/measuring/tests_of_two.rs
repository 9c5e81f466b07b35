//! A/B tests: started, judged, concluded, and ended by others.

use super::play;

#[test]
fn a_test_shares_callers_until_it_is_concluded() {
    play(
        r#"
        POST /api/v1/assets/testing/ab-tests {"metadata": {"name": "second"}, "spec": {"endpoint": "birds", "version": "2", "hypothesis": "it knows more", "percent": 30, "callsMin": 1}}
        => 201 {"spec": {"goal": "Quality", "confidence": 0.95}, "status": {"phase": "Draft"}}
        PUT /api/v1/assets/testing/ab-tests/second {"spec": {"endpoint": "birds", "version": "2", "percent": 50, "goal": "Failures", "callsMin": 1}}
        => 200 {"spec": {"percent": 50, "hypothesis": null}}
        GET /api/v1/assets/testing/ab-tests/second/results
        => 409 {"code": "test-not-running"}
        POST /api/v1/assets/testing/ab-tests/second/conclude {}
        => 409 {"code": "test-not-running"}
        POST /api/v1/assets/testing/ab-tests/second/start {}
        => 200 {"phase": "Running", "rollout": "$rollout", "startedAt": "*"}
        POST /api/v1/assets/testing/ab-tests/second/start {}
        => 409 {"code": "test-under-way"}
        PATCH /api/v1/assets/testing/ab-tests/second {"spec": {"percent": 10}}
        => 409 {"code": "test-under-way"}
        DELETE /api/v1/assets/testing/ab-tests/second
        => 409 {"code": "test-under-way"}
        GET /api/v1/catalog/endpoints/birds/routing
        => 200 {"stickyBy": "caller", "traffic": [{"revision": 1, "percent": 50}, {"revision": 2, "percent": 50}]}
        GET /api/v1/assets/testing/ab-tests/second/results
        => 200 {"stable": {"revision": 1, "version": "penguins.1", "calls": 0}, "candidate": {"revision": 2, "version": "penguins.2", "judged": 0}, "needed": 0.975, "tests": [{"test": "failures"}, {"test": "latency"}], "winner": "Neither"}
        POST /api/v1/assets/testing/ab-tests/second/conclude {}
        => 409 {"code": "test-too-early"}
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        # Each caller stays at one revision, so one caller is not two.
        POST /api/v1/assets/testing/ab-tests/second/conclude {}
        => 409 {"code": "test-too-early"}
        POST /api/v1/assets/testing/ab-tests/second/conclude {"decision": "Promote"}
        => 200 {"phase": "Concluded", "outcome": "Promoted", "concludedBy": "user:admin", "endedAt": "*", "results": {"winner": "Neither"}}
        GET /api/v1/catalog/endpoints/birds
        => 200 {"status": {"serving": "penguins.2"}}
        GET /api/v1/assets/testing/ab-tests/second/results
        => 200 {"winner": "Neither"}
        GET /api/v1/catalog/rollouts/$rollout
        => 200 {"status": {"phase": "Promoted"}}
        POST /api/v1/assets/testing/ab-tests/second/conclude {}
        => 409 {"code": "test-not-running"}
        GET /api/v1/assets/testing/ab-tests?filter=status.phase%3D%22Concluded%22
        => 200 {"items": [{"metadata": {"name": "second"}}]}
        DELETE /ab-tests/second
        => 200
        as viewer
        POST /ab-tests/second/start {}
        => 403
        "#,
    );
}

#[test]
fn a_test_without_a_winner_goes_back_and_one_that_others_end_is_over() {
    play(
        r#"
        POST /ab-tests {"metadata": {"name": "back"}, "spec": {"endpoint": "birds", "version": "2", "goal": "Latency", "callsMin": 0}}
        => 201
        POST /ab-tests/back/start {}
        => 200
        POST /ab-tests/back/conclude {}
        => 200 {"phase": "Concluded", "outcome": "RolledBack"}
        GET /api/v1/catalog/endpoints/birds
        => 200 {"status": {"serving": "penguins.1"}}

        POST /ab-tests/back/clone {"name": "other"}
        => 201 {"status": {"phase": "Draft"}}
        POST /ab-tests/other/start {}
        => 200 {"rollout": "$rollout"}
        # Two tests at once would test each other.
        POST /ab-tests {"metadata": {"name": "third"}, "spec": {"endpoint": "birds", "version": "2"}}
        => 201
        POST /ab-tests/third/start {}
        => 409
        POST /api/v1/catalog/rollouts/$rollout/abort {}
        => 200
        GET /ab-tests/other
        => 200 {"status": {"phase": "Concluded", "outcome": "RolledBack", "concludedBy": null, "message": "*", "results": {"winner": "Neither"}}}

        # A version that cannot answer gets no caller.
        POST /api/v1/catalog/model-versions {"spec": {"model": "penguins", "blob": "$onnx", "inputExample": {"wings": 2}}}
        => 201
        POST /ab-tests {"metadata": {"name": "broken"}, "spec": {"endpoint": "birds", "version": "3"}}
        => 201
        POST /ab-tests/broken/start {}
        => 200
        GET /ab-tests/broken
        => 200 {"status": {"phase": "Concluded", "outcome": "Failed", "results": null}}
        POST /ab-tests {"metadata": {"name": "none"}, "spec": {"endpoint": "birds", "version": "9"}}
        => 201
        POST /ab-tests/none/start {}
        => 422 {"code": "bad-reference"}
        "#,
    );
}

#[test]
fn what_turned_out_to_be_true_decides_who_is_better() {
    play(
        r#"
        PATCH /api/v1/catalog/endpoints/birds {"spec": {"logging": {}, "routing": {"stickyBy": "user"}}}
        => 200
        POST /ab-tests {"metadata": {"name": "quality"}, "spec": {"endpoint": "birds", "version": "2", "callsMin": 1}}
        => 201
        POST /ab-tests/quality/start {}
        => 200
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}, {}], "parameters": {"user": "u1"}}
        => 200 {"predictionId": "$p"}
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}, {}], "parameters": {"user": "u2"}}
        => 200 {"predictionId": "$q"}
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}, {}], "parameters": {"user": "u3"}}
        => 200 {"predictionId": "$r"}
        POST /api/v1/catalog/endpoints/birds/feedback {"items": [{"id": "$p", "row": 0, "truth": "Dodo"}, {"id": "$q", "row": 0, "truth": "Dodo"}, {"id": "$r", "row": 0, "truth": "Dodo"}]}
        => 200 {"accepted": 3}
        GET /ab-tests/quality/results
        => 200 {"stable": {"judged": "*", "accuracy": 0}, "candidate": {"judged": "*", "accuracy": 0}, "tests": ["*", "*", {"test": "quality", "stable": 1, "candidate": 1, "difference": 0, "interval": ["*", "*"]}], "winner": "Neither"}
        "#,
    );
}
