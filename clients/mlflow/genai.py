"""What MLflow keeps for generative work, asked of any server by plain HTTP: evaluation datasets, scorers."""

import json


def v3(side, method, path, body=None, **query):
    """Asks of version 3 of the API."""
    label = f"{method} {path} {json.dumps(body or query)[:150]}"
    return side.ask(label, method, f"/api/3.0/mlflow/{path}", body, query=query or None)


def seen(side, label, told):
    """A dataset without what depends on the clock, its texts of JSON read."""
    told = {key: value for key, value in told["dataset"].items() if key != "digest"}
    told["experiment_ids"] = [{"experiment_id": it} for it in told.get("experiment_ids", [])]
    side.note(label, {**told, **{key: json.loads(told[key]) for key in ("tags", "schema", "profile") if key in told}})
    return told


def unpacked(side, label, told):
    """Records are a text of JSON within JSON."""
    records = json.loads(told.get("records", "[]"))
    for record in records:
        for field in ("created_time", "last_update_time"):
            record.pop(field, None)
    side.note(label, sorted(records, key=lambda it: json.dumps(it.get("inputs"))))
    return [it["dataset_record_id"] for it in records]


def datasets(side):
    """Everything of evaluation datasets."""
    exp = side.post("experiments/create", name="evaluated")["experiment_id"]
    tags = json.dumps({"a": "1", "mlflow.user": "ada"})
    ask = {"name": "questions", "experiment_ids": [exp], "tags": tags}
    made = seen(side, "datasets/create", side.ask("create", "POST", "/api/3.0/mlflow/datasets/create", ask, note=False))
    at = f"datasets/{made['dataset_id']}"
    seen(side, "datasets/get", side.ask("get", "GET", f"/api/3.0/mlflow/{at}", note=False))
    v3(side, "POST", "datasets/create", {})
    v3(side, "GET", "datasets/d-none")
    v3(side, "POST", f"{at}/records", {"records": json.dumps([
        {"inputs": {"q": "why?"}, "expectations": {"a": "because"}, "tags": {"t": "1"}},
        {"inputs": {"q": "how?", "n": 1}, "outputs": {"a": "so"}},
        {"inputs": {"q": "when?"}},
    ])})
    v3(side, "POST", f"{at}/records", {"records": json.dumps([{"inputs": {"q": "why?"}, "expectations": {"b": 2.5}}, {"inputs": {"q": "who?"}}])})
    v3(side, "POST", f"{at}/records", {})
    ids = unpacked(side, "records", side.ask("records", "GET", f"/api/3.0/mlflow/{at}/records", note=False))
    page = side.ask("first page", "GET", f"/api/3.0/mlflow/{at}/records", query={"max_results": 3}, note=False)
    side.note("a page has a token", [len(json.loads(page["records"])), bool(page.get("next_page_token"))])
    rest = side.ask("second page", "GET", f"/api/3.0/mlflow/{at}/records", query={"max_results": 3, "page_token": page["next_page_token"]}, note=False)
    side.note("the last page has none", [len(json.loads(rest["records"])), bool(rest.get("next_page_token"))])
    told = side.ask("the dataset then", "GET", f"/api/3.0/mlflow/{at}", note=False)["dataset"]
    side.note("schema and profile", [json.loads(told["schema"]), json.loads(told["profile"])])
    v3(side, "PATCH", f"{at}/tags", {"tags": json.dumps({"b": "2"})})
    v3(side, "DELETE", f"{at}/tags/a")
    side.note("tags", json.loads(side.ask("tags", "GET", f"/api/3.0/mlflow/{at}", note=False)["dataset"]["tags"]))
    other = side.post("experiments/create", name="evaluated too")["experiment_id"]
    for path, ids_ in (("add-experiments", [other]), ("remove-experiments", [exp])):
        told = side.ask(path, "POST", f"/api/3.0/mlflow/{at}/{path}", {"experiment_ids": ids_}, note=False)["dataset"]
        side.note(path, [{"experiment_id": it} for it in told.get("experiment_ids", [])])
    for query in ({"filter_string": "name = 'questions'"}, {"filter_string": "name = 'x'"}, {"filter_string": "tags.b = '2'"}, {"filter_string": "nothing = 'x'"}, {"filter_string": "name LIKE 'q%'"}):
        told = side.ask(str(query), "POST", "/api/3.0/mlflow/datasets/search", {"max_results": 10, **query}, note=False)
        side.note(f"datasets/search {query}", [it["name"] for it in told.get("datasets", [])] if "error_code" not in told else told["error_code"])
    v3(side, "DELETE", f"{at}/records", {"dataset_record_ids": ids[:1]})
    v3(side, "DELETE", f"{at}/records", {"dataset_record_ids": ["none"]})
    v3(side, "DELETE", at)
    v3(side, "GET", at)


