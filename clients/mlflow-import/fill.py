"""Fills a stock MLflow server with some of everything there is to copy."""

import json
import math
import os
import pathlib
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, Metric, Param, RunTag


def runs(client, side, many):
    """Experiments and runs with what can be logged to them."""
    churn = client.create_experiment("churn", tags={"team": "größe", "aim": "fewer"})
    odd = client.create_experiment("ü/odd name, 'quoted' \"twice\"")
    gone = client.create_experiment("given up")
    parent = client.create_run(churn, start_time=1_700_000_000_000, run_name="parent", tags={"mlflow.user": "ada", "k:ey/1": "v" * 900, "größe": "ü" * 40}).info.run_id
    child = client.create_run(churn, start_time=1_700_000_000_500, run_name="child", tags={"mlflow.parentRunId": parent}).info.run_id
    client.log_batch(parent, params=[Param(f"p{i}", "x" * (i * 50)) for i in range(90)], tags=[RunTag(f"t{i}", f"{i} ü") for i in range(90)])
    client.log_batch(parent, params=[Param(f"q{i}", str(i)) for i in range(60)])
    for start in range(0, 3000, 1000):
        client.log_batch(parent, metrics=[Metric("loss", 1 / (i + 1), 1_700_000_000_000 + i // 3, i) for i in range(start, start + 1000)])
    for key, points in {
        "odd/ name.1": [(math.nan, 5, 1), (0.5, 5, 2), (math.inf, 6, 3), (-math.inf, 7, 4), (1e-300, 1, -5), (0.1 + 0.2, 8, 4)],
        "one": [(1, 3, 0)],
        "back": [(0.9, 10, 5), (0.1, 9, 7), (0.5, 11, 5)],
        "last is nan": [(1, 1, 1), (math.nan, 2, 2)],
    }.items():
        client.log_batch(parent, metrics=[Metric(key, *point) for point in points])
    data = DatasetInput(Dataset("table", "d1g", "local", json.dumps({"uri": "x"}), json.dumps({"mlflow_colspec": []}), json.dumps({"rows": 5})), [InputTag("mlflow.data.context", "training"), InputTag("kind", "ü")])
    client.log_inputs(parent, [data])
    client.log_inputs(child, [data, DatasetInput(Dataset("other", "d2", "http", "{}"))])
    client.log_metric(child, "loss", 0.5, timestamp=20, step=2)
    client.set_terminated(parent, "FINISHED", end_time=1_700_000_009_999)
    client.set_terminated(child, "KILLED", end_time=1_700_000_008_000)
    for number in range(many):
        run = client.create_run(churn, start_time=1_700_000_100_000 + number, run_name=f"many {number}").info.run_id
        client.log_batch(run, metrics=[Metric(f"m{key}", key + step / 7, 1000 + step, step) for key in range(4) for step in range(5)], params=[Param("number", str(number))])
        client.set_terminated(run, "FAILED" if number % 7 == 0 else "FINISHED", end_time=1_700_000_200_000 + number)
    thrown = client.create_run(churn, run_name="thrown away").info.run_id
    client.log_metric(thrown, "m", 1, timestamp=1, step=0)
    client.delete_run(thrown)
    client.create_run(odd, run_name="running still")
    side.post("runs/create", experiment_id=odd, start_time=12, user_id="grace", run_name="of another user")
    lost = client.create_run(gone, run_name="in the trash").info.run_id
    client.log_param(lost, "p", "1")
    client.log_metric(lost, "m", 2, timestamp=1, step=0)
    return churn, gone, parent, child


def files(client, run):
    """Artifacts: nested, empty, large, and with names that are no plain words."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory)
        (root / "deep/er").mkdir(parents=True)
        (root / "empty.txt").write_bytes(b"")
        (root / "deep/ü ö+%20.txt").write_text("hello")
        (root / "deep/er/large.bin").write_bytes(os.urandom(5 << 20) + b"end")
        client.log_artifacts(run, directory)
        client.log_artifacts(run, directory, "below/more")


def models(client, churn, parent, child):
    """Logged models, registered ones, prompts."""
    mlflow.set_tracking_uri(client.tracking_uri)
    mlflow.set_registry_uri(client.tracking_uri)
    logged = client.create_logged_model(churn, name="judge", source_run_id=parent, model_type="tree", params={"depth": "3"}, tags={"by": "ada"})
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "MLmodel").write_text("flavors: {}\n")
        (pathlib.Path(directory) / "data").mkdir()
        (pathlib.Path(directory) / "data/weights.bin").write_bytes(os.urandom(70_000))
        client.log_model_artifacts(logged.model_id, directory)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_metric(parent, "judged", 0.75, timestamp=50, step=1, model_id=logged.model_id, dataset_name="table", dataset_digest="d1g")
    client.log_outputs(parent, [LoggedModelOutput(logged.model_id, 3)])
    client.log_inputs(child, models=[LoggedModelInput(logged.model_id)])
    client.create_logged_model(churn, name="pending")
    client.create_registered_model("classifier", tags={"use": "churn"}, description="tells who leaves")
    for number in range(1, 5):
        source = f"models:/{logged.model_id}" if number % 2 else f"s3://bucket/{number}"
        made = {"model_id": logged.model_id, "run_id": parent} if number % 2 else {}
        client.create_model_version("classifier", source, tags={"n": str(number)}, description=f"number {number}", **made)
    client.delete_model_version("classifier", 2)
    client.transition_model_version_stage("classifier", 3, "Production")
    client.set_registered_model_alias("classifier", "champion", 3)
    client.set_registered_model_alias("classifier", "next", 4)
    client.create_registered_model("empty model")
    mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}!", commit_message="first", tags={"by": "me"})
    mlflow.genai.register_prompt(name="greeting", template="Good day, {{name}}!", commit_message="second")
    mlflow.genai.set_prompt_alias("greeting", alias="live", version=1)


def more(side, churn):
    """Evaluation datasets and scorers, by plain HTTP."""
    dataset = side.ask("", "POST", "/api/3.0/mlflow/datasets/create", {"name": "questions", "experiment_ids": [churn], "tags": json.dumps({"a": "b"})}, note=False)["dataset"]["dataset_id"]
    records = [{"inputs": {"q": f"question {i}", "n": i}, "expectations": {"a": i * 2}, "tags": {"t": "x"}} for i in range(250)] + [{"inputs": {"q": "with an output"}, "outputs": {"a": [1, "ü"]}}]
    side.ask("", "POST", f"/api/3.0/mlflow/datasets/{dataset}/records", {"records": json.dumps(records)}, note=False)
    for version in (1, 2):
        side.ask("", "POST", "/api/3.0/mlflow/scorers/register", {"experiment_id": churn, "name": "polite", "serialized_scorer": json.dumps({"name": "polite", "version": version})}, note=False)


def traces(side, client, churn, parent, child):
    """Traces: nested spans, one that failed, one still going, assessments of every sort, links to runs."""
    from mlflow.entities import AssessmentSource, SpanEvent

    mlflow.set_experiment(experiment_id=churn)
    human, judge = AssessmentSource("HUMAN", "ada"), AssessmentSource("LLM_JUDGE", "gpt")
    ids = []
    for number in range(12):
        with mlflow.start_span(f"ask {number}", span_type="CHAIN", attributes={"größe": "ü", "deep": {"a": [1, 2.5, None, True]}}) as root:
            root.set_inputs({"question": f"who leaves? {number}"})
            with mlflow.start_span("call", span_type="LLM") as span:
                span.set_inputs({"messages": [{"role": "user", "content": "who?"}]})
                span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 7, "output_tokens": number, "total_tokens": 7 + number})
                span.add_event(SpanEvent("first token", timestamp=span.start_time_ns + 5, attributes={"count": 1}))
                span.set_outputs("ada")
            mlflow.update_current_trace(tags={"kind": "ü" if number % 2 else "plain"}, metadata={"mlflow.trace.session": f"s{number % 3}", "mlflow.trace.user": "grace", "own": "m" * 200})
            root.set_outputs({"answer": "ada" * (number * 100)})
        ids.append(root.trace_id)
    try:
        with mlflow.start_span("fails"):
            raise ValueError("no such customer")
    except ValueError:
        ids.append(mlflow.get_last_active_trace_id())
    with mlflow.start_run(run_id=parent), mlflow.start_span("in a run") as root:
        ids.append(root.trace_id)
    client.link_traces_to_run(ids[:3], child)
    first = mlflow.log_feedback(trace_id=ids[0], name="right", value=False, source=human, rationale="it was not ada", metadata={"seen": "twice"})
    mlflow.override_feedback(trace_id=ids[0], assessment_id=first.assessment_id, value=True, source=human)
    mlflow.log_feedback(trace_id=ids[0], name="score", value=0.75, source=judge)
    mlflow.log_feedback(trace_id=ids[1], name="lists", value={"a": [1, "ü"]}, source=AssessmentSource("CODE", "check.py"))
    mlflow.log_feedback(trace_id=ids[1], name="broken", error=ValueError("out of tokens"), source=judge)
    mlflow.log_expectation(trace_id=ids[2], name="answer", value={"who": "ada", "n": 3}, source=human)
    mlflow.log_expectation(trace_id=ids[2], name="short", value="ada", source=human)
    client.set_trace_tag(ids[3], "later", "yes")
    info = {"trace_id": "tr-without-spans", "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": churn}}, "request_time": "2023-11-14T22:13:20.123Z", "state": "IN_PROGRESS", "client_request_id": "c-1"}
    side.ask("", "POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": info}}, note=False)


def everything(side, many=60):
    """All of it."""
    client = MlflowClient(side.url)
    churn, gone, parent, child = runs(client, side, many)
    files(client, parent)
    models(client, churn, parent, child)
    more(side, churn)
    traces(side, client, churn, parent, child)
    client.delete_experiment(gone)
