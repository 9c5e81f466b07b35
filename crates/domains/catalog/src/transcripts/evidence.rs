//! What is proved of a version: its signature, its card, and that it can be learned again.

use super::stage;

#[test]
fn a_version_is_signed_carded_and_learned_again() {
    stage().play(
        r##"
        POST /datasets {"metadata": {"name": "penguins"}}
        => 201
        POST /datasets/penguins/upload?filename=penguins.csv < penguins.csv
        => 200
        POST /api/v1/system/training/jobs {"metadata": {"name": "p"}, "spec": {"dataset": "penguins", "target": "species", "budgetSeconds": 1}}
        => 201
        GET /models/penguins/versions/1
        => 200 {"status": {"attestation": {"payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": "*"}]}}}
        GET /models/penguins/versions/1/verify
        => 200 {"verified": true, "reason": null}
        GET /model-versions/signing-key
        => 200 {"publicKey": "*"}
        # Signing again needs somebody who has looked where it came from.
        POST /models/penguins/versions/1/sign {}
        => 200 {"verified": true}
        GET /models/penguins/versions/1/card
        => 200 {"training": {"code": "*", "environment": {"os": "*"}}}
        GET /models/penguins/versions/1/evidence?format=markdown
        => 200 "*"
        GET /models/penguins/versions/1/evidence
        => 200 "*"
        GET /models/penguins/versions/1/evidence?format=json
        => 200 {"payloadType": "application/vnd.in-toto+json", "payload": "*"}
        GET /models/penguins/versions/1/evidence?format=odt
        => 422 {"field": "format"}
        # The same data, parameters and seed give the same file, byte by byte.
        POST /models/penguins/versions/1/reproduce {}
        => 200 {"job": "$job"}
        GET /api/v1/system/training/jobs/$job
        => 200 {"spec": {"reproduces": "penguins.1"}, "status": {"modelVersion": null, "reproduction": {"version": "penguins.1", "reproduced": true, "sameFile": true, "metrics": {"accuracy": {"same": true}}}}}
        GET /models/penguins/versions
        => 200 {"items": [{"metadata": {"name": "penguins.1"}}]}
        # What was told by a client cannot be.
        POST /models/penguins/versions {"spec": {"source": "s3://bucket/model"}}
        => 201 {"metadata": {"name": "penguins.2"}}
        POST /models/penguins/versions/2/reproduce {}
        => 409 {"code": "version-not-reproducible"}
        GET /models/penguins/versions/2/verify
        => 200 {"verified": false, "reason": "none of the files of version `penguins.2` is here", "attestation": null}
        "##,
    );
}

#[test]
fn a_directory_of_files_is_signed_and_what_was_changed_in_it_is_named() {
    stage().play(
        r##"
        POST /experiments {"metadata": {"name": "flowers"}}
        => 201
        POST /experiments/flowers/runs {"metadata": {"name": "one"}}
        => 201 {"metadata": {"uid": "$run"}}
        POST /experiments/flowers/artifacts?run=$run&path=artifacts/model/MLmodel < header.csv
        => 200
        POST /experiments/flowers/artifacts?run=$run&path=artifacts/model/data/model.pkl < noise.onnx
        => 200
        # What lies beside the directory is no part of the version.
        POST /experiments/flowers/artifacts?run=$run&path=artifacts/model2/MLmodel < ragged.csv
        => 200
        POST /models {"metadata": {"name": "m"}}
        => 201
        POST /models/m/versions {"spec": {"source": "runs:/$run/model"}}
        => 201 {"spec": {"blob": null}, "status": {"attestation": {"payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": "*"}]}}}
        GET /models/m/versions/1/verify
        => 200 {"verified": true, "reason": null}
        GET /models/m/versions/1/card
        => 200 {"modelDetails": {"format": "files", "digest": "*", "bytes": 27}}

        POST /experiments/flowers/artifacts?run=$run&path=artifacts/model/data/model.pkl < latin.csv
        => 200
        GET /models/m/versions/1/verify
        => 200 {"verified": false, "reason": "version `m.1` is not what was signed: its file `data/model.pkl` was changed"}
        POST /experiments/flowers/artifacts?run=$run&path=artifacts/model/data/model.pkl < noise.onnx
        => 200
        GET /models/m/versions/1/verify
        => 200 {"verified": true}
        POST /experiments/flowers/artifacts?run=$run&path=artifacts/model/code/evil.py < noise.onnx
        => 200
        GET /models/m/versions/1/verify
        => 200 {"verified": false, "reason": "version `m.1` is not what was signed: its file `code/evil.py` was added"}
        # Whoever signs has looked at it.
        POST /models/m/versions/1/sign {}
        => 200 {"verified": true}

        # A version of a version has the same files, signed as its own.
        POST /models/m/versions {"spec": {"source": "models:/m/1"}}
        => 201 {"status": {"attestation": {"payload": "*"}}}
        GET /models/m/versions/2/verify
        => 200 {"verified": true}

        # Where nothing lies yet there is nothing to sign, and what comes later was never signed.
        POST /models/m/versions {"spec": {"source": "runs:/$run/later"}}
        => 201 {"status": {"attestation": null}}
        GET /models/m/versions/3/verify
        => 200 {"verified": false, "reason": "none of the files of version `m.3` is here"}
        POST /experiments/flowers/artifacts?run=$run&path=artifacts/later/MLmodel < header.csv
        => 200
        GET /models/m/versions/3/verify
        => 200 {"verified": false, "reason": "version `m.3` carries no signature"}

        # Another project sees neither the version nor the files.
        GET /models/m/versions/1/verify?project=lab
        => 404 {"code": "not-found"}
        POST /models?project=lab {"metadata": {"name": "m"}}
        => 201
        POST /models/m/versions?project=lab {"spec": {"source": "runs:/$run/model"}}
        => 201 {"status": {"attestation": null}}
        GET /models/m/versions/1/verify?project=lab
        => 200 {"verified": false, "reason": "none of the files of version `m.1` is here"}
        "##,
    );
}
