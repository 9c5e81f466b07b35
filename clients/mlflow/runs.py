"""Runs, asked of any server by plain HTTP: logging, histories, searches, artifacts, and what is refused."""

import json


def make(side, exp, name, start, **more):
    """A run with a name and a start."""
    return side.post("runs/create", experiment_id=exp, run_name=name, start_time=start, **more)["run"]["info"]["run_id"]


def basics(side):
    """Creating, changing, deleting, restoring."""
    exp = side.post("experiments/create", name="runs")["experiment_id"]
    run = make(side, exp, "first", 1000, user_id="ada", tags=[{"key": "a", "value": "1"}, {"key": "mlflow.user", "value": "ada"}])
    side.get("runs/get", run_id=run)
    side.get("runs/get", run_uuid=run)
    side.get("runs/get", run_id="0" * 32)
    side.get("runs/get")
    side.post("runs/create", experiment_id="987654321", start_time=1)
    side.post("runs/create", experiment_id=exp, start_time="x")
    side.post("runs/create", experiment_id=exp, run_name="x", tags=[{"key": "mlflow.runName", "value": "y"}])
    side.post("runs/create", experiment_id=exp, run_name="tagged", start_time=5, tags=[{"key": "mlflow.runName", "value": "tagged"}])
    side.post("runs/update", run_id=run, status="FINISHED", end_time=2000)
    side.post("runs/update", run_id=run, run_name="renamed")
    side.post("runs/update", run_id="0" * 32, status="FAILED")
    side.post("runs/update", run_id=run, status="FAILED", end_time=2500)
    side.get("runs/get", run_id=run)
    side.post("runs/set-tag", run_id=run, key="mlflow.runName", value="by tag")
    side.get("runs/get", run_id=run)
    side.post("runs/delete", run_id=run)
    side.get("runs/get", run_id=run)
    for path, body in (("log-metric", {"key": "m", "value": 1, "timestamp": 1}), ("log-parameter", {"key": "p", "value": "1"}), ("set-tag", {"key": "t", "value": "1"}), ("update", {"status": "FINISHED"}),
                       ("log-batch", {"metrics": [], "params": [], "tags": [{"key": "a", "value": "b"}]}), ("delete-tag", {"key": "a"})):
        side.post(f"runs/{path}", run_id=run, **body)
    side.post("runs/delete", run_id=run)
    side.post("runs/restore", run_id=run)
    side.post("runs/restore", run_id=run)
    side.post("runs/restore", run_id="0" * 32)
    side.post("runs/delete", run_id="0" * 32)
    side.get("runs/get", run_id=run)
    # A run in an experiment that is in the trash.
    gone = side.post("experiments/create", name="runs gone")["experiment_id"]
    inside = make(side, gone, "inside", 1)
    side.post("experiments/delete", experiment_id=gone)
    side.post("runs/create", experiment_id=gone, start_time=1)
    side.post("runs/search", experiment_ids=[gone])
    side.post("experiments/restore", experiment_id=gone)
    side.post("runs/search", experiment_ids=[gone])
    side.get("runs/get", run_id=inside)


def logging(side):
    """Metrics, parameters, tags: one by one and together."""
    exp = side.post("experiments/create", name="logging")["experiment_id"]
    run = make(side, exp, "logged", 1)
    metric = "runs/log-metric"
    for body in ({"key": "m", "value": 0.5, "timestamp": 10, "step": 1}, {"key": "m", "value": 0.7, "timestamp": 11, "step": 2}, {"key": "m", "value": 0.6, "timestamp": 9, "step": 2}, {"key": "m", "value": 0.9, "timestamp": 1, "step": 0},
                 {"key": "m", "value": 0.7, "timestamp": 11, "step": 2}, {"key": "nan", "value": "NaN", "timestamp": 1}, {"key": "inf", "value": "Infinity", "timestamp": 1}, {"key": "minf", "value": "-Infinity", "timestamp": 1},
                 {"key": "a/b c:d", "value": 1e-300, "timestamp": 1, "step": -5}, {"key": "int", "value": 3, "timestamp": "12", "step": "7"}):
        side.post(metric, run_id=run, **body)
    for bad in ({"key": "m"}, {"key": "m", "value": 1}, {"value": 1, "timestamp": 1}, {"key": "", "value": 1, "timestamp": 1}, {"key": "m", "value": "x", "timestamp": 1}, {"key": "m", "value": 1, "timestamp": "x"}, {"key": "m", "value": 1, "timestamp": -1},
                {"key": "m", "value": None, "timestamp": 1}, {"key": "x" * 251, "value": 1, "timestamp": 1}, {"key": "a//b", "value": 1, "timestamp": 1}, {"key": "../a", "value": 1, "timestamp": 1}, {"key": "a\nb", "value": 1, "timestamp": 1}, {"key": "m", "value": 1, "timestamp": 1, "step": "x"}):
        side.post(metric, run_id=run, **bad)
    side.post(metric, run_id="0" * 32, key="m", value=1, timestamp=1)
    side.post(metric, key="m", value=1, timestamp=1)
    param = "runs/log-parameter"
    for body in ({"key": "p", "value": "1"}, {"key": "p", "value": "1"}, {"key": "p", "value": "2"}, {"key": "e", "value": ""}, {"key": "l", "value": "x" * 6000}, {"key": "ll", "value": "y" * 6001}, {"key": "x" * 251, "value": "1"}, {"key": "", "value": "1"}, {"key": "a,b", "value": "1"}, {"key": "n"}, {"key": "i", "value": 5}):
        side.post(param, run_id=run, **body)
    for body in ({"key": "t", "value": "1"}, {"key": "t", "value": "2"}, {"key": "größe", "value": "ü"}, {"key": "l", "value": "x" * 8001}, {"key": "", "value": "x"}, {"key": "x" * 251, "value": "x"}, {"key": "e", "value": ""}):
        side.post("runs/set-tag", run_id=run, **body)
    side.post("runs/delete-tag", run_id=run, key="t")
    side.post("runs/delete-tag", run_id=run, key="t")
    side.get("runs/get", run_id=run)
    batches(side, run)
    histories(side, run)


