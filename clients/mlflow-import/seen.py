"""What a server holds, told without identifiers, so that two servers can be held side by side."""

import hashlib
import json
import urllib.parse

LARGEST = 1.7976931348623157e308


def plain(value):
    """A number as both sides can keep it: SQL has no infinite one."""
    return {"Infinity": LARGEST, "-Infinity": -LARGEST}.get(value, value) if isinstance(value, str) else value


def pairs(items):
    """Keys and values, without the marks a copy leaves."""
    return {it["key"]: it.get("value", "") for it in items or [] if not it["key"].startswith("aic.source.")}


class Seen:
    """One server, looked at."""

    def __init__(self, side):
        self.side, self.names = side, {}

    def post(self, path, /, **body):
        """Asks."""
        return self.side.ask("", "POST", path, body, note=False)

    def get(self, path, /, **query):
        """Reads."""
        return self.side.ask("", "GET", path, query=query, note=False)

    def pages(self, path, field, **body):
        """All pages of a search."""
        found = []
        while True:
            told = self.post(path, **body)
            found += told.get(field, [])
            body["page_token"] = told.get("next_page_token")
            if not body["page_token"]:
                return found

    def named(self, text):
        """A text with names for identifiers."""
        for known in sorted(self.names, key=len, reverse=True):
            text = text.replace(known, self.names[known])
        return text

    def files(self, uri, below=""):
        """Digests of all files of a place."""
        root = urllib.parse.urlsplit(uri).path.strip("/")
        listed = self.get("/api/2.0/mlflow-artifacts/artifacts", path=f"{root}/{below}".rstrip("/")).get("files", [])
        found = {}
        for it in listed:
            path = f"{below}/{it['path']}".lstrip("/")
            if it.get("is_dir"):
                found.update(self.files(uri, path))
            else:
                status, _, data = self.side.send("GET", "/api/2.0/mlflow-artifacts/artifacts/" + urllib.parse.quote(f"{root}/{path}"))
                found[path] = [status, len(data), hashlib.sha256(data).hexdigest()]
        return found

    def history(self, run, key):
        """All points of a metric, in their order."""
        points, token = [], None
        while True:
            told = self.get("metrics/get-history", run_id=run, metric_key=key, max_results=1000, **({"page_token": token} if token else {}))
            points += [[plain(it["value"]), int(it["timestamp"]), int(it.get("step", 0))] for it in told.get("metrics", [])]
            token = told.get("next_page_token")
            if not token:
                return points

    def run(self, it, gone):
        """A run, told."""
        it = self.get("runs/get", run_id=it["info"]["run_id"])["run"]
        info, data, inputs = it["info"], it["data"], it.get("inputs", {})
        tags = {key: self.named(value) if key.startswith("mlflow.") else value for key, value in pairs(data.get("tags")).items()}
        tags.pop("mlflow.runName", None)
        model = lambda one: self.names.get(one["model_id"], one["model_id"])  # noqa: E731
        return {
            "user": info.get("user_id", ""), "status": info["status"], "start": int(info.get("start_time", 0)), "end": int(info.get("end_time") or 0),
            "stage": "deleted" if gone else info["lifecycle_stage"], "params": pairs(data.get("params")), "tags": tags,
            "latest": {m["key"]: [plain(m["value"]), int(m["timestamp"]), int(m.get("step", 0))] for m in data.get("metrics", [])},
            "histories": {m["key"]: self.history(info["run_id"], m["key"]) for m in data.get("metrics", [])},
            "inputs": sorted(([d["dataset"], pairs(d.get("tags"))] for d in inputs.get("dataset_inputs", [])), key=json.dumps),
            "models": sorted(map(model, inputs.get("model_inputs", []))),
            "outputs": sorted([model(m), int(m.get("step", 0))] for m in it.get("outputs", {}).get("model_outputs", [])),
            "files": self.files(info["artifact_uri"]),
        }

    def model(self, it):
        """A logged model, told."""
        info, data = it["info"], it.get("data", {})
        tags = pairs(info.get("tags"))
        tags.pop("mlflow.modelVersions", None)
        measured = [[m["key"], plain(m["value"]), self.names.get(m["run_id"]), m.get("dataset_name"), m.get("dataset_digest")] for m in data.get("metrics", [])]
        return {"type": info.get("model_type", ""), "status": info["status"], "run": self.names.get(info.get("source_run_id"), ""), "params": pairs(data.get("params")), "tags": tags,
                "metrics": sorted(measured), "files": self.files(info["artifact_uri"])}

    def registered(self):
        """Registered models and prompts, told."""
        found = {}
        for filter_ in ("", "tags.`mlflow.prompt.is_prompt` = 'true'"):
            for it in self.get("registered-models/search", max_results=100, filter=filter_).get("registered_models", []):
                asked = f"name = '{it['name']}'" + (f" AND {filter_}" if filter_ else "")
                versions = self.get("model-versions/search", max_results=1000, filter=asked).get("model_versions", [])
                found[it["name"]] = {
                    "description": it.get("description", ""), "tags": pairs(it.get("tags")), "aliases": {a["alias"]: str(a["version"]) for a in it.get("aliases", [])},
                    "versions": {v["version"]: {"source": self.named(v["source"]), "stage": v.get("current_stage"), "run": self.names.get(v.get("run_id"), ""),
                                                "description": v.get("description", ""), "tags": pairs(v.get("tags")), "model": self.names.get(v.get("model_id") or v["source"].removeprefix("models:/"), "")} for v in versions},
                }
        return found

    def datasets(self):
        """Evaluation datasets, told."""
        found = {}
        for it in self.pages("/api/3.0/mlflow/datasets/search", "datasets", max_results=100):
            ids = self.get(f"/api/3.0/mlflow/datasets/{it['dataset_id']}/experiment-ids")["experiment_ids"]
            tags = {key: value for key, value in json.loads(it.get("tags") or "{}").items() if not key.startswith("aic.source.")}
            records, token = [], None
            while True:
                told = self.get(f"/api/3.0/mlflow/datasets/{it['dataset_id']}/records", max_results=100, **({"page_token": token} if token else {}))
                records += json.loads(told["records"])
                token = told.get("next_page_token")
                if not token:
                    break
            kept = [{key: record[key] for key in ("inputs", "outputs", "expectations", "tags") if record.get(key)} for record in records]
            found[it["name"]] = {"tags": tags, "experiments": sorted(self.names.get(i, i) for i in ids), "records": sorted(kept, key=json.dumps)}
        return found

    def traces(self, experiment):
        """Traces with spans and assessments, and the runs they are linked to, told."""
        place, found = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}, {}
        for it in self.pages("/api/3.0/mlflow/traces/search", "traces", locations=[place], max_results=5):
            id_ = it["trace_id"]
            spans = self.get("/api/3.0/mlflow/traces/get", trace_id=id_, allow_partial="true").get("trace", {}).get("spans", [])
            for span in spans:
                kept = [pair for pair in span.get("attributes", []) if pair["key"] != "mlflow.traceRequestId"]
                span["attributes"] = sorted(kept, key=lambda pair: pair["key"])
            own = {"mlflow.artifactLocation", "aic.source.id", "aic.source.digest"}
            it["tags"] = {key: value for key, value in it.get("tags", {}).items() if key not in own}
            metadata = {key: self.named(value) for key, value in it.get("trace_metadata", {}).items()}
            counts = {key: json.loads(value) for key, value in metadata.items() if key in {"mlflow.trace.tokenUsage", "mlflow.trace.sizeStats"}}
            assessments = sorted(it.get("assessments", []), key=lambda one: one["assessment_id"])
            # The time of the last change is the time at which another one replaced it.
            for one in assessments:
                one.pop("last_update_time")
                written = one.get("expectation", {}).get("serialized_value")
                if written:
                    written["value"] = json.loads(written["value"])
            it.pop("trace_location")
            found[id_] = {**it, "trace_metadata": {**metadata, **counts}, "assessments": assessments, "spans": sorted(spans, key=lambda span: span["span_id"]), "runs": []}
        for run in self.pages("runs/search", "runs", experiment_ids=[experiment], max_results=100) if found else []:
            asked = f"attributes.run_id = '{run['info']['run_id']}'"
            for it in self.pages("/api/3.0/mlflow/traces/search", "traces", locations=[place], filter=asked):
                found[it["trace_id"]]["runs"].append(run["info"]["run_name"])
        return found

    def everything(self):
        """All of it."""
        found = {"experiments": {}, "runs": {}, "logged models": {}, "scorers": {}, "traces": {}}
        experiments = self.pages("experiments/search", "experiments", max_results=100, view_type="ALL")
        runs = {it["experiment_id"]: self.pages("runs/search", "runs", experiment_ids=[it["experiment_id"]], run_view_type="ALL", max_results=40) for it in experiments}
        models = {it["experiment_id"]: self.pages("/api/2.0/mlflow/logged-models/search", "models", experiment_ids=[it["experiment_id"]]) for it in experiments if it["lifecycle_stage"] == "active"}
        for it in experiments:
            self.names[it["experiment_id"]] = f"<experiment {it['name']}>" if len(it["experiment_id"]) > 3 else it["experiment_id"]
            self.names.update({run["info"]["run_id"]: f"<run {run['info']['run_name']}>" for run in runs[it["experiment_id"]]})
            self.names.update({model["info"]["model_id"]: f"<model {model['info']['name']}>" for model in models.get(it["experiment_id"], [])})
        for it in experiments:
            name, gone = it["name"], it["lifecycle_stage"] == "deleted"
            found["experiments"][name] = [it["lifecycle_stage"], pairs(it.get("tags"))]
            found["runs"].update({f"{name} / {run['info']['run_name']}": self.run(run, gone) for run in runs[it["experiment_id"]]})
            found["logged models"].update({f"{name} / {model['info']['name']}": self.model(model) for model in models.get(it["experiment_id"], [])})
            if not gone:
                found["traces"].update(self.traces(it["experiment_id"]))
                for scorer in self.get("/api/3.0/mlflow/scorers/list", experiment_id=it["experiment_id"]).get("scorers", []):
                    versions = self.get("/api/3.0/mlflow/scorers/versions", experiment_id=it["experiment_id"], name=scorer["scorer_name"])["scorers"]
                    found["scorers"][f"{name} / {scorer['scorer_name']}"] = sorted((v["scorer_version"], v["serialized_scorer"]) for v in versions)
        found["registered"], found["evaluation datasets"] = self.registered(), self.datasets()
        # The experiment of whoever names none is called alike everywhere, and its number is no identifier.
        for it in found["evaluation datasets"].values():
            it["experiments"] = len(it["experiments"])
        return found
