"""The process that answers with a model; it goes behind `model.py`."""


def main():
    path = sys.argv[1]
    answers, questions = streams()
    try:
        model = Model(path)
        example = model.example(path)
    except Unsupported as error:
        send(answers, {"unsupported": str(error)})
        return
    except BaseException as error:
        send(answers, {"error": told(error)})
        raise
    can = {"has_parts": getattr(model.model, "_predict_stream_fn", None) is not None, "takes_params": model.model.metadata.get_params_schema() is not None}
    send(answers, {"inputs": model.inputs, "outputs": model.outputs, "classes": model.classes or [], "example": example, **can})
    while True:
        head, tensors = receive(questions)
        try:
            if head["parts"]:
                parts = model.parts(tensors, head["params"])
                for part in parts:
                    send(answers, {"more": True}, part)
                    if not receive(questions)[0]["go"]:
                        parts.close()
                        break
                arrays = {}
            else:
                arrays = model.predict(tensors, head["params"])
            send(answers, {}, arrays)
        except Exception as error:
            send(answers, {"error": told(error)})


main()
