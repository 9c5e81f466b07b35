"""Models that are served as ONNX instead of as code: where both answer alike, and only there, and always said."""

import json
import time

import lightgbm
import mlflow
import numpy
import xgboost
from aic import until
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

BASE = "/api/v1/catalog"
OWN = ["mlflow==3.17.2"]
ROWS = 40


def records(frame):
    return json.loads(frame.to_json(orient="records"))


def models():
    """A model by the name of its case: how it is logged, rows to ask it for, and what its library says to them."""
    iris, data = load_iris(as_frame=True), load_diabetes(as_frame=True)
    names = numpy.array(iris.target_names)[iris.target]
    table = iris.data.assign(colour=["red" if number % 2 else "blue" for number in range(len(iris.data))])
    known = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder="passthrough")
    sklearn = lambda **more: lambda model, **about: mlflow.sklearn.log_model(model, serialization_format="cloudpickle", **about, **more)
    boosted = xgboost.XGBClassifier(n_estimators=10).fit(iris.data, iris.target)
    light = lightgbm.LGBMRegressor(n_estimators=10, verbose=-1).fit(data.data, data.target)
    return {
        "linear-regression": (LinearRegression().fit(data.data, data.target), data.data, sklearn()),
        "scaled-classes": (make_pipeline(StandardScaler(), LogisticRegression()).fit(iris.data, iris.target), iris.data, sklearn()),
        "columns-forest": (make_pipeline(known, RandomForestClassifier(20, random_state=1)).fit(table, names), table, sklearn()),
        "boosted-classes": (boosted, iris.data, mlflow.xgboost.log_model),
        "light-numbers": (light, data.data, mlflow.lightgbm.log_model),
    }


def logged(name, model, rows, log, example=True):
    """A registered version, with or without an example."""
    about = {"input_example": rows[:5]} if example else {}
    with mlflow.start_run():
        log(model, name=name, registered_model_name=name, signature=mlflow.models.infer_signature(rows, model.predict(rows)), pip_requirements=OWN, **about)


def deployed(client, name, model=None, conversion=None):
    """An endpoint, once it was tried, and the revision that is newest."""
    spec = {"model": model or name, **({"engine": {"conversion": conversion}} if conversion else {})}
    client.post(f"{BASE}/endpoints", {"metadata": {"name": name}, "spec": spec})
    return settled(client, name)


def settled(client, name):
    """An endpoint, once it was tried, and the revision that is newest."""
    ready = lambda: (it := client.get(f"{BASE}/endpoints/{name}")["status"])["phase"] in ("Ready", "Failed") and not it.get("run") and it
    state = until(f"{name} is tried", ready, 300)
    return state, client.get(f"{BASE}/endpoint-revisions/{name}.{state['latest']}")["status"]


def told(client, name, rows):
    """What an endpoint says to rows: labels, or numbers."""
    answer = client.send("POST", f"{BASE}/endpoints/{name}/predict", {"rows": records(rows)})
    if answer.status != 200:
        return answer.status, answer.json["code"]
    return [it["label"] if "label" in it else it["prediction"] for it in answer.json["predictions"]]


def same(answers, expected):
    if isinstance(answers, tuple):
        return False
    return answers == [str(it) for it in expected] if isinstance(answers[0], str) else numpy.allclose(answers, expected, rtol=1e-4, atol=1e-4)


