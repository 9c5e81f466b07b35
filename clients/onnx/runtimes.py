"""Models that two runtimes answer, or only onnxruntime's library: which is chosen, what is told of it, and what is refused."""

import os
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from aic import PASSWORD, Server, binary, scratch, until
from onnx import TensorProto, helper, numpy_helper

BASE = "/api/v1/catalog"
RANDOM = np.random.default_rng(3)
TOLERANCE = 1e-4
# How much faster the library must be to be chosen, as documented.
GAIN = 1.1


def written(nodes, inputs, outputs, constants=(), domains=(("", 17),)):
    """An ONNX file, and what the library of PyPI answers for it."""
    value = lambda it: helper.make_tensor_value_info(*it) if isinstance(it, tuple) else it
    held = [numpy_helper.from_array(array, name) for name, array in dict(constants).items()]
    graph = helper.make_graph(nodes, "graph", [value(it) for it in inputs], [value(it) for it in outputs], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*it) for it in domains])
    model.ir_version = 8
    return model.SerializeToString()


def network(width):
    """A network of two layers."""
    half = lambda *size: (RANDOM.normal(size=size) / np.sqrt(size[0])).astype(np.float32)
    constants = {"w1": half(16, width), "b1": half(width), "w2": half(width, width), "w3": half(width, 3)}
    nodes = [helper.make_node("Gemm", ["x", "w1", "b1"], ["h1"]), helper.make_node("Relu", ["h1"], ["r1"]), helper.make_node("MatMul", ["r1", "w2"], ["h2"])]
    nodes += [helper.make_node("Tanh", ["h2"], ["r2"]), helper.make_node("MatMul", ["r2", "w3"], ["y"])]
    return written(nodes, [("x", TensorProto.FLOAT, ["n", 16])], [("y", TensorProto.FLOAT, ["n", 3])], constants)


def foreign():
    """A network with an operator that is onnxruntime's own."""
    constants = {"points": RANDOM.normal(size=(4, 4)).astype(np.float32)}
    node = helper.make_node("CDist", ["x", "points"], ["y"], domain="com.microsoft", metric="euclidean")
    return written([node], [("x", TensorProto.FLOAT, ["n", 4])], [("y", TensorProto.FLOAT, ["n", 4])], constants, (("", 17), ("com.microsoft", 1)))


def classifier():
    """A linear classifier whose probabilities are maps, as scikit-learn's converter writes them."""
    linear = helper.make_node("LinearClassifier", ["x"], ["label", "odds"], domain="ai.onnx.ml", coefficients=[1.0, -1.0, 0.5, 0.25, -0.5, 1.0], intercepts=[0.1, 0.0, -0.1], classlabels_strings=["a", "b", "c"], post_transform="SOFTMAX", multi_class=0)
    maps = helper.make_node("ZipMap", ["odds"], ["probabilities"], domain="ai.onnx.ml", classlabels_strings=["a", "b", "c"])
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    listed = helper.make_value_info("probabilities", helper.make_sequence_type_proto(kind))
    return written([linear, maps], [("x", TensorProto.FLOAT, ["n", 2])], [("label", TensorProto.STRING, ["n"]), listed], domains=(("", 17), ("ai.onnx.ml", 3)))


def endless():
    """A loop that ends in no time anybody waits for."""
    body = helper.make_graph([helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Add", ["sum", "step"], ["more"])], "body", [helper.make_tensor_value_info(*it) for it in (("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("sum", TensorProto.FLOAT, ["n"]))], [helper.make_tensor_value_info(*it) for it in (("on", TensorProto.BOOL, []), ("more", TensorProto.FLOAT, ["n"]))])
    body.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "step"))
    node = helper.make_node("Loop", ["times", "always", "x"], ["y"], body=body)
    return written([node], [("x", TensorProto.FLOAT, ["n"])], [("y", TensorProto.FLOAT, ["n"])], {"times": np.array(2**62), "always": np.array(True)})


