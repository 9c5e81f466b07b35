"""Every datatype of the protocol: ONNX graphs that give back, cast and add, asked by tritonclient over HTTP and gRPC."""

import grpc
import ml_dtypes
import numpy
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from aic import deploy
from onnx import TensorProto, helper
from strangers import refused
from tritonclient.grpc import service_pb2, service_pb2_grpc

# What each is to ONNX and to NumPy, and its field in the messages of gRPC.
TYPES = {
    "BOOL": (TensorProto.BOOL, numpy.bool_, "bool_contents"), "INT8": (TensorProto.INT8, numpy.int8, "int_contents"),
    "INT16": (TensorProto.INT16, numpy.int16, "int_contents"), "INT32": (TensorProto.INT32, numpy.int32, "int_contents"),
    "INT64": (TensorProto.INT64, numpy.int64, "int64_contents"), "UINT8": (TensorProto.UINT8, numpy.uint8, "uint_contents"),
    "UINT16": (TensorProto.UINT16, numpy.uint16, "uint_contents"), "UINT32": (TensorProto.UINT32, numpy.uint32, "uint_contents"),
    "UINT64": (TensorProto.UINT64, numpy.uint64, "uint64_contents"), "FP16": (TensorProto.FLOAT16, numpy.float16, None),
    "BF16": (TensorProto.BFLOAT16, ml_dtypes.bfloat16, None), "FP32": (TensorProto.FLOAT, numpy.float32, "fp32_contents"),
    "FP64": (TensorProto.DOUBLE, numpy.float64, "fp64_contents"), "BYTES": (TensorProto.STRING, numpy.object_, "bytes_contents"),
}
BYTES_ALONE = ("FP16", "BF16")


def graph(node, element, result):
    """The bytes of a model of one input `x` and one output `y`, two values a row."""
    tensor = helper.make_tensor_value_info
    made = helper.make_graph([node], "types", [tensor("x", element, ["rows", 2])], [tensor("y", result, ["rows", 2])])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def served(admin, name, onnx):
    """Puts a model into service, and returns when it answers."""
    admin.post("/api/v1/catalog/models", {"metadata": {"name": name}, "spec": {}})
    attach = f"/api/v1/catalog/models/{name}/attach?filename={name}.onnx"
    blob = admin.call("POST", attach, onnx, {"content-type": "application/octet-stream"})["digest"]
    admin.post("/api/v1/catalog/model-versions", {"spec": {"model": name, "blob": blob}})
    return deploy(admin, name)


def sample(datatype):
    """Two rows with the ends of the type, and what their double is small enough for."""
    _, dtype, _ = TYPES[datatype]
    if datatype == "BOOL":
        return numpy.array([[True, False], [False, False]])
    if datatype == "BYTES":
        return numpy.array([["", "Ärger"], ["x", "\n"]], dtype=object)
    if datatype.startswith(("INT", "UINT")):
        ends = numpy.iinfo(dtype)
        return numpy.array([[ends.min, ends.max], [0, 1]], dtype=dtype)
    ends = (ml_dtypes if datatype == "BF16" else numpy).finfo(dtype)
    return numpy.array([[ends.min, ends.max], [0.5, ends.smallest_normal]], dtype=dtype)


def same(seen, wanted):
    """Whether an array is another, texts as texts."""
    if seen is not None and seen.dtype == numpy.object_:
        seen = numpy.array([it.decode() if isinstance(it, bytes) else it for it in seen.flatten()], dtype=object).reshape(seen.shape)
    return seen is not None and seen.shape == wanted.shape and seen.dtype == wanted.dtype and bool((seen == wanted).all())


def asked(triton, client, name, datatype, array, headers, **binary):
    """What comes back."""
    tensor = triton.InferInput("x", list(array.shape), datatype)
    tensor.set_data_from_numpy(array, **binary)
    outputs = [triton.InferRequestedOutput("y", **binary)]
    return client.infer(name, [tensor], outputs=outputs, headers=dict(headers)).as_numpy("y")


def in_fields(stub, name, datatype, array, headers):
    """The same with the elements in the fields of the messages."""
    _, _, field = TYPES[datatype]
    values = [it.encode() if datatype == "BYTES" else it.item() for it in array.flatten().astype(TYPES[datatype][1])]
    contents = service_pb2.InferTensorContents(**{field: values})
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=list(array.shape), contents=contents)
    metadata = [(key, value) for key, value in headers.items()]
    answer = stub.ModelInfer(service_pb2.ModelInferRequest(model_name=name, inputs=[tensor]), metadata=metadata)
    told = answer.outputs[0]
    return told.datatype == datatype and list(getattr(told.contents, field)) == values and not answer.raw_output_contents


