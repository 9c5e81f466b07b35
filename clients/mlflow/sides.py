"""Two servers that are asked the same: a stock MLflow server and AIC; and what their answers have in common."""

import base64
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.parse

# What no two servers can have in common.
TIMES = {
    "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp", "creation_timestamp_ms",
    "last_updated_timestamp_ms", "end_time", "created_time", "create_time", "update_time", "last_update_time_ms",
}
IDS = {"experiment_id", "run_id", "run_uuid", "model_id", "trace_id", "request_id", "dataset_id", "webhook_id", "dataset_record_id", "assessment_id", "scorer_id"}
# What SQL has no word for, the stock server keeps as the largest number there is.
LARGEST = {1.7976931348623157e308: "Infinity", -1.7976931348623157e308: "-Infinity"}
ARTIFACTS = re.compile(r"mlflow-artifacts:/+(?:[^/]*@?127\.0\.0\.1:\d+/)?")


class Side:
    """One of the two servers: its address, who asks, what was answered."""

    def __init__(self, name, url, user=None, password=None, headers=None):
        self.name, self.url, self.user, self.password = name, url, user, password
        self.headers = dict(headers or {})
        self.host = urllib.parse.urlsplit(url).netloc
        self.ids, self.log, self.connection = {}, [], None
        if user:
            self.headers["authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def send(self, method, path, body=None, headers=None):
        """An answer: status, headers, bytes."""
        headers = {**self.headers, **(headers or {})}
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("content-type", "application/json")
        for again in (True, False):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, timeout=60)
            try:
                self.connection.request(method, path, body=body.encode() if isinstance(body, str) else body, headers=headers)
                response = self.connection.getresponse()
                return response.status, response.headers, response.read()
            except (OSError, http.client.HTTPException):
                self.connection.close()
                self.connection = None
                if not again:
                    raise

    def ask(self, label, method, path, body=None, query=None, note=True):
        """Asks, notes what both must have in common, and answers the JSON."""
        if not path.startswith("/"):
            path = "/api/2.0/mlflow/" + path
        if query:
            path += "?" + urllib.parse.urlencode(query, doseq=True)
        status, _, data = self.send(method, path, body)
        try:
            told = json.loads(data)
        except ValueError:
            told = {"text": data.decode(errors="replace")[:200]}
        if note:
            self.note(label, {"status": status, "told": refusal(told) if status >= 400 else told}, told)
        return told

    def post(self, path, /, **body):
        """POSTs fields."""
        return self.ask(f"{path} {brief(body)}", "POST", path, body)

    def get(self, path, /, **query):
        """GETs by fields."""
        return self.ask(f"{path} {brief(query)}", "GET", path, query=query)

    def note(self, label, told, whole=None):
        """Notes something both must have in common."""
        self.log.append((label, self.plain(told), whole))

    def plain(self, told):
        """The same without times, and with names for identifiers in the order they were met."""
        self._meet(told)
        return self._named(told)

    def call(self, name, identifier):
        """Names an identifier."""
        self.ids.setdefault(str(identifier), f"<{name}>")
        return identifier

    def _meet(self, told):
        if isinstance(told, dict):
            for key, value in told.items():
                if key in IDS and isinstance(value, str) and value:
                    self.ids.setdefault(value, f"<{key.split('_')[0]}{len(self.ids)}>")
                self._meet(value)
        elif isinstance(told, list):
            for item in told:
                self._meet(item)

    def _named(self, told, key=None):
        if isinstance(told, dict):
            return {name: self._named(value, name) for name, value in told.items() if name not in TIMES}
        if isinstance(told, list):
            named = [self._named(item, key) for item in told]
            # Nobody promises an order of tags, parameters and the like.
            unordered = named and all(isinstance(item, dict) and "key" in item for item in named)
            return sorted(named, key=lambda item: item["key"]) if unordered else named
        if told in LARGEST:
            return LARGEST[told]
        if not isinstance(told, str):
            return told
        if key == "next_page_token":
            return page_of(told)
        if key in IDS:
            return self.ids.get(told, told)
        told = ARTIFACTS.sub("mlflow-artifacts:/", told).replace(self.url, "<url>")
        for known in sorted(self.ids, key=len, reverse=True):
            # A short number is no identifier wherever it stands.
            if len(known) > 4:
                told = told.replace(known, self.ids[known])
            else:
                told = re.sub(rf"(?<=mlflow-artifacts:/){re.escape(known)}(?=/|$)", self.ids[known], told)
        return told


def page_of(token):
    """How many were shown before the page of a token; ours tells more beside that."""
    try:
        return {"offset": json.loads(base64.b64decode(token))["offset"]}
    except (ValueError, KeyError, TypeError):
        return token


def brief(fields):
    """A request's fields, short."""
    text = json.dumps(fields, default=str)
    return text if len(text) < 160 else text[:160] + "…"


def refusal(told):
    """What of a refusal both have in common: its code."""
    return {"error_code": told.get("error_code")} if isinstance(told, dict) and "error_code" in told else {"error_code": None}


def free_port():
    """A port nobody listens on."""
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


class Stock:
    """A stock MLflow server with a directory of its own, stopped by its process id."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_MODEL_CATALOG_URI": ""}
        environment.pop("MLFLOW_TRACKING_URI", None)
        self.log = open(self.directory / "log", "wb")
        words = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.directory}/mlflow.db", "--artifacts-destination", str(self.directory / "artifacts"),
        ]
        self.process = subprocess.Popen(words, stdout=self.log, stderr=self.log, env=environment, cwd=self.directory, start_new_session=True)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        raise RuntimeError(f"the stock server did not get ready; its log is {self.directory}/log")

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, 15)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, 9)
                self.process.wait()
        self.log.close()


def compare(checks, stock, ours):
    """Holds what two servers answered side by side."""
    checks.that("both were asked as much", len(stock.log) == len(ours.log), (len(stock.log), len(ours.log)))
    for (label, theirs, raw), (_, mine, own) in zip(stock.log, ours.log):
        same = theirs == mine or differs_by_choice(theirs, mine)
        seen = "" if same else f"{differences(theirs, mine)}\n  stock: {brief_of(raw)}\n  ours:  {brief_of(own)}"
        checks.that(f"[{label}]", same, seen)


def differs_by_choice(theirs, mine):
    """A state that forbids something is no failure of the server: MLflow answers 500 there, and its client tries again."""
    return theirs["status"] == 500 and mine["status"] == 400 if isinstance(theirs, dict) and "status" in theirs else False


def brief_of(told):
    """An answer, short."""
    return json.dumps(told, default=str)[:500]


def differences(theirs, mine, at=""):
    """Where two answers differ."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        found = []
        for key in sorted({**theirs, **mine}, key=str):
            if theirs.get(key) != mine.get(key):
                found += differences(theirs.get(key), mine.get(key), f"{at}.{key}")
        return found
    if isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        return [part for i, pair in enumerate(zip(theirs, mine)) if pair[0] != pair[1] for part in differences(*pair, f"{at}[{i}]")]
    return [f"{at}: {json.dumps(theirs, default=str)[:200]} | {json.dumps(mine, default=str)[:200]}"]
