"""A server of its own for every client test: started on a free port, logged in to, stopped by its process id.

A test imports it with `sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))`.
"""

import http.client
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

PASSWORD = "correct-horse-battery"
READY_S = 120
ANSWER_S = 120


def binary():
    """The program under test."""
    return os.environ.get("AIC_BIN") or sys.exit("AIC_BIN names no program; run this by `cargo xtask clients`")


def scratch():
    """An empty directory for this run."""
    given = os.environ.get("AIC_TMP")
    return pathlib.Path(given) if given else pathlib.Path(tempfile.mkdtemp(prefix="aic-client-"))


def skip(reason):
    """Ends a test that cannot run here, and says why."""
    print(f"skipped: {reason}")
    sys.exit(0)


def needs(program):
    """The path of a program, or the end of the test."""
    return shutil.which(program) or skip(f"`{program}` is not installed")


class Refused(Exception):
    """An answer that is no success; `code` is the problem's."""

    def __init__(self, status, body, asked):
        self.status, self.body = status, body
        self.code = body.get("code") if isinstance(body, dict) else None
        super().__init__(f"{asked}: {status} {json.dumps(body)[:600]}")


class Answer:
    """A status, headers in lower case, and a body that is parsed when it is JSON."""

    def __init__(self, response, data):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.data = data
        media = self.headers.get("content-type", "")
        readable = data and "content-encoding" not in self.headers and media.split(";")[0].endswith(("/json", "+json"))
        self.json = json.loads(data) if readable else None


