"""Exports models of scikit-learn, LightGBM and XGBoost to ONNX, with rows to run them on.

Usage: foreign.py OUT_DIR

Our engine then runs them (`cargo run -p engine-infer --example run -- OUT_DIR/*`), and `check.py OUT_DIR/*`
compares the answers with onnxruntime's.
"""

import json
import math
import pathlib
import sys
import warnings

import lightgbm
import numpy as np
import onnxmltools
import pandas
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import ensemble, linear_model, neural_network, preprocessing, svm, tree
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

warnings.simplefilter("ignore")
RANDOM = np.random.default_rng(5)
ROWS = 400


def write(out, name, convert, inputs):
    """A directory with the model and the first rows of its inputs; what its exporter cannot write is left out."""
    try:
        model = convert()
    except Exception as error:
        print(f"{name} is left out, its exporter fails: {type(error).__name__}")
        return
    directory = out / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    types = {np.dtype(np.float32): "FP32", np.dtype(np.float64): "FP64", np.dtype(np.int64): "INT64"}
    rows = []
    for key, array in inputs.items():
        array = array[:60]
        data = [None if isinstance(x, float) and math.isnan(x) else x for x in array.ravel().tolist()]
        rows.append({"name": key, "shape": list(array.shape), "datatype": types.get(array.dtype, "BYTES"), "data": data})
    (directory / "rows.json").write_text(json.dumps(rows))


def numbers(features=6):
    """Features and three targets: two classes, three classes, a number."""
    x = RANDOM.normal(size=(ROWS, features)).astype(np.float32)
    height = x[:, 0] + x[:, 1] * x[:, 2] + 0.3 * RANDOM.normal(size=ROWS)
    return x, (height > 0.4).astype(int), np.digitize(height, [-0.5, 0.7]), height


def plain(out):
    """Models of numbers alone."""
    x, two, three, height = numbers()
    models = {
        "forest2": (ensemble.RandomForestClassifier(20, random_state=1), two),
        "forest3": (ensemble.RandomForestClassifier(20, random_state=1), three),
        "forest_number": (ensemble.RandomForestRegressor(20, random_state=1), height),
        "extra3": (ensemble.ExtraTreesClassifier(10, random_state=1), three),
        "boost2": (ensemble.GradientBoostingClassifier(n_estimators=20, random_state=1), two),
        "boost3": (ensemble.GradientBoostingClassifier(n_estimators=20, random_state=1), three),
        "boost_number": (ensemble.GradientBoostingRegressor(n_estimators=20, random_state=1), height),
        "histogram2": (ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=1), two),
        "histogram3": (ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=1), three),
        "histogram_number": (ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=1), height),
        "tree2": (tree.DecisionTreeClassifier(max_depth=5, random_state=1), two),
        "logistic2": (linear_model.LogisticRegression(), two),
        "logistic3": (linear_model.LogisticRegression(), three),
        "ridge": (linear_model.Ridge(), height),
        "lasso": (linear_model.Lasso(0.01), height),
        "scaled": (make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()), three),
        "ranged": (make_pipeline(preprocessing.MinMaxScaler(), linear_model.Ridge()), height),
        "normed": (make_pipeline(preprocessing.Normalizer(), linear_model.Ridge()), height),
        "network": (neural_network.MLPClassifier((8,), max_iter=50, random_state=1), three),
        "margin": (svm.LinearSVC(), two),
    }
    for name, (model, target) in models.items():
        model.fit(x, target)
        write(out, name, lambda: convert_sklearn(model, initial_types=[("x", FloatTensorType([None, x.shape[1]]))], target_opset=17), {"x": x})
        if name == "logistic2":
            bare = lambda: convert_sklearn(model, initial_types=[("x", FloatTensorType([None, x.shape[1]]))],
                                   options={"zipmap": False}, target_opset=17)
            write(out, "logistic2_bare", bare, {"x": x})


def mixed(out):
    """Pipelines over columns of numbers and texts, with missing values."""
    x, two, _, height = numbers()
    x = x[:, :2].astype(np.float64)
    x[RANDOM.random(x.shape) < 0.1] = np.nan
    colour = RANDOM.choice(["red", "green", "blue"], size=(ROWS, 1)).astype(object)
    count = RANDOM.integers(0, 4, size=(ROWS, 1))
    frame = pandas.DataFrame({"a": x[:, 0], "b": x[:, 1], "colour": colour[:, 0], "count": count[:, 0]})
    types = [("a", DoubleTensorType([None, 1])), ("b", DoubleTensorType([None, 1])),
             ("colour", StringTensorType([None, 1])), ("count", Int64TensorType([None, 1]))]
    shape = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(), preprocessing.StandardScaler()), ["a", "b"]),
        ("texts", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["colour", "count"]),
    ])
    floats = [(name, FloatTensorType([None, 1]) if isinstance(kind, DoubleTensorType) else kind) for name, kind in types]
    rows = {"a": x[:, :1].astype(np.float32), "b": x[:, 1:].astype(np.float32), "colour": colour, "count": count}
    for name, model, target in [
        ("mixed_logistic", linear_model.LogisticRegression(), np.where(two, "yes", "no")),
        ("mixed_forest", ensemble.RandomForestClassifier(10, random_state=1), np.where(two, "yes", "no")),
        ("mixed_boost", ensemble.GradientBoostingRegressor(n_estimators=10, random_state=1), height),
    ]:
        pipeline = make_pipeline(shape, model).fit(frame, target)
        write(out, name, lambda: convert_sklearn(pipeline, initial_types=floats, target_opset=17), rows)


def boosted(out):
    """LightGBM and XGBoost, with missing values."""
    x, two, three, height = numbers()
    x[RANDOM.random(x.shape) < 0.1] = np.nan
    kind = [("x", MlFloat([None, x.shape[1]]))]
    for name, model, target in [
        ("lightgbm2", lightgbm.LGBMClassifier(n_estimators=15, verbose=-1), two),
        ("lightgbm3", lightgbm.LGBMClassifier(n_estimators=15, verbose=-1), three),
        ("lightgbm_number", lightgbm.LGBMRegressor(n_estimators=15, verbose=-1), height),
    ]:
        model.fit(x, target)
        write(out, name, lambda: onnxmltools.convert_lightgbm(model, initial_types=kind, target_opset=15), {"x": x})
    for name, model, target in [
        ("xgboost2", xgboost.XGBClassifier(n_estimators=15), two),
        ("xgboost3", xgboost.XGBClassifier(n_estimators=15), three),
        ("xgboost_number", xgboost.XGBRegressor(n_estimators=15), height),
    ]:
        model.fit(x, target)
        write(out, name, lambda: onnxmltools.convert_xgboost(model, initial_types=kind, target_opset=15), {"x": x})


if __name__ == "__main__":
    for part in (plain, mixed, boosted):
        part(pathlib.Path(sys.argv[1]))
