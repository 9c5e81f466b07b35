"""Strangers' clients as they are: tritonclient over HTTP and gRPC, and MLflow's deployment client."""

import os

import numpy
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

TEXTS = {"BYTES": numpy.object_, "FP64": numpy.float64, "FP32": numpy.float32, "INT64": numpy.int64, "BOOL": numpy.bool_}
VALUES = {"BYTES": "Biscoe", "FP64": 45.5, "FP32": 45.5, "INT64": 200, "BOOL": True}


def tensors(client, slots, rows, **how):
    """Inputs that fit, made by the client's own hands."""
    made = []
    for slot in slots:
        name, datatype = (slot["name"], slot["datatype"]) if isinstance(slot, dict) else (slot.name, slot.datatype)
        it = client.InferInput(name, [rows, 1], datatype)
        it.set_data_from_numpy(numpy.full((rows, 1), VALUES[datatype], dtype=TEXTS[datatype]), **how)
        made.append(it)
    return made


def refused(call):
    """The message of a refusal."""
    try:
        call()
    except InferenceServerException as error:
        return str(error.message())
    return None


def http(checks, server, token, wanted):
    """tritonclient[http], whose tensors are bytes unless told otherwise."""
    client = triton_http.InferenceServerClient(server.url.removeprefix("http://"))
    # `infer` puts the length of one request into the dictionary it is given, so each gets its own.
    headers = {"authorization": f"Bearer {token}"}
    checks.that("triton http: live and ready", client.is_server_live() and client.is_server_ready())
    checks.that("triton http: the model is ready", client.is_model_ready("penguins", headers=headers))
    extensions = client.get_server_metadata()["extensions"]
    checks.that("triton http: extensions are told", {"binary_tensor_data", "model_repository", "statistics"} <= set(extensions), extensions)
    told = client.get_model_metadata("penguins", headers=headers)
    config = client.get_model_config("penguins", headers=headers)
    checks.that("triton http: configuration", config["name"] == "penguins" and config["max_batch_size"] > 0 and len(config["input"]) == len(told["inputs"]), config)
    for binary in (True, False):
        inputs = tensors(triton_http, told["inputs"], 3, binary_data=binary)
        outputs = [triton_http.InferRequestedOutput(it["name"], binary_data=binary) for it in told["outputs"]]
        answer = client.infer("penguins", inputs, outputs=outputs, request_id="r-7", headers=dict(headers))
        labels = [it.decode() if isinstance(it, bytes) else it for it in answer.as_numpy("label").flatten()]
        checks.that(f"triton http: labels, binary {binary}", labels == [wanted] * 3, labels)
        odds = answer.as_numpy("probabilities")
        checks.that(f"triton http: probabilities, binary {binary}", odds.shape == (3, 3) and numpy.allclose(odds.sum(axis=1), 1, atol=1e-5), odds)
        checks.that("triton http: the id comes back", answer.get_response()["id"] == "r-7")
    answer = client.infer("penguins", tensors(triton_http, told["inputs"], 2), headers=dict(headers))
    checks.that("triton http: all outputs where none is named", answer.as_numpy("label") is not None and answer.as_numpy("probabilities") is not None)
    stats = client.get_inference_statistics("penguins", headers=headers)["model_stats"][0]
    checks.that("triton http: statistics count rows", stats["inference_count"] >= 8 and stats["inference_stats"]["success"]["count"] >= 3, stats)
    index = client.get_model_repository_index(headers=headers)
    checks.that("triton http: the repository's index", {"name": "penguins", "version": "1", "state": "READY", "reason": ""} in index, index)
    client.unload_model("penguins", headers=headers)
    checks.that("triton http: unloaded, it is not ready", not client.is_model_ready("penguins", headers=headers))
    why = refused(lambda: client.infer("penguins", tensors(triton_http, told["inputs"], 1), headers=dict(headers)))
    checks.that("triton http: unloaded, it says so", "out of service" in (why or ""), why)
    client.load_model("penguins", headers=headers)
    checks.that("triton http: loaded, it is ready", client.is_model_ready("penguins", headers=headers))
    checks.that("triton http: no login", refused(lambda: client.get_model_metadata("penguins")))
    checks.that("triton http: no such model", refused(lambda: client.get_model_metadata("nobody", headers=headers)))
    client.close()


