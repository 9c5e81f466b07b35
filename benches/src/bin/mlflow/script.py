"""A hundred runs of 50 metrics by 20 steps, a scikit-learn model each; tells the seconds it took, on the clock and of its processor."""

import logging
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import mlflow  # noqa: E402
import mlflow.sklearn  # noqa: E402
import numpy  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

random = numpy.random.default_rng(7)
x = random.normal(size=(100, 4))
model = LogisticRegression().fit(x, x.sum(axis=1) > 0)
mlflow.set_tracking_uri(sys.argv[1])
began, used = time.monotonic(), time.process_time()
mlflow.set_experiment("script")
for number in range(100):
    with mlflow.start_run():
        mlflow.log_params({"lr": 0.1, "number": number})
        for step in range(20):
            mlflow.log_metrics({f"m{key}": float(key + step) for key in range(50)}, step=step)
        # Finding out the requirements takes the client seconds, whatever the server.
        mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
print(time.monotonic() - began, time.process_time() - used)
