"""Writes the models that are measured, and what the peers need to serve them. Usage: models.py DIR HTTP_PORT GRPC_PORT METRICS_PORT"""

import json
import pathlib
import sys

import joblib
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

RANDOM = np.random.default_rng(1)
# A runtime for ONNX files, which mlserver has none of.
RUNTIME = '''
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Onnx(MLModel):
    async def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload):
        inputs = {it.name: NumpyCodec.decode_input(it).astype("float32") for it in payload.inputs}
        names = [it.name for it in self.session.get_outputs()]
        outputs = [NumpyCodec.encode_output(name=name, payload=value) for name, value in zip(names, self.session.run(None, inputs))]
        return InferenceResponse(model_name=self.name, outputs=outputs)
'''


def network(widths):
    """Layers one behind the other."""
    nodes, constants, at = [], [], "x"
    for number, (one, two) in enumerate(zip(widths, widths[1:])):
        weights = (RANDOM.normal(size=(one, two)) / np.sqrt(one)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{number}"))
        nodes.append(helper.make_node("MatMul", [at, f"w{number}"], [f"h{number}"]))
        at = f"r{number}" if number + 2 < len(widths) else "y"
        nodes.append(helper.make_node("Relu", [f"h{number}"], [at]))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", widths[0]])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", widths[-1]])]
    return written(helper.make_graph(nodes, "network", inputs, outputs, constants), [("", 17)])


def pictures(channels, layers):
    """Convolutions over pictures of 32 by 32."""
    shape = numpy_helper.from_array(np.array([-1, 1, 32, 32], dtype=np.int64), "shape")
    nodes, constants, at, one = [helper.make_node("Reshape", ["x", "shape"], ["r0"])], [shape], "r0", 1
    for number in range(1, layers + 1):
        weights = (RANDOM.normal(size=(channels, one, 3, 3)) / np.sqrt(9 * one)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{number}"))
        nodes.append(helper.make_node("Conv", [at, f"w{number}"], [f"c{number}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{number}"], [f"r{number}"]))
        at, one = f"r{number}", channels
    nodes.append(helper.make_node("GlobalAveragePool", [at], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["y"], axis=1))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1024])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", channels])]
    return written(helper.make_graph(nodes, "pictures", inputs, outputs, constants), [("", 17)])


def trees(count, depth, features):
    """Trees that say how many rows each node saw, so that they are explained exactly."""
    said = {name: [] for name in ("treeids", "nodeids", "featureids", "values", "hitrates", "modes", "truenodeids", "falsenodeids", "missing")}
    leaves = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    inner = 2**depth - 1
    for tree in range(count):
        for node in range(2 * inner + 1):
            is_leaf = node >= inner
            row = (tree, node, int(RANDOM.integers(features)), float(RANDOM.normal()), float(2 ** (depth - (node + 1).bit_length() + 1)), "LEAF" if is_leaf else "BRANCH_LT", 0 if is_leaf else 2 * node + 1, 0 if is_leaf else 2 * node + 2, 0)
            for name, value in zip(said, row):
                said[name].append(value)
            if is_leaf:
                for name, value in zip(leaves, (tree, node, 0, float(RANDOM.normal()) / count)):
                    leaves[name].append(value)
    names = {"treeids": "nodes_treeids", "nodeids": "nodes_nodeids", "featureids": "nodes_featureids", "values": "nodes_values", "hitrates": "nodes_hitrates", "modes": "nodes_modes", "truenodeids": "nodes_truenodeids", "falsenodeids": "nodes_falsenodeids", "missing": "nodes_missing_value_tracks_true"}
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, **{names[name]: values for name, values in said.items()}, **{f"target_{name}": values for name, values in leaves.items()})
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", features])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])]
    return written(helper.make_graph([node], "trees", inputs, outputs), [("", 17), ("ai.onnx.ml", 3)])


def written(graph, domains):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*it) for it in domains])
    model.ir_version = 8
    return model.SerializeToString()


def main():
    directory = pathlib.Path(sys.argv[1])
    data = load_breast_cancer()
    x = data.data.astype(np.float32)
    forest = RandomForestClassifier(50, max_depth=8, random_state=1).fit(x, data.target)
    onnx = to_onnx(forest, x[:1], options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3}).SerializeToString()
    (directory / "tabular.onnx").write_bytes(onnx)
    (directory / "rows.json").write_text(json.dumps(x[:100].tolist()))
    (directory / "small.onnx").write_bytes(network([64, 2048, 2048, 8]))
    (directory / "large.onnx").write_bytes(pictures(64, 5))
    (directory / "trees.onnx").write_bytes(trees(500, 6, 20))
    joblib.dump(forest, directory / "tabular.joblib")
    (directory / "runtime.py").write_text(RUNTIME)
    kinds = {"tabular-sklearn": ("mlserver_sklearn.SKLearnModel", "tabular.joblib"), "tabular-onnx": ("runtime.Onnx", "tabular.onnx")}
    for name, (kind, file) in kinds.items():
        place = directory / "peer" / name
        place.mkdir(parents=True)
        told = {"name": name, "implementation": kind, "parameters": {"uri": str(directory / file), "version": "1"}}
        (place / "model-settings.json").write_text(json.dumps(told))
    http, grpc, metrics = map(int, sys.argv[2:5])
    settings = {"http_port": http, "grpc_port": grpc, "metrics_port": metrics, "host": "127.0.0.1", "use_structured_logging": False, "debug": False}
    (directory / "peer" / "settings.json").write_text(json.dumps(settings))


main()