class Client:
    """Calls a server with one token, over one connection that is made anew when it breaks."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token
        self.host = urllib.parse.urlsplit(url).netloc
        self.connection = None

    def send(self, method, path, body=None, headers=None):
        """Any answer, whatever its status."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("content-type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        fresh = self.connection is None
        if fresh:
            self.connection = http.client.HTTPConnection(self.host, timeout=ANSWER_S)
        try:
            self.connection.request(method, path, body=body, headers=headers)
            response = self.connection.getresponse()
            answer = Answer(response, response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            # A kept connection may have been closed meanwhile, for example after a refusal that left a body unread.
            if fresh:
                raise
            return self.send(method, path, body, headers)
        if response.will_close:
            self.close()
        return answer

    def close(self):
        """Gives the connection up."""
        if self.connection:
            self.connection.close()
        self.connection = None

    def call(self, method, path, body=None, headers=None):
        """The JSON of a success; anything else is raised."""
        answer = self.send(method, path, body, headers)
        if answer.status >= 300:
            told = answer.json if answer.json is not None else answer.data.decode(errors="replace")
            raise Refused(answer.status, told, f"{method} {path}")
        return answer.json if answer.json is not None else answer.data

    def get(self, path, **params):
        """Reads."""
        return self.call("GET", path + ("?" + urllib.parse.urlencode(params) if params else ""))

    def post(self, path, body=None):
        """Creates or acts."""
        return self.call("POST", path, {} if body is None else body)

    def login(self, username="admin", password=PASSWORD, organization="default"):
        """Another client, logged in."""
        ask = {"username": username, "password": password, "organization": organization}
        told = self.call("POST", "/api/v1/admin/auth/login", ask)
        return Client(self.url, told["accessToken"])


class Server:
    """One `aic up`, on a data directory that may outlive it."""

    def __init__(self, data_dir, listen="127.0.0.1:0", environment=None, arguments=()):
        self.data_dir, self.listen = pathlib.Path(data_dir), listen
        self.arguments, self.environment = list(arguments), environment or {}
        self.process, self.url, self.ready_s = None, None, None

    def start(self):
        """Starts it, and returns when it said that it is ready."""
        self.log = open(f"{self.data_dir}.log", "ab")
        began = time.monotonic()
        environment = {**os.environ, "AIC_ADMIN_PASSWORD": PASSWORD, **self.environment}
        command = [binary(), "up", "--data-dir", str(self.data_dir), "--listen", self.listen, *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, env=environment)
        self.url = self._ready(began + READY_S)
        self.ready_s = time.monotonic() - began
        return self

    def _ready(self, until):
        text = b""
        while time.monotonic() < until:
            if not select.select([self.process.stdout], [], [], 0.2)[0]:
                continue
            piece = os.read(self.process.stdout.fileno(), 4096)
            text += piece
            for line in text.decode(errors="replace").splitlines():
                if line.startswith("ready http") and text.endswith(b"\n"):
                    return line.split()[1]
            if not piece:
                break
        self.kill()
        raise RuntimeError(f"the server did not get ready; its log is {self.data_dir}.log")

    def client(self, token=None):
        """A client without a login, or with the token."""
        return Client(self.url, token)

    def admin(self):
        """A client logged in as the first administrator."""
        return self.client().login()

    def kill(self):
        """Ends it as a loss of power would."""
        self.process.kill()
        self._ended()

    def stop(self):
        """Asks it to end and waits; a server that hangs is an error."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise RuntimeError("the server did not stop within 20 s") from None
        self._ended()

    def _ended(self):
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def cli(server, *words, token=None, check=True, **options):
    """Runs one command of the program against a server."""
    environment = {**os.environ, "AIC_URL": server.url, "AIC_TOKEN": token or "", "NO_COLOR": "1"}
    return command([binary(), *words], check=check, env=environment, **options)


def command(words, check=True, timeout=120, **options):
    """Runs a program with its output captured as text."""
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=timeout, **options)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def until(what, condition, seconds=60, pause=0.05):
    """Waits for a condition to answer something, for a bounded time."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def finished(client, run, seconds=120):
    """A run's end, which must be a success."""
    def ended():
        it = client.get(f"/api/v1/system/runs/{run}")
        return it if it["status"]["phase"] in ("Succeeded", "Failed", "Cancelled") else None

    it = until(f"run {run} ends", ended, seconds)
    assert it["status"]["phase"] == "Succeeded", json.dumps(it)[:2000]
    return it


def dataset(client, name, table, target=None):
    """A dataset from the bytes of a CSV file, with its first version profiled."""
    client.post("/api/v1/catalog/datasets", {"metadata": {"name": name}, "spec": {"description": name}})
    return upload(client, name, table)


def upload(client, name, table):
    """Another version of a dataset."""
    path = f"/api/v1/catalog/datasets/{name}/upload?filename={name}.csv"
    return finished(client, client.call("POST", path, table, {"content-type": "text/csv"})["run"])


def train(client, name, target, budget=10):
    """A trained model, registered as its next version."""
    jobs = "/api/v1/system/training/jobs"
    job = {"metadata": {"name": f"{name}-first"}, "spec": {"dataset": name, "target": target, "budgetSeconds": budget, "model": name}}
    client.post(jobs, job)
    run = until("somebody works on the training", lambda: client.get(f"{jobs}/{name}-first").get("status", {}).get("run"))
    return finished(client, run, budget + 120)


def deploy(client, name, model=None):
    """An endpoint that answers."""
    client.post("/api/v1/catalog/endpoints", {"metadata": {"name": name}, "spec": {"model": model or name, "version": "1"}})
    path = f"/api/v1/catalog/endpoints/{name}"
    return until("the endpoint is ready", lambda: (lambda it: it if it["status"].get("phase") == "Ready" else None)(client.get(path)))


class Checks:
    """Counts what was checked and collects what failed, so that one run shows everything."""

    def __init__(self, title):
        self.title, self.passed, self.failed = title, 0, []

    def that(self, claim, held, seen=""):
        """One claim; what was seen is printed when it does not hold."""
        if held:
            self.passed += 1
        else:
            self.failed.append(claim)
            print(f"FAILED {claim}" + (f"\n  saw: {str(seen)[:1500]}" if seen != "" else ""), flush=True)
        return bool(held)

    def verdict(self):
        """Prints the sum and ends the program."""
        print(f"{self.title}: {self.passed} checks held, {len(self.failed)} failed", flush=True)
        sys.exit(1 if self.failed else 0)
