//! Rules as their makers meet them: requests, and the answers they must get.

use crate::transcripts::stage;

#[test]
fn a_policy_forbids_what_roles_permit() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /groups {"metadata": {"name": "science"}}
        => 201
        POST /groups/science/members {"items": ["ada", "nobody"]}
        => 404 {"code": "not-found"}
        POST /groups/science/members {"items": ["ada"]}
        => 200 {"items": ["ada"]}
        POST /grants {"metadata": {"name": "science"}, "spec": {"role": "editor", "subject": "group:science"}}
        => 201
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        POST /permissions/check {"permission": "catalog.models.delete", "project": "default"}
        => 200 {"allowed": true, "reasons": ["grant/science (role editor)"]}

        as $admin
        POST /policies {"metadata": {"name": "keep"}, "spec": {"effect": "forbid", "subjects": ["group:science"], "permissions": ["catalog.models.delete"], "fromHour": 25}}
        => 422 {"code": "out-of-range", "field": "spec.fromHour"}
        POST /policies {"metadata": {"name": "keep"}, "spec": {"effect": "forbid", "subjects": ["science"], "permissions": ["*"]}}
        => 422 {"code": "bad-subject", "field": "spec.subjects[0]"}
        POST /policies {"metadata": {"name": "keep"}, "spec": {"effect": "forbid", "subjects": ["everyone"], "permissions": ["x"], "networks": ["10.0.0.0/33"]}}
        => 422 {"code": "bad-network", "field": "spec.networks[0]"}
        POST /policies {"metadata": {"name": "keep"}, "spec": {"effect": "forbid", "subjects": ["everyone"], "permissions": ["x"], "condition": "true }; permit(principal, action, resource); //"}}
        => 422 {"code": "bad-condition", "field": "spec.condition"}
        POST /policies {"metadata": {"name": "keep"}, "spec": {"effect": "forbid", "subjects": ["group:science"], "permissions": ["catalog.models.delete"]}}
        => 201
        GET /policies/keep/cedar
        => 200 {"policies": "*"}
        as $ada
        POST /permissions/check {"permission": "catalog.models.delete", "project": "default"}
        => 200 {"allowed": false, "reasons": ["policy/keep"]}
        POST /permissions/explain {"subject": "user:admin", "permission": "x"}
        => 403
        as $admin
        POST /permissions/explain {"subject": "user:ada", "permission": "catalog.models.delete", "project": "default"}
        => 200 {"allowed": false, "reasons": ["policy/keep"], "rules": {"policy/keep": "*", "grant/science (role editor)": "*"}}

        # Only at night, and only from the office: elsewhere and at noon it says nothing.
        PATCH /policies/keep {"spec": {"fromHour": 0, "untilHour": 6, "networks": ["10.0.0.0/8"]}}
        => 200
        POST /permissions/explain {"subject": "user:ada", "permission": "catalog.models.delete", "origin": "10.1.2.3", "at": "2026-01-01T03:00:00Z"}
        => 200 {"allowed": false}
        POST /permissions/explain {"subject": "user:ada", "permission": "catalog.models.delete", "origin": "11.1.2.3", "at": "2026-01-01T03:00:00Z"}
        => 200 {"allowed": true}
        POST /permissions/explain {"subject": "user:ada", "permission": "catalog.models.delete", "origin": "10.1.2.3", "at": "2026-01-01T12:00:00Z"}
        => 200 {"allowed": true}
        POST /permissions/explain {"subject": "ada", "permission": "x"}
        => 422 {"code": "bad-subject"}
        POST /permissions/explain {"subject": "user:ada", "permission": "x", "origin": "here"}
        => 422 {"code": "bad-network", "field": "origin"}

        # Who leaves the group loses what it was granted; a group that goes takes its members out.
        DELETE /groups/science
        => 200
        GET /users/ada
        => 200 {"spec": {"groups": []}}
        as $ada
        POST /permissions/check {"permission": "catalog.models.get"}
        => 200 {"allowed": false}
        "#,
    );
}

#[test]
fn a_grant_may_be_for_some_objects_only() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /projects {"metadata": {"name": "lab-1"}}
        => 201 {"metadata": {"uid": "$lab"}}
        GET /projects/default
        => 200 {"metadata": {"uid": "$default"}}
        POST /roles {"metadata": {"name": "keeper"}, "spec": {"permissions": ["admin.projects.*"]}}
        => 201
        POST /grants {"metadata": {"name": "ada"}, "spec": {"role": "keeper", "subject": "user:ada", "objects": ["lab-*"]}}
        => 201
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        GET /projects/lab-1
        => 200
        GET /projects/$lab
        => 200
        PATCH /projects/lab-1 {"spec": {"displayName": "Lab"}}
        => 200
        POST /projects {"metadata": {"name": "lab-2"}}
        => 201
        POST /projects {"metadata": {"name": "other"}}
        => 403
        # By uid or in bulk, the name decides all the same.
        GET /projects/$default
        => 403
        DELETE /projects/default
        => 403
        POST /projects/bulk [{"verb": "delete", "id": "$default"}, {"verb": "delete", "id": "lab-2"}]
        => 403
        GET /projects
        => 403 {"code": "forbidden"}
        "#,
    );
}