def outside(path):
    """A network that names a file of the server's as its weights."""
    tensor = numpy_helper.from_array(np.zeros((4, 4), np.float32), "w")
    onnx.external_data_helper.set_external_data(tensor, str(path), 0, 64)
    tensor.ClearField("raw_data")
    graph = helper.make_graph([helper.make_node("CDist", ["x", "w"], ["y"], domain="com.microsoft", metric="euclidean")], "graph", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])], [tensor])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]).SerializeToString()


def upload(client, name, model):
    """A version of a model."""
    client.send("POST", f"{BASE}/models", {"metadata": {"name": name}, "spec": {}})
    return client.send("POST", f"{BASE}/models/{name}/upload", model, {"content-type": "application/octet-stream"})


def deployed(client, name, engine=None, model=None):
    """An endpoint, once it was tried, and its revision."""
    spec = {"model": model or name, **({"engine": engine} if engine else {})}
    client.post(f"{BASE}/endpoints", {"metadata": {"name": name}, "spec": spec})
    state = until(f"{name} is tried", lambda: (it := client.get(f"{BASE}/endpoints/{name}")["status"])["phase"] in ("Ready", "Failed") and it, 60)
    return state, client.get(f"{BASE}/endpoint-revisions/{name}.1")["status"]


def asked(client, name, rows):
    """The protocol's answer for rows of `x`."""
    shape = list(rows.shape)
    answer = client.send("POST", f"/v2/models/{name}/infer", {"inputs": [{"name": "x", "datatype": "FP32", "shape": shape, "data": rows.reshape(-1).tolist()}]})
    return {it["name"]: it["data"] for it in answer.json["outputs"]} if answer.status == 200 else (answer.status, answer.json["code"])


def same(found, expected):
    return isinstance(found, dict) and np.allclose(found["y"], np.asarray(expected).reshape(-1), atol=TOLERANCE)


def chosen_rightly(revision):
    """Whether the one that serves is the one that was measured as the better."""
    ratios = [it["nativeUs"] / it["onnxruntimeUs"] for it in revision["measured"]]
    gain = float(np.exp(np.mean(np.log(ratios))))
    # Figures are rounded where they are told, and a gain just at the border says nothing.
    return abs(gain - GAIN) < 0.01 or revision["runtime"] == ("onnxruntime" if gain > GAIN else "native")


def choosing(client, checks):
    """Both runtimes: by trial, and as somebody wants it."""
    model, rows = network(512), RANDOM.normal(size=(5, 16)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": rows})[0]
    upload(client, "network", model)
    state, revision = deployed(client, "network")
    measured = [it["rows"] for it in revision["measured"]] == [1, 64] and all(it["nativeUs"] > 0 and it["onnxruntimeUs"] > 0 for it in revision["measured"])
    checks.that("both runtimes were measured, one row and many", measured, revision)
    checks.that("the better one serves, and the endpoint says which", measured and chosen_rightly(revision) and state["runtime"] == revision["runtime"] and state["form"] == "onnx", (state, revision))
    checks.that("its answers are the library's", same(asked(client, "network", rows), expected), asked(client, "network", rows))
    print(f"network, by trial: {revision['runtime']}; {revision['runtimeReason']}", flush=True)
    for runtime in ("native", "onnxruntime"):
        state, revision = deployed(client, f"network-{runtime}", {"runtime": runtime, "threads": 2}, "network")
        checks.that(f"what is wanted is taken: {runtime}", revision["runtime"] == state["runtime"] == runtime and not revision["measured"], revision)
        checks.that(f"and answers alike: {runtime}", same(asked(client, f"network-{runtime}", rows), expected), runtime)
    refused = client.send("POST", "/v2/models/network-onnxruntime/infer", {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]})
    checks.that("a wrong shape is refused before the library sees it", (refused.status, refused.json["code"]) == (422, "tensor-wrong-shape"), refused.data)

    upload(client, "classes", classifier())
    rows = RANDOM.normal(size=(7, 2)).astype(np.float32)
    told = {}
    for runtime in ("native", "onnxruntime"):
        deployed(client, f"classes-{runtime}", {"runtime": runtime}, "classes")
        told[runtime] = asked(client, f"classes-{runtime}", rows)
    label, maps = onnxruntime.InferenceSession(classifier()).run(None, {"x": rows})
    both = all(it["label"] == list(label) and np.allclose(it["probabilities"], [odds for row in maps for odds in row.values()], atol=TOLERANCE) for it in told.values())
    checks.that("maps from class to probability are a tensor by either", both, told)
    row = {"x": rows[0].tolist()}
    answers = [client.send("POST", f"/v1/models/classes-{runtime}:predict", {"instances": [row]}).json for runtime in told]
    checks.that("plain clients see no difference", answers[0] == answers[1], answers)


