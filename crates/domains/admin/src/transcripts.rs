//! The service as its users meet it: requests, and the answers they must get.

use kernel::prelude::*;
use testing::Stage;

use crate::{Administrator, bootstrap};

/// A platform on its first start: user `admin`, password `correct horse`.
pub fn stage() -> Stage {
    Stage::of("admin", crate::domain()).prepared(|platform| {
        Box::pin(async move {
            let password = Secret::new("correct horse");
            let who = Administrator { username: "admin".to_owned(), password, platform: true };
            assert!(bootstrap(&platform, &who).await?, "the platform was empty");
            assert!(!bootstrap(&platform, &who).await?, "and is not any more");
            Ok(())
        })
    })
}

#[test]
fn a_login_trades_a_password_for_a_token() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "wrong horse"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "nobody", "password": "correct horse"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "../admin", "password": "correct horse"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "admin"}
        => 422 {"code": "missing-field", "field": "password"}
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$token", "tokenType": "Bearer", "expiresIn": 43200}

        GET /users
        => 401 {"code": "unauthenticated"}
        as $token
        GET /users/admin
        => 200 {"spec": {"password": null, "disabled": false}}
        GET /auth/me
        => 200 {"actor": "user:admin", "organization": "default"}

        # A session ends after twelve hours, whoever remembers its token.
        advance 43201
        GET /users
        => 401 {"code": "unauthenticated"}
        as nobody
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$token"}
        as $token
        POST /auth/logout {}
        => 200
        GET /users
        => 401
        as rubbish
        GET /users
        => 401 {"code": "unauthenticated"}

        # What looks like a signed token is nobody's where nobody signs any.
        as e30.e30.e30
        GET /users
        => 401 {"code": "unauthenticated"}
        "#,
    );
}

#[test]
fn a_grant_ends_at_its_project() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /projects {"metadata": {"name": "lab"}, "spec": {"displayName": "Lab"}}
        => 201
        POST /users {"metadata": {"name": "ada"}, "spec": {"email": "ada@example.org", "password": "short"}}
        => 422 {"code": "weak-password", "field": "spec.password"}
        POST /users {"metadata": {"name": "ada"}, "spec": {"email": "nowhere", "password": "long enough"}}
        => 422 {"code": "invalid-email"}
        POST /users {"metadata": {"name": "ada"}, "spec": {"email": "ada@example.org", "password": "long enough"}}
        => 201 {"spec": {"password": null}, "status": {"passwordSetAt": "*"}}
        # A change that does not name the password leaves it as it was.
        PATCH /users/ada {"spec": {"displayName": "Ada"}}
        => 200
        POST /projects/lab/members {"subject": "user:ada", "role": "viewer"}
        => 200
        POST /users/ada/rollback {"to": 15}
        => 404 {"code": "no-such-version"}
        GET /users/ada/history
        => 200 {"items": [{"verb": "patch"}, {"verb": "create", "position": "$made"}]}
        POST /users/ada/rollback {"to": $made}
        => 200 {"spec": {"displayName": null}}
        GET /projects/lab/members
        => 200 {"items": [{"subject": "user:ada", "role": "viewer"}]}
        GET /users/ada/roles
        => 200 {"items": [{"role": "viewer", "project": "lab"}]}
        GET /users/ada/projects
        => 200 {"items": ["lab"]}
        GET /users/ada/permissions
        => 200 {"items": [{"role": "viewer"}]}

        as nobody
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        POST /permissions/check {"permission": "catalog.models.get", "project": "lab"}
        => 200 {"allowed": true}
        POST /permissions/check {"permission": "catalog.models.get", "project": "default"}
        => 200 {"allowed": false}
        POST /permissions/check {"permission": "catalog.models.delete", "project": "lab"}
        => 200 {"allowed": false}
        GET /users
        => 403 {"code": "forbidden"}
        POST /roles {"metadata": {"name": "mine"}, "spec": {"permissions": ["*"]}}
        => 403

        # What is taken away is gone with the next request.
        as $admin
        POST /users/ada/roles {"role": "editor"}
        => 200
        as $ada
        POST /permissions/check {"permission": "catalog.models.delete"}
        => 200 {"allowed": true}
        as $admin
        PATCH /users/ada {"spec": {"disabled": true}}
        => 200
        as $ada
        GET /auth/me
        => 401
        as $admin
        GET /users/ada/activities
        => 200 {"items": "*"}
        "#,
    );
}

