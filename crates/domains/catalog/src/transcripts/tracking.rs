//! What is logged to runs.

use super::stage;

#[test]
fn a_run_is_logged_compared_and_ended() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "churn"}}
        => 201
        POST /experiments/churn/runs {"metadata": {"name": "one"}, "spec": {"parameters": {"depth": "6"}}}
        => 201 {"metadata": {"uid": "$one"}}
        POST /experiments/churn/runs {"metadata": {"name": "two"}}
        => 201 {"metadata": {"uid": "$two"}}

        POST /runs/$one/metrics {"points": [{"metric": "loss", "value": 0.5}, {"metric": "loss", "value": 0.25, "step": 1},
            {"metric": "auc", "value": 0.8}]}
        => 200
        # The same again changes nothing: a try whose answer was lost may be repeated.
        POST /runs/$one/metrics {"points": [{"metric": "auc", "value": 0.8}]}
        => 200
        GET /runs/$one/metrics
        => 200 {"items": [{"metric": "auc"}, {"metric": "loss", "step": 0}, {"metric": "loss", "step": 1, "value": 0.25}],
            "next": null, "last": {"auc": 0.8, "loss": 0.25}}
        GET /runs/$one/metrics?metric=loss&limit=1
        => 200 {"items": [{"value": 0.5}], "next": "$next"}
        GET /runs/$one/metrics?metric=loss&limit=1&after=$next
        => 200 {"items": [{"value": 0.25}], "next": null}
        GET /runs/$one/metrics?after=nowhere
        => 400 {"code": "bad-page-token", "field": "after"}

        GET /runs/$one/parameters
        => 200 {"depth": "6"}
        POST /runs/$one/parameters {"parameters": {"rate": "0.1"}}
        => 200
        POST /runs/$one/parameters {"parameters": {"rate": "0.2"}}
        => 409 {"code": "param-differs", "field": "rate"}
        POST /runs/$one/parameters {"parameters": {"": "0.2"}}
        => 422 {"code": "batch-invalid"}
        POST /runs/$two/metrics {"points": [{"metric": "loss", "value": 0.1}]}
        => 200
        POST /runs/$two/parameters {"parameters": {"rate": "0.1"}}
        => 200

        GET /experiments/leaderboard?metric=loss
        => 200 {"items": [{"rank": 1, "run": "$two", "value": 0.1}, {"rank": 2, "run": "$one"}]}
        GET /experiments/leaderboard?metric=auc&experiment=churn
        => 200 {"items": [{"rank": 1, "run": "$one", "experiment": "churn"}]}
        # An identifier opens no other project's door.
        GET /experiments/churn
        => 200 {"metadata": {"uid": "$churn"}}
        GET /experiments/leaderboard?metric=auc&experiment=$churn&project=lab
        => 404 {"code": "not-found"}
        GET /experiments/churn/metrics
        => 200 {"items": [{"metrics": "*"}, {"metrics": "*"}]}
        POST /experiments/compare {"runs": ["$one", "$two"]}
        => 200 {"runs": [{"run": "$one"}, {"run": "$two"}],
            "metrics": [{"key": "auc", "values": [0.8, null], "differs": true}, {"key": "loss", "values": [0.25, 0.1]}],
            "parameters": [{"key": "depth", "differs": true}, {"key": "rate", "differs": false}]}
        POST /experiments/compare {"runs": ["$one", "none"]}
        => 404

        POST /runs/$one/finish {"phase": "FINISHED"}
        => 200
        GET /runs/$one
        => 200 {"status": {"phase": "FINISHED", "metrics": {"loss": 0.25}}}

        # What is in the trash is in no table, and comes back as it was.
        DELETE /runs/$two
        => 200
        GET /experiments/leaderboard?metric=loss
        => 200 {"items": [{"run": "$one"}]}
        POST /runs/$two/restore
        => 200
        GET /experiments/leaderboard?metric=loss
        => 200 {"items": [{"run": "$two"}, {"run": "$one"}]}
    "#,
    );
}

