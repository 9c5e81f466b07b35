//! What governs: policies over recorded facts, in the way and on record, and what laws ask for.

use super::play;

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in one go")]
fn a_policy_stands_in_the_way_until_the_facts_are_there() {
    play(
        r#"
        POST /governance/policies {"metadata": {"name": "four-eyes"}, "spec": {"kind": "catalog.model-versions", "rule": "context.approvalCount >"}}
        => 422 {"code": "bad-condition", "field": "spec.rule"}
        POST /governance/policies {"metadata": {"name": "four-eyes"}, "spec": {"kind": "admin.users", "rule": "true"}}
        => 422 {"code": "unknown-value", "field": "spec.kind"}
        POST /governance/policies {"metadata": {"name": "four-eyes"}, "spec": {"kind": "catalog.model-versions", "category": "deployment",
            "rule": "context.approvalCount > 0", "description": "somebody else must look at it"}}
        => 201 {"spec": {"state": "draft", "enforcement": "audit"}}
        POST /governance/policies/four-eyes/evaluate {"object": "penguins.1"}
        => 200 {"fits": false, "message": "`context.approvalCount > 0` does not hold", "excepted": false}
        POST /governance/policies/four-eyes/evaluate {"object": "penguins.9"}
        => 404 {"field": "object"}
        # Assigned to nothing, it stands in nobody's way.
        POST /governance/policies/four-eyes/enforce {}
        => 200 {"state": "active", "enforcement": "enforce", "on": ["promote", "deploy"], "assignments": 0}
        POST /models/penguins/versions/1/promote {"stage": "Staging"}
        => 200
        POST /governance/policies/four-eyes/assign {"project": "default", "object": "pen*"}
        => 200 {"assignment": "*"}
        GET /governance/policies/assignments
        => 200 {"items": [{"spec": {"policy": "four-eyes", "object": "pen*"}}]}
        POST /models/penguins/versions/1/promote {"stage": "Production"}
        => 409 {"code": "policy-violated", "detail": "to promote `penguins.1` is refused by policy `four-eyes`: `context.approvalCount > 0` does not hold"}
        POST /endpoints {"metadata": {"name": "e"}, "spec": {"model": "penguins"}}
        => 409 {"code": "policy-violated"}
        POST /models/penguins/deploy {}
        => 409 {"code": "policy-violated"}
        GET /models/penguins/versions/1
        => 200 {"metadata": {"uid": "$version"}, "status": {"stage": "Staging"}}
        GET /governance/policies/by-resource/$version
        => 200 {"items": [{"policy": "four-eyes", "fits": false}]}

        # What does not fit is on record until it does.
        POST /governance/policies/four-eyes/evaluate {}
        => 200 {"run": "$run"}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Succeeded", "output": {"objects": 1, "violations": 1, "excepted": 0}}}
        GET /governance/policies/four-eyes/violations
        => 200 {"items": [{"spec": {"object": "penguins.1"}, "status": {"open": true}}]}
        GET /governance/reports/violations
        => 200 {"items": [{"policy": "four-eyes", "object": "penguins.1"}]}

        # An exception lets it go on until it ends.
        POST /governance/policies/four-eyes/exceptions {"metadata": {"name": "once"}, "spec": {"policy": "four-eyes", "project": "default", "object": "penguins.1", "reason": "the demo", "expires": "2020-01-01T00:00:00Z"}}
        => 422 {"code": "out-of-range", "field": "spec.expires"}
        POST /governance/policies/four-eyes/exceptions {"metadata": {"name": "once"}, "spec": {"policy": "four-eyes", "project": "default", "object": "penguins.1", "reason": "the demo", "expires": "2026-01-01T01:00:00Z"}}
        => 201 {"spec": {"who": "user:admin"}}
        POST /endpoints {"metadata": {"name": "e"}, "spec": {"model": "penguins"}}
        => 201
        advance 3601
        POST /endpoints/e/undeploy {}
        => 200
        POST /endpoints/e/deploy {}
        => 409 {"code": "policy-violated"}

        # The model was made by the platform, so anybody's word is another's.
        as $bob
        POST /governance/approvals {"metadata": {"generateName": "a-"}, "spec": {"kind": "catalog.model-versions", "object": "penguins.1"}}
        => 403
        as $admin
        POST /governance/approvals {"metadata": {"generateName": "a-"}, "spec": {"kind": "catalog.model-versions", "object": "none.1"}}
        => 422 {"code": "bad-reference"}
        POST /governance/approvals {"metadata": {"generateName": "a-"}, "spec": {"kind": "catalog.model-versions", "object": "penguins.1", "note": "looks right"}}
        => 201 {"spec": {"who": "user:admin", "uid": "$version"}}
        POST /governance/approvals {"metadata": {"generateName": "a-"}, "spec": {"kind": "catalog.model-versions", "object": "penguins.1"}}
        => 409 {"code": "already-exists"}
        POST /models/penguins/versions/1/promote {"stage": "Production"}
        => 200 {"stage": "Production"}
        POST /endpoints/e/deploy {}
        => 200
        POST /governance/policies/four-eyes/evaluate {}
        => 200
        GET /governance/policies/four-eyes/violations
        => 200 {"items": [{"status": {"open": false}}]}

        GET /governance/policies/deployment
        => 200 {"items": [{"metadata": {"name": "four-eyes"}}]}
        GET /governance/policies/retention
        => 200 {"items": []}
        PATCH /governance/policies/four-eyes/status {"status": "disabled"}
        => 200 {"status": "disabled"}
        POST /api/v1/composables/policies/four-eyes/enable {}
        => 200 {"status": "active"}
        DELETE /governance/policies/four-eyes/unassign?project=default&object=pen*
        => 200
        DELETE /governance/policies/four-eyes/unassign
        => 404
        GET /governance/audit/policies
        => 200 {"items": "*"}
        "#,
    );
}

