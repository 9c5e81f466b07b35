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
        => 409 {"code": "version-not-onnx"}
        "##,
    );
}
