"""What people do with MLflow's own client, as it is: run against one server, told as JSON.

    session.py URL FILE
"""

import json
import os
import pathlib
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

import mlflow  # noqa: E402
import numpy  # noqa: E402
import pandas  # noqa: E402
from mlflow import MlflowClient  # noqa: E402

told = {}


def step(function):
    """Runs one part, and notes what came of it, or why nothing did."""
    try:
        told[function.__name__] = function()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is to be seen side by side
        told[function.__name__] = f"{type(error).__name__}: {getattr(error, 'error_code', '')} {str(error)[:300]}"
    return function


def data():
    """A small table that is easily learned."""
    random = numpy.random.default_rng(7)
    x = pandas.DataFrame({"a": random.normal(size=120), "b": random.normal(size=120)})
    return x, (x.a + x.b > 0).astype(int)


def of_run(run):
    """A run without what no two servers share."""
    tags = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.source") and key not in ("mlflow.user", "mlflow.runName", "mlflow.log-model.history")}
    return {"metrics": sorted(run.data.metrics), "params": run.data.params, "tags": sorted(tags), "status": run.info.status, "stage": run.info.lifecycle_stage,
            "inputs": [(it.dataset.name, sorted((tag.key, tag.value) for tag in it.tags)) for it in run.inputs.dataset_inputs] if run.inputs else [],
            "outputs": len(run.outputs.model_outputs) if run.outputs else 0}


def files(run_id, path=None):
    """What lies in a run's tree."""
    client, found = MlflowClient(), []
    for it in client.list_artifacts(run_id, path):
        found += files(run_id, it.path) if it.is_dir else [(it.path, it.file_size if it.path.endswith(".txt") else None)]
    return sorted(found)


