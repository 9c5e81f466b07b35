//! Roll-outs: step by step, watched, by hand, and turned back.

use super::play;

#[test]
fn a_canary_goes_step_by_step_and_ends_in_service() {
    play(
        r#"
        POST /endpoints/birds/rollouts {"metadata": {"name": "second"}, "spec": {"version": "9"}}
        => 422 {"code": "bad-reference", "field": "spec.version"}
        POST /endpoints/birds/rollouts {"metadata": {"name": "second"}, "spec": {"version": "2", "steps": [50, 10]}}
        => 422 {"code": "bad-steps", "field": "spec.steps"}
        POST /endpoints/birds/rollouts {"metadata": {"name": "second"}, "spec": {"version": "2", "steps": [10, 50], "stepSeconds": 60}}
        => 201 {"spec": {"endpoint": "birds", "strategy": "Canary"}}
        POST /endpoints/birds/rollouts {"metadata": {"name": "third"}, "spec": {"version": "2"}}
        => 409
        GET /endpoints/birds/rollouts/second
        => 200 {"status": {"phase": "Progressing", "active": true, "stable": 1, "candidate": 2, "step": 0, "percent": 10, "run": "$run"}}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Waiting", "resumeAt": "*", "steps": [{"name": "prepare", "phase": "Succeeded"}, {"name": "shift"}]}}
        GET /endpoints/birds/routing
        => 200 {"traffic": [{"revision": 1, "percent": 90}, {"revision": 2, "percent": 10}]}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}
        GET /endpoints/birds/rollouts/second/analysis
        => 200 {"now": {"passed": true, "stableCalls": 1, "candidateCalls": 0, "tests": [{"test": "failures"}, {"test": "latency"}]}}

        # Each look is noted; the last one of a step leads on.
        advance 15
        GET /endpoints/birds/rollouts/second
        => 200
        GET /endpoints/birds/rollouts/second
        => 200 {"status": {"step": 0, "verdicts": [{"step": 0, "passed": true}]}}
        advance 50
        GET /endpoints/birds/rollouts/second
        => 200
        GET /endpoints/birds/rollouts/second
        => 200 {"status": {"step": 1, "percent": 50}}
        POST /endpoints/birds/rollouts/second/pause {}
        => 200 {"wish": "Pause"}
        advance 600
        GET /endpoints/birds/rollouts/second
        => 200
        GET /endpoints/birds/rollouts/second
        => 200 {"status": {"step": 1, "phase": "Progressing"}}
        POST /endpoints/birds/rollouts/second/resume {}
        => 200 {"wish": "Go"}
        advance 60
        GET /endpoints/birds/rollouts/second
        => 200
        GET /endpoints/birds/rollouts/second
        => 200 {"status": {"phase": "Promoted", "active": false, "percent": 100}}
        GET /endpoints/birds
        => 200 {"spec": {"version": "2", "modelVersion": "penguins.2"}, "status": {"revision": 2, "previous": 1, "serving": "penguins.2"}}
        GET /endpoints/birds/routing
        => 200 {"traffic": []}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Succeeded"}}
        POST /endpoints/birds/rollouts/second/abort {}
        => 409 {"code": "rollout-has-ended"}
        POST /endpoints/birds/rollouts/second/promote {}
        => 409 {"code": "rollout-has-ended"}
        "#,
    );
}

#[test]
fn a_rollout_is_decided_by_hand_or_turned_back() {
    play(
        r#"
        POST /endpoints/birds/rollouts {"metadata": {"name": "ab"}, "spec": {"version": "2", "strategy": "Ab", "stepSeconds": 60}}
        => 201
        GET /endpoints/birds/routing
        => 200 {"stickyBy": "caller", "traffic": [{"percent": 50}, {"percent": 50}]}
        POST /endpoints/birds/rollouts/ab/abort {}
        => 200 {"phase": "RolledBack", "active": false}
        GET /endpoints/birds
        => 200 {"status": {"revision": 1, "serving": "penguins.1"}}
        GET /endpoints/birds/routing
        => 200 {"traffic": []}

        # Who cancels the run turns it back as well.
        POST /endpoints/birds/rollouts {"metadata": {"name": "blue"}, "spec": {"version": "2", "strategy": "BlueGreen", "stepSeconds": 60, "byHand": true}}
        => 201
        GET /endpoints/birds/rollouts/blue
        => 200 {"status": {"percent": 100, "run": "$run"}}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "2"}
        POST /api/v1/system/runs/$run/cancel {}
        => 200 {"phase": "Cancelled"}
        GET /endpoints/birds/rollouts/blue
        => 200 {"status": {"phase": "RolledBack", "message": "its run was cancelled"}}
        POST /endpoints/birds/predict {"rows": [{}]}
        => 200 {"version": "1"}

        POST /endpoints/birds/rollouts {"metadata": {"name": "green"}, "spec": {"version": "2", "strategy": "BlueGreen", "stepSeconds": 4, "byHand": true}}
        => 201
        advance 5
        GET /endpoints/birds/rollouts/green
        => 200
        GET /endpoints/birds/rollouts/green
        => 200 {"status": {"phase": "Deciding", "active": true}}
        POST /endpoints/birds/rollouts/green/promote {}
        => 200 {"phase": "Promoted"}
        GET /endpoints/birds
        => 200 {"status": {"serving": "penguins.2", "revision": 4}}

        # A version that fails its own example gets no request.
        POST /model-versions {"spec": {"model": "penguins", "blob": "$onnx", "inputExample": {"wings": 2}}}
        => 201
        POST /endpoints/birds/rollouts {"metadata": {"name": "broken"}, "spec": {"version": "3", "strategy": "Rolling"}}
        => 201
        GET /endpoints/birds/rollouts/broken
        => 200 {"status": {"phase": "Failed", "active": false, "message": "revision 5 cannot answer: the model knows no column `wings`"}}
        GET /endpoints/birds
        => 200 {"status": {"serving": "penguins.2", "revision": 4, "latest": 5}}

        # Requests shared by hand are nobody else's to move.
        PUT /endpoints/birds/routing {"traffic": [{"revision": 4, "percent": 100}]}
        => 200
        POST /endpoints/birds/rollouts {"metadata": {"name": "late"}, "spec": {"version": "1"}}
        => 409 {"code": "traffic-is-set", "field": "spec.endpoint"}
        "#,
    );
}

#[test]
fn a_shadow_answers_nobody() {
    play(
        r#"
        POST /endpoints/birds/rollouts {"metadata": {"name": "dark"}, "spec": {"version": "2", "strategy": "Shadow", "stepSeconds": 40,
            "analysis": {"agreementMin": 0.99, "callsMin": 1}}}
        => 201
        GET /endpoints/birds/routing
        => 200 {"shadow": 2, "traffic": []}
        POST /endpoints/birds/predict {"rows": [{}, {}]}
        => 200 {"version": "1"}
        GET /endpoints/birds/rollouts/dark/analysis
        => 200 {"asked": {"agreementMin": 0.99}, "now": {"tests": [{"test": "agreement"}]}}
        "#,
    );
}
