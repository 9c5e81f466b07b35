"""A model as MLflow's client logs and registers it: signed with all its files, and refused to whoever loads it once one of them is another."""

import base64
import json
import pathlib

import mlflow
from mlflow import MlflowClient


def read(envelope, pem):
    """What is said in an envelope whose signature fits the public key (DSSE, Ed25519), told by another library than ours."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    load_pem_public_key(pem.encode()).verify(base64.b64decode(envelope["signatures"][0]["sig"]), f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload)
    return json.loads(payload)


def play(checks, admin, side, data_dir):
    """Everything that may happen to the files of a version behind its back."""
    from sklearn.linear_model import LogisticRegression

    mlflow.set_tracking_uri(side.url)
    mlflow.set_experiment("signing")
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with mlflow.start_run():
        info = mlflow.sklearn.log_model(model, name="model", registered_model_name="signed")
    version = admin.get("/api/v1/catalog/models/signed/versions/1")
    verify = lambda: admin.get("/api/v1/catalog/models/signed/versions/1/verify")  # noqa: E731
    said = read(version["status"]["attestation"], admin.get("/api/v1/catalog/model-versions/signing-key")["publicKey"])
    place = MlflowClient().get_model_version_download_uri("signed", "1")
    local = pathlib.Path(mlflow.artifacts.download_artifacts("models:/signed/1"))
    files = {str(it.relative_to(local)): it.stat().st_size for it in local.rglob("*") if it.is_file() and it.name != "registered_model_meta"}
    named = {it["name"]: it["annotations"]["bytes"] for it in said["subject"][1:]}
    checks.that("every file of a logged model is a subject of the statement", named == files and "MLmodel" in files, (named, files))
    checks.that("the statement says what it was made from", said["predicate"]["model"] == "signed" and said["predicate"]["run"] and said["predicate"]["tree"]["files"] == len(files), said["predicate"])
    checks.that("a version that is as it was verifies", verify()["verified"], verify())

    root = "/api/2.0/mlflow-artifacts/artifacts/" + place.split("mlflow-artifacts:/")[1].lstrip("/")
    pickle = next(name for name in files if name.startswith("model."))
    whole = (local / pickle).read_bytes()

    def refused(what, why):
        """Nobody loads it, and everybody is told why."""
        told = verify()
        checks.that(f"{what}: it does not verify", not told["verified"] and why in told["reason"], told)
        try:
            mlflow.sklearn.load_model("models:/signed/1")
            checks.that(f"{what}: it is not loaded", False)
        except mlflow.exceptions.MlflowException as error:
            checks.that(f"{what}: it is not loaded", why in str(error) and error.error_code == "INVALID_STATE", error)
        status, _, data = side.send("GET", f"/model-versions/get-artifact?name=signed&version=1&path={pickle}")
        checks.that(f"{what}: no file of the version is given", status == 409 and why.encode() in data, (status, data[:200]))

    checks.that("it is loaded", list(mlflow.sklearn.load_model("models:/signed/1").predict([[5.0]])) == [1])
    side.send("PUT", f"{root}/{pickle}", b"something else")
    refused("a file that was changed", f"its file `{pickle}` was changed")
    side.send("PUT", f"{root}/{pickle}", whole)
    checks.that("put back it verifies", verify()["verified"], verify())
    side.send("PUT", f"{root}/code/evil.py", b"import os")
    refused("a file that was added", "its file `code/evil.py` was added")
    side.send("DELETE", f"{root}/code/evil.py")
    side.send("DELETE", f"{root}/{pickle}")
    refused("a file that was taken away", f"its file `{pickle}` is missing")
    side.send("PUT", f"{root}/{pickle}", whole)

    # Somebody with the disk, not the platform.
    held = [it for it in (data_dir / "blobs").rglob("*") if it.is_file() and it.stat().st_size == len(whole) and it.read_bytes() == whole]
    checks.that("the file lies on the disk once", len(held) == 1, held)
    held[0].chmod(0o644)
    held[0].write_bytes(whole[:-1] + b"x")
    refused("bytes that were changed on the disk", f"the bytes of its file `{pickle}` are not what they were")
    held[0].write_bytes(whole)
    checks.that("healed it is loaded again", list(mlflow.sklearn.load_model("models:/signed/1").predict([[5.0]])) == [1])

    # What somebody looked at and signed is the version from then on.
    side.send("PUT", f"{root}/requirements.txt", b"scikit-learn\n")
    checks.that("who signs has looked at it", not verify()["verified"] and admin.post("/api/v1/catalog/models/signed/versions/1/sign", {})["verified"])
    checks.that("and it is loaded", list(mlflow.sklearn.load_model("models:/signed/1").predict([[5.0]])) == [1])
    second = mlflow.register_model(info.model_uri, "signed-again")
    checks.that("a second version of the same files is signed, too", admin.get(f"/api/v1/catalog/models/signed-again/versions/{second.version}/verify")["verified"])
