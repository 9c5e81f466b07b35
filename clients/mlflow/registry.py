"""Experiments and the registry, asked of any server by plain HTTP: names, tags, aliases, stages, searches, refusals."""

LONG = "x" * 600


def experiments(side):
    """Everything of experiments."""
    side.get("experiments/get", experiment_id="0")
    for name in ("plain", "with/slash", "größe und 日本語", "  padded ", "UPPER_lower.1"):
        made = side.post("experiments/create", name=name)
        side.get("experiments/get", experiment_id=made["experiment_id"])
        side.get("experiments/get-by-name", experiment_name=name)
    first = side.post("experiments/create", name="tagged", tags=[{"key": "a", "value": "1"}, {"key": "b/c", "value": "ü"}])["experiment_id"]
    side.get("experiments/get", experiment_id=first)
    for bad in ({"name": "plain"}, {"name": ""}, {}, {"name": LONG}, {"name": 5}, {"name": "x", "tags": "y"}, {"name": "x", "tags": [{"key": "", "value": "1"}]},
                {"name": "y", "tags": [{"key": "k" * 251, "value": "1"}]}, {"name": "z", "artifact_location": "runs:/x"}):
        side.post("experiments/create", **bad)
    side.get("experiments/get", experiment_id="123456789")
    side.get("experiments/get")
    side.get("experiments/get-by-name", experiment_name="nobody")
    side.get("experiments/get-by-name")
    side.post("experiments/set-experiment-tag", experiment_id=first, key="a", value="2")
    side.post("experiments/set-experiment-tag", experiment_id=first, key="c", value="")
    side.post("experiments/set-experiment-tag", experiment_id=first, key="", value="x")
    side.post("experiments/set-experiment-tag", experiment_id=first, key="x" * 251, value="x")
    side.post("experiments/set-experiment-tag", experiment_id=first, key="../x", value="x")
    side.post("experiments/set-experiment-tag", experiment_id=first, key="long", value="x" * 20001)
    side.post("experiments/set-experiment-tag", experiment_id="987654321", key="a", value="x")
    side.post("experiments/delete-experiment-tag", experiment_id=first, key="b/c")
    side.post("experiments/delete-experiment-tag", experiment_id=first, key="b/c")
    side.get("experiments/get", experiment_id=first)
    side.post("experiments/update", experiment_id=first, new_name="tagged/anew")
    side.post("experiments/update", experiment_id=first, new_name="plain")
    side.post("experiments/update", experiment_id=first, new_name="")
    side.get("experiments/get-by-name", experiment_name="tagged/anew")
    side.get("experiments/get-by-name", experiment_name="tagged")
    # What was freed by a new name can be taken.
    again = side.post("experiments/create", name="tagged")["experiment_id"]
    side.post("experiments/delete", experiment_id=again)
    side.post("experiments/delete", experiment_id=again)
    side.get("experiments/get", experiment_id=again)
    side.get("experiments/get-by-name", experiment_name="tagged")
    side.post("experiments/create", name="tagged")
    side.post("experiments/set-experiment-tag", experiment_id=again, key="a", value="x")
    side.post("experiments/restore", experiment_id=again)
    side.post("experiments/restore", experiment_id=again)
    side.get("experiments/get", experiment_id=again)
    side.post("experiments/delete", experiment_id=again)
    search = "experiments/search"
    side.post(search, max_results=100, order_by=["name ASC"])
    side.post(search, max_results=100, order_by=["name DESC"], view_type="ALL")
    side.post(search, max_results=100, order_by=["name"], view_type="DELETED_ONLY")
    for text in ("name = 'plain'", "name != 'plain'", "name LIKE 'p%'", "name ILIKE 'UPPER%'", "name LIKE '%slash'", "tags.a = '2'", "tags.a != '2'", "tags.`a` = '2' AND name LIKE 'tag%'",
                 "tags.a IS NULL", "tags.a IS NOT NULL", "attribute.name = 'plain'", "creation_time > 0", "creation_time < 0", "name IN ('plain')", "name = plain", "name", "nothing = 'x'", "params.a = 'x'",
                 "name = 'a' OR name = 'b'", "name > 'a'", "creation_time = 'x'", "tags.a = 5", "experiment_id IN ('0')", "(name = 'x')"):
        side.post(search, max_results=100, filter=text, order_by=["name ASC"])
    for order in (["nothing"], ["name UP"], ["name", "name DESC"], "name", ["tags.a"], ["last_update_time DESC", "name"]):
        side.post(search, max_results=3 if "nothing" in order else 100, order_by=order) if order != ["last_update_time DESC", "name"] else None
    for most in (0, -1, 50001, "x", 10**12):
        side.post(search, max_results=most)
    page = side.post(search, max_results=3, order_by=["name"])
    names = [it["name"] for it in page["experiments"]]
    while page.get("next_page_token"):
        page = side.ask("next page of experiments", "POST", search, {"max_results": 3, "order_by": ["name"], "page_token": page["next_page_token"]}, note=False)
        names += [it["name"] for it in page["experiments"]]
    side.note("pages of experiments", names)
    for token in ("x", "!!!!", "e30="):
        side.post(search, max_results=3, page_token=token)
    for body in ("{", "[1]", "5", '"x"', ""):
        side.ask(f"body {body}", "POST", "experiments/create", body)


