"""The OpenAPI document as operations that can be called, and a platform with one object of every kind that people make."""

import datetime
import json
import pathlib

from aic import dataset, deploy, finished, train, until

TABLE = pathlib.Path(__file__).resolve().parents[2] / "examples/data/penguins.csv"
OTHERS = "another-long-password"
# Kinds of the platform itself, which no tenant has any of.
ABOVE = ("/organizations", "/backups", "/backup-schedules", "/audit-checkpoints", "/signing-keys", "/service-policies", "/issuers", "/certificates", "/search-index")
# The last word of the permission a verb of every kind needs.
WORDS = {
    "list": "list", "search": "list", "search-by-body": "list", "filter": "list", "count": "list", "export": "list", "bulk": "list", "get": "get", "history": "get", "diff": "get",
    "lineage": "get", "create": "create", "validate": "create", "clone": "create", "import": "create", "replace": "update",
    "patch": "update", "rollback": "update", "delete": "delete", "restore": "restore",
}


class Operation:
    """One operation of the document."""

    def __init__(self, document, path, method, told):
        self.document, self.path, self.method, self.told = document, path, method.upper(), told
        self.name = f"{self.method} {path}"
        self.public = told.get("security") == []
        self.base = "/".join(path.split("/")[:5])
        service, plural, *rest = told["operationId"].removesuffix(".of-" + path.split("/")[4]).split(".")
        said = told.get("description", "").split("`")
        self.permission = said[1] if "Needs the permission" in said[0] else f"{service}.{plural}.{WORDS.get(rest[-1], rest[-1])}"
        self.granted = "Needs a login" not in said[0]
        self.project_scoped = any(it["name"] == "project" for it in told.get("parameters", []))
        self.of_object = "{" in path

    def at(self, uids):
        """The path with an object in it; nothing when there is none of its kind."""
        uid = uids.get(self.base)
        parent = self.path.replace("{id}", uid or "none").replace("{parent}", uid or "none")
        required = [it for it in self.told.get("parameters", []) if it["in"] == "query" and it.get("required")]
        query = "&".join(f"{it['name']}={self.made(it['schema'])}" for it in required)
        return parent + ("?" + query if query else "")

    def body(self):
        """A body that fits the schema, and no more than must be there."""
        content = self.told.get("requestBody", {}).get("content", {})
        for media, told in content.items():
            value = self.made(told["schema"]) if media.endswith("json") else "a,b\n1,2\n3,4\n"
            return media, value if isinstance(value, str) else json.dumps(value)
        return "application/json", ""

    def made(self, schema):
        """The smallest value of a schema."""
        if "$ref" in schema:
            return self.made(self.document["components"]["schemas"][schema["$ref"].split("/")[-1]])
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object")
        if kind == "object":
            wanted = {name: self.made(schema["properties"][name]) for name in schema.get("required", [])}
            if "NewMetadata" in json.dumps(schema.get("properties", {}).get("metadata", {})):
                wanted["metadata"] = {"generateName": "made-"}
            return wanted
        if kind == "string" and schema.get("format") == "uri":
            return "http://127.0.0.1/"
        if kind == "string" and "64" in schema.get("pattern", ""):
            return "0" * 64
        return {"string": "made-up-name", "integer": schema.get("minimum", 1), "number": 1, "boolean": False, "array": []}[kind]


def operations(document):
    """Every operation of the document that comes to an end; a watch does not."""
    found = [Operation(document, path, method, told) for path, methods in document["paths"].items() for method, told in methods.items()]
    return [it for it in found if not it.path.endswith("/watch")]


# One of each kind that a person makes, in the order of what they name; all under names that `made` tells apart.
MADE = [
    ("groups", {}), ("permission-groups", {"permissions": ["catalog.models.get"]}), ("role-templates", {"permissions": ["catalog.models.get"]}),
    ("policies", {"subjects": ["group:made"], "permissions": ["catalog.models.get"]}), ("environments", {"project": "default"}),
    ("invitations", {"email": "made@example.org"}), ("oauth-clients", {"redirectUris": ["https://made.example/back"], "scopes": ["openid"]}),
    ("identity-providers", {"protocol": "oidc", "issuer": "https://made.example", "clientId": "made", "clientSecret": "made-secret-of-a-provider"}),
    ("alert-channels", {"form": "mail", "recipients": ["made@example.org"]}), ("alerts", {"count": {"kind": "catalog.models"}, "comparison": "above", "threshold": 1000}),
    ("audit-sinks", {"form": "webhook", "address": "https://made.example/audit", "enabled": False}), ("features", {}), ("menus", {"title": "Made"}),
    ("menu-icons", {"path": "M4 4h16v16H4z"}), ("menu-items", {"menu": "made", "label": "Made", "path": "/models"}),
    ("menu-assignments", {"menu": "made", "subject": "user:victim"}), ("backup-schedules", {"everySeconds": 86400}),
]