def unknown(client, checks, server):
    """What only the library reads, and what it may not."""
    model, rows = foreign(), RANDOM.normal(size=(3, 4)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": rows})[0]
    answer = upload(client, "foreign", model)
    checks.that("a model with an operator that only onnxruntime knows is taken", answer.status == 201 or answer.status == 200, answer.data)
    state, revision = deployed(client, "foreign")
    checks.that("onnxruntime serves it, and it is said why", state["runtime"] == "onnxruntime" and "CDist" in revision["runtimeReason"], revision)
    checks.that("its answers are the library's: foreign", same(asked(client, "foreign", rows), expected), asked(client, "foreign", rows))
    state, _ = deployed(client, "foreign-native", {"runtime": "native"}, "foreign")
    checks.that("the platform's own runtime says what it does not know", state["phase"] == "Failed" and "CDist" in state["message"], state)
    secret = server.data_dir / "aic-weights"
    secret.write_bytes(bytes(64))
    for path in (secret, "aic-weights", "../aic-weights"):
        answer = upload(client, "outside", outside(path))
        checks.that(f"a file that names another as its weights is refused: {path}", (answer.status, answer.json["code"]) == (422, "model-unreadable") and "outside" in answer.json["detail"], answer.data)
    upload(client, "endless", endless())
    deployed(client, "endless")
    found = asked(client, "endless", np.ones(2, np.float32))
    checks.that("a model that loops for ever is stopped", found == (504, "deadline-exceeded"), found)
    checks.that("and the server answers others", same(asked(client, "foreign", rows), expected))


def without(data_dir, checks):
    """The same directory on a machine without the library."""
    with Server(data_dir, environment={"AIC_ONNXRUNTIME": "off"}) as server:
        client = server.admin()
        answer = upload(client, "strange", foreign())
        checks.that("without the library such a model is refused, as before", (answer.status, answer.json["code"]) == (422, "model-unreadable"), answer.data)
        state, _ = deployed(client, "network-wanted", {"runtime": "onnxruntime"}, "network")
        checks.that("who wants it is told that it is not there", state["phase"] == "Failed" and "onnxruntime" in state["message"], state)
        rows = RANDOM.normal(size=(2, 16)).astype(np.float32)
        expected = onnxruntime.InferenceSession(network_of(client)).run(None, {"x": rows})[0]
        checks.that("what it answered before is answered by the platform's own runtime", same(asked(client, "network-onnxruntime", rows), expected))
        server.stop()


def network_of(client):
    return client.send("GET", f"{BASE}/models/network/versions/1/download").data


def misnamed(checks):
    """A file that is no such library."""
    command = [binary(), "up", "--data-dir", str(scratch() / "misnamed"), "--listen", "127.0.0.1:0", "--onnxruntime", sys.executable]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "AIC_ADMIN_PASSWORD": PASSWORD})
    checks.that("a file that is no such library is refused at the start, and named", told.returncode != 0 and sys.executable in told.stderr, told.stderr)


def proved(checks):
    """All of it, with the library of this environment's package."""
    data_dir = scratch() / "runtimes"
    with Server(data_dir, environment={"AIC_PYTHON": sys.executable, "AIC_PYTHON_TIMEOUT": "2"}) as server:
        client = server.admin()
        choosing(client, checks)
        unknown(client, checks, server)
        server.stop()
    without(data_dir, checks)
    misnamed(checks)