def scorers(side):
    """Everything of scorers."""
    exp = side.post("experiments/create", name="scored")["experiment_id"]
    serialized = json.dumps({"name": "Safety", "builtin_scorer_class": "Safety", "builtin_scorer_pydantic_data": {"name": "safety"}, "mlflow_version": "3.17.2", "serialization_version": 1})
    for name in ("Safety", "Safety", "Other"):
        told = side.ask("register", "POST", "/api/3.0/mlflow/scorers/register", {"experiment_id": exp, "name": name, "serialized_scorer": serialized}, note=False)
        side.note(f"registered {name}", {key: told.get(key) for key in ("version", "name", "serialized_scorer")})
    v3(side, "POST", "scorers/register", {"experiment_id": exp, "name": "x", "serialized_scorer": "no json"})
    v3(side, "POST", "scorers/register", {"experiment_id": exp})

    def seen(label, path, **query):
        told = side.ask(label, "GET", f"/api/3.0/mlflow/scorers/{path}", query=query, note=False)
        all_ = told.get("scorers", [told["scorer"]] if "scorer" in told else [])
        side.note(label, sorted((it["scorer_name"], it["scorer_version"], it["serialized_scorer"]) for it in all_) if "error_code" not in told else told["error_code"])
        return all_

    first = seen("list", "list", experiment_id=exp)
    seen("versions", "versions", experiment_id=exp, name="Safety")
    seen("versions of nobody", "versions", experiment_id=exp, name="nobody")
    seen("latest", "get", experiment_id=exp, name="Safety")
    seen("first", "get", experiment_id=exp, name="Safety", version=1)
    seen("none", "get", experiment_id=exp, name="Safety", version=9)
    seen("nobody", "get", experiment_id=exp, name="nobody")
    v3(side, "GET", "scorers/online-configs", scorer_ids=[it["scorer_id"] for it in first])
    for config in ({"sample_rate": 0}, {"sample_rate": 0.0, "filter_string": "tags.a = 'b'"}, {"sample_rate": 0.5}, {"sample_rate": 2}, {"sample_rate": 0, "filter_string": "tags.a ="}, {"sample_rate": 0, "filter_string": 5}, {}, {"sample_rate": 0, "name": "nobody"}):
        told = side.ask("online", "PUT", "/api/3.0/mlflow/scorers/online-config", {"experiment_id": exp, "name": "Safety", **config}, note=False)
        side.note(f"online {config}", {key: value for key, value in told.get("config", {}).items() if key in ("sample_rate", "filter_string")} or told.get("error_code"))
    side.note("online configs", [[it["sample_rate"], it.get("filter_string")] for it in side.ask("", "GET", "/api/3.0/mlflow/scorers/online-configs", query={"scorer_ids": [it["scorer_id"] for it in first]}, note=False)["configs"]])
    v3(side, "DELETE", "scorers/delete", {"experiment_id": exp, "name": "Safety", "version": 1})
    seen("versions after", "versions", experiment_id=exp, name="Safety")
    v3(side, "DELETE", "scorers/delete", {"experiment_id": exp, "name": "Safety"})
    v3(side, "DELETE", "scorers/delete", {"experiment_id": exp, "name": "Safety"})
    seen("list after", "list", experiment_id=exp)