# The widget of the examples below.
COUNT = {"title": "Made", "show": "stat", "stat": {"kind": "catalog.models"}}
# The same of the service `views`; what cannot be made by hand comes from work.
SHOWN = [
    ("widgets", COUNT), ("library-widgets", {"title": "Made", "widget": COUNT}),
    ("dashboards", {"items": [{"id": "made", "widget": "made"}]}), ("dashboard-snapshots", {"dashboard": "made"}), ("layouts", {}),
    ("templates", {"title": "Made", "makes": "widget", "body": COUNT}),
    ("components", {"title": "Made", "definition": {"parameters": [], "widget": COUNT}, "examples": [{"title": "Made"}]}),
    ("themes", {}), ("brand-assets", {"purpose": "logo", "content": "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA4IDgiPjxwYXRoIGQ9Ik0wIDBoOHY4eiIvPjwvc3ZnPg=="}),
    ("configurations", {"title": "Made"}), ("views", {"title": "Made", "kind": "catalog.models"}),
]


def platform_key(admin):
    """A key that no logout ends."""
    admin.post("/api/v1/admin/service-accounts", {"metadata": {"name": "owner"}, "spec": {}})
    grant = {"metadata": {"name": "owner"}, "spec": {"role": "platform-admin", "subject": "service:owner"}}
    admin.post("/api/v1/admin/grants", grant)
    return admin.post("/api/v1/admin/service-accounts/owner/keys")["token"]


def catalogue(admin):
    """Something of every kind of the catalogue, around the data and model `penguins`; what cannot be made by hand comes from work."""
    base = "/api/v1/catalog"
    make = lambda plural, name, **spec: admin.post(f"{base}/{plural}", {"metadata": {"name": name}, "spec": spec})
    make("quality-rules", "penguins.made", dataset="penguins", check="row-count", min=1)
    admin.call("PUT", f"{base}/datasets/penguins/schema", {"columns": [{"name": "species", "type": "text"}]})
    finished(admin, admin.post(f"{base}/datasets/penguins/quality/check", {})["run"])
    admin.call("POST", f"{base}/models/penguins/attach?filename=made.md", b"# made", {"content-type": "text/markdown"})
    make("feature-sets", "made", dataset="penguins", features=[{"name": "length", "columns": ["bill_length_mm"]}])
    make("pipelines", "made", stages=[{"name": "look", "components": [{"name": "profile", "operation": "profile", "on": "penguins"}]}])
    run = admin.post(f"{base}/pipelines/made/run", {})["pipelineRun"]
    until("the pipeline has run", lambda: admin.get(f"{base}/pipeline-runs/{run}")["status"]["phase"] == "Succeeded")
    make("pipeline-schedules", "made", pipeline="made", cron="@yearly")
    make("market-categories", "made")
    make("market-providers", "made")
    make("listings", "made", model="penguins", categories=["made"], provider="made")
    make("market-collections", "made", listings=["made"])
    for action, body in (("rate", {"rating": 4}), ("favorite", {}), ("subscribe", {})):
        admin.post(f"{base}/listings/made/{action}", body)
    make("governance-policies", "made", kind="catalog.model-versions", rule="context.changes > 1000000")
    make("policy-exceptions", "made", policy="made", project="default", object="none.1", reason="for the test", expires=ahead(days=30))
    admin.post(f"{base}/governance-policies/made/assign", {})
    finished(admin, admin.post(f"{base}/governance-policies/made/evaluate", {})["run"])
    # Every fact the standard asks for, so that somebody can give their word.
    admin.call("PATCH", f"{base}/models/penguins", {"spec": {"description": "which penguin it is"}})
    admin.call("PATCH", f"{base}/model-versions/penguins.1", {"metadata": {"labels": {"risk": "minimal"}}, "spec": {"description": "knows three species"}})
    make("approvals", "made", kind="catalog.model-versions", object="penguins.1")
    admin.post(f"{base}/model-versions/penguins.1/promote", {"stage": "Production"})
    admin.post(f"{base}/compliance/assess", {"framework": "iso-42001"})
    admin.post(f"{base}/compliance/certify", {"framework": "iso-42001"})
    admin.post(f"{base}/governance-reports/generate", {})
    lineage(admin, base)


def lineage(admin, base):
    """What another program reports, a file of a graph, and something withdrawn that nothing came of."""
    told = {"namespace": "elsewhere", "name": "table"}
    made = admin.post(f"{base}/provenance", {"activity": "export", "inputs": [told], "outputs": [{"namespace": "elsewhere", "name": "file"}]})
    subject = admin.get(f"{base}/lineage-datasets/{made['datasets'][1]}")["metadata"]["uid"]
    admin.post(f"{base}/provenance/export", {"id": subject})
    admin.post(f"{base}/lineage-sinks", {"metadata": {"name": "made"}, "spec": {"url": "https://made.example/lineage", "enabled": False}})
    admin.post(f"{base}/quarantines", {"metadata": {"name": "made"}, "spec": {"subject": subject, "reason": "for the test"}})


