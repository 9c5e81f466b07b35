//! The kinds as their users meet them: requests, and the answers they must get.

use kernel::prelude::*;
use testing::Stage;

/// As much of an experiment as a reference needs.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "experiment", prefix = "exp")]
struct Experiment {
    /// What it is for.
    description: Option<String>,
}

fn stage() -> Stage {
    let experiments = Domain::new("catalog").kind(|kind: KindBuilder<Experiment>| kind);
    Stage::of("catalog", crate::domain()).and(experiments).with_ports(testing::engines())
}

#[test]
fn a_logged_model_is_pending_until_its_files_have_come() {
    stage().play(
        r#"
        POST /experiments {"metadata": {"name": "churn"}}
        => 201
        POST /logged-models {"metadata": {"name": "m-1"}, "spec": {"experiment": "churn", "title": "forest", "parameters": {"depth": "3"}}}
        => 201 {"status": {"phase": "PENDING"}}
        POST /logged-models/m-1/finish {"phase": "READY"}
        => 200 {"phase": "READY", "message": null}
        POST /logged-models/m-1/finish {"phase": "FAILED", "message": "the disk was full"}
        => 200 {"phase": "FAILED", "message": "the disk was full"}
        GET /logged-models?filter=status.phase%20%3D%20%22FAILED%22
        => 200 {"items": [{"metadata": {"name": "m-1"}, "spec": {"parameters": {"depth": "3"}}}]}
        POST /logged-models/m-1/finish {"phase": "DONE"}
        => 422
        POST /logged-models {"metadata": {"name": "m-2"}, "spec": {"experiment": "nothing"}}
        => 422 {"code": "bad-reference", "field": "spec.experiment"}
        PATCH /logged-models/m-1 {"spec": {"experiment": "other"}}
        => 422 {"code": "immutable-field"}
        "#,
    );
}