def logging():
    """A run with a bit of everything."""
    mlflow.set_experiment("session")
    with mlflow.start_run(run_name="everything", tags={"kind": "test"}) as run:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        for i in range(20):
            mlflow.log_metric("loss", 1 / (i + 1), step=i)
        mlflow.log_metrics({"acc": 0.9, "nan": float("nan"), "inf": float("inf")})
        mlflow.set_tags({"a": "1", "größe": "ü"})
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "conf.json")
        mlflow.log_input(mlflow.data.from_pandas(data()[0], name="table"), context="training")
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("acc", 0.5)
    again = mlflow.get_run(run.info.run_id)
    history = [(it.step, it.value) for it in MlflowClient().get_metric_history(run.info.run_id, "loss")]
    return [of_run(again), history, files(run.info.run_id), mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt"), str(again.data.metrics["nan"]), again.data.metrics["inf"] > 1e300]


def table():
    """A notebook's favourite: runs as a table."""
    found = mlflow.search_runs(experiment_names=["session"], order_by=["metrics.acc DESC"])
    return [len(found), sorted(column for column in found.columns if not column.startswith("tags.mlflow")), list(found["metrics.acc"].fillna(-1))]


def many_runs():
    """Pages of runs, as the client fetches them."""
    exp = mlflow.create_experiment("many")
    client = MlflowClient()
    for i in range(12):
        client.log_metric(client.create_run(exp, run_name=f"r{i}").info.run_id, "m", i)
    page, sizes, names = client.search_runs([exp], max_results=5, order_by=["metrics.m"]), [], []
    while True:
        sizes.append(len(page))
        names += [it.info.run_name for it in page]
        if not page.token:
            return [sizes, names]
        page = client.search_runs([exp], max_results=5, order_by=["metrics.m"], page_token=page.token)


def sklearn_model():
    """A model logged, loaded, asked, registered, given an alias and a stage."""
    from sklearn.linear_model import LogisticRegression

    x, y = data()
    mlflow.set_experiment("session")
    model = LogisticRegression().fit(x, y)
    with mlflow.start_run(run_name="sklearn") as run:
        info = mlflow.sklearn.log_model(model, name="model", input_example=x.head(2), registered_model_name="session-model")
        mlflow.log_metric("score", 0.9, model_id=info.model_id)
    client = MlflowClient()
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    same = (loaded.predict(x) == model.predict(x)).all()
    client.set_registered_model_alias("session-model", "champion", 1)
    by_alias = mlflow.sklearn.load_model("models:/session-model@champion")
    version = client.get_model_version("session-model", 1)
    logged = mlflow.get_logged_model(info.model_id)
    found = mlflow.search_logged_models(experiment_ids=[run.info.experiment_id], filter_string="metrics.score > 0.5", output_format="list")
    directory = pathlib.Path(mlflow.artifacts.download_artifacts(info.model_uri))
    return [bool(same), bool((by_alias.predict(x) == model.predict(x)).all()), version.current_stage, version.aliases, version.run_id == run.info.run_id, str(logged.status), logged.name, sorted((it.key, it.value) for it in logged.metrics), [it.name for it in found],
            sorted(str(it.relative_to(directory)) for it in directory.rglob("*") if it.is_file()), of_run(mlflow.get_run(run.info.run_id))["outputs"], sorted(logged.tags)]


def onnx_model():
    """A model as ONNX, and the same answers from it."""
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    x, y = data()
    model = LogisticRegression().fit(x.to_numpy(dtype=numpy.float32), y)
    graph = to_onnx(model, x.to_numpy(dtype=numpy.float32)[:1], options={"zipmap": False})
    with mlflow.start_run(run_name="onnx"):
        info = mlflow.onnx.log_model(graph, name="onnx", registered_model_name="session-onnx")
    back = mlflow.onnx.load_model("models:/session-onnx/1")
    session = onnxruntime.InferenceSession(back.SerializeToString())
    answers = session.run(None, {session.get_inputs()[0].name: x.to_numpy(dtype=numpy.float32)})[0]
    return [bool((answers == model.predict(x.to_numpy(dtype=numpy.float32))).all()), info.flavors is not None]


def autolog(flavour, fit):
    """What a framework logs by itself."""
    mlflow.set_experiment(f"auto-{flavour}")
    getattr(mlflow, flavour).autolog(silent=True)
    try:
        with mlflow.start_run() as run:
            fit()
    finally:
        getattr(mlflow, flavour).autolog(disable=True, silent=True)
    again = mlflow.get_run(run.info.run_id)
    return [sorted(again.data.metrics), sorted(again.data.params), files(run.info.run_id), of_run(again)["outputs"], [it[0] for it in of_run(again)["inputs"]]]


def autolog_sklearn():
    """scikit-learn logs by itself, a search of parameters with its children, too."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import GridSearchCV

    x, y = data()
    told = autolog("sklearn", lambda: GridSearchCV(RandomForestClassifier(n_estimators=3, random_state=0), {"max_depth": [1, 2]}, cv=2).fit(x, y))
    return [told, len(mlflow.search_runs(experiment_names=["auto-sklearn"]))]


def autolog_xgboost():
    """XGBoost logs by itself."""
    import xgboost

    x, y = data()
    return autolog("xgboost", lambda: xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, xgboost.DMatrix(x, y), 5, evals=[(xgboost.DMatrix(x, y), "train")], verbose_eval=False))


def autolog_lightgbm():
    """LightGBM logs by itself."""
    import lightgbm

    x, y = data()
    return autolog("lightgbm", lambda: lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(x, y), 5, valid_sets=[lightgbm.Dataset(x, y)]))


def pyfunc_model():
    """A model of one's own."""
    class Adder(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.sum(axis=1)

    mlflow.set_experiment("session")
    with mlflow.start_run(run_name="pyfunc"):
        info = mlflow.pyfunc.log_model(name="adder", python_model=Adder(), input_example=data()[0].head(2))
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    return [round(float(it), 6) for it in loaded.predict(data()[0].head(3))]


def evaluated():
    """A model held against a table."""
    from sklearn.linear_model import LogisticRegression

    x, y = data()
    mlflow.set_experiment("session")
    with mlflow.start_run(run_name="evaluated") as run:
        info = mlflow.sklearn.log_model(LogisticRegression().fit(x, y), name="judged")
        mlflow.evaluate(info.model_uri, x.assign(label=y), targets="label", model_type="classifier", evaluators="default", evaluator_config={"log_model_explainability": False})
    again = mlflow.get_run(run.info.run_id)
    return [sorted(again.data.metrics), [it[0] for it in files(run.info.run_id)]]


def prompts():
    """Prompts, which are models of a sort."""
    mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}!", commit_message="first", tags={"by": "me"})
    mlflow.genai.register_prompt(name="greeting", template="Good day, {{name}}!", commit_message="second")
    mlflow.genai.set_prompt_alias("greeting", alias="live", version=1)
    client = MlflowClient()
    return [mlflow.genai.load_prompt("prompts:/greeting@live").template, mlflow.genai.load_prompt("prompts:/greeting/2").format(name="Ada"), mlflow.genai.load_prompt("greeting").version,
            [it.name for it in mlflow.genai.search_prompts()], "greeting" in [it.name for it in client.search_registered_models()], sorted(mlflow.genai.load_prompt("greeting", version=1).tags.items())]


def traced():
    """Functions that are traced, looked at, judged and found again."""
    mlflow.set_experiment("traced session")
    client = MlflowClient()

    @mlflow.trace(span_type="TOOL")
    def double(x):
        return 2 * x

    @mlflow.trace(span_type="CHAIN", attributes={"model": "gpt-x"})
    def answer(question, depth=0):
        mlflow.update_current_trace(tags={"who": "ada"}, session_id="talk", user="bob")
        return {"text": question.upper(), "twice": double(21)}

    @mlflow.trace
    def fails():
        raise ValueError("no")

    with mlflow.start_run() as run:
        answer("why?")
    first = mlflow.get_last_active_trace_id()
    try:
        fails()
    except ValueError:
        pass
    with mlflow.start_span(name="by hand", span_type="RETRIEVER") as span:
        span.set_inputs({"q": [1, 2, {"a": None}]})
        span.set_attribute("score", 0.5)
        span.set_outputs("größe")
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(first)
    mlflow.log_feedback(trace_id=first, name="good", value=True, rationale="because", source=mlflow.entities.AssessmentSource("HUMAN", "ada"))
    expected = mlflow.log_expectation(trace_id=first, name="wanted", value={"text": "WHY?", "n": [1]})
    mlflow.update_assessment(trace_id=first, assessment_id=expected.assessment_id, assessment=mlflow.entities.Expectation(name="wanted", value="WHY?"))
    mlflow.set_trace_tag(first, "later", "yes")
    client.link_traces_to_run([first], run.info.run_id)
    again = mlflow.get_trace(first)
    table = mlflow.search_traces(experiment_ids=[trace.info.experiment_id], order_by=["timestamp_ms ASC"])
    shown = [[span.name, span.span_type, span.inputs, span.outputs, span.status.status_code.value, span.parent_id is None, sorted(key for key in span.attributes)] for span in trace.data.spans]
    usage = {key: value for key, value in trace.info.trace_metadata.items() if key in ("mlflow.trace.session", "mlflow.trace.user")}
    judged = sorted([it.name, it.value, it.rationale, it.source.source_type] for it in again.info.assessments)
    result = [shown, usage, judged, sorted(key for key in again.info.tags), again.info.state.value, again.info.request_preview, again.info.response_preview, len(table), sorted(table.columns), [str(it) for it in table["state"]], len(mlflow.search_traces(filter_string="trace.status = 'ERROR'", return_type="list", locations=[trace.info.experiment_id])), len(mlflow.search_traces(run_id=run.info.run_id, return_type="list", locations=[trace.info.experiment_id]))]
    mlflow.delete_trace_tag(first, "later")
    result.append(client.delete_traces(trace.info.experiment_id, trace_ids=[first]))
    return result


def attached():
    """A picture in a span: its place is told in the trace, and its bytes lie with the trace's files."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.tracing.attachments import Attachment

    mlflow.set_experiment("attached session")
    with mlflow.start_span("look") as span:
        span.set_inputs({"picture": Attachment(content_type="image/png", content_bytes=b"\x89PNG and more")})
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(span.trace_id)
    place = Attachment.parse_ref(trace.data.spans[0].inputs["picture"])
    files = get_artifact_repository(trace.info.tags["mlflow.artifactLocation"])
    return [place["content_type"], place["size"], files.download_trace_attachment(place["attachment_id"]).decode("latin-1")]


def project():
    """`mlflow run`: a directory with a program, its parameters, and what it logged."""
    here = pathlib.Path("project")
    here.mkdir()
    (here / "MLproject").write_text("name: tries\nentry_points:\n  main:\n    parameters:\n      rate: {type: float, default: 0.1}\n    command: \"python learn.py {rate}\"\n")
    (here / "learn.py").write_text("import sys, mlflow\nwith mlflow.start_run():\n    mlflow.log_metric('loss', float(sys.argv[1]) * 2)\n")
    done = mlflow.projects.run(str(here), parameters={"rate": 0.25}, env_manager="local", experiment_name="projects")
    run = MlflowClient().get_run(done.run_id)
    return [done.get_status(), of_run(run), run.data.metrics, sorted(key for key in run.data.tags if key.startswith("mlflow.project"))]


def refused():
    """What the client raises when something is wrong."""
    client, found = MlflowClient(), {}

    def attempt(name, function):
        try:
            function()
            found[name] = "nothing"
        except mlflow.exceptions.MlflowException as error:
            found[name] = error.error_code

    mlflow.set_experiment("session")
    with mlflow.start_run() as run:
        mlflow.log_param("p", 1)
        attempt("another value", lambda: mlflow.log_param("p", 2))
        attempt("a bad key", lambda: mlflow.log_metric("a\tb", 1))
        attempt("a long name", lambda: mlflow.log_metric("x" * 300, 1))
    attempt("no run", lambda: client.get_run("0" * 32))
    attempt("no experiment", lambda: client.get_experiment("987654321"))
    attempt("no model", lambda: client.get_registered_model("nobody"))
    attempt("no version", lambda: client.get_model_version("session-model", "99"))
    attempt("no alias", lambda: client.get_model_version_by_alias("session-model", "nobody"))
    attempt("twice", lambda: client.create_registered_model("session-model"))
    attempt("experiment twice", lambda: client.create_experiment("session"))
    attempt("bad filter", lambda: client.search_runs(["0"], "metrics.a ="))
    client.delete_run(run.info.run_id)
    attempt("deleted run", lambda: client.log_metric(run.info.run_id, "m", 1))
    attempt("no artifact", lambda: mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="none.txt"))
    found["unknown experiment"] = mlflow.get_experiment_by_name("nobody") is None
    return found


def together():
    """A hundred threads log to one run; nothing is lost."""
    from concurrent.futures import ThreadPoolExecutor

    client = MlflowClient()
    run = client.create_run(mlflow.create_experiment("together")).info.run_id
    with ThreadPoolExecutor(100) as pool:
        list(pool.map(lambda i: [client.log_metric(run, "shared", i, step=i), client.log_metric(run, f"own{i}", 1), client.log_param(run, f"p{i}", i)], range(100)))
    again = client.get_run(run)
    return [len(again.data.metrics), len(again.data.params), sorted(it.value for it in client.get_metric_history(run, "shared")) == [float(i) for i in range(100)], again.data.metrics["shared"]]


def versions_together():
    """Versions made at the same moment have no gap and no twin."""
    from concurrent.futures import ThreadPoolExecutor

    client = MlflowClient()
    client.create_registered_model("crowded")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: int(client.create_model_version("crowded", f"s3://bucket/{i}").version), range(16)))
    return sorted(made)


STEPS = [logging, table, many_runs, sklearn_model, onnx_model, autolog_sklearn, autolog_xgboost, autolog_lightgbm, pyfunc_model, evaluated, prompts, traced, attached, project, refused, together, versions_together]


def main():
    """Everything, one after another."""
    url, out = sys.argv[1:3]
    os.chdir(tempfile.mkdtemp())
    mlflow.set_tracking_uri(url)
    for function in STEPS:
        step(function)
    pathlib.Path(out).write_text(json.dumps(told, default=str))


main()