def measured(admin):
    """Something of each kind that measures, done with its work."""
    base = "/api/v1/system"
    make = lambda plural, **spec: admin.post(f"{base}/{plural}", {"metadata": {"name": "made"}, "spec": spec})
    done = lambda plural: until(f"one of the {plural} is done", lambda: admin.get(f"{base}/{plural}/made")["status"]["measured"])
    make("benchmarks", endpoint="penguins", datasetVersion="penguins.1", load={"requests": 5, "rows": 5})
    make("evaluations", modelVersion="penguins.1", datasetVersion="penguins.1")
    admin.post(f"{base}/comparison/compare", {"name": "made", "subjects": [{"endpoint": "penguins"}, {"model": "penguins"}]})
    make("ab-tests", endpoint="penguins", version="1")
    make("prices", perCall=0.01)
    done("benchmarks")
    done("evaluations")


def ahead(days):
    """A moment so many days from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def load(admin):
    """People, and something of every kind, in the first organization; two more organizations."""
    dataset(admin, "penguins", TABLE.read_bytes())
    train(admin, "penguins", "species", budget=1)
    deploy(admin, "penguins")
    catalogue(admin)
    make = lambda plural, name, **spec: admin.post(f"/api/v1/admin/{plural}", {"metadata": {"name": name}, "spec": spec})
    make("projects", "second")
    make("roles", "extra", permissions=["catalog.*.get"])
    make("users", "victor", password=OTHERS)
    make("users", "victim", password=OTHERS)
    make("grants", "victor", role="viewer", subject="user:victor")
    make("grants", "victim", role="viewer", subject="user:victim")
    make("service-accounts", "robot")
    admin.post("/api/v1/admin/service-accounts/robot/keys")
    for plural, spec in MADE:
        make(plural, "made", **spec)
    for plural, spec in SHOWN:
        name = "made.made" if plural == "dashboard-snapshots" else "made"
        admin.post(f"/api/v1/views/{plural}", {"metadata": {"name": name}, "spec": spec})
    for action, body in (("publish", {}), ("install", {}), ("rate", {"stars": 4})):
        admin.post(f"/api/v1/views/components/made/{action}", body)
    own = admin.login("victim", OTHERS)
    own.post("/api/v1/admin/factors/enroll", {"password": OTHERS})
    admin.post("/api/v1/admin/audit-checkpoints/sign")
    admin.post("/api/v1/admin/backups/take")
    admin.call("PUT", "/api/v1/admin/projects/second/quota", {"limits": {"catalog.models": 1000}})
    admin.call("PUT", "/api/v1/admin/projects/second/budget", {"limit": 10})
    make("users", "leaver", password=OTHERS)
    admin.post("/api/v1/admin/erasures/erase", {"user": "leaver", "reason": "request of the person"})
    make("users", "held", password=OTHERS)
    make("sign-in-policies", "default", idleMinutes=600)
    make("audit-policies", "default", keepDays=3650)
    make("legal-holds", "made", users=["held"], reason="case 1 of the court")
    gateway = lambda plural, name, **spec: admin.post(f"/api/v1/gateway/{plural}", {"metadata": {"name": name}, "spec": spec})
    gateway("backends", "made", addresses=["upstream.example.org:80"])
    gateway("rate-limits", "made", requests=1000)
    gateway("routes", "made", hostnames=["shop.example.org"], rateLimits=["made"], rules=[{"backends": [{"name": "made"}]}])
    gateway("issuers", "made")
    gateway("service-policies", "made", path="/nowhere")
    catalog = lambda plural, name, **spec: admin.post(f"/api/v1/catalog/{plural}", {"metadata": {"name": name}, "spec": spec})
    catalog("experiments", "made")
    catalog("monitors", "made", endpoint="penguins")
    catalog("batch-predictions", "made", endpoint="penguins", datasetVersion="penguins.1")
    rollouts = "/api/v1/catalog/endpoints/penguins/rollouts"
    admin.post(rollouts, {"metadata": {"name": "made"}, "spec": {"version": "1", "strategy": "Shadow"}})
    run = until("somebody works on the roll-out", lambda: admin.get(f"{rollouts}/made").get("status", {}).get("run"))
    until("the roll-out has begun", lambda: admin.get(f"{rollouts}/made")["status"]["phase"] == "Progressing")
    admin.post(f"{rollouts}/made/abort")
    finished(admin, run)
    catalog("logged-models", "m-made", experiment="made")
    catalog("evaluation-datasets", "d-made", experiments=["made"])
    catalog("evaluation-records", "made", dataset="d-made", inputs={"q": "why?"})
    catalog("webhooks", "made", url="https://hooks.example.org/made", events=["model_version.created"], disabled=True)
    catalog("scorers", "made", experiment="made", title="Made", number=1, serialized="{}")
    catalog("model-prices", "made", model="made", input=0.15, output=0.6)
    catalog("model-servers", "made", protocol="OpenInference", url="https://models.example.org")
    until("somebody looked for the server", lambda: admin.get("/api/v1/catalog/model-servers/made")["status"].get("phase") != "Unknown")
    catalog("inference-graphs", "made", steps=[{"name": "made", "version": "penguins.1"}])
    measured(admin)
    admin.post("/api/v1/admin/organizations", {"metadata": {"name": "acme"}})
    admin.post("/api/v1/admin/organizations/acme/administrators", {"username": "eve", "password": OTHERS})
    admin.post("/api/v1/admin/organizations", {"metadata": {"name": "third"}})