def models(side):
    """Everything of registered models."""
    for name in ("churn", "With Space", "größe", "UPPER", "a.b-c_d"):
        side.post("registered-models/create", name=name, description=f"about {name}")
        side.get("registered-models/get", name=name)
    side.post("registered-models/create", name="tagged", tags=[{"key": "a", "value": "1"}, {"key": "b", "value": ""}])
    for bad in ({"name": "churn"}, {"name": ""}, {}, {"name": "a/b"}, {"name": "a:b"}, {"name": "   "}, {"name": ".."}, {"name": 5}, {"name": "x", "tags": 5}, {"name": "x", "tags": [{"key": "a/../b", "value": ""}]}):
        side.post("registered-models/create", **bad)
    side.get("registered-models/get", name="nobody")
    side.get("registered-models/get")
    patch = lambda path, body: side.ask(f"PATCH {path} {body}", "PATCH", path, body)  # noqa: E731
    drop = lambda path, body: side.ask(f"DELETE {path} {body}", "DELETE", path, body)  # noqa: E731
    patch("registered-models/update", {"name": "churn", "description": "anew"})
    patch("registered-models/update", {"name": "nobody", "description": "anew"})
    patch("registered-models/update", {"name": "churn"})
    side.post("registered-models/set-tag", name="churn", key="k", value="v")
    side.post("registered-models/set-tag", name="churn", key="k", value="w")
    side.post("registered-models/set-tag", name="churn", key="", value="w")
    side.post("registered-models/set-tag", name="churn", key="x" * 251, value="w")
    side.post("registered-models/set-tag", name="churn", key="k2", value="x" * 100_001)
    side.post("registered-models/set-tag", name="nobody", key="k", value="w")
    side.get("registered-models/get", name="churn")
    drop("registered-models/delete-tag", {"name": "churn", "key": "k"})
    drop("registered-models/delete-tag", {"name": "churn", "key": "k"})
    drop("registered-models/delete-tag", {"name": "nobody", "key": "k"})
    side.post("registered-models/rename", name="UPPER", new_name="lower")
    side.post("registered-models/rename", name="lower", new_name="churn")
    side.post("registered-models/rename", name="lower", new_name="a/b")
    side.post("registered-models/rename", name="lower")
    side.get("registered-models/get", name="UPPER")
    side.post("registered-models/create", name="UPPER")
    search = "registered-models/search"
    side.get(search)
    for text in ("name = 'churn'", "name LIKE '%ch%'", "name ILIKE '%CH%'", "name != 'churn'", "name IN ('churn', 'tagged')", "tags.a = '1'", "tags.a != '1'", "tag.a LIKE '%'", "name = 5", "nothing = 'x'", "name", "name > 'x'", "tags.a > '1'"):
        side.get(search, filter=text)
    side.get(search, order_by=["name DESC"])
    side.get(search, order_by=["nothing"])
    side.get(search, order_by=["name", "name"])
    for most in (0, 1001, "x"):
        if most != 0:
            side.get(search, max_results=most)
    page = side.get(search, max_results=2)
    names = [it["name"] for it in page["registered_models"]]
    while page.get("next_page_token"):
        page = side.ask("next", "GET", search, query={"max_results": 2, "page_token": page["next_page_token"]}, note=False)
        names += [it["name"] for it in page["registered_models"]]
    side.note("pages of models", names)
    versions(side, patch, drop)
    drop("registered-models/delete", {"name": "tagged"})
    drop("registered-models/delete", {"name": "tagged"})
    side.get("registered-models/get", name="tagged")
    side.post("registered-models/create", name="tagged")
    side.get("registered-models/get", name="tagged")


