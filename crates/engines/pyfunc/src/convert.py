"""The process that writes a model as ONNX: scikit-learn, XGBoost and LightGBM, where their converters can.

It goes behind `model.py`. The first frame tells the model's signature and how many files were written; what is asked then is answered
in order: the rows that the files are to be held against, what the model says to them, and each file, as numbers of eight bytes.
Names and types are the model's own, so that nobody who asks sees a difference.
"""

ROWS = 100
# What the platform's own runtime reads, too, and the most that `onnxmltools` writes.
OPSETS = {"": 15, "ai.onnx.ml": 3}
STRANGE = "aic: nobody says this"
PROBED = 256
MISSING = 0.05


def classic(model):
    """The estimator, and the library whose converter writes it."""
    flavors = model.model.metadata.flavors
    if flavors.get("python_function", {}).get("predict_fn", "predict") != "predict":
        raise Unsupported("it answers by another function than `predict`")
    for name in ("sklearn", "xgboost", "lightgbm"):
        if name in flavors and model.raw is not None:
            return name, model.raw
    raise Unsupported("there is no converter for its flavour")


def example(model, path):
    """The rows of its input example, as tensors by name."""
    import numpy

    found = model.model.metadata.load_input_example(path)
    if found is None:
        raise Unsupported("it was logged without an input example, and nothing else tells whether the answers are the same")
    if not model.is_table:
        slot = model.inputs[0]
        if len(model.inputs) != 1 or len(slot["shape"]) != 2:
            raise Unsupported("its input is no table of numbers")
        array = numpy.asarray(next(iter(found.values())) if isinstance(found, dict) else found)
        return {slot["name"]: array.reshape(-1, array.shape[-1])[:ROWS].astype(NUMPY[slot["datatype"]])}
    rows = {}
    for slot in model.inputs:
        values = found[slot["name"]].to_numpy()[:ROWS]
        if slot["datatype"] == "BYTES":
            if slot["optional"]:
                raise Unsupported(f"the text `{slot['name']}` may be left out, which ONNX does not know")
            rows[slot["name"]] = numpy.array([str(value) for value in values], dtype=object)
        else:
            rows[slot["name"]] = values.astype(NUMPY[slot["datatype"]])
    return rows


def perturbed(rows, refused, random):
    """Rows like those: values of other rows of the example, numbers moved a little within it, and missing where the model takes that."""
    import numpy

    drawn = {}
    for name, values in rows.items():
        count = ROWS - len(values)
        moved = values[random.integers(0, len(values), count)]
        if values.dtype.kind == "f":
            low, high = numpy.nanmin(values, axis=0), numpy.nanmax(values, axis=0)
            step = numpy.maximum(high - low, 0.1 * numpy.abs(moved)) * random.uniform(-0.1, 0.1, moved.shape)
            moved = moved + step.astype(values.dtype)
            moved = numpy.where(high > low, numpy.clip(moved, low, high), moved)
            if refused.get(name) != "finite":
                moved[random.random(moved.shape) < MISSING] = numpy.nan
        elif values.dtype.kind == "i":
            moved = random.integers(values.min(axis=0), values.max(axis=0), moved.shape, endpoint=True, dtype=values.dtype)
        drawn[name] = numpy.concatenate([values, moved.astype(values.dtype)])
    return drawn


def answers(model, rows):
    """What the model says, or nothing where it refuses."""
    try:
        return model.predict(rows, None)
    except Exception:
        return None


def strict(model, row):
    """Which numbers the model refuses: `finite` for an input that takes neither missing nor infinite ones, `bounded` for no infinite ones."""
    import numpy

    def refuses(name, value, at):
        array = row[name].copy()
        array[at] = value
        return answers(model, {**row, name: array}) is None

    found = {}
    for number, (name, values) in enumerate(row.items()):
        if values.dtype.kind == "O" and refuses(name, STRANGE, 0):
            raise Unsupported(f"it refuses texts in `{name}` that it does not know, which ONNX does not")
        if values.dtype.kind != "f":
            continue
        if number >= PROBED:
            found[name] = found[next(iter(row))] if next(iter(row)) in found else "finite"
            continue
        at = (0,) * values.ndim
        if refuses(name, numpy.nan, at):
            found[name] = "finite"
        elif refuses(name, numpy.inf, at):
            found[name] = "bounded"
    return found


def register():
    """Makes the converters of boosted trees known to the one of pipelines."""
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes, calculate_linear_regressor_output_shapes

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "raw_scores": [True, False]}
    try:
        from lightgbm import LGBMClassifier, LGBMRegressor
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

        update_registered_converter(LGBMClassifier, "LightGbmLGBMClassifier", calculate_linear_classifier_output_shapes, convert_lightgbm, options=options)
        update_registered_converter(LGBMRegressor, "LgbmRegressor", calculate_linear_regressor_output_shapes, convert_lightgbm, options={"split": None})
    except ImportError:
        pass
    try:
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
        from xgboost import XGBClassifier, XGBRegressor

        update_registered_converter(XGBClassifier, "XGBoostXGBClassifier", calculate_linear_classifier_output_shapes, convert_xgboost, options=options)
        update_registered_converter(XGBRegressor, "XGBoostXGBRegressor", calculate_linear_regressor_output_shapes, convert_xgboost)
    except ImportError:
        pass