#[test]
fn an_experiment_is_looked_at_from_all_sides_and_its_runs_are_stopped_and_resumed() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "churn"}, "spec": {"description": "who leaves"}}
        => 201
        POST /experiments {"metadata": {"name": "other"}}
        => 201
        POST /experiments/churn/runs {"metadata": {"name": "one"}, "spec": {"parameters": {"depth": "6"}}}
        => 201 {"metadata": {"uid": "$one"}}
        POST /experiments/churn/runs {"metadata": {"name": "two"}, "spec": {"parameters": {"depth": "8"}}}
        => 201 {"metadata": {"uid": "$two"}}
        POST /experiments/churn/metrics {"run": "$one", "points": [{"metric": "loss", "value": 0.5}, {"metric": "loss", "value": 0.25, "step": 1}]}
        => 200
        POST /experiments/churn/metrics {"run": "$two", "points": [{"metric": "loss", "value": 0.75}]}
        => 200
        POST /experiments/churn/parameters {"run": "$two", "parameters": {"rate": "0.1"}}
        => 200
        # A run of another experiment is none of this one's.
        POST /experiments/other/metrics {"run": "$one", "points": [{"metric": "loss", "value": 0.5}]}
        => 404 {"field": "run"}
        GET /experiments/churn/visualizations?metric=loss
        => 200 {"charts": [{"metric": "loss", "curves": "*"}]}
        GET /experiments/churn/report
        => 200 {"runs": 2, "phases": {"RUNNING": 2}, "variedParameters": {"depth": 2}, "metrics": [{"metric": "loss", "runs": 2, "mean": 0.5, "least": {"value": 0.25, "run": "$one"}, "most": {"value": 0.75, "run": "$two"}}]}
        GET /experiments/churn/artifacts
        => 200 {"items": []}
        POST /experiments/churn/artifacts?run=$one&path=data/penguins.csv < penguins.csv
        => 200 {"path": "data/penguins.csv", "bytes": 13642}
        POST /experiments/churn/artifacts?run=$one&path=../penguins.csv < penguins.csv
        => 422 {"code": "bad-path", "field": "path"}
        GET /experiments/churn/artifacts
        => 200 {"items": [{"run": "$one", "path": "data/penguins.csv", "bytes": 13642}]}

        POST /experiments/runs/$one/resume {}
        => 409 {"code": "run-not-ended"}
        POST /experiments/runs/$one/stop {}
        => 200
        GET /runs/$one
        => 200 {"status": {"phase": "KILLED", "metrics": {"loss": 0.25}}}
        POST /runs/$one/stop {}
        => 409 {"code": "run-has-ended"}
        POST /runs/$one/resume {}
        => 200
        GET /runs/$one
        => 200 {"status": {"phase": "RUNNING", "finishedAt": null}}
        "#,
    );
}

#[test]
fn what_lies_in_the_trash_long_enough_is_forgotten_for_good() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "old"}}
        => 201
        POST /experiments/old/runs {"metadata": {"name": "one"}}
        => 201 {"metadata": {"uid": "$one"}}
        POST /experiments/old/runs {"metadata": {"name": "two"}}
        => 201 {"metadata": {"uid": "$two"}}
        POST /runs/$one/metrics {"points": [{"metric": "loss", "value": 0.5}]}
        => 200
        POST /experiments/old/artifacts?run=$one&path=a.csv < header.csv
        => 200
        POST /experiments/old/artifacts?run=$two&path=artifacts/model/MLmodel < header.csv
        => 200
        POST /models {"metadata": {"name": "m"}}
        => 201
        POST /models/m/versions {"spec": {"source": "runs:/$two/model", "run": "$two"}}
        => 201
        DELETE /runs/$one
        => 200
        DELETE /runs/$two
        => 200
        # What was put there just now may be wanted back.
        POST /experiments/clear-trash {}
        => 200 {"runs": 0, "files": 0, "kept": 0, "more": false}
        advance 2678400
        # A version of a model still needs what it came from.
        POST /experiments/clear-trash {}
        => 200 {"runs": 1, "models": 0, "experiments": 0, "files": 1, "kept": 1, "more": false}
        POST /runs/$one/restore
        => 404 {"code": "not-found"}
        POST /runs/$two/restore
        => 200
        DELETE /models/m/versions/1
        => 200
        DELETE /experiments/old
        => 200
        POST /experiments/clear-trash {"olderThanDays": 0, "limit": 1}
        => 200 {"more": "*"}
        POST /experiments/clear-trash {"olderThanDays": 0}
        => 200 {"more": false}
        POST /experiments/old/restore
        => 404
        POST /experiments/clear-trash {"olderThanDays": -1}
        => 422 {"field": "olderThanDays"}
        "#,
    );
}