def grpc(checks, server, token, wanted):
    """tritonclient[grpc] on the same port."""
    client = triton_grpc.InferenceServerClient(server.url.removeprefix("http://"))
    headers = {"authorization": f"Bearer {token}"}
    checks.that("triton grpc: live and ready", client.is_server_live() and client.is_server_ready())
    checks.that("triton grpc: the model is ready", client.is_model_ready("penguins", headers=headers))
    checks.that("triton grpc: the server names itself", client.get_server_metadata().name == "aic")
    told = client.get_model_metadata("penguins", headers=headers)
    checks.that("triton grpc: metadata", told.name == "penguins" and list(told.versions) == ["1"] and len(told.inputs) > 3, told)
    answer = client.infer("penguins", tensors(triton_grpc, told.inputs, 3), request_id="g-1", headers=headers)
    labels = [it.decode() for it in answer.as_numpy("label").flatten()]
    checks.that("triton grpc: labels", labels == [wanted] * 3, labels)
    checks.that("triton grpc: the id comes back", answer.get_response().id == "g-1")
    checks.that("triton grpc: the revision is told", answer.get_response().parameters["revision"].int64_param >= 1)
    one = client.infer("penguins", tensors(triton_grpc, told.inputs, 2), outputs=[triton_grpc.InferRequestedOutput("label")], headers=headers)
    checks.that("triton grpc: asked for one output, it gives one", len(one.get_response().outputs) == 1)
    stats = client.get_inference_statistics("penguins", headers=headers).model_stats[0]
    checks.that("triton grpc: statistics", stats.inference_count > 0 and stats.inference_stats.success.count > 0, stats)
    index = client.get_model_repository_index(headers=headers)
    checks.that("triton grpc: the repository's index", any(it.name == "penguins" and it.state == "READY" for it in index.models), index)
    checks.that("triton grpc: no login", "UNAUTHENTICATED" in status(lambda: client.get_model_metadata("penguins")))
    checks.that("triton grpc: no such model", "NOT_FOUND" in status(lambda: client.get_model_metadata("nobody", headers=headers)))
    wrong = triton_grpc.InferInput("nobody", [1, 1], "FP32")
    wrong.set_data_from_numpy(numpy.zeros((1, 1), dtype=numpy.float32))
    checks.that("triton grpc: an unknown tensor", "INVALID_ARGUMENT" in status(lambda: client.infer("penguins", [wrong], headers=headers)))
    checks.that("triton grpc: a deadline is held", "DEADLINE" in status(lambda: client.infer("penguins", tensors(triton_grpc, told.inputs, 9_000), client_timeout=0.000001, headers=headers)))
    streamed(checks, client, told, headers, wanted)
    client.close()


def streamed(checks, client, told, headers, wanted):
    """One stream, many requests; a wrong one does not end it."""
    seen = []
    client.start_stream(callback=lambda result, error: seen.append((result, error)), headers=headers)
    wrong = triton_grpc.InferInput("nobody", [1, 1], "FP32")
    wrong.set_data_from_numpy(numpy.zeros((1, 1), dtype=numpy.float32))
    for inputs in (tensors(triton_grpc, told.inputs, 1), [wrong], tensors(triton_grpc, told.inputs, 2)):
        client.async_stream_infer("penguins", inputs)
    client.stop_stream()
    labels = [[it.decode() for it in result.as_numpy("label").flatten()] for result, error in seen if error is None]
    checks.that("triton grpc: a stream answers in order, past a refusal", labels == [[wanted], [wanted] * 2] and len(seen) == 3 and seen[1][1], seen)


def status(call):
    """The status of a refusal."""
    try:
        call()
    except InferenceServerException as error:
        return str(error.status())
    return "OK"


def mlflow(checks, server, token, rows, wanted):
    """MLflow's deployment client."""
    from mlflow.deployments import get_deploy_client

    os.environ["MLFLOW_TRACKING_TOKEN"] = token
    client = get_deploy_client(server.url)
    names = list(rows[0])
    split = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
    formats = {
        "dataframe_split": {"dataframe_split": split},
        "dataframe_records": {"dataframe_records": rows},
        "instances": {"instances": [[row[name] for name in names] for row in rows]},
        "inputs": {"inputs": {name: [row[name] for row in rows] for name in names}},
    }
    for name, body in formats.items():
        told = client.predict(endpoint="penguins", inputs=body)
        checks.that(f"mlflow: {name}", told == {"predictions": [wanted] * len(rows)}, told)


def all_of_them(checks, server, token, slots, wanted):
    """Everything."""
    http(checks, server, token, wanted)
    grpc(checks, server, token, wanted)
    rows = [{it["name"]: VALUES[it["datatype"]] for it in slots}] * 2
    mlflow(checks, server, token, rows, wanted)
    return rows