def by_columns(raw):
    """Whether an estimator finds its columns by their names."""
    from sklearn.compose import ColumnTransformer

    steps = [step for _, step in getattr(raw, "steps", [])] or [raw]
    return any(isinstance(step, ColumnTransformer) for step in steps)


def missing(raw, core):
    """Where missing values go in trees of scikit-learn, which its converter leaves out."""
    import numpy
    from onnx import helper

    last = raw.steps[-1][1] if hasattr(raw, "steps") else raw
    trees = [last] if hasattr(last, "tree_") else list(numpy.ravel(getattr(last, "estimators_", [])))
    ensembles = [node for node in core.graph.node if node.op_type.startswith("TreeEnsemble")]
    if not trees or len(ensembles) != 1 or not all(hasattr(tree, "tree_") for tree in trees):
        return
    nodes = [tree.tree_.__getstate__()["nodes"] for tree in trees]
    if not all("missing_go_to_left" in it.dtype.names for it in nodes):
        return
    said = {it.name: it for it in ensembles[0].attribute}
    places = zip(said["nodes_treeids"].ints, said["nodes_nodeids"].ints, strict=True)
    goes = [int(nodes[tree][at]["missing_go_to_left"]) for tree, at in places]
    if "nodes_missing_value_tracks_true" in said:
        ensembles[0].attribute.remove(said["nodes_missing_value_tracks_true"])
    ensembles[0].attribute.append(helper.make_attribute("nodes_missing_value_tracks_true", goes))


def inner(name, raw, slots, wide):
    """What the library's own converter writes."""
    if name == "sklearn":
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
    else:
        from onnxmltools.convert.common.data_types import DoubleTensorType, FloatTensorType
    numbers = DoubleTensorType if wide else FloatTensorType
    if name == "sklearn" and by_columns(raw):
        types = [(slot["name"], (StringTensorType if slot["datatype"] == "BYTES" else numbers)([None, 1])) for slot in slots]
    else:
        if any(slot["datatype"] == "BYTES" for slot in slots):
            raise Unsupported("it takes texts that no encoder of its own turns into numbers")
        width = slots[0]["shape"][1] if len(slots) == 1 and len(slots[0]["shape"]) == 2 else len(slots)
        types = [("features", numbers([None, int(width)]))]
    if name == "sklearn":
        register()
        options = {id(raw): {"zipmap": False}} if hasattr(raw, "predict_proba") else None
        core = convert_sklearn(raw, initial_types=types, options=options, target_opset=OPSETS)
        missing(raw, core)
        return core
    if name == "xgboost":
        from onnxmltools import convert_xgboost

        # Its converter wants them to be called f0, f1 and so on.
        booster = raw.get_booster() if hasattr(raw, "get_booster") else raw
        booster.feature_names = None
        return convert_xgboost(raw, initial_types=types, target_opset=OPSETS[""])
    from onnxmltools import convert_lightgbm

    return convert_lightgbm(raw, initial_types=types, target_opset=OPSETS[""], zipmap=False)


