"""A model of MLflow's `python_function` in a process of its own: how it is loaded, asked by tensors, and spoken with in frames.

A frame is the length of its head (four bytes, little-endian), the head as JSON, and the bytes of its tensors one after the
other as the Open Inference Protocol v2 writes them. The first frame tells the model's signature; then each frame that comes
in is answered by one, or where parts are asked for by one for each part (`more`), after each of which a frame says whether to
go on, and a last one. What the model prints goes to standard error.
`worker.py` and `convert.py` go behind this.
"""

import json
import os
import struct
import sys

NUMPY = {
    "BOOL": "?", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}
COLUMNS = {"boolean": "BOOL", "integer": "INT32", "long": "INT64", "float": "FP32", "double": "FP64", "string": "BYTES", "datetime": "BYTES"}
ALL_AXES = -1


class Unsupported(Exception):
    """The model is fine, but not of a sort that can be asked by tensors."""


def datatype(dtype):
    """What carries values of a NumPy type."""
    import numpy

    kind, bits = numpy.dtype(dtype).kind, 8 * numpy.dtype(dtype).itemsize
    if kind == "b":
        return "BOOL"
    if kind in "iu":
        return f"{'INT' if kind == 'i' else 'UINT'}{bits}"
    if kind == "f":
        return f"FP{min(bits, 64)}"
    if kind in "OUSM":
        return "BYTES"
    raise Unsupported(f"values of the type {dtype} are not carried")


class Model:
    """A model, and how tensors become what it wants and back."""

    def __init__(self, path):
        from mlflow import pyfunc

        self.model = pyfunc.load_model(path)
        self.raw = raw(self.model)
        self.classes = classes(self.raw)
        schema = self.model.metadata.get_input_schema()
        self.is_table = schema is None or not schema.is_tensor_spec()
        self.types, self.is_list = {}, False
        self.inputs = self.declared(schema) if schema is not None else self.found()
        self.outputs = self.answered(self.model.metadata.get_output_schema())

    def declared(self, schema):
        """The inputs that the model was logged with."""
        slots = []
        for number, spec in enumerate(schema.inputs):
            name = spec.name if spec.name is not None else ("input" if len(schema.inputs) == 1 else f"input_{number}")
            if schema.is_tensor_spec():
                self.types[name] = spec.type
                slots.append({"name": str(name), "datatype": datatype(spec.type), "shape": list(spec.shape), "optional": not spec.required})
                continue
            known = getattr(spec.type, "name", None)
            if known not in COLUMNS:
                raise Unsupported(f"the column `{name}` is of the type {spec.type}, which is no column of a table")
            slots.append({"name": str(name), "datatype": COLUMNS[known], "shape": [-1], "optional": not spec.required})
        self.is_named = not schema.is_tensor_spec() or any(spec.name is not None for spec in schema.inputs)
        self.is_list = not schema.is_tensor_spec() and len(slots) == 1 and schema.inputs[0].name is None and slots[0]["datatype"] == "BYTES"
        return slots

    def found(self):
        """The inputs of a model that was logged without a signature, as far as it tells them itself."""
        names = getattr(self.raw, "feature_names_in_", None)
        count = getattr(self.raw, "n_features_in_", None)
        self.is_named = names is not None
        if names is not None:
            return [{"name": str(name), "datatype": "FP64", "shape": [-1], "optional": False} for name in names]
        if count is None:
            raise Unsupported("it was logged without a signature; log it with `signature=infer_signature(...)` or an `input_example`")
        self.is_table = False
        return [{"name": "input", "datatype": "FP64", "shape": [-1, int(count)], "optional": False}]

    def answered(self, schema):
        """The outputs."""
        if self.classes is not None:
            return [{"name": "label", "datatype": "BYTES", "shape": [-1]}, {"name": "probabilities", "datatype": "FP64", "shape": [-1, len(self.classes)]}]
        if schema is None:
            return [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
        slots = []
        for spec in schema.inputs:
            name = str(spec.name) if spec.name is not None else "prediction"
            if schema.is_tensor_spec():
                slots.append({"name": name, "datatype": datatype(spec.type), "shape": list(spec.shape)})
            else:
                slots.append({"name": name, "datatype": COLUMNS.get(getattr(spec.type, "name", None), "BYTES"), "shape": [-1]})
        return slots

    def example(self, path):
        """A row of the input example, where there is one and it is a table."""
        try:
            found = self.model.metadata.load_input_example(path)
        except Exception as error:
            print(f"the input example cannot be read: {error}", file=sys.stderr)
            return None
        if not hasattr(found, "iloc") or len(found) == 0:
            return None
        row = json.loads(found.iloc[:1].to_json(orient="records", date_format="iso"))[0]
        known = {slot["name"] for slot in self.inputs}
        return {name: value for name, value in row.items() if name in known} if known & set(row) else None

    def asked(self, tensors):
        """What the model is asked with."""
        import pandas

        if self.is_list:
            # Texts without a name, as models of language take them.
            return [str(value) for value in next(iter(tensors.values())).reshape(ALL_AXES)]
        if self.is_table:
            columns = {}
            for slot in self.inputs:
                values = tensors[slot["name"]].reshape(ALL_AXES)
                if slot["datatype"] == "BYTES" and slot["optional"]:
                    values = [value if value != "" else None for value in values]
                columns[slot["name"]] = values
            return pandas.DataFrame(columns)
        arrays = {name: array.astype(self.types[name]) if name in self.types else array for name, array in tensors.items()}
        return arrays if self.is_named else next(iter(arrays.values()))

    def parts(self, tensors, params):
        """The parts of the model's answer, each as arrays by name."""
        for part in self.model.predict_stream(self.asked(tensors), **({"params": params} if params else {})):
            yield self.named(part)

    def predict(self, tensors, params):
        """The model's answer, as arrays by name."""
        import numpy

        asked = self.asked(tensors)
        answer = self.model.predict(asked, **({"params": params} if params else {}))
        if self.classes is not None:
            chances = self.raw.predict_proba(asked)
            return {"label": numpy.asarray([str(label) for label in numpy.asarray(answer).reshape(ALL_AXES)], dtype=object), "probabilities": numpy.asarray(chances, dtype="f8")}
        return self.named(answer)

    def named(self, answer):
        """What a model answers, as arrays by name."""
        if hasattr(answer, "columns"):
            return {str(name): answer[name].to_numpy() for name in answer.columns}
        if isinstance(answer, dict):
            return {str(name): array(value) for name, value in answer.items()}
        return {self.outputs[0]["name"] if self.outputs else "prediction": array(answer)}


def array(value):
    """A value as an array of at least one axis; what has names inside is written as JSON."""
    import numpy

    if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(it, dict) for it in value)):
        value = json.dumps(value, default=str)
    made = numpy.asarray(value)
    return made.reshape(1) if made.ndim == 0 else made


