//! Menus, flags, the licence, activities and metrics.

use super::play;

#[test]
fn a_menu_shows_what_its_reader_may_use() {
    play(
        r#"
        POST /menus/icons {"metadata": {"name": "box"}, "spec": {"path": "M4 4h16v16H4z"}}
        => 201
        POST /menus/icons {"metadata": {"name": "evil"}, "spec": {"path": "<script>"}}
        => 422 {"code": "bad-icon", "field": "spec.path"}
        GET /menus/icons
        => 200 {"items": [{"metadata": {"name": "box"}}]}
        POST /menus {"metadata": {"name": "main"}, "spec": {"title": "Learning"}}
        => 201
        POST /menus/items {"metadata": {"name": "models"}, "spec": {"menu": "main", "label": "Models", "path": "/models", "icon": "box"}}
        => 201
        POST /menus/items {"metadata": {"name": "users"}, "spec": {"menu": "main", "label": "Users", "path": "/users", "permission": "admin.users.list", "order": 1}}
        => 201
        POST /menus/items {"metadata": {"name": "below"}, "spec": {"menu": "main", "label": "New user", "path": "/users/new", "parent": "users"}}
        => 201
        POST /menus/items {"metadata": {"name": "evil"}, "spec": {"menu": "main", "label": "x", "path": "javascript:alert(1)"}}
        => 422 {"code": "bad-path"}
        PUT /menus/items/models {"spec": {"menu": "main", "label": "All models", "path": "/models", "icon": "box"}}
        => 200 {"spec": {"label": "All models"}}
        GET /menus/items
        => 200 {"items": ["*", "*", "*"]}
        GET /menus/mine
        => 200 {"items": []}
        POST /menus/assignments {"metadata": {"name": "all"}, "spec": {"menu": "main", "subject": "everyone"}}
        => 201
        POST /menus/assignments {"metadata": {"name": "odd"}, "spec": {"menu": "main", "subject": "ada"}}
        => 422 {"code": "bad-subject"}
        GET /menus/mine
        => 200 {"items": [{"name": "main", "items": [{"name": "users"}, {"name": "below", "parent": "users"}, {"name": "models", "icon": "box"}]}]}
        # Who may not list users is shown neither the entry nor what stands under it.
        as $ada
        GET /menus/mine
        => 200 {"items": [{"items": [{"name": "models"}]}]}
        POST /menus {"metadata": {"name": "mine"}, "spec": {"title": "Mine"}}
        => 403
        as $admin
        PUT /menus/assignments/all {"spec": {"menu": "main", "subject": "group:art"}}
        => 200
        GET /menus/assignments/all
        => 200 {"spec": {"subject": "group:art"}}
        as $ada
        GET /menus/mine
        => 200 {"items": []}
        as $admin
        PUT /menus/main {"spec": {"title": "Machines"}}
        => 200 {"spec": {"title": "Machines"}}
        DELETE /menus/items/below
        => 200
        "#,
    );
}

#[test]
fn a_flag_is_always_the_same_for_the_same_subject() {
    play(
        r#"
        POST /features {"metadata": {"name": "editor"}, "spec": {"percentage": 50, "rules": [{"subject": "group:science"}, {"subject": "user:admin", "project": "default", "on": false}]}}
        => 201
        POST /features {"metadata": {"name": "odd"}, "spec": {"percentage": 101}}
        => 422
        POST /features {"metadata": {"name": "odd"}, "spec": {"rules": [{"subject": "ada"}]}}
        => 422 {"code": "bad-subject", "field": "spec.rules[0].subject"}
        POST /features {"metadata": {"name": "odd"}, "spec": {"projects": {"default": 200}}}
        => 422 {"code": "out-of-range", "field": "spec.projects.default"}
        GET /features/editor/evaluation
        => 200 {"on": false, "reason": "rule 2", "bucket": "$bucket"}
        GET /features/editor/evaluation
        => 200 {"on": false, "reason": "rule 2", "bucket": "$again"}
        POST /features/editor/evaluate {"subject": "user:grace"}
        => 200 {"reason": "percentage", "bucket": "*"}
        POST /features/editor/evaluate {"subject": "grace"}
        => 422 {"code": "bad-subject"}
        as $ada
        GET /features/editor/evaluation
        => 200 {"on": true, "reason": "rule 1"}
        GET /features
        => 403
        as $admin
        PUT /features/editor {"spec": {"projects": {"default": 100}}}
        => 200
        GET /features/editor/evaluation
        => 200 {"on": true, "reason": "percentage"}
        PATCH /features/editor {"spec": {"enabled": false}}
        => 200
        GET /features/evaluation
        => 200 {"items": [{"feature": "editor", "on": false, "reason": "disabled"}]}
        GET /features
        => 200 {"items": ["*"]}
        GET /features/editor
        => 200 {"spec": {"enabled": false}}
        "#,
    );
}