class Outer:
    """A graph around another, from the inputs that callers know to the outputs they know."""

    def __init__(self, model, core, told):
        from onnx import compose

        self.model, self.told = model, told
        self.core = compose.add_prefix(core, "core/")
        self.nodes, self.tail, self.constants = [], [], {}

    def constant(self, name, values):
        import numpy
        from onnx import numpy_helper

        self.constants[name] = numpy_helper.from_array(numpy.array(values, dtype=numpy.int64), name)
        return name

    def before(self):
        """From one value a row each to what the inner graph takes."""
        from onnx import helper

        wanted = {it.name: it.type.tensor_type.elem_type for it in self.core.graph.input}
        # The converter calls columns by what is left of their names without strange characters.
        plain = lambda name: "core/" + "".join(it if it.isalnum() and it.isascii() else "_" for it in name)
        parts = []
        for slot in self.model.inputs:
            name = slot["name"]
            at = plain(name) if "core/features" not in wanted else f"number/{name}"
            if len(slot["shape"]) == 2:
                self.nodes.append(helper.make_node("Cast", [name], ["core/features"], to=wanted["core/features"]))
                return
            if at not in wanted and "core/features" not in wanted:
                # A column that the model was given and does not look at.
                continue
            upright = f"upright/{name}"
            self.nodes.append(helper.make_node("Reshape", [name, self.constant("column", [-1, 1])], [upright]))
            if slot["datatype"] == "BYTES":
                self.nodes.append(helper.make_node("Identity", [upright], [at]))
            else:
                parts.append(at)
                self.nodes.append(helper.make_node("Cast", [upright], [at], to=wanted.get(at) or wanted["core/features"]))
        if "core/features" in wanted:
            self.nodes.append(helper.make_node("Concat", parts, ["core/features"], axis=1))

    def after(self, expected):
        """From what the inner graph gives to what the model answers."""
        from onnx import TensorProto, helper

        given = list(self.core.graph.output)
        if self.model.classes is not None:
            label, odds = given[0], given[1]
            texts = label.name
            if label.type.tensor_type.elem_type != TensorProto.STRING:
                texts = "label/text"
                keys = [int(name == "True") if name in ("True", "False") else int(float(name)) for name in self.model.classes]
                self.tail.append(helper.make_node("LabelEncoder", [label.name], [texts], domain="ai.onnx.ml", keys_int64s=keys, values_strings=self.model.classes))
            self.tail.append(helper.make_node("Reshape", [texts, self.constant("flat", [-1])], ["label"]))
            self.tail.append(helper.make_node("Cast", [odds.name], ["probabilities"], to=TensorProto.DOUBLE))
            width = len(self.model.classes)
            return [("label", TensorProto.STRING, [None]), ("probabilities", TensorProto.DOUBLE, [None, width])]
        ((name, answer),) = expected.items()
        kind = {"BOOL": TensorProto.BOOL, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64, "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING}[datatype(answer.dtype)]
        # A booster of its own answers how likely the second of two classes is.
        source = given[-1].name if hasattr(self.model.raw, "get_dump") or hasattr(self.model.raw, "dump_model") else given[0].name
        if len(given) > 1 and source == given[-1].name:
            second = self.constant("second", [1])
            self.tail.append(helper.make_node("Gather", [source, second], ["answer/second"], axis=1))
            source = "answer/second"
        shape = self.constant("shape", [-1, *answer.shape[1:]])
        self.tail.append(helper.make_node("Reshape", [source, shape], ["answer/shaped"]))
        is_text = kind == TensorProto.STRING
        self.tail.append(helper.make_node("Identity", ["answer/shaped"], [name]) if is_text else helper.make_node("Cast", ["answer/shaped"], [name], to=kind))
        return [(name, kind, [None, *answer.shape[1:]])]

    def written(self, expected):
        """The file."""
        from onnx import TensorProto, helper

        kinds = {"BOOL": TensorProto.BOOL, "INT32": TensorProto.INT32, "INT64": TensorProto.INT64, "FP32": TensorProto.FLOAT, "FP64": TensorProto.DOUBLE, "BYTES": TensorProto.STRING}
        self.before()
        outputs = self.after(expected)
        dims = lambda shape: [size if size is not None and size >= 0 else "rows" for size in shape]
        value = lambda name, kind, shape: helper.make_tensor_value_info(name, kind, dims(shape))
        inputs = [value(slot["name"], kinds[slot["datatype"]], slot["shape"]) for slot in self.model.inputs]
        graph = helper.make_graph([*self.nodes, *self.core.graph.node, *self.tail], "model", inputs, [value(*it) for it in outputs], [*self.constants.values(), *self.core.graph.initializer])
        domains = {it.domain: it.version for it in self.core.opset_import}
        for name, version in OPSETS.items():
            domains[name] = max(version, domains.get(name, 0))
        whole = helper.make_model(graph, opset_imports=[helper.make_opsetid(*it) for it in domains.items()])
        whole.ir_version = min(self.core.ir_version, 10)
        helper.set_model_props(whole, {"aic.signature": json.dumps(self.told)})
        return whole.SerializeToString()


def candidates(model, told, expected):
    """The files, the most exact first, and why there are no others."""
    name, raw = classic(model)
    files, why = [], []
    for wide in (True, False):
        if wide and name == "xgboost":
            continue
        try:
            files.append(Outer(model, inner(name, raw, model.inputs, wide), told).written(expected))
        except Unsupported:
            raise
        except Exception as error:
            why.append(told_of(error))
    if not files:
        raise Unsupported(f"its converter fails: {why[-1]}")
    return files


def told_of(error):
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:600]


def main():
    import warnings

    import numpy

    warnings.simplefilter("ignore")
    path = sys.argv[1]
    # Packages of the converters' own stand behind those of the model.
    sys.path.extend(sys.argv[2:])
    answers_to, questions = streams()
    try:
        model = Model(path)
        classic(model)
        rows = example(model, path)
        refused = strict(model, {name: values[:1] for name, values in rows.items()})
        more = perturbed(rows, refused, numpy.random.default_rng(7))
        expected = answers(model, more)
        if expected is None:
            more, expected = rows, model.predict(rows, None)
        slots = [{**slot, "categories": []} for slot in model.inputs]
        told = {"inputs": slots, "outputs": [{**slot, "optional": False} for slot in model.outputs], "classes": model.classes or [], "strict": refused}
        files = candidates(model, told, expected)
        shown = model.example(path)
    except Unsupported as error:
        send(answers_to, {"unsupported": str(error)})
        return
    except BaseException as error:
        send(answers_to, {"error": told_of(error)})
        raise
    send(answers_to, {"inputs": model.inputs, "outputs": model.outputs, "classes": model.classes or [], "example": shown, "candidates": [len(file) for file in files]})
    padded = lambda file: numpy.frombuffer(file + bytes(-len(file) % 8), dtype="<i8")
    for arrays in (more, expected, *({"file": padded(file)} for file in files)):
        receive(questions)
        send(answers_to, {}, arrays)


main()
