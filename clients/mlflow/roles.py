"""Every route of MLflow that is served, asked by nobody, by another tenant, by a viewer and by the owner."""

import base64
import json
import urllib.parse

PASSWORD = "one-more-sentence-of-words"
# A list leaves out what is not the caller's, and says nothing of it.
READ, LIST, WRITE = "read", "list", "write"


def made(side):
    """One of everything, and what it is called."""
    exp = side.ask("", "POST", "experiments/create", {"name": "roles"}, note=False)["experiment_id"]
    run = side.ask("", "POST", "runs/create", {"experiment_id": exp, "run_name": "roles", "start_time": 1}, note=False)["run"]["info"]["run_id"]
    side.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{exp}/{run}/artifacts/secret.txt", b"secret")
    side.ask("", "POST", "runs/log-metric", {"run_id": run, "key": "secret", "value": 1, "timestamp": 1}, note=False)
    side.ask("", "POST", "registered-models/create", {"name": "roles"}, note=False)
    side.ask("", "POST", "model-versions/create", {"name": "roles", "source": "s3://bucket/secret"}, note=False)
    side.ask("", "POST", "registered-models/alias", {"name": "roles", "alias": "a", "version": "1"}, note=False)
    logged = side.ask("", "POST", "logged-models", {"experiment_id": exp, "name": "roles"}, note=False)["model"]["info"]["model_id"]
    side.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{exp}/models/{logged}/artifacts/MLmodel", b"secret")
    dataset = side.ask("", "POST", "/api/3.0/mlflow/datasets/create", {"name": "roles", "experiment_ids": [exp]}, note=False)["dataset"]["dataset_id"]
    side.ask("", "POST", f"/api/3.0/mlflow/datasets/{dataset}/records", {"records": json.dumps([{"inputs": {"q": "secret"}}])}, note=False)
    scorer = side.ask("", "POST", "/api/3.0/mlflow/scorers/register", {"experiment_id": exp, "name": "Roles", "serialized_scorer": "{}"}, note=False)["scorer_id"]
    trace = "tr-" + "5" * 32
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": exp}}
    side.ask("", "POST", "/api/3.0/mlflow/traces", {"trace": {"trace_info": {"trace_id": trace, "trace_location": location, "state": "OK", "request_preview": "secret"}}}, note=False)
    side.send("POST", "/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5" * 32, "spanId": "5" * 16, "name": "secret", "startTimeUnixNano": "1"}]}]}]}, {"x-mlflow-experiment-id": exp})
    said = side.ask("", "POST", f"/api/3.0/mlflow/traces/{trace}/assessments", {"assessment": {"assessment_name": "roles", "feedback": {"value": "secret"}}}, note=False)["assessment"]["assessment_id"]
    hook = side.ask("", "POST", "webhooks", {"name": "roles", "url": "https://hooks.example.org/secret", "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}], "status": "DISABLED"}, note=False)["webhook"]["webhook_id"]
    return {"exp": exp, "run": run, "logged": logged, "dataset": dataset, "scorer": scorer, "hook": hook, "trace": trace, "said": said}


def routes(it):
    """Method, path, what is asked, and whether it only looks; the last ones take away what the ones before need."""
    exp, run, logged, dataset, trace, said = it["exp"], it["run"], it["logged"], it["dataset"], it["trace"], it["said"]
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": exp}}
    file = f"/api/2.0/mlflow-artifacts/artifacts/{exp}/{run}/artifacts"
    v3, ajax = "/api/3.0/mlflow", "/ajax-api/2.0/mlflow"
    return [
        ("GET", "experiments/get", {"experiment_id": exp}, READ), ("GET", "experiments/get-by-name", {"experiment_name": "roles"}, READ), ("POST", "experiments/search", {"max_results": 10}, READ),
        ("POST", "experiments/create", {"name": "roles too"}, WRITE), ("POST", "experiments/update", {"experiment_id": exp, "new_name": "roles anew"}, WRITE),
        ("POST", "experiments/set-experiment-tag", {"experiment_id": exp, "key": "a", "value": "b"}, WRITE), ("POST", "experiments/delete-experiment-tag", {"experiment_id": exp, "key": "a"}, WRITE),
        ("GET", "runs/get", {"run_id": run}, READ), ("POST", "runs/search", {"experiment_ids": [exp]}, READ), ("POST", "runs/create", {"experiment_id": exp, "start_time": 1}, WRITE), ("POST", "runs/update", {"run_id": run, "status": "FINISHED"}, WRITE),
        ("POST", "runs/log-metric", {"run_id": run, "key": "m", "value": 1, "timestamp": 1}, WRITE), ("POST", "runs/log-parameter", {"run_id": run, "key": "p", "value": "1"}, WRITE), ("POST", "runs/set-tag", {"run_id": run, "key": "t", "value": "1"}, WRITE),
        ("POST", "runs/delete-tag", {"run_id": run, "key": "t"}, WRITE), ("POST", "runs/log-batch", {"run_id": run, "metrics": [{"key": "n", "value": 1, "timestamp": 1}]}, WRITE),
        ("POST", "runs/log-inputs", {"run_id": run, "datasets": [{"dataset": {"name": "d", "digest": "e", "source_type": "local", "source": "{}"}}]}, WRITE), ("POST", "runs/outputs", {"run_id": run, "models": [{"model_id": logged, "step": 1}]}, WRITE),
        ("POST", "runs/log-model", {"run_id": run, "model_json": json.dumps({"artifact_path": "m", "flavors": {}, "utc_time_created": "x", "run_id": run})}, WRITE),
        ("GET", "metrics/get-history", {"run_id": run, "metric_key": "secret"}, READ), ("GET", "metrics/get-history-bulk-interval", {"run_ids": [run], "metric_key": "secret"}, READ),
        ("GET", "artifacts/list", {"run_id": run}, READ), ("GET", "/api/2.0/mlflow-artifacts/artifacts", {"path": f"{exp}/{run}/artifacts"}, READ), ("GET", f"{file}/secret.txt", {}, READ), ("GET", "/get-artifact", {"path": "secret.txt", "run_uuid": run}, READ),
        ("POST", f"/api/2.0/mlflow-artifacts/mpu/create/{exp}/{run}/artifacts", {"path": "parts.bin", "num_parts": 2}, WRITE), ("GET", f"/api/2.0/mlflow-artifacts/presigned/{exp}/{run}/artifacts/secret.txt", {}, READ),
        ("POST", "artifacts/presigned-upload-url", {"run_id": run, "path": "signed.txt"}, WRITE), ("POST", "artifacts/presigned-download-url", {"run_id": run, "path": "secret.txt"}, READ),
        ("PUT", f"{file}/more.txt", {"a": 1}, WRITE), ("DELETE", f"{file}/more.txt", {}, WRITE),
        ("GET", "registered-models/get", {"name": "roles"}, READ), ("GET", "registered-models/search", {}, READ), ("POST", "registered-models/get-latest-versions", {"name": "roles"}, READ), ("GET", "registered-models/alias", {"name": "roles", "alias": "a"}, READ),
        ("POST", "registered-models/create", {"name": "roles too"}, WRITE), ("PATCH", "registered-models/update", {"name": "roles", "description": "x"}, WRITE), ("POST", "registered-models/rename", {"name": "roles too", "new_name": "roles three"}, WRITE),
        ("POST", "registered-models/set-tag", {"name": "roles", "key": "a", "value": "b"}, WRITE), ("DELETE", "registered-models/delete-tag", {"name": "roles", "key": "a"}, WRITE), ("POST", "registered-models/alias", {"name": "roles", "alias": "b", "version": "1"}, WRITE),
        ("GET", "model-versions/get", {"name": "roles", "version": "1"}, READ), ("GET", "model-versions/search", {}, READ), ("GET", "model-versions/get-download-uri", {"name": "roles", "version": "1"}, READ),
        ("POST", "model-versions/create", {"name": "roles", "source": "s3://bucket/other"}, WRITE), ("PATCH", "model-versions/update", {"name": "roles", "version": "1", "description": "x"}, WRITE), ("POST", "model-versions/transition-stage", {"name": "roles", "version": "1", "stage": "Staging"}, WRITE),
        ("POST", "model-versions/set-tag", {"name": "roles", "version": "1", "key": "a", "value": "b"}, WRITE), ("DELETE", "model-versions/delete-tag", {"name": "roles", "version": "1", "key": "a"}, WRITE),
        ("GET", f"logged-models/{logged}", {}, READ), ("POST", "logged-models/search", {"experiment_ids": [exp]}, READ), ("GET", f"logged-models/{logged}/artifacts/directories", {}, READ), ("POST", "logged-models", {"experiment_id": exp, "name": "more"}, WRITE),
        ("POST", f"logged-models/{logged}/params", {"params": [{"key": "a", "value": "b"}]}, WRITE), ("PATCH", f"logged-models/{logged}/tags", {"tags": [{"key": "a", "value": "b"}]}, WRITE), ("DELETE", f"logged-models/{logged}/tags/a", {}, WRITE),
        ("PATCH", f"logged-models/{logged}", {"model_id": logged, "status": "LOGGED_MODEL_READY"}, WRITE),
        ("GET", f"{v3}/datasets/{dataset}", {}, READ), ("POST", f"{v3}/datasets/search", {}, READ), ("GET", f"{v3}/datasets/{dataset}/records", {}, READ), ("GET", f"{v3}/datasets/{dataset}/experiment-ids", {}, READ), ("POST", f"{v3}/datasets/create", {"name": "more"}, WRITE),
        ("POST", f"{v3}/datasets/{dataset}/records", {"records": "[{\"inputs\": {\"q\": \"x\"}}]"}, WRITE), ("PATCH", f"{v3}/datasets/{dataset}/tags", {"tags": "{\"a\": \"b\"}"}, WRITE), ("DELETE", f"{v3}/datasets/{dataset}/tags/a", {}, WRITE),
        ("POST", f"{v3}/datasets/{dataset}/add-experiments", {"experiment_ids": [exp]}, WRITE), ("POST", f"{v3}/datasets/{dataset}/remove-experiments", {"experiment_ids": [exp]}, WRITE), ("DELETE", f"{v3}/datasets/{dataset}/records", {"dataset_record_ids": ["x"]}, WRITE),
        ("GET", f"{v3}/scorers/list", {"experiment_id": exp}, READ), ("GET", f"{v3}/scorers/get", {"experiment_id": exp, "name": "Roles"}, READ), ("GET", f"{v3}/scorers/versions", {"experiment_id": exp, "name": "Roles"}, READ), ("GET", f"{v3}/scorers/online-configs", {"scorer_ids": [it["scorer"]]}, READ),
        ("POST", f"{v3}/scorers/register", {"experiment_id": exp, "name": "Roles", "serialized_scorer": "{}"}, WRITE), ("PUT", f"{v3}/scorers/online-config", {"experiment_id": exp, "name": "Roles", "sample_rate": 0}, WRITE), ("DELETE", f"{v3}/scorers/delete", {"experiment_id": exp, "name": "Roles"}, WRITE),
        ("GET", "webhooks", {}, READ), ("GET", f"webhooks/{it['hook']}", {}, READ), ("PATCH", f"webhooks/{it['hook']}", {"description": "x"}, WRITE), ("POST", f"webhooks/{it['hook']}/test", {}, WRITE),
        ("POST", "webhooks", {"name": "more", "url": "https://hooks.example.org/more", "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}]}, WRITE),
        ("GET", f"{v3}/traces/{trace}", {}, READ), ("GET", f"{v3}/traces/get", {"trace_id": trace}, READ), ("GET", f"{v3}/traces/batchGet", {"trace_ids": [trace]}, LIST), ("POST", f"{v3}/traces/batchGetInfos", {"trace_ids": [trace]}, LIST), ("GET", f"traces/{trace}/info", {}, READ),
        ("POST", f"{v3}/traces/search", {"locations": [location]}, READ), ("GET", "traces", {"experiment_ids": [exp]}, LIST), ("POST", f"{v3}/traces/calculate-filter-correlation", {"experiment_ids": [exp], "filter_string1": "status = 'OK'", "filter_string2": "status = 'ERROR'"}, LIST),
        ("POST", f"{v3}/traces", {"trace": {"trace_info": {"trace_id": trace, "trace_location": location, "state": "OK"}}}, WRITE), ("POST", "traces", {"experiment_id": exp, "timestamp_ms": 1}, WRITE), ("PATCH", f"traces/{trace}", {"timestamp_ms": 2, "status": "OK"}, WRITE),
        ("PATCH", f"{v3}/traces/{trace}/tags", {"key": "a", "value": "b"}, WRITE), ("DELETE", f"{v3}/traces/{trace}/tags", {"key": "a"}, WRITE), ("PATCH", f"traces/{trace}/tags", {"key": "a", "value": "b"}, WRITE), ("DELETE", f"traces/{trace}/tags", {"key": "a"}, WRITE),
        ("POST", f"{v3}/traces/metrics", {"experiment_ids": [exp], "view_type": "TRACES", "metric_name": "trace_count", "aggregations": [{"aggregation_type": "COUNT"}], "dimensions": ["trace_status"]}, LIST), ("GET", f"{ajax}/get-trace-artifact", {"request_id": trace}, READ),
        ("POST", f"{ajax}/upload-artifact?run_uuid={run}&path=put.txt", {"a": 1}, WRITE), ("GET", f"{ajax}/logged-models/{logged}/artifacts/files", {"artifact_file_path": "MLmodel"}, READ),
        ("POST", "traces/link-to-run", {"trace_ids": [trace], "run_id": run}, WRITE), ("POST", "traces/link-prompts", {"trace_id": trace, "prompt_versions": [{"name": "p", "version": "1"}]}, WRITE),
        ("POST", f"{v3}/traces/{trace}/assessments", {"assessment": {"assessment_name": "a", "feedback": {"value": 1}}}, WRITE), ("GET", f"{v3}/traces/{trace}/assessments/{said}", {}, READ), ("PATCH", f"{v3}/traces/{trace}/assessments/{said}", {"assessment": {"rationale": "x"}, "update_mask": "rationale"}, WRITE), ("DELETE", f"{v3}/traces/{trace}/assessments/{said}", {}, WRITE),
        ("POST", "/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "5" * 32, "spanId": "6" * 16, "name": "more", "startTimeUnixNano": "1"}]}]}]}, WRITE, {"x-mlflow-experiment-id": exp}),
        ("GET", f"{v3}/server-info", {}, READ), ("GET", f"{v3}/workspaces", {}, READ), ("GET", f"{v3}/workspaces/default", {}, READ), ("POST", f"{v3}/workspaces", {"name": "more"}, WRITE), ("PATCH", f"{v3}/workspaces/more", {"description": "x"}, WRITE), ("DELETE", f"{v3}/workspaces/more", {}, WRITE),
        ("POST", "traces/delete-traces", {"experiment_id": exp, "request_ids": [trace]}, WRITE), ("DELETE", f"webhooks/{it['hook']}", {}, WRITE), ("DELETE", f"{v3}/datasets/{dataset}", {}, WRITE), ("DELETE", f"logged-models/{logged}", {}, WRITE), ("DELETE", "registered-models/alias", {"name": "roles", "alias": "a"}, WRITE),
        ("DELETE", "model-versions/delete", {"name": "roles", "version": "1"}, WRITE), ("DELETE", "registered-models/delete", {"name": "roles"}, WRITE), ("POST", "runs/delete", {"run_id": run}, WRITE), ("POST", "runs/restore", {"run_id": run}, WRITE),
        ("POST", "experiments/delete", {"experiment_id": exp}, WRITE), ("POST", "experiments/restore", {"experiment_id": exp}, WRITE),
    ]


def send(side, method, path, ask, headers):
    """One call: fields go into the query of a GET, and into the body otherwise."""
    if not path.startswith("/"):
        path = "/api/2.0/mlflow/" + path
    if method == "GET":
        path += "?" + urllib.parse.urlencode(ask, doseq=True) if ask else ""
        return side.send(method, path, None, headers)
    return side.send(method, path, ask, headers)


def basic(name):
    """Who asks, by name and password."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()}


def ways(checks, admin, side):
    """A password, a token, or a key as the password; and what is none of them."""
    admin.post("/api/v1/admin/service-accounts", {"metadata": {"name": "robot"}, "spec": {}})
    admin.post("/api/v1/admin/grants", {"metadata": {"name": "robot"}, "spec": {"role": "viewer", "subject": "service:robot"}})
    key = admin.post("/api/v1/admin/service-accounts/robot/keys")["token"]
    packed = lambda text: {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}  # noqa: E731
    for name, headers, expected in (("a token", {"authorization": f"Bearer {admin.token}"}, 200), ("a key as a token", {"authorization": f"Bearer {key}"}, 200), ("a key as a password", packed(f"anybody:{key}"), 200),
                                    ("a wrong password", packed("vera:wrong"), 401), ("nobody's password", packed("nobody:wrong"), 401), ("no password", packed("vera:"), 401), ("no pair", {"authorization": "Basic eA=="}, 401), ("an odd scheme", {"authorization": "Digest x"}, 401)):
        status, told, body = send(side, "GET", "experiments/get", {"experiment_id": "0"}, headers)
        checks.that(f"{name} is answered {expected}", status == expected, (status, body[:200]))
        if expected == 401:
            checks.that(f"{name} is asked for a login", "basic" in (told.get("www-authenticate") or "").lower(), told.items())
    tries = [send(side, "GET", "experiments/get", {"experiment_id": "0"}, packed(f"vera:guess{i}"))[0] for i in range(12)]
    checks.that("guessing comes to an end", tries[-1] == 429 and 200 not in tries, tries)


def play(checks, admin, side):
    """Makes people, and lets each ask everything."""
    make = lambda plural, name, **spec: admin.post(f"/api/v1/admin/{plural}", {"metadata": {"name": name}, "spec": spec})  # noqa: E731
    make("users", "vera", password=PASSWORD)
    make("grants", "vera", role="viewer", subject="user:vera")
    admin.post("/api/v1/admin/organizations", {"metadata": {"name": "acme"}})
    admin.post("/api/v1/admin/organizations/acme/administrators", {"username": "eve", "password": PASSWORD})
    known = made(side)
    all_ = routes(known)
    for method, path, ask, sort, *more in all_:
        more = more[0] if more else {}
        name = f"{method} {path} {json.dumps(ask)[:60]}"
        status, _, body = send(side, method, path, ask, {"authorization": "Bearer none", "x-forwarded-for": "198.51.100.7", **more})
        checks.that(f"nobody may [{name}]", status == 401 and json.loads(body)["error_code"] == "UNAUTHENTICATED", (status, body[:200]))
        status, _, body = send(side, method, path, ask, {**basic("eve@acme"), **more})
        named = any(part in (path + json.dumps(ask)) for part in (*known.values(), "roles\"", "roles "))
        seen = [value for value in known.values() if value.encode() in body and value not in path + json.dumps([ask, more])] + ([b"secret"] if b"secret" in body and b"secret.txt" not in body else [])
        checks.that(f"another tenant sees nothing by [{name}]", status < 500 and not seen, (status, body[:300]))
        if sort == READ and named and not path.endswith(("search", "list")):
            checks.that(f"another tenant is told there is nothing by [{name}]", status in (400, 404) or body in (b"{}", b'{"configs":[]}'), (status, body[:300]))
        status, _, body = send(side, method, path, ask, {**basic("vera"), **more})
        if sort != WRITE:
            checks.that(f"a viewer may look by [{name}]", status == 200, (status, body[:300]))
        else:
            refused = status == 403 and json.loads(body)["error_code"] == "PERMISSION_DENIED"
            checks.that(f"a viewer may not [{name}]", refused, (status, body[:300]))
    for method, path, ask, _, *more in all_:
        status, _, body = send(side, method, path, ask, more[0] if more else None)
        checks.that(f"the owner may [{method} {path} {json.dumps(ask)[:60]}]", status < 300, (status, body[:300]))
    ways(checks, admin, side)
    # A workspace is a project: what is in one is not in another.
    admin.post("/api/v1/admin/projects", {"metadata": {"name": "other"}, "spec": {}})
    elsewhere = {"x-mlflow-workspace": "other"}
    status, _, body = send(side, "POST", "experiments/create", {"name": "elsewhere"}, elsewhere)
    there = json.loads(body).get("experiment_id")
    for headers, expected in ((elsewhere, 200), ({}, 404)):
        status, _, _ = send(side, "GET", "experiments/get", {"experiment_id": there}, headers)
        checks.that(f"an experiment is in its workspace only {headers}", status == expected, status)
    status, _, body = send(side, "POST", "experiments/create", {"name": "nowhere"}, {"x-mlflow-workspace": "none"})
    checks.that("a workspace nobody made has nothing", status == 404, (status, body[:200]))
    for method, path in (("GET", "nothing/here"), ("POST", "experiments/nothing"), ("DELETE", "experiments/get"), ("GET", "runs"), ("POST", "gateway/endpoints/create")):
        status, _, body = send(side, method, path, {}, None)
        checks.that(f"nothing is served at {method} {path}", status == 404 and json.loads(body)["error_code"] == "ENDPOINT_NOT_FOUND", (status, body[:200]))
    return len(all_)