def batches(side, run):
    """What is logged together, and the limits of it."""
    batch = "runs/log-batch"
    some = lambda count, key="b": [{"key": f"{key}{i}", "value": i / 7, "timestamp": i, "step": i} for i in range(count)]  # noqa: E731
    pairs = lambda count, key: [{"key": f"{key}{i}", "value": str(i)} for i in range(count)]  # noqa: E731
    side.post(batch, run_id=run, metrics=some(5), params=pairs(3, "bp"), tags=pairs(2, "bt"))
    side.post(batch, run_id=run)
    side.post(batch, run_id=run, metrics=some(1001))
    side.post(batch, run_id=run, params=pairs(101, "bq"))
    side.post(batch, run_id=run, tags=pairs(101, "bu"))
    side.post(batch, run_id=run, metrics=some(900), params=pairs(100, "bv"), tags=pairs(1, "bw"))
    side.post(batch, run_id=run, metrics=some(1000, "thousand"))
    # All of it or nothing.
    side.post(batch, run_id=run, metrics=[{"key": "never", "value": 1, "timestamp": 1}], params=[{"key": "bp0", "value": "other"}])
    side.post(batch, run_id=run, params=[{"key": "twice", "value": "1"}, {"key": "twice", "value": "2"}])
    side.post(batch, run_id=run, params=[{"key": "twice", "value": "1"}, {"key": "twice", "value": "1"}])
    for bad in ({"metrics": [{"key": "x"}]}, {"metrics": "x"}, {"metrics": [5]}, {"params": [{"value": "x"}]}, {"tags": [{"key": ""}]}, {"params": [{"key": "a//b", "value": "1"}]}):
        side.post(batch, run_id=run, **bad)
    side.post(batch, metrics=some(1))
    told = side.ask("the run then", "GET", "runs/get", query={"run_id": run}, note=False)["run"]["data"]
    side.note("what was logged", [sorted(it["key"] for it in told[what]) for what in ("metrics", "params", "tags")])


def histories(side, run):
    """All values of a metric, whole and in pages."""
    history = "metrics/get-history"
    for key in ("m", "nan", "inf", "none"):
        side.get(history, run_id=run, metric_key=key)
    side.get(history, run_id="0" * 32, metric_key="m")
    side.get(history, run_id=run)
    side.get(history, run_id=run, metric_key="m", max_results=0)
    side.get(history, run_id=run, metric_key="m", max_results=-1)
    values, page, pages = [], {"next_page_token": None}, 0
    while pages == 0 or page.get("next_page_token"):
        query = {"run_id": run, "metric_key": "m", "max_results": 2} | ({"page_token": page["next_page_token"]} if pages else {})
        page, pages = side.ask("page", "GET", history, query=query, note=False), pages + 1
        values += [it["value"] for it in page.get("metrics", [])]
    side.note("pages of a history", [pages, values])
    side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="m")
    side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="m", start_step=1, end_step=1)
    side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="m", start_step=2, end_step=1)
    side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="m", start_step=2)
    side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="m", max_results=0)
    curve = [{"key": "curve", "value": step * 0.5, "timestamp": 1_700_000_000_000 + time, "step": step} for time in (1, 2) for step in range(13)]
    side.post("runs/log-batch", run_id=run, metrics=curve)
    for most in (1, 2, 5, 12, 26, 100):
        side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="curve", max_results=most)
    side.get("metrics/get-history-bulk-interval", run_ids=[run], metric_key="curve", max_results=3, start_step=2, end_step=7)
    side.get("metrics/get-history-bulk-interval", run_ids=[], metric_key="m")
    side.ask("bulk", "GET", "/ajax-api/2.0/mlflow/metrics/get-history-bulk", query={"run_id": [run], "metric_key": "m"})