def raw(model):
    """What the flavour has loaded, where it tells."""
    try:
        return model.get_raw_model()
    except Exception:
        return None


def classes(model):
    """The classes of a classifier that knows their probabilities."""
    import numpy

    known = getattr(model, "classes_", None)
    if known is None or not hasattr(model, "predict_proba") or numpy.ndim(known) != 1:
        return None
    return [str(name) for name in known]


def read(stream, length):
    parts = []
    while length:
        part = stream.read(length)
        if not part:
            sys.exit(0)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def receive(stream):
    import numpy

    (length,) = struct.unpack("<I", read(stream, 4))
    head = json.loads(read(stream, length))
    tensors = {}
    for told in head["tensors"]:
        data = read(stream, told["bytes"])
        if told["datatype"] == "BYTES":
            texts, at = [], 0
            while at < len(data):
                (size,) = struct.unpack_from("<I", data, at)
                texts.append(data[at + 4 : at + 4 + size].decode())
                at += 4 + size
            array = numpy.empty(len(texts), dtype=object)
            array[:] = texts
        else:
            array = numpy.frombuffer(data, dtype=NUMPY[told["datatype"]])
        tensors[told["name"]] = array.reshape(told["shape"])
    return head, tensors


def send(stream, head, arrays=()):
    import numpy

    tensors, parts = [], []
    for name, array in dict(arrays).items():
        kind = datatype(array.dtype)
        if kind == "BYTES":
            texts = [b"" if value is None else str(value).encode() for value in array.reshape(ALL_AXES)]
            data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        else:
            data = numpy.ascontiguousarray(array, dtype=NUMPY[kind]).tobytes()
        tensors.append({"name": name, "datatype": kind, "shape": list(array.shape), "bytes": len(data)})
        parts.append(data)
    head = json.dumps({**head, "tensors": tensors}).encode()
    stream.write(b"".join([struct.pack("<I", len(head)), head, *parts]))
    stream.flush()


def told(error):
    """An error in one line, as whoever reads it wants it."""
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= 2000 else text[:2000] + "…"


def streams():
    """Where answers go and questions come from; what the model prints goes elsewhere."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    questions = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    return answers, questions
