//! Models that answer as one, and models that answer elsewhere.

use std::sync::Arc;

use engine_fetch::{Egress, Ways};
use ports::sandbox::{Program, Sandbox};

use super::{BIRDS, play, stage};

#[test]
fn models_answer_as_one_and_each_row_gets_its_own() {
    play(
        r#"
        POST /inference-graphs {"metadata": {"name": "both"}, "spec": {"answers": ["label"], "steps": [{"name": "one", "version": "penguins.1", "outputs": {"label": "a", "probabilities": "pa"}}, {"name": "two", "version": "penguins.2", "outputs": {"label": "b", "probabilities": "pb"}}, {"name": "vote", "combine": {"by": "Vote", "of": ["a", "b"], "into": "label"}}]}}
        => 201 {"spec": {"versions": ["penguins.1", "penguins.2"]}}
        GET /inference-graphs/both/signature
        => 200 {"outputs": [{"name": "label", "datatype": "BYTES"}]}
        # Which versions they are is found, and stays.
        PATCH /inference-graphs/both {"spec": {"answers": ["pa"]}}
        => 422 {"code": "immutable-field"}
        POST /models {"metadata": {"name": "both"}}
        => 201
        POST /model-versions {"spec": {"model": "both", "source": "inference-graphs:/both"}}
        => 201
        POST /endpoints {"metadata": {"name": "both"}, "spec": {"model": "both", "version": "1"}}
        => 201 {"spec": {"within": ["penguins.1", "penguins.2"]}}
        POST /endpoints/both/predict {"rows": [{"flipper_length_mm": 230, "island": "Biscoe"}]}
        => 200 {"predictions": [{"label": "Gentoo"}], "model": "both"}
        POST /inference-graphs {"metadata": {"name": "either"}, "spec": {"steps": [{"name": "s", "switch": [{"when": {"tensor": "flipper_length_mm", "below": 200}, "version": "penguins.2"}, {"version": "penguins.1"}]}]}}
        => 201
        POST /models {"metadata": {"name": "either"}}
        => 201
        POST /model-versions {"spec": {"model": "either", "source": "inference-graphs:/either"}}
        => 201
        POST /endpoints/try {"version": "either.1", "rows": [{"flipper_length_mm": 230, "island": "Biscoe"}, {"flipper_length_mm": 180, "island": "Torgersen"}, {"flipper_length_mm": 230, "island": "Biscoe"}]}
        => 200 {"predictions": [{"label": "Gentoo"}, {"label": "Adelie"}, {"label": "Gentoo"}]}
    "#,
    );
}

#[test]
fn a_graph_that_contradicts_itself_is_refused_and_one_that_contradicts_its_versions_fails_alone() {
    play(
        r#"
        POST /inference-graphs {"metadata": {"name": "g"}, "spec": {"steps": [{"name": "a"}]}}
        => 422 {"code": "bad-graph", "field": "spec.steps[0].version"}
        POST /inference-graphs {"metadata": {"name": "g"}, "spec": {"steps": [{"name": "a", "version": "nobody.1"}]}}
        => 422 {"code": "bad-reference"}
        POST /inference-graphs {"metadata": {"name": "g"}, "spec": {"steps": [{"name": "a", "version": "penguins.1"}, {"name": "a", "version": "penguins.2"}]}}
        => 422 {"code": "bad-graph", "field": "spec.steps[1].name"}
        POST /inference-graphs {"metadata": {"name": "g"}, "spec": {"steps": [{"name": "a", "switch": [{"version": "penguins.1"}, {"version": "penguins.2"}]}]}}
        => 422 {"code": "bad-graph", "field": "spec.steps[0].switch"}
        POST /inference-graphs {"metadata": {"name": "twice"}, "spec": {"steps": [{"name": "a", "version": "penguins.1"}, {"name": "b", "version": "penguins.2"}]}}
        => 201
        GET /inference-graphs/twice/signature
        => 422 {"code": "bad-graph", "field": "spec.steps[1]"}
        POST /models {"metadata": {"name": "twice"}}
        => 201
        POST /model-versions {"spec": {"model": "twice", "source": "inference-graphs:/twice"}}
        => 201
        POST /endpoints {"metadata": {"name": "twice"}, "spec": {"model": "twice", "version": "1"}}
        => 201
        POST /endpoints/twice/predict {"rows": [{}]}
        => 503 {"code": "endpoint-failed"}
        # What it is made of answers as before.
        POST /endpoints/birds/predict {"rows": [{"flipper_length_mm": 230, "island": "Biscoe"}]}
        => 200 {"predictions": [{"label": "Gentoo"}]}
    "#,
    );
}

/// Nobody is started here.
struct Nothing;

impl Sandbox for Nothing {
    fn command(&self, _: &Program) -> base::Result<std::process::Command> {
        Err(base::Error::internal("nothing is started here"))
    }
}

#[test]
fn a_server_is_an_address_or_a_program_and_says_how_it_is() {
    let ways = Ways::open(Egress::parse("127.0.0.1").unwrap(), None).unwrap();
    let servers = engine_remote::open(ways, Arc::new(Nothing), engine_remote::Settings::default());
    let ports = testing::engines().with(Arc::new(domain_serving::Serving::default())).with(servers);
    let transcript = r#"
        POST /model-servers {"metadata": {"name": "s"}, "spec": {"protocol": "OpenInference"}}
        => 422 {"code": "bad-server", "field": "spec.url"}
        POST /model-servers {"metadata": {"name": "s"}, "spec": {"protocol": "Template", "url": "http://127.0.0.1:1"}}
        => 422 {"code": "bad-server", "field": "spec.template"}
        POST /model-servers {"metadata": {"name": "s"}, "spec": {"protocol": "Template", "url": "http://127.0.0.1:1", "template": {"path": "/score", "outputs": {}, "body": null}}}
        => 422 {"code": "bad-server", "field": "spec.template.body"}
        POST /model-servers {"metadata": {"name": "s"}, "spec": {"protocol": "Completions", "url": "http://127.0.0.1:1", "healthPath": "no path"}}
        => 422 {"code": "bad-server", "field": "spec.healthPath"}
        POST /model-servers {"metadata": {"name": "away"}, "spec": {"protocol": "OpenInference", "url": "http://127.0.0.1:1", "token": "s3"}}
        => 201 {"status": {"phase": "Unknown"}}
        POST /model-servers/away/check {}
        => 200 {"phase": "Failing", "since": "*"}
        POST /model-servers {"metadata": {"name": "inside"}, "spec": {"protocol": "OpenInference", "url": "http://10.0.0.1:1"}}
        => 201
        POST /model-servers/inside/check {}
        => 200 {"phase": "Failing"}
        POST /model-servers {"metadata": {"name": "program"}, "spec": {"protocol": "ChatCompletions", "command": ["llama-server", "--port", "{port}"]}}
        => 201
        POST /model-servers/program/check {}
        => 409 {"code": "server-unfit"}
        POST /models {"metadata": {"name": "chat"}}
        => 201
        POST /model-versions {"spec": {"model": "chat", "source": "model-servers:/program/any"}}
        => 201
        POST /endpoints/try {"version": "chat.1", "rows": [{"prompt": "hello"}]}
        => 403 {"code": "program-refused"}
        POST /model-versions {"spec": {"model": "chat", "source": "model-servers:/away/any"}}
        => 201
        POST /endpoints/try {"version": "chat.2", "rows": [{"prompt": "hello"}]}
        => 503 {"code": "server-unreachable"}
    "#;
    stage().with_ports(ports).play(&format!("{BIRDS}{transcript}"));
}