def all_of_them(checks, server, admin):
    """Every type, there and back."""
    host = server.url.removeprefix("http://")
    http, channel = triton_http.InferenceServerClient(host), triton_grpc.InferenceServerClient(host)
    stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(host))
    headers = {"authorization": f"Bearer {admin.token}"}
    for datatype, (element, dtype, field) in TYPES.items():
        name, array = f"same-{datatype.lower()}", sample(datatype)
        served(admin, name, graph(helper.make_node("Identity", ["x"], ["y"]), element, element))
        told = http.get_model_metadata(name, headers=dict(headers))
        checks.that(f"{datatype}: the model tells its type", told["inputs"][0]["datatype"] == told["outputs"][0]["datatype"] == datatype, told)
        checks.that(f"{datatype}: HTTP, as bytes", same(asked(triton_http, http, name, datatype, array, headers, binary_data=True), array))
        checks.that(f"{datatype}: gRPC, raw", same(asked(triton_grpc, channel, name, datatype, array, headers), array))
        plain = {"inputs": [{"name": "x", "datatype": datatype, "shape": [1, 2], "data": [0, 0]}]}
        if datatype in BYTES_ALONE:
            answer = admin.send("POST", f"/v2/models/{name}/infer", plain)
            checks.that(f"{datatype}: JSON does not carry it", answer.status == 422 and answer.json["code"] == "tensor-wrong-type" and datatype in answer.json["error"], answer.data)
            tensor = triton_http.InferInput("x", [2, 2], datatype)
            tensor.set_data_from_numpy(array)
            wanted = [triton_http.InferRequestedOutput("y", binary_data=False)]
            why = refused(lambda: http.infer(name, [tensor], outputs=wanted, headers=dict(headers)))
            checks.that(f"{datatype}: nor back", "JSON carries no" in (why or ""), why)
            tensor = service_pb2.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=[1, 2])
            try:
                stub.ModelInfer(service_pb2.ModelInferRequest(model_name=name, inputs=[tensor]), metadata=list(headers.items()))
                checks.that(f"{datatype}: no field of gRPC's messages carries it", False)
            except grpc.RpcError as error:
                checks.that(f"{datatype}: no field of gRPC's messages carries it", error.code() == grpc.StatusCode.INVALID_ARGUMENT, error)
        else:
            checks.that(f"{datatype}: HTTP, as JSON", same(asked(triton_http, http, name, datatype, array, headers, binary_data=False), array))
            checks.that(f"{datatype}: gRPC, in fields", in_fields(stub, name, datatype, array, headers))
        if datatype not in ("BYTES", "UINT64"):
            name = f"cast-{datatype.lower()}"
            served(admin, name, graph(helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT), element, TensorProto.FLOAT))
            seen = asked(triton_http, http, name, datatype, array, headers, binary_data=True)
            with numpy.errstate(over="ignore"):
                wanted = array.astype(numpy.float32)
            checks.that(f"{datatype}: cast to FP32", same(seen, wanted), seen)
            name = f"from-{datatype.lower()}"
            served(admin, name, graph(helper.make_node("Cast", ["x"], ["y"], to=element), TensorProto.INT64, element))
            numbers = numpy.array([[0, 1], [1, 100]], dtype=numpy.int64)
            seen = asked(triton_grpc, channel, name, "INT64", numbers, headers)
            checks.that(f"{datatype}: cast from INT64", same(seen, numbers.astype(dtype)), seen)
        if datatype not in ("BYTES", "BOOL"):
            name = f"add-{datatype.lower()}"
            served(admin, name, graph(helper.make_node("Add", ["x", "x"], ["y"]), element, element))
            small = numpy.array([[0, 1], [2, 50]], dtype=dtype)
            seen = asked(triton_grpc, channel, name, datatype, small, headers)
            checks.that(f"{datatype}: added", same(seen, small + small), seen)
    beyond = {"INT8": 128, "UINT8": -1, "UINT16": 65_536, "UINT64": -1, "INT64": 2**63}
    for datatype, number in beyond.items():
        body = {"inputs": [{"name": "x", "datatype": datatype, "shape": [1, 2], "data": [0, number]}]}
        answer = admin.send("POST", f"/v2/models/same-{datatype.lower()}/infer", body)
        checks.that(f"{datatype}: {number} is refused with its place", answer.status == 422 and answer.json.get("field") == "inputs[0].data[1]", answer.data)
    http.close()
    channel.close()