#[test]
fn what_a_law_asks_for_is_answered_by_recorded_facts() {
    play(
        r#"
        GET /governance/compliance/frameworks
        => 200 {"items": [{"id": "eu-ai-act", "requirements": 9}, {"id": "iso-42001"}, {"id": "nist-ai-rmf"}]}
        GET /governance/compliance/eu-ai-act/requirements
        => 200 {"items": ["*", "*", "*", "*", "*", "*", "*", "*", "*"]}
        POST /governance/compliance/none/assess {}
        => 404 {"field": "framework"}
        POST /governance/compliance/eu-ai-act/assess {}
        => 409 {"code": "nothing-in-production"}
        POST /models/penguins/versions/1/promote {"stage": "Production"}
        => 200
        POST /governance/compliance/certify {"framework": "eu-ai-act"}
        => 409 {"code": "not-compliant"}
        POST /governance/compliance/eu-ai-act/assess {}
        => 200 {"met": false, "objects": 1, "findings": [
            {"requirement": "art-9", "answer": "unmet", "outcomes": [{"object": "penguins.1"}]},
            {"requirement": "art-10.2.b", "answer": "met", "outcomes": []}, {"requirement": "art-10.2.c", "answer": "unmet"},
            {"requirement": "art-10.2.g", "answer": "unmet"}, {"requirement": "art-11", "answer": "unmet"},
            {"requirement": "art-12", "answer": "met"}, {"requirement": "art-13", "answer": "unmet"},
            {"requirement": "art-14", "answer": "unmet"}, {"requirement": "art-15", "answer": "met"}]}
        POST /governance/compliance/certify {"framework": "eu-ai-act"}
        => 409 {"code": "not-compliant", "detail": "the last assessment does not meet art-9, art-10.2.c, art-10.2.g, art-11, art-13, art-14"}

        # Every fact is recorded where it belongs, and then the answers change.
        PATCH /models/penguins {"spec": {"description": "which penguin it is"}}
        => 200
        PATCH /models/penguins/versions/1 {"metadata": {"labels": {"risk": "minimal"}}, "spec": {"description": "knows three species"}}
        => 200
        PUT /datasets/penguins/schema {"columns": [{"name": "species", "type": "text", "nullable": false}]}
        => 200
        POST /quality-rules {"metadata": {"name": "penguins.species"}, "spec": {"dataset": "penguins", "check": "not-null", "column": "species"}}
        => 201
        POST /datasets/penguins/quality/check {}
        => 200
        POST /governance/approvals {"metadata": {"generateName": "a-"}, "spec": {"kind": "catalog.model-versions", "object": "penguins.1"}}
        => 201
        advance 60
        POST /governance/compliance/eu-ai-act/assess {}
        => 200 {"met": true}
        POST /governance/compliance/certify {"framework": "eu-ai-act", "days": 10, "note": "by the board"}
        => 200 {"certification": "*", "until": "2026-01-11T00:01:00.000000Z"}
        GET /governance/compliance/status
        => 200 {"items": [{"framework": "eu-ai-act", "met": true, "certifiedUntil": "2026-01-11T00:01:00.000000Z"}, {"met": null}, {"met": null}]}
        GET /governance/compliance/reports
        => 200 {"items": [{"met": true}, {"met": false}]}
        # A word that was given ends by itself.
        advance 864001
        as nobody
        POST /api/v1/admin/auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$later"}
        as $later
        GET /governance/compliance/status
        => 200 {"items": [{"certifiedUntil": null}, "*", "*"]}
        POST /governance/reports/generate {"format": "csv"}
        => 200 {"report": "$csv", "rows": 9}
        GET /governance-reports/$csv/download
        => 200 "*"
        POST /governance/reports/generate {"format": "markdown", "about": "violations"}
        => 200 {"report": "$md", "rows": 0}
        GET /governance/reports/$md/download
        => 200 "*"
        POST /governance/reports/generate {"format": "pdf"}
        => 422
        GET /governance/reports/compliance
        => 200 {"items": "*"}
        "#,
    );
}
