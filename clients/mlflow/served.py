"""What people do with a registry and a tracking server beside logging: serve a model by MLflow's command, and clean up."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import mlflow
from mlflow import MlflowClient

from sides import free_port


def served(checks, url, log):
    """`mlflow models serve` gets a registered model from us and answers with it."""
    from sklearn.linear_model import LogisticRegression

    mlflow.set_tracking_uri(url)
    mlflow.set_experiment("served")
    with mlflow.start_run():
        mlflow.sklearn.log_model(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), name="model", registered_model_name="served")
    port = free_port()
    words = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/served/1", "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    with open(log, "wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, "MLFLOW_TRACKING_URI": url}, start_new_session=True)
    try:
        end, told = time.monotonic() + 120, None
        while time.monotonic() < end and process.poll() is None:
            try:
                ask = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", json.dumps({"inputs": [[-3.0], [4.0]]}).encode(), {"content-type": "application/json"})
                told = json.loads(urllib.request.urlopen(ask, timeout=10).read())
                break
            except urllib.error.HTTPError as error:
                told = error.read()
                break
            except OSError:
                time.sleep(0.3)
        checks.that("`mlflow models serve` answers with a model of ours", told == {"predictions": [0, 1]}, told)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15)
            process.wait(20)


def cleaned(checks, admin, side):
    """What `mlflow gc` does at a database is an operation here: what lies in the trash is forgotten with its files."""
    client = MlflowClient(side.url)
    exp = client.create_experiment("to be cleaned")
    run = client.create_run(exp).info.run_id
    client.log_metric(run, "m", 1)
    client.log_text(run, "some words", "notes/words.txt")
    living = client.create_run(exp).info.run_id
    client.log_text(living, "other words", "words.txt")
    client.delete_run(run)
    clear = lambda **ask: admin.post("/api/v1/catalog/experiments/clear-trash", ask)  # noqa: E731
    told = clear()
    checks.that("what was deleted just now can be wanted back", told["runs"] == 0 and client.get_run(run).info.lifecycle_stage == "deleted", told)
    told = clear(olderThanDays=0)
    checks.that("a deleted run is forgotten with its files", told["runs"] >= 1 and told["files"] >= 1 and not told["more"], told)
    gone = side.ask("", "GET", "runs/get", query={"run_id": run}, note=False)
    checks.that("nobody finds it", gone.get("error_code") == "RESOURCE_DOES_NOT_EXIST", gone)
    status, _, data = side.send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{exp}/{run}/artifacts/notes/words.txt")
    checks.that("nor its files", status == 404, (status, data))
    checks.that("what was not deleted stays", [it.path for it in client.list_artifacts(living)] == ["words.txt"])
    client.delete_experiment(exp)
    told = clear(olderThanDays=0)
    checks.that("an experiment goes with all that is its own", told["experiments"] >= 1 and told["runs"] >= 1, told)
    gone = side.ask("", "GET", "runs/get", query={"run_id": living}, note=False)
    checks.that("its runs, too", gone.get("error_code") == "RESOURCE_DOES_NOT_EXIST", gone)


def by_token(checks, admin, side):
    """Who has a token needs no password, and who has another one gets nothing."""
    kept = {name: os.environ.pop(name) for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")}
    try:
        os.environ["MLFLOW_TRACKING_TOKEN"] = admin.token
        checks.that("MLflow's client logs in by a token", len(MlflowClient(side.url).search_experiments()) > 0)
        os.environ["MLFLOW_TRACKING_TOKEN"] = admin.token[:-4] + "aaaa"
        try:
            told = MlflowClient(side.url).search_experiments()
        except mlflow.exceptions.MlflowException as error:
            told = error.error_code
        checks.that("and by no other", told == "UNAUTHENTICATED", told)
    finally:
        os.environ.pop("MLFLOW_TRACKING_TOKEN", None)
        os.environ.update(kept)


def play(checks, admin, side, log):
    """All of it."""
    by_token(checks, admin, side)
    served(checks, side.url, log)
    cleaned(checks, admin, side)