def converts(client, checks, workers):
    """What converters write is served as ONNX by the same names, without a process of its own."""
    for name, (model, rows, log) in models().items():
        logged(name, model, rows, log)
        began = time.monotonic()
        state, revision = deployed(client, name)
        took = time.monotonic() - began
        conversion = revision.get("conversion") or {}
        served = state["phase"] == "Ready" and state.get("form") == "onnx-converted" and conversion.get("blob") and conversion["rows"] == 100 and conversion["apart"] <= 1e-4
        checks.that(f"{name} is served as ONNX, and the endpoint says so", served, (state, revision))
        print(f"{name}: {state.get('form')} by {state.get('runtime')}, {conversion.get('apart')} apart, deployed in {took:.1f} s", flush=True)
        some = rows[::max(1, len(rows) // ROWS)]
        found, expected = told(client, name, some), model.predict(some)
        checks.that(f"{name} answers what the library answers", same(found, expected), (found, expected))
        schema = client.get(f"{BASE}/endpoints/{name}/schema")
        classes = [str(it) for it in getattr(model, "classes_", [])]
        checks.that(f"{name} has the inputs and classes it had", [it["name"] for it in schema["inputs"]] == list(rows.columns) and schema.get("classes", []) == classes, schema)
    checks.that("nothing of it runs in a process of its own", not workers(), workers())
    version, other = client.get(f"{BASE}/endpoint-revisions/linear-regression.1"), deployed(client, "converted-again", "linear-regression")
    runs = client.get("/api/v1/system/runs", filter='spec.subject = "catalog.endpoints/converted-again"')["items"]
    log = client.get(f"/api/v1/system/runs/{runs[0]['metadata']['name']}/logs").decode()
    kept = other[1]["conversion"]["blob"] == version["status"]["conversion"]["blob"] and "converting" not in log and other[0]["form"] == "onnx-converted"
    checks.that("a version is converted once", kept, (other, log))


def stays(client, checks):
    """What cannot be vouched for is served as code, and it is said why."""
    iris, data = load_iris(as_frame=True), load_diabetes(as_frame=True)
    table = iris.data.assign(colour=["red" if number % 2 else "blue" for number in range(len(iris.data))])
    names = numpy.array(iris.target_names)[iris.target]
    sklearn = lambda model, **about: mlflow.sklearn.log_model(model, serialization_format="cloudpickle", **about)
    strict = make_pipeline(make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough"), LogisticRegression(max_iter=500)).fit(table, names)
    own = make_pipeline(FunctionTransformer(numpy.abs), LinearRegression()).fit(data.data, data.target)
    plain = LinearRegression().fit(data.data, data.target)
    cases = {
        "strict-texts": (strict, table, True, "refuses texts"),
        "own-function": (own, data.data, True, "converter fails"),
        "no-example": (plain, data.data, False, "without an input example"),
    }
    for name, (model, rows, example, why) in cases.items():
        logged(name, model, rows, sklearn, example)
        state, revision = deployed(client, name)
        reason = (revision.get("conversion") or {}).get("reason", "")
        checks.that(f"{name} is served as code, and it is said why", state.get("form") == "pyfunc" and why in reason, (state, revision))
        checks.that(f"{name} answers what the library answers", same(told(client, name, rows[:5]), model.predict(rows[:5])), told(client, name, rows[:5]))
    state, revision = deployed(client, "as-code", "linear-regression", "off")
    checks.that("who wants the code gets the code", state.get("form") == "pyfunc" and "wants the code" in revision["conversion"]["reason"], (state, revision))
    checks.that("and it answers the same", same(told(client, "as-code", data.data[:5]), plain.predict(data.data[:5])))


def refuses(client, checks):
    """What the code refuses, the converted model refuses as well."""
    data = load_diabetes(as_frame=True).data[:2].copy()
    data.loc[data.index[1], "bmi"] = float("nan")
    for name, code in (("as-code", "model-failed"), ("linear-regression", "tensor-missing")):
        checks.that(f"a missing number is refused: {name}", told(client, name, data) == (422, code), told(client, name, data))
    # What the library takes is taken: boosted trees know missing numbers.
    answer = told(client, "light-numbers", data)
    checks.that("a missing number that the model knows is answered", isinstance(answer, list) and len(answer) == 2, answer)


def survives(client, checks):
    """After a restart the file answers, and no Python is started for it."""
    data = load_diabetes(as_frame=True).data[:5]
    model = models()["linear-regression"][0]
    began = time.monotonic()
    answer = told(client, "linear-regression", data)
    checks.that("after a restart the converted model answers", same(answer, model.predict(data)), answer)
    print(f"the first answer after a restart: {time.monotonic() - began:.2f} s", flush=True)


def layered(client, checks, needs):
    """In an environment made of a model's requirements, the converters are put beside its packages."""
    data = load_diabetes(as_frame=True).data
    model = LinearRegression().fit(data, load_diabetes().target)
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="layered", registered_model_name="layered", serialization_format="cloudpickle", signature=mlflow.models.infer_signature(data, model.predict(data)), input_example=data[:5], pip_requirements=needs)
    began = time.monotonic()
    state, revision = deployed(client, "layered")
    checks.that("in an environment of its own a model is converted, too", state.get("form") == "onnx-converted", (state, revision))
    checks.that("and answers what the library answers", same(told(client, "layered", data[:5]), model.predict(data[:5])), revision)
    print(f"deployed with converters to install: {time.monotonic() - began:.1f} s", flush=True)