#[test]
fn the_last_administrator_stays() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /policies {"metadata": {"name": "freeze"}, "spec": {"effect": "forbid", "subjects": ["everyone"], "permissions": ["*"]}}
        => 409 {"code": "last-administrator"}
        PATCH /users/admin {"spec": {"disabled": true}}
        => 409 {"code": "last-administrator"}
        DELETE /users/admin
        => 409 {"code": "last-administrator"}
        DELETE /users/admin/roles/platform-admin
        => 409 {"code": "last-administrator"}
        PUT /roles/platform-admin/permissions {"permissions": ["catalog.*"]}
        => 409 {"code": "last-administrator"}
        DELETE /roles/platform-admin
        => 409 {"code": "last-administrator"}

        # With another administrator, the first may go.
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /users/ada/roles {"role": "admin"}
        => 200
        PATCH /users/admin {"spec": {"disabled": true}}
        => 200
        as nobody
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        DELETE /users/ada/roles/admin
        => 409 {"code": "last-administrator"}
        POST /policies {"metadata": {"name": "nights"}, "spec": {"effect": "forbid", "subjects": ["everyone"], "permissions": ["catalog.*.delete"]}}
        => 201
        "#,
    );
}

#[test]
fn a_change_of_rules_is_tried_on_what_was_asked() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /users/ada/roles {"role": "viewer"}
        => 200
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        GET /projects
        => 200
        GET /projects
        => 200
        GET /users
        => 403
        advance 7200
        GET /projects
        => 200

        as $admin
        POST /policies/dry-run {"kind": "policies", "name": "hide", "spec": {"effect": "forbid", "subjects": ["user:ada"], "permissions": ["admin.projects.list"]}}
        => 200 {"lost": [{"actor": "user:ada", "permission": "admin.projects.list", "hours": 2, "reasons": ["policy/hide"]}], "gained": [], "truncated": false}
        POST /policies/dry-run {"kind": "roles", "name": "viewer", "spec": {"permissions": ["admin.*"]}}
        => 200 {"lost": [], "gained": [{"permission": "admin.users.list"}]}
        POST /policies/dry-run {"kind": "grants", "name": "user-ada-viewer-organization"}
        => 200 {"lost": [{"permission": "admin.projects.list"}], "gained": []}
        # Nothing was changed by trying.
        as $ada
        GET /projects
        => 200
        as $admin
        POST /policies/dry-run {"kind": "policies", "name": "hide", "spec": {"effect": "perhaps"}}
        => 422 {"code": "unknown-value", "field": "spec.effect"}
        POST /policies/dry-run {"kind": "policies", "name": "hide", "days": 31}
        => 422 {"code": "out-of-range"}
        "#,
    );
}

#[test]
fn roles_are_made_from_templates_and_groups_of_permissions() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        GET /roles/templates
        => 200 {"items": ["*", "*", "*", "*", "*"]}
        POST /roles/templates/auditor/apply {"name": "revision"}
        => 200 {"role": "revision"}
        POST /permissions/groups {"metadata": {"name": "reading"}, "spec": {"permissions": ["catalog.*.get"]}}
        => 201
        POST /roles {"metadata": {"name": "reader"}, "spec": {"permissions": [], "groups": ["reading"]}}
        => 201
        GET /roles/reader/permissions
        => 200 {"permissions": ["catalog.*.get"]}
        PUT /roles/reader/parent {"parent": "caller"}
        => 200 {"role": "reader", "parent": "caller"}
        POST /roles/reader/permissions {"permissions": ["catalog.models.list"]}
        => 200
        DELETE /roles/reader/permissions/catalog.models.list
        => 200 {"permissions": []}
        DELETE /roles/reader/permissions/catalog.models.list
        => 404
        GET /permissions/matrix
        => 200 {"permissions": "*", "roles": "*"}
        GET /permissions/admin.roles.update
        => 200 {"service": "admin", "kind": "admin.roles", "verb": "update", "roles": ["admin", "platform-admin"]}
        GET /permissions/admin.roles.fly
        => 404 {"code": "not-found"}
        GET /permissions/categories
        => 200 {"items": "*"}
        GET /permissions/groups
        => 200 {"items": [{"metadata": {"name": "reading"}}]}
        "#,
    );
}
