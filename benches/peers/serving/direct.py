"""Runs a model by the library itself, in one thread, and tells what an answer takes. Usage: direct.py MODEL WIDTH"""

import json
import sys
import time

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
row = {"x": np.random.default_rng(2).normal(size=(1, int(sys.argv[2]))).astype(np.float32)}
for _ in range(50):
    session.run(None, row)
count, began, before = 0, time.monotonic(), time.process_time()
while time.monotonic() - began < 5:
    session.run(None, row)
    count += 1
print(json.dumps({"cpu_ms": (time.process_time() - before) / count * 1e3, "ms": (time.monotonic() - began) / count * 1e3}))
