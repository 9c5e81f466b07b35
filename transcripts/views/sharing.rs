//! Dashboards are shared and frozen; views are published, used and counted.

use super::play;

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in one go")]
fn sharing_a_dashboard_gives_nobody_what_it_shows() {
    play(
        r#"
        POST /widgets {"metadata": {"name": "people"}, "spec": {"title": "The people", "show": "table", "table": {"kind": "admin.users"}}}
        => 201
        POST /widgets {"metadata": {"name": "note"}, "spec": {"title": "Read me", "show": "text", "text": "hello"}}
        => 201
        POST /dashboards {"metadata": {"name": "ours"}, "spec": {"title": "Ours", "items": [{"id": "people", "widget": "people"}, {"id": "note", "widget": "note", "x": 4}]}}
        => 201 {"metadata": {"uid": "$ours"}}
        as $bob
        GET /dashboards/ours/data
        => 403
        POST /dashboards/ours/share {"subjects": ["user:bob"]}
        => 403
        as $admin
        POST /dashboards/ours/share {"subjects": ["bob"]}
        => 422 {"code": "bad-subject"}
        POST /dashboards/ours/share {"subjects": ["user:bob"]}
        => 200 {"sharedWith": ["user:bob"]}
        as $bob
        GET /dashboards/shared
        => 200 {"items": [{"name": "ours", "project": "default", "title": "Ours"}]}
        # He sees that something stands there, and not even what it is called.
        GET /dashboards/$ours/data?project=lab
        => 200 {"items": [{"id": "people", "error": {"code": "forbidden"}}, {"id": "note", "title": "Read me", "data": {"text": "hello"}}]}
        GET /widgets/people/data
        => 403
        PATCH /dashboards/ours {"spec": {"title": "His"}}
        => 403
        POST /dashboards/ours/export {}
        => 200 {"spec": {"items": []}}
        as $ada
        GET /dashboards/shared
        => 200 {"items": []}
        as $admin
        POST /dashboards/ours/unshare {"subjects": ["user:bob"]}
        => 200 {"sharedWith": []}
        as $bob
        GET /dashboards/ours/data
        => 403
        GET /dashboards/shared
        => 200 {"items": []}

        as $admin
        POST /dashboards/ours/share {"link": true, "days": 1}
        => 200 {"link": {"id": "$id", "token": "$token"}, "sharedWith": []}
        as $bob
        GET /dashboards/open?token=$token
        => 200 {"title": "Ours", "items": [{"error": {"code": "forbidden"}}, {"data": {"text": "hello"}}]}
        # From wherever it is opened.
        GET /dashboards/open?token=$token&project=lab
        => 200 {"title": "Ours"}
        GET /dashboards/open?token=guessed
        => 404 {"code": "link-ended"}
        as nobody
        GET /dashboards/open?token=$token
        => 401
        # Another organization's people have nothing of it.
        as $admin
        POST /api/v1/admin/organizations {"metadata": {"name": "acme"}}
        => 201
        POST /api/v1/admin/organizations/acme/administrators {"username": "eve", "password": "another horse"}
        => 200
        POST /api/v1/admin/auth/login {"username": "eve", "password": "another horse", "organization": "acme"}
        => 200 {"accessToken": "$eve"}
        as $eve
        GET /dashboards/open?token=$token
        => 404 {"code": "link-ended"}
        GET /dashboards/$ours
        => 404
        GET /widgets/people/data
        => 404
        as $admin
        POST /dashboards/ours/unshare {"links": ["$id"]}
        => 200 {"links": []}
        as $bob
        GET /dashboards/open?token=$token
        => 404 {"code": "link-ended"}
        as $admin
        POST /dashboards/ours/share {"link": true, "days": 1}
        => 200 {"link": {"token": "$second"}}
        advance 86401
        as nobody
        POST /api/v1/admin/auth/login {"username": "bob", "password": "long enough"}
        => 200 {"accessToken": "$later"}
        as $later
        GET /dashboards/open?token=$second
        => 404 {"code": "link-ended"}
        "#,
    );
}

