"""Files in parts and at addresses of their own, with MLflow's client as it is and by plain HTTP."""

import hashlib
import os
import pathlib
import tempfile
import urllib.request


def put(url, data):
    """A PUT with nothing but the address, as MLflow's client sends parts."""
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method="PUT"), timeout=60) as answer:
        return answer.headers.get("ETag")


def status(url, data=None, method="GET"):
    """The status of a request with nothing but the address."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def by_hand(checks, side):
    """Parts in any order, parts that are missing or told wrongly, uploads given up."""
    exp = side.ask("", "POST", "experiments/create", {"name": "parts"}, note=False)["experiment_id"]
    run = side.ask("", "POST", "runs/create", {"experiment_id": exp, "start_time": 1}, note=False)["run"]["info"]["run_id"]
    root = f"{exp}/{run}/artifacts"

    def ask(what, **body):
        return side.ask("", "POST", f"/api/2.0/mlflow-artifacts/mpu/{what}/{root}/below", {"path": "/somewhere/ü big.bin", **body}, note=False)

    pieces = [os.urandom(400_000), os.urandom(300_000), b"end"]
    made = ask("create", num_parts=3)
    urls = [it["url"] for it in made["credentials"]]
    tags = [put(url, piece) for url, piece in reversed(list(zip(urls, pieces)))][::-1]
    parts = [{"part_number": number + 1, "etag": tag, "url": ""} for number, tag in enumerate(tags)]
    listed = side.ask("", "GET", "/api/2.0/mlflow-artifacts/artifacts", query={"path": root}, note=False)
    checks.that("parts are nowhere before they are put together", listed == {}, listed)
    for wrong in (parts[:2], [*parts[:2], {**parts[2], "etag": tags[0]}], [*parts, parts[0]], []):
        told = ask("complete", upload_id=made["upload_id"], parts=wrong)
        checks.that("parts that are missing or others are refused", told.get("error_code") == "INVALID_PARAMETER_VALUE", told)
    checks.that("an upload of nobody is refused", ask("complete", upload_id="x", parts=parts).get("error_code") == "RESOURCE_DOES_NOT_EXIST")
    checks.that("parts are put together", ask("complete", upload_id=made["upload_id"], parts=parts) == {})
    _, _, data = side.send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/below/%C3%BC%20big.bin")
    checks.that("in their order", data == b"".join(pieces), (len(data), hashlib.sha256(data).hexdigest()))
    checks.that("an upload ends when it is put together", status(urls[0], b"x", "PUT") == 404)
    made = ask("create", num_parts=1)
    put(made["credentials"][0]["url"], b"x")
    checks.that("an upload can be given up", ask("abort", upload_id=made["upload_id"]) == {} and status(made["credentials"][0]["url"], b"x", "PUT") == 404)
    checks.that("a part too many is refused", status(urls[0].rsplit("/", 1)[0] + "/9", b"x", "PUT") == 404)
    for body in ({"num_parts": 0}, {"num_parts": 100_000}, {"num_parts": "x"}, {"path": "..", "num_parts": 1}):
        checks.that(f"refused: {body}", ask("create", **body).get("error_code") == "INVALID_PARAMETER_VALUE", body)
    return exp, run, root


def addresses(checks, side, run, root):
    """Addresses that stand for one file and end by themselves."""
    told = side.ask("", "GET", f"/api/2.0/mlflow-artifacts/presigned/{root}/below/%C3%BC%20big.bin", note=False)
    request = urllib.request.Request(told["url"], headers={"Range": "bytes=400000-400003", **told["headers"]})
    with urllib.request.urlopen(request, timeout=60) as answer:
        checks.that("an address answers parts of a file", answer.status == 206 and len(answer.read()) == 4 and told["file_size"] == 700_003, told)
    checks.that("an address to get is none to put", status(told["url"], b"x", "PUT") == 404)
    checks.that("an address that is made up leads nowhere", status(told["url"].replace("/signed/", "/signed/x"), None) == 404)
    told = side.ask("", "POST", "artifacts/presigned-upload-url", {"run_id": run, "path": "signed/new.txt", "expiration": 60}, note=False)
    checks.that("a file comes to its address", put(told["presigned_url"], b"hello") is None and side.send("GET", f"/api/2.0/mlflow-artifacts/artifacts/{root}/signed/new.txt")[2] == b"hello", told)
    told = side.ask("", "POST", "artifacts/presigned-download-url", {"run_id": run, "path": "signed/new.txt"}, note=False)
    with urllib.request.urlopen(told["presigned_url"], timeout=60) as answer:
        checks.that("and is got from another", answer.read() == b"hello" and told["file_size"] == 5, told)
    for body in ({"run_id": run, "path": "../x"}, {"run_id": run, "path": "x", "expiration": 0}, {"path": "x"}, {"run_id": run}):
        told = side.ask("", "POST", "artifacts/presigned-upload-url", body, note=False)
        checks.that(f"refused: {body}", told.get("error_code") == "INVALID_PARAMETER_VALUE", told)
    told = side.ask("", "POST", "artifacts/presigned-download-url", {"run_id": run, "path": "nothing"}, note=False)
    checks.that("no address for no file", told.get("error_code") == "RESOURCE_DOES_NOT_EXIST", told)


def by_client(checks, client, run):
    """MLflow's client cuts a file into parts when the server can take them, and fetches it in pieces when told to."""
    sizes = {"MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "6000000", "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": "5242880", "MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE": "5242880"}
    os.environ.update(sizes, MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD="true")
    import mlflow.store.artifact.http_artifact_repo as repo

    seen = []
    real = repo.HttpArtifactRepository._upload_part
    repo.HttpArtifactRepository._upload_part = staticmethod(lambda *words, **named: seen.append(named["credential"].part_number) or real(*words, **named))
    try:
        with tempfile.TemporaryDirectory() as directory:
            large, small = pathlib.Path(directory) / "large.bin", pathlib.Path(directory) / "small.bin"
            large.write_bytes(os.urandom(12_000_000))
            small.write_bytes(b"small")
            client.log_artifact(run, str(large), "cut")
            client.log_artifact(run, str(small), "cut")
            checks.that("the client sends a large file in parts", sorted(seen) == [1, 2, 3], seen)
            (pathlib.Path(directory) / "back").mkdir()
            back = pathlib.Path(client.download_artifacts(run, "cut", f"{directory}/back"))
            checks.that("and gets it back", (back / "large.bin").read_bytes() == large.read_bytes() and (back / "small.bin").read_bytes() == b"small")
    finally:
        repo.HttpArtifactRepository._upload_part = real
        for name in [*sizes, "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"]:
            os.environ.pop(name, None)


def play(checks, side, client):
    """All of it."""
    _, run, root = by_hand(checks, side)
    addresses(checks, side, run, root)
    by_client(checks, client, run)