#[test]
fn a_licence_counts_and_blocks_nothing() {
    play(
        r#"
        GET /license
        => 200 {"license": null, "seats": {"agreed": null, "taken": 2, "disabled": 0, "left": null}}
        POST /license/validate {}
        => 200 {"valid": false, "problems": ["nothing was agreed yet"]}
        PUT /license {"holder": "Acme Ltd", "seats": 1}
        => 200 {"license": {"holder": "Acme Ltd", "plan": "Apache-2.0"}, "seats": {"agreed": 1, "taken": 2, "left": 0}}
        POST /license/validate {}
        => 200 {"valid": false, "problems": ["2 seats are taken, more than agreed"]}
        # More people than agreed can still be made.
        POST /users {"metadata": {"name": "eve"}, "spec": {"password": "long enough"}}
        => 201
        PATCH /users/eve {"spec": {"disabled": true}}
        => 200
        PUT /license {"holder": "Acme Ltd", "seats": 5, "expires": "2020-01-01T00:00:00Z"}
        => 200
        GET /license/seats
        => 200 {"agreed": 5, "taken": 2, "disabled": 1, "left": 3}
        POST /license/validate {}
        => 200 {"valid": false, "problems": ["it has ended"]}
        GET /license/features
        => 200 {"items": [{"service": "system", "enabled": true}, {"service": "admin"}]}
        as $ada
        GET /license
        => 403
        "#,
    );
}

#[test]
fn activities_are_sentences() {
    play(
        r#"
        GET /activities?limit=1
        => 200 {"items": [{"id": "$id", "verb": "login"}], "nextPageToken": "$next"}
        GET /activities?limit=1&pageToken=$next
        => 200 {"items": [{"sentence": "admin created the user `ada`"}]}
        GET /activities?pageToken=x
        => 400 {"code": "bad-page-token"}
        GET /activities/$id
        => 200 {"id": "$id", "verb": "login"}
        GET /activities/999999
        => 404 {"code": "not-found"}
        GET /activities/18446744073709551615
        => 404 {"code": "not-found"}
        GET /activities/x
        => 404
        POST /activities/search {"q": "CREATED user"}
        => 200 {"items": [{"sentence": "admin created the user `ada`"}], "nextPageToken": null}
        POST /activities/search {"q": "nobody did this"}
        => 200 {"items": []}
        GET /activities/user/admin
        => 200 {"items": [{"name": "ada"}]}
        GET /activities/export?format=csv
        => 200 "*"
        GET /activities/export?format=xml
        => 422 {"code": "unknown-value"}
        GET /activities/export
        => 200 "*"
        as $ada
        GET /activities
        => 403
        "#,
    );
}

#[test]
fn metrics_are_read_and_not_made_up() {
    play(
        r#"
        GET /metrics
        => 200 {"at": "*", "items": "*"}
        GET /metrics/dashboard
        => 200 {"objects": "*", "changesOfADay": "*", "alertsFiring": 0}
        GET /metrics/performance
        => 200 {"requests": "*", "refused": 0, "failed": 0, "within": "*"}
        GET /users/nobody
        => 404
        GET /metrics/performance
        => 200 {"refused": 1}
        GET /metrics/resources
        => 200 {"memoryBytes": "*", "diskFreeBytes": "*", "blobs": 0}
        GET /metrics/users
        => 200 {"users": 2, "disabled": 0, "sessions": 2, "serviceAccounts": 0, "active": "*"}
        GET /admin/health
        => 200 {"healthy": "*", "parts": [{"name": "store"}, {"name": "blobs"}, {"name": "disk"}, {"name": "journal"}]}
        GET /admin/status
        => 200 {"maintenance": false, "organizations": 1}
        GET /admin/cache/stats
        => 200 {"items": [{"name": "principals", "entries": 1}, {"name": "deciders", "entries": 1}, {"name": "objects"}]}
        POST /admin/cache/clear {}
        => 200 {"items": [{"entries": 0}, {"entries": 0}, {"entries": 0}]}
        # An administrator of another organization is not told about the platform.
        POST /organizations {"metadata": {"name": "acme"}}
        => 201
        POST /organizations/acme/administrators {"username": "eve", "password": "another horse"}
        => 200
        POST /auth/login {"username": "eve", "password": "another horse", "organization": "acme"}
        => 200 {"accessToken": "$eve"}
        as $eve
        GET /metrics/performance
        => 403
        GET /admin/status
        => 403
        POST /admin/cache/clear {}
        => 403
        GET /metrics/users
        => 200 {"users": 1}
        POST /alerts {"metadata": {"name": "cpu"}, "spec": {"metric": "process.cpu.share", "comparison": "above", "threshold": 1}}
        => 403
        "#,
    );
}
