"""Asks a server by gRPC, one request after the other, and tells how many were answered. Usage: grpc_load.py HOST:PORT MODEL ROWS SECONDS [TOKEN]"""

import json
import sys
import time

import grpc
import numpy as np
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc import dataplane_pb2_grpc as service

address, model, rows, seconds = sys.argv[1:5]
metadata = [("authorization", f"Bearer {sys.argv[5]}")] if len(sys.argv) > 5 else []
stub = service.GRPCInferenceServiceStub(grpc.insecure_channel(address))
asked = []
for row in json.load(open(rows)):
    tensor = messages.ModelInferRequest.InferInputTensor(name="X", datatype="FP32", shape=[1, len(row)])
    asked.append(messages.ModelInferRequest(model_name=model, inputs=[tensor], raw_input_contents=[np.array(row, "<f4").tobytes()]))
stub.ModelInfer(asked[0], metadata=metadata)
print("ready", flush=True)
sys.stdin.readline()
count, began = 0, time.monotonic()
while time.monotonic() - began < float(seconds):
    stub.ModelInfer(asked[count % len(asked)], metadata=metadata)
    count += 1
print(count, flush=True)