def inputs(side):
    """Data that went in, models that came out."""
    exp = side.post("experiments/create", name="inputs")["experiment_id"]
    run = make(side, exp, "fed", 1)
    data = {"name": "d", "digest": "abc", "source_type": "local", "source": "{}", "schema": "{}", "profile": "{}"}
    side.post("runs/log-inputs", run_id=run, datasets=[{"dataset": data, "tags": [{"key": "mlflow.data.context", "value": "training"}]}])
    side.post("runs/log-inputs", run_id=run, datasets=[{"dataset": {**data, "name": "e", "profile": None, "schema": None}}])
    side.post("runs/log-inputs", run_id=run, datasets="x")
    side.post("runs/log-inputs", run_id=run)
    side.post("runs/log-inputs", run_id="0" * 32, datasets=[{"dataset": data}])
    side.get("runs/get", run_id=run)
    for text in ("dataset.name = 'd'", "dataset.digest = 'abc'", "dataset.context = 'training'", "dataset.name IN ('d', 'x')", "dataset.name LIKE 'e%'", "dataset.name = 'x'", "dataset.context NOT IN ('x')"):
        side.post("runs/search", experiment_ids=[exp], filter=text)


def searches(side):
    """Filters, orders, ties, pages."""
    exp = side.post("experiments/create", name="searched")["experiment_id"]
    ids = {}
    for i in range(8):
        ids[i] = make(side, exp, f"run {i}", 1000 + (i // 2) * 10)
        metrics = [{"key": "acc", "value": i / 10, "timestamp": 1}] if i != 6 else [{"key": "acc", "value": "NaN", "timestamp": 1}]
        metrics += [{"key": "val loss", "value": -i, "timestamp": 1}]
        side.ask("log", "POST", "runs/log-batch", {"run_id": ids[i], "metrics": metrics if i != 7 else [], "params": [{"key": "lr", "value": str(i % 3)}], "tags": [{"key": "odd", "value": str(i % 2)}] if i < 5 else []}, note=False)
    side.ask("end", "POST", "runs/update", {"run_id": ids[0], "status": "FINISHED", "end_time": 5000}, note=False)
    side.ask("end", "POST", "runs/delete", {"run_id": ids[5]}, note=False)
    known = {run: f"run {i}" for i, run in ids.items()}
    named = lambda told: [known[it["info"]["run_id"]] for it in told.get("runs", [])] if "error_code" not in told else told["error_code"]  # noqa: E731

    def look(**body):
        told = side.ask("search", "POST", "runs/search", {"experiment_ids": [exp], **body}, note=False)
        # Runs that began at the same moment go by their ids, which no two servers share.
        ties = lambda names: names if isinstance(names, str) else names  # noqa: E731
        side.note(f"runs/search {json.dumps(body)}", ties(named(told)) if "order_by" not in body or body.get("exact", True) else sorted(named(told)))

    names = ["attributes.run_name ASC"]
    for text in ("metrics.acc > 0.2", "metrics.acc >= 0.2 AND metrics.acc < 0.4", "metrics.acc = 0.1", "metrics.acc != 0.1", "metrics.`val loss` < -1", 'metrics."val loss" < -1', "params.lr = '1'", "params.lr != '1'", "params.lr LIKE '%'", "params.lr IN ('1')", "tags.odd = '1'", "tags.odd IS NULL", "tags.odd IS NOT NULL",
                 "tags.odd ILIKE '1'", "attributes.status = 'FINISHED'", "attribute.status != 'FINISHED'", "status = 'RUNNING' AND params.lr = '0'", "run_name = 'run 3'", "run_name LIKE 'run%'", "run_name ILIKE 'RUN 1'", "attributes.start_time >= 1010", "start_time = 1000", "end_time > 0", "created > 1000",
                 "user_id = 'x'", "artifact_uri LIKE '%artifacts'", "metrics.acc = 'x'", "params.lr = 5", "tags.odd > '1'", "nothing = 'x'", "foo.bar = 'x'", "metrics.acc", "metrics.acc > ", "start_time = 'x'", "metrics.acc > 0.1 OR metrics.acc < 0.9", "params.lr IS NULL", "metrics.acc IS NULL", "status IN ('FINISHED')", "run_id = 'none'", "metrics.none > 0"):
        look(filter=text, order_by=names)
    look(filter=f"run_id IN ('{ids[1]}', '{ids[2]}')", order_by=names)
    look(filter=f"run_id NOT IN ('{ids[1]}', '{ids[2]}')", order_by=names)
    look(filter=f"attributes.run_id = '{ids[3]}'", order_by=names)
    for order in (["metrics.acc ASC", *names], ["metrics.acc DESC", *names], ["metrics.`val loss`", *names], ["params.lr DESC", *names], ["tags.odd", *names], ["attributes.end_time", *names], ["start_time DESC", *names], ["start_time", *names], ["status DESC", *names], ["metrics.none", *names], ["foo"], ["metrics.acc UP"], ["attributes.nothing"], ["run_name", "metrics.acc"]):
        look(order_by=order)
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL"):
        look(run_view_type=view, order_by=names)
    for most in (0, -1, 50001, "x"):
        look(max_results=most, order_by=names)
    found, token = [], None
    while token is not None or not found:
        told = side.ask("page", "POST", "runs/search", {"experiment_ids": [exp], "max_results": 3, "order_by": names, "page_token": token} if token else {"experiment_ids": [exp], "max_results": 3, "order_by": names}, note=False)
        found += [named(told)]
        token = told.get("next_page_token")
    side.note("pages of runs", found)
    side.ask("bad token", "POST", "runs/search", {"experiment_ids": [exp], "page_token": "!!!"})
    side.post("runs/search", experiment_ids=[])
    side.post("runs/search", experiment_ids=["987654321"])
    side.post("runs/search", experiment_ids="x")


def artifacts(side):
    """Files through the proxy: up, down, parts of them, listed, deleted, and paths that lead nowhere."""
    exp = side.post("experiments/create", name="files")["experiment_id"]
    run = make(side, exp, "files", 1)
    base, root = "/api/2.0/mlflow-artifacts/artifacts", f"{exp}/{run}/artifacts"
    big = bytes(range(256)) * 4096

    def put(path, data):
        status, _, _ = side.send("PUT", f"{base}/{path}", data, {"content-type": "application/octet-stream"})
        side.note(f"PUT {path.replace(root, 'ROOT')}", status)

    def get(path, headers=None):
        status, told, body = side.send("GET", f"{base}/{path}", None, headers)
        same = body in (b"hello", big) or (len(body), body[:4]) if status < 300 else None
        side.note(f"GET {path.replace(root, 'ROOT')} {headers}", [status, same, told.get("content-range"), told.get("x-content-type-options") if status == 200 else None])

    def listed(path):
        told = side.ask(f"list {path}", "GET", f"{base}", query={"path": path}, note=False)
        side.note(f"list {path.replace(root, 'ROOT')}", sorted((it["path"], it.get("is_dir", False), it.get("file_size")) for it in told.get("files", [])) if "error_code" not in told else told["error_code"])

    put(f"{root}/a.txt", b"hello")
    put(f"{root}/dir/b.bin", big)
    put(f"{root}/dir/with%20space/%C3%BC.txt", b"hello")
    put(f"{root}/a.txt", b"hello")
    put(f"{root}/empty", b"")
    for path in ("a.txt", "dir/b.bin", "dir/with%20space/%C3%BC.txt", "empty", "dir", "none", "none/deeper"):
        get(f"{root}/{path}")
    for part in ("bytes=0-3", "bytes=1048570-", "bytes=-6", "bytes=9999999-"):
        get(f"{root}/dir/b.bin", {"range": part})
    for path in ("", "dir", "dir/with space", "none", "a.txt"):
        listed(f"{root}/{path}".rstrip("/"))
    side.get("artifacts/list", run_id=run)
    side.get("artifacts/list", run_id=run, path="dir")
    side.get("artifacts/list", run_id=run, path="../..")
    side.get("artifacts/list", run_id="0" * 32)
    for path in ("../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/x", "%252e%252e%252fx", f"{root}/../../../x"):
        status, _, _ = side.send("GET", f"{base}/{path}")
        side.note(f"GET {path.replace(root, 'ROOT')}", status >= 400 and status < 500)
        status, _, _ = side.send("PUT", f"{base}/{path}", b"x")
        side.note(f"PUT {path.replace(root, 'ROOT')}", status >= 400 and status < 500)
    status, _, body = side.send("GET", f"/get-artifact?path=a.txt&run_uuid={run}")
    side.note("get-artifact", [status, body == b"hello"])
    for path in ("a.txt", "dir", "none"):
        status, _, _ = side.send("DELETE", f"{base}/{root}/{path}")
        side.note(f"DELETE {path}", status < 300 or status == 404)
    listed(root)