def versions(side, patch, drop):
    """Everything of versions: numbers, stages, aliases, tags, sources."""
    for i in range(4):
        side.post("model-versions/create", name="churn", source=f"s3://bucket/model/{i}", description=f"number {i}", tags=[{"key": "i", "value": str(i)}])
    side.post("model-versions/create", name="With Space", source="s3://bucket/other", run_link="http://127.0.0.1/run")
    for source in ("/etc/passwd", "file:///etc/passwd", "s3://b/../x", "mlflow-artifacts:/1/x", "mlflow-artifacts:/../x", "runs:/none/x", "models:/m-none", "models:/nobody/1", "models:/churn/99", "s3://b/%2e%2e/x", "", "x"):
        side.post("model-versions/create", name="churn", source=source)
    side.post("model-versions/create", name="nobody", source="s3://bucket/model")
    side.post("model-versions/create", name="churn")
    # A version of a version comes from the same place.
    side.post("model-versions/create", name="With Space", source="models:/churn/2")
    get = "model-versions/get"
    for version in ("1", "2", "99", "x", "", "0", "-1", "1.5"):
        side.get(get, name="churn", version=version)
    side.get(get, name="nobody", version="1")
    side.get("model-versions/get-download-uri", name="churn", version="1")
    side.get("model-versions/get-download-uri", name="With Space", version="2")
    side.get("model-versions/get-download-uri", name="churn", version="99")
    patch("model-versions/update", {"name": "churn", "version": "1", "description": "anew"})
    patch("model-versions/update", {"name": "churn", "version": "99", "description": "anew"})
    stage = "model-versions/transition-stage"
    for version, to, archive in (("1", "Staging", False), ("2", "production", False), ("3", "Production", True), ("4", "Production", False), ("4", "Nowhere", False), ("4", "Archived", True), ("99", "Staging", False), ("1", "None", False)):
        side.post(stage, name="churn", version=version, stage=to, archive_existing_versions=archive)
    side.post("registered-models/get-latest-versions", name="churn")
    side.post("registered-models/get-latest-versions", name="churn", stages=["Production"])
    side.post("registered-models/get-latest-versions", name="churn", stages=["Nowhere"])
    side.post("registered-models/get-latest-versions", name="nobody")
    side.get("registered-models/get", name="churn")
    alias = "registered-models/alias"
    for name, version in (("champion", "1"), ("champion", "2"), ("challenger", "2"), ("latest", "1"), ("v1", "1"), ("a b", "1"), ("", "1"), ("x" * 256, "1"), ("gone", "99"), ("bad", "x")):
        side.post(alias, name="churn", alias=name, version=version)
    for name in ("champion", "nobody", "latest", "Latest"):
        side.get(alias, name="churn", alias=name)
    side.get("registered-models/get", name="churn")
    side.get(get, name="churn", version="2")
    drop(alias, {"name": "churn", "alias": "champion"})
    drop(alias, {"name": "churn", "alias": "champion"})
    side.get(alias, name="churn", alias="champion")
    tag = "model-versions/set-tag"
    for key, value in (("t", "1"), ("t", "2"), ("", "1"), ("x" * 251, "1"), ("empty", "")):
        side.post(tag, name="churn", version="1", key=key, value=value)
    side.post(tag, name="churn", version="99", key="t", value="1")
    drop("model-versions/delete-tag", {"name": "churn", "version": "1", "key": "t"})
    drop("model-versions/delete-tag", {"name": "churn", "version": "1", "key": "t"})
    side.get(get, name="churn", version="1")
    drop("model-versions/delete", {"name": "churn", "version": "4"})
    drop("model-versions/delete", {"name": "churn", "version": "4"})
    drop("model-versions/delete", {"name": "churn", "version": "2"})
    side.get(get, name="churn", version="4")
    side.get(alias, name="churn", alias="challenger")
    # A number is never given twice.
    side.post("model-versions/create", name="churn", source="s3://bucket/model/5")
    search = "model-versions/search"
    side.get(search, order_by=["name", "version_number"])
    for text in ("name = 'churn'", "name = 'nobody'", "name LIKE '%Space'", "name IN ('churn')", "version_number = 1", "version_number > 1", "version_number = 'x'", "run_id = 'x'", "run_id IN ('x')", "source_path = 's3://bucket/model/0'", "source_path LIKE '%model%'",
                 "tags.i = '1'", "tags.i != '1'", "nothing = 'x'", "name", "name = 'churn' AND version_number < 3", "source_path IN ('x')"):
        side.get(search, filter=text, order_by=["name", "version_number DESC"])
    side.get(search, filter="name = 'churn'", order_by=["nothing"])
    side.get(search, max_results=200_001)
    page = side.get(search, max_results=2, order_by=["name", "version_number"])
    found = [(it["name"], it["version"]) for it in page["model_versions"]]
    while page.get("next_page_token"):
        page = side.ask("next", "GET", search, query={"max_results": 2, "order_by": ["name", "version_number"], "page_token": page["next_page_token"]}, note=False)
        found += [(it["name"], it["version"]) for it in page["model_versions"]]
    side.note("pages of versions", found)