#[test]
fn what_a_snapshot_keeps_is_told_to_who_could_have_read_it() {
    play(
        r#"
        POST /widgets {"metadata": {"name": "people"}, "spec": {"title": "The people", "show": "table", "table": {"kind": "admin.users"}}}
        => 201
        POST /widgets {"metadata": {"name": "count"}, "spec": {"title": "Models", "show": "stat", "stat": {"kind": "catalog.models"}}}
        => 201
        POST /dashboards {"metadata": {"name": "ours"}, "spec": {"title": "Ours", "items": [{"id": "people", "widget": "people"}, {"id": "count", "widget": "count", "x": 4}]}}
        => 201
        POST /dashboards/ours/snapshots {"metadata": {"name": "first"}, "spec": {"note": "before the change"}}
        => 201 {"metadata": {"name": "ours.first"}, "spec": {"takenBy": "user:admin", "items": [{"id": "people", "needs": ["admin.users.list"]}, {"id": "count"}]}}
        POST /api/v1/catalog/models {"metadata": {"name": "fraud"}}
        => 201
        GET /dashboards/ours/snapshots/first
        => 200 {"spec": {"dashboard": "ours", "note": "before the change"}}
        GET /dashboards/ours/snapshots/first/data
        => 200 {"title": "Ours", "items": [{"title": "The people", "data": {"total": 3}}, {"title": "Models", "data": {"value": 1}}]}
        as $ada
        GET /dashboards/ours/snapshots/first/data
        => 200 {"items": [{"error": {"code": "forbidden"}}, {"data": {"value": 1}}]}
        # It says what was there, whoever writes it otherwise.
        PUT /dashboards/ours/snapshots/first {"spec": {"dashboard": "ours", "note": "never"}}
        => 405 {"code": "verb-not-served"}
        POST /dashboards/ours/snapshots {"spec": {"dashboard": "ours", "items": [], "takenBy": "user:nobody"}}
        => 201 {"spec": {"takenBy": "user:ada", "items": [{"id": "people", "needs": []}, {"id": "count", "needs": ["catalog.models.list"]}]}}
        as $admin
        GET /dashboards/ours/snapshots
        => 200 {"items": ["*", "*"]}
        "#,
    );
}

#[test]
fn a_view_is_published_used_and_counted() {
    play(
        r#"
        POST /views {"metadata": {"name": "odd"}, "spec": {"title": "Odd", "kind": "catalog.luck"}}
        => 422 {"code": "unknown-kind", "field": "spec.kind"}
        POST /views {"metadata": {"name": "mine"}, "spec": {"title": "Mine", "kind": "catalog.models", "filter": "metadata.name = \"ch*\"", "columns": ["metadata.name"]}}
        => 201 {"status": {"published": false, "maker": "user:admin"}}
        GET /views/mine/rows
        => 200 {"total": 1, "rows": [{"cells": ["churn"]}]}
        GET /api/v1/views/views/views/mine
        => 404
        POST /views/mine/publish {}
        => 200 {"published": true}
        as $ada
        GET /views?filter=status.published%20%3D%20true
        => 200 {"items": [{"metadata": {"name": "mine"}}]}
        POST /views/mine/open {}
        => 200 {"spec": {"kind": "catalog.models"}, "state": null}
        POST /views/mine/state {"state": {"widths": {"metadata.name": 200}}}
        => 200
        GET /views/mine/state
        => 200 {"state": {"widths": {"metadata.name": 200}}}
        POST /views/mine/open {}
        => 200 {"state": {"widths": {"metadata.name": 200}}}
        POST /views/mine/clone {"name": "hers"}
        => 201 {"status": {"published": false, "maker": "user:ada"}}
        as $admin
        # How somebody left it is theirs.
        GET /views/mine/state
        => 200 {"state": null}
        GET /views/mine/metrics
        => 200 {"opens": 2, "rows": 1, "people": 2, "by": {"user:ada": 2, "user:admin": 1}}
        GET /views/mine/export
        => 200 {"format": "aic.view/1", "name": "mine", "spec": {"kind": "catalog.models"}}
        POST /views/import {"format": "aic.view/1", "name": "again", "spec": {"title": "Again", "kind": "catalog.models"}}
        => 200 {"name": "again"}
        POST /views/import {"format": "other/1", "name": "again", "spec": {}}
        => 422 {"code": "unsupported-format"}
        POST /views/mine/withdraw {}
        => 200
        as $ada
        DELETE /views/mine/state
        => 200 {"state": null}
        GET /views/mine/state
        => 200 {"state": null}
        # A view gives nobody a right to what it shows.
        as $admin
        POST /views {"metadata": {"name": "people"}, "spec": {"title": "People", "kind": "admin.users"}}
        => 201
        as $ada
        GET /views/people/rows
        => 403
        as $bob
        GET /views/mine
        => 403
        "#,
    );
}
