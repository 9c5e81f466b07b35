//! What is kept about a person: handed out, held, and erased with a receipt.

use super::{PEOPLE, stage};

#[test]
fn a_person_is_told_everything_and_erased_with_a_receipt() {
    let story = r#"
        as $admin
        PATCH /users/ada {"spec": {"displayName": "Ada", "email": "ada@example.org"}}
        => 200 {"metadata": {"uid": "$uid"}}
        POST /users/ada/roles {"role": "viewer"}
        => 200
        GET /personal-data?user=ada
        => 200 {"user": {"spec": {"email": "ada@example.org", "password": null}}, "objects": {"admin.grants": "*", "admin.sessions": "*"}, "history": "*", "activities": "*"}
        GET /personal-data/export?user=ada&format=csv
        => 200 "*"
        GET /personal-data?user=nobody
        => 404 {"code": "not-found"}
        as $ada
        GET /personal-data?user=admin
        => 403
        POST /erasures/erase {"user": "admin", "reason": "I do not like them"}
        => 403

        as $admin
        POST /legal-holds {"metadata": {"name": "case-1"}, "spec": {"reason": "case 1", "users": []}}
        => 422 {"code": "too-short", "field": "spec.users"}
        POST /legal-holds {"metadata": {"name": "case-1"}, "spec": {"reason": "case 1 of the court", "users": ["ada"]}}
        => 201
        POST /erasures/erase {"user": "ada", "reason": "request of the person"}
        => 409 {"code": "on-hold"}
        DELETE /legal-holds/case-1
        => 200
        # Nobody is erased who is needed to administer.
        POST /erasures/erase {"user": "admin", "reason": "request of the person"}
        => 409 {"code": "last-administrator"}
        POST /erasures/erase {"user": "ada", "reason": "request of the person"}
        => 200 {"name": "$receipt", "receipt": {"subject": "$uid", "by": "user:admin", "removed": [{"kind": "admin.users", "count": 1}, {"kind": "admin.sessions", "count": 1}, {"kind": "admin.grants", "count": 1}]}}
        GET /erasures/$receipt
        => 200 {"spec": {"reason": "request of the person"}}
        DELETE /erasures/$receipt
        => 405
        GET /users/ada
        => 404
        GET /users/$uid
        => 404
        GET /users?deleted=true
        => 200 {"items": []}
        as $ada
        GET /auth/me
        => 401
        as $admin
        POST /erasures/erase {"user": "ada", "reason": "request of the person"}
        => 404
        POST /audit/verify {}
        => 200 {"firstBad": null}
        # The name is free again, for somebody else.
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        GET /users/ada/roles
        => 200 {"items": []}
        "#;
    stage().play(&format!("{PEOPLE}{story}"));
}
