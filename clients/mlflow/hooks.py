"""Webhooks through MLflow's own client: an address of ours is told what happens, signed as MLflow documents."""

import base64
import hashlib
import hmac
import http.server
import json
import threading
import time

SECRET = "a secret of this test alone"


class Receiver:
    """Takes what is posted to it."""

    def __init__(self):
        self.told = []
        told = self.told

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                told.append((dict(self.headers.items()), body))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"taken")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count, seconds=20):
        """Returns once as much has been told."""
        end = time.monotonic() + seconds
        while len(self.told) < count and time.monotonic() < end:
            time.sleep(0.02)
        return self.told


def signed(headers, body):
    """Whether a delivery is signed as MLflow documents."""
    low = {name.lower(): value for name, value in headers.items()}
    told = f"{low['x-mlflow-delivery-id']}.{low['x-mlflow-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SECRET.encode(), told, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(low["x-mlflow-signature"], f"v1,{expected}")


def play(checks, client, side):
    """Makes a webhook, makes things happen, and looks at what was told."""
    receiver = Receiver()
    hook = client.create_webhook(name="models", url=receiver.url, events=["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_alias.created"], secret=SECRET, description="all of it")
    checks.that("a webhook is answered without its secret", hook.webhook_id and "secret" not in json.dumps(side.ask("hook", "GET", f"webhooks/{hook.webhook_id}", note=False)))
    tested = client.test_webhook(hook.webhook_id)
    checks.that("a webhook can be tried", tested.success and tested.response_status == 200 and tested.response_body == "taken", tested)
    client.create_registered_model("hooked", tags={"a": "1"}, description="about")
    client.create_model_version("hooked", source="s3://bucket/hooked", tags={"b": "2"})
    client.set_model_version_tag("hooked", "1", "k", "v")
    client.set_registered_model_alias("hooked", "best", "1")
    told = receiver.wait(5)
    events = {}
    for headers, body in told[1:]:
        it = json.loads(body)
        events.setdefault(f"{it['entity']}.{it['action']}", it["data"])
    checks.that("everything that happened was told", sorted(events) == ["model_version.created", "model_version_alias.created", "model_version_tag.set", "registered_model.created"], sorted(events))
    checks.that("what was told says what happened", events.get("model_version_tag.set") == {"name": "hooked", "version": "1", "key": "k", "value": "v"}, events)
    checks.that("the model was told of as it was made", events.get("registered_model.created") == {"name": "hooked", "tags": {"a": "1"}, "description": "about"}, events)
    checks.that("the version, too", events.get("model_version.created", {}).get("source") == "s3://bucket/hooked", events)
    checks.that("every delivery is signed", told and all(signed(*it) for it in told))
    client.update_webhook(hook.webhook_id, status="DISABLED")
    client.set_model_version_tag("hooked", "1", "k", "w")
    listed = [it for it in client.list_webhooks() if it.webhook_id == hook.webhook_id]
    checks.that("a webhook is listed as it is", [(it.name, it.status) for it in listed] == [("models", "DISABLED")], [str(it) for it in listed])
    client.delete_webhook(hook.webhook_id)
    checks.that("a deleted webhook is gone", side.ask("gone", "GET", f"webhooks/{hook.webhook_id}", note=False).get("error_code") == "RESOURCE_DOES_NOT_EXIST")
    for url in ("http://169.254.169.254/latest", "ftp://x", "https://", "file:///etc/passwd"):
        answer = side.ask(url, "POST", "webhooks", {"name": "x", "url": url, "events": [{"entity": "MODEL_VERSION", "action": "CREATED"}]}, note=False)
        checks.that(f"`{url}` is no address to tell", answer.get("error_code") == "INVALID_PARAMETER_VALUE", answer)
    checks.that("nothing was told while it was disabled", len(receiver.told) == 5, len(receiver.told))
    receiver.server.shutdown()