#[test]
fn a_key_is_shown_once_and_narrowed() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /service-accounts {"metadata": {"name": "ci"}}
        => 201
        POST /grants {"metadata": {"name": "ci-editor"}, "spec": {"role": "editor", "subject": "service:ci"}}
        => 201
        POST /grants {"metadata": {"name": "bad"}, "spec": {"role": "editor", "subject": "ci"}}
        => 422 {"code": "bad-subject"}
        POST /grants {"metadata": {"name": "bad"}, "spec": {"role": "nothing", "subject": "user:ci"}}
        => 422 {"code": "bad-reference", "field": "spec.role"}
        POST /service-accounts/ci/keys {"scopes": ["catalog.models.get"], "expiresIn": 3600}
        => 200 {"token": "$key", "name": "$name"}
        GET /api-keys/$name
        => 200 {"spec": {"owner": "service:ci", "digest": null}}
        POST /api-keys {"metadata": {"name": "forged"}}
        => 405 {"code": "verb-not-served"}
        as $key
        POST /permissions/check {"permission": "catalog.models.get"}
        => 200 {"allowed": true}
        # The account might, but this key may not.
        POST /permissions/check {"permission": "catalog.models.create"}
        => 200 {"allowed": false}
        # A new key takes over while the old one goes on for a while.
        as $admin
        POST /api-keys/$name/rotate {"overlap": 600}
        => 200 {"token": "$new", "name": "$next"}
        POST /api-keys/$name/rotate {}
        => 409 {"code": "key-replaced"}
        GET /api-keys/$next
        => 200 {"spec": {"scopes": ["catalog.models.get"], "owner": "service:ci"}}
        as $new
        POST /permissions/check {"permission": "catalog.models.get"}
        => 200 {"allowed": true}
        as $key
        POST /permissions/check {"permission": "catalog.models.get"}
        => 200 {"allowed": true}
        advance 601
        POST /permissions/check {"permission": "catalog.models.get"}
        => 401
        as $new
        POST /permissions/check {"permission": "catalog.models.get"}
        => 200 {"allowed": true}
        advance 3001
        POST /permissions/check {"permission": "catalog.models.get"}
        => 401
        "#,
    );
}

#[test]
fn an_organization_is_a_world_of_its_own() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /organizations {"metadata": {"name": "acme"}}
        => 201
        POST /organizations/acme/administrators {"username": "eve", "password": "another horse"}
        => 200 {"user": "eve"}
        GET /users
        => 200 {"items": [{"metadata": {"name": "admin"}}]}
        GET /users/admin
        => 200 {"metadata": {"uid": "$uid"}}
        as nobody
        POST /auth/login {"username": "eve", "password": "another horse", "organization": "acme"}
        => 200 {"accessToken": "$eve"}
        as $eve
        GET /users
        => 200 {"items": [{"metadata": {"name": "eve"}}]}
        GET /users/$uid
        => 404 {"code": "not-found"}
        GET /projects
        => 200 {"items": [{"metadata": {"name": "default"}}]}
        # An administrator of an organization is not one of the platform, and cannot become one.
        GET /organizations
        => 403
        POST /roles {"metadata": {"name": "up"}, "spec": {"permissions": ["*"], "platform": true}}
        => 403 {"code": "forbidden", "field": "spec.platform"}
        "#,
    );
}

#[test]
fn roles_inherit_and_every_permission_has_a_name() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /roles {"metadata": {"name": "child"}, "spec": {"permissions": ["catalog.models.delete"], "parent": "caller"}}
        => 201
        GET /roles/child/permissions
        => 200 {"permissions": ["catalog.models.delete", "catalog.endpoints.predict", "catalog.endpoints.explain", "catalog.endpoints.get"]}
        POST /roles/child/permissions {"permissions": ["catalog.models.get"]}
        => 200
        PATCH /roles/child {"spec": {"parent": "child"}}
        => 422 {"code": "role-circle"}
        PATCH /roles/child {"spec": {"permissions": ["Catalog Models"]}}
        => 422 {"code": "bad-permission", "field": "spec.permissions[0]"}
        GET /roles/hierarchy
        => 200 {"items": ["*", "*", "*", "*", "*", "*"]}
        GET /permissions
        => 200 {"items": "*"}
        GET /permissions/categories
        => 200 {"items": [{"service": "system"}, {"service": "admin"}]}
        GET /audit?limit=1
        => 200 {"items": [{"verb": "permissions", "actor": "user:admin", "name": "child"}], "metadata": {"nextPageToken": "$next"}}
        GET /audit?limit=1&pageToken=$next
        => 200 {"items": [{"verb": "create"}]}
        POST /audit/search {"actor": "user:admin", "kind": "admin.roles"}
        => 200 {"items": [{"verb": "permissions"}, {"verb": "create"}]}
        GET /audit?pageToken=x
        => 400 {"code": "bad-page-token"}
        POST /audit/verify {}
        => 200 {"firstBad": null}
        GET /users/admin/history
        => 200 {"items": [{"verb": "bootstrap"}]}
        "#,
    );
}
