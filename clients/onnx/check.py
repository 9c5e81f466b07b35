"""Loads a model of ours with onnxruntime and compares it with what our own engine said.

Usage: check.py DIR...   each with model.onnx, rows.json and predictions.json

Predictions must agree within 1e-5. For trees the Shapley values are computed again from their
definition (every subset of the inputs that the tree uses) for a few rows, and must agree within 1e-6.
"""

import itertools
import json
import math
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

DTYPES = {"BOOL": bool, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "FP64": np.float64, "BYTES": object}
ROWS_EXPLAINED = 5
SUBSET_FEATURES_MAX = 12


def tensors(listed):
    """Named arrays from their JSON; a missing number is NaN."""
    arrays = {}
    for it in listed:
        data = it["data"]
        if it["datatype"] in ("FP32", "FP64"):
            data = [math.nan if x is None else x for x in data]
        arrays[it["name"]] = np.array(data, dtype=DTYPES[it["datatype"]]).reshape(it["shape"])
    return arrays


def compare_predictions(directory):
    """Runs onnxruntime and compares every output; answers the inputs and the largest difference."""
    session = onnxruntime.InferenceSession(directory / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = tensors(json.loads((directory / "rows.json").read_text()))
    assert {it.name for it in session.get_inputs()} == set(inputs), "the inputs are others"
    ours = tensors(json.loads((directory / "predictions.json").read_text())["outputs"])
    worst = 0.0
    for declared, theirs in zip(session.get_outputs(), session.run(None, inputs)):
        mine = ours[declared.name]
        if isinstance(theirs, list):  # a sequence of maps from class to probability
            theirs = np.array([list(it.values()) for it in theirs], dtype=np.float32)
        assert mine.shape == theirs.shape, f"{declared.name}: {mine.shape} against {theirs.shape}"
        if mine.dtype == object:
            assert (mine == theirs).all(), f"{declared.name} differs"
        else:
            worst = max(worst, float(np.max(np.abs(mine - theirs) / np.maximum(1.0, np.abs(theirs)), initial=0.0)))
    assert worst <= 1e-5, f"predictions differ by {worst}"
    return inputs, worst


def attributes(node):
    """A node's attributes by name."""
    return {it.name: onnx.helper.get_attribute_value(it) for it in node.attribute}


def doubles(attribute):
    """The elements of a tensor attribute."""
    return onnx.numpy_helper.to_array(attribute).tolist()


def read_trees(node):
    """Each tree as a dictionary from node id to its fields."""
    of = attributes(node)
    trees = {}
    fields = zip(
        of["nodes_treeids"], of["nodes_nodeids"], of["nodes_modes"], of["nodes_featureids"],
        doubles(of["nodes_values_as_tensor"]), of["nodes_truenodeids"], of["nodes_falsenodeids"],
        of["nodes_missing_value_tracks_true"], doubles(of["nodes_hitrates_as_tensor"]),
    )
    for tree, at, mode, feature, value, yes, no, missing, cover in fields:
        trees.setdefault(tree, {})[at] = dict(
            leaf=mode == b"LEAF", feature=feature, value=value, yes=yes, no=no, missing=missing, cover=cover, weight={}
        )
    leaves = zip(of["target_treeids"], of["target_nodeids"], of["target_ids"], doubles(of["target_weights_as_tensor"]))
    for tree, at, target, weight in leaves:
        trees[tree][at]["weight"][target] = weight
    return list(trees.values()), doubles(of["base_values_as_tensor"])


def worth(tree, at, row, known, target):
    """What a tree answers when only some features are known."""
    node = tree[at]
    if node["leaf"]:
        return node["weight"].get(target, 0.0)
    x = row[node["feature"]]
    if node["feature"] in known:
        yes = bool(node["missing"]) if math.isnan(x) else x < node["value"]
        return worth(tree, node["yes"] if yes else node["no"], row, known, target)
    yes, no = tree[node["yes"]]["cover"], tree[node["no"]]["cover"]
    share = yes / (yes + no) if yes + no else 0.5
    return share * worth(tree, node["yes"], row, known, target) + (1 - share) * worth(tree, node["no"], row, known, target)


def shapley(tree, row, target):
    """Shapley values of one tree by their definition; none when it uses too many features."""
    used = sorted({node["feature"] for node in tree.values() if not node["leaf"]})
    if len(used) > SUBSET_FEATURES_MAX:
        return None
    value = {
        known: worth(tree, 0, row, set(known), target)
        for size in range(len(used) + 1)
        for known in itertools.combinations(used, size)
    }
    phi = {}
    for feature in used:
        others = [it for it in used if it != feature]
        phi[feature] = sum(
            math.factorial(size) * math.factorial(len(used) - size - 1) / math.factorial(len(used))
            * (value[tuple(sorted((*known, feature)))] - value[known])
            for size in range(len(used))
            for known in itertools.combinations(others, size)
        )
    return phi


def owners(model, features):
    """The input each column of a matrix comes from."""
    made = {out: node for node in model.graph.node for out in node.output}

    def of(name):
        node = made.get(name)
        if node is None:
            return [name]
        if node.op_type == "Concat":
            return [it for part in node.input for it in of(part)]
        if node.op_type == "OneHotEncoder":
            return of(node.input[0]) * len(attributes(node)["cats_strings"])
        return of(node.input[0])

    return of(features)


def compare_explanations(directory, inputs):
    """Checks sums for all rows and, for trees, values by their definition for a few; answers what was done."""
    said = json.loads((directory / "predictions.json").read_text())
    if "explanations" not in said:
        return said["unexplained"]
    told = said["explanations"]
    for it in told:
        total = it["base"] + sum(it["contributions"].values())
        assert abs(total - it["margin"]) <= 1e-9 * max(1.0, abs(it["margin"])), f"{total} is not {it['margin']}"
    model = onnx.load(directory / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    ensembles = [node for node in model.graph.node if node.op_type == "TreeEnsembleRegressor"]
    if "aic.signature" not in {it.key for it in model.metadata_props} or not ensembles:
        return f"{len(told)} explanations sum up"
    trees, base = read_trees(ensembles[0])
    model.graph.output.append(onnx.helper.make_tensor_value_info(ensembles[0].input[0], onnx.TensorProto.DOUBLE, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    features = session.run([ensembles[0].input[0]], inputs)[0]
    classes = json.loads({it.key: it.value for it in model.metadata_props}["aic.signature"]).get("classes", [])
    names = owners(model, ensembles[0].input[0])
    worst, done = 0.0, 0
    for row, it in list(zip(features.tolist(), told))[:ROWS_EXPLAINED]:
        place = classes.index(it["class"]) if classes else 0
        target, sign = (0, 1 if place else -1) if len(classes) == 2 and len(base) == 1 else (place, 1)
        parts = [shapley(tree, row, target) for tree in trees]
        if any(part is None for part in parts):
            continue
        sums = dict.fromkeys(it["contributions"], 0.0)
        for part in parts:
            for feature, phi in part.items():
                sums[names[feature]] += sign * phi
        worst = max([worst] + [abs(sums[name] - it["contributions"][name]) for name in sums])
        done += 1
    assert worst <= 1e-6, f"Shapley values differ by {worst}"
    return f"{len(told)} explanations sum up, {done} agree with the definition within {worst:.1e}"


def main():
    failed = []
    for name in sys.argv[1:]:
        directory = pathlib.Path(name)
        try:
            inputs, worst = compare_predictions(directory)
            rows = len(next(iter(inputs.values())))
            done = compare_explanations(directory, inputs)
            print(f"{directory.name}: {rows} predictions agree within {worst:.1e}; {done}")
        except AssertionError as error:
            failed.append(directory.name)
            print(f"{directory.name}: FAILED, {error}")
    sys.exit(f"{len(failed)} failed" if failed else 0)


if __name__ == "__main__":
    main()
