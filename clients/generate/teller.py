"""A model that tells texts in parts, and what else it is asked to do between them."""

import mlflow


class Teller(mlflow.pyfunc.PythonModel):
    """Its input `text` says what it does, its parameter `times` how often."""

    def predict(self, context, model_input, params=None):
        times = (params or {}).get("times", 1)
        return [" ".join([str(text)] * times) for text in model_input["text"]]

    def predict_stream(self, context, model_input, params=None):
        import itertools
        import os
        import time

        text = model_input["text"] if isinstance(model_input, dict) else str(model_input)
        if text == "endless":
            for number in itertools.count():
                yield f"{number} "
                time.sleep(0.02)
        if text == "fast":
            for number in itertools.count():
                yield f"{number} "
        if text == "refused":
            raise ValueError("not this")
        for number in range((params or {}).get("times", 3)):
            yield {"answer": f"{text} {number}", "number": number, "more": {"seen": [number]}} if text == "dict" else f"{text} {number} "
        if text == "breaks":
            raise ValueError("no more of it")
        if text == "exits":
            os._exit(3)
        if text == "stuck":
            time.sleep(3600)
