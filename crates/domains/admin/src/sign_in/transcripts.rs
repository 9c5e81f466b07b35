//! Signing in as people meet it: requests, and the answers they must get.

use crate::transcripts::stage;

#[test]
fn whoever_guesses_is_stopped_and_whoever_knows_is_not_forever() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough", "email": "ada@example.org"}}
        => 201
        as nobody
        POST /auth/login {"username": "ada", "password": "wrong 0"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 1"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 2"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 3"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 4"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 5"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 6"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 7"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 8"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada", "password": "wrong 9"}
        => 401 {"code": "wrong-password"}
        # Now the right one is refused too, and an unknown name is counted like a known one.
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 429 {"code": "too-many-attempts"}
        POST /auth/login {"username": "ADA@example.org", "password": "long enough"}
        => 401 {"code": "wrong-password"}
        POST /auth/login {"username": "ada@example.org", "password": "long enough"}
        => 429 {"code": "too-many-attempts"}
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200
        advance 901
        POST /auth/login {"username": "ada@example.org", "password": "long enough"}
        => 200
        # Who looks after the organization sees them, a name that is nobody's without the name.
        as $admin
        GET /sessions/refused?limit=3
        => 200 {"items": [{"user": null, "reason": "wrong-password"}, {"user": "ada", "reason": "too-many-attempts"}, {"user": "ada", "reason": "wrong-password"}]}
        GET /sessions/refused?user=admin
        => 200 {"items": []}
        as nobody
        GET /sessions/refused
        => 401
        "#,
    );
}

#[test]
fn who_acts_as_another_is_told_apart() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /users/ada/roles {"role": "editor"}
        => 200
        POST /users/ada/impersonate {"reason": "short"}
        => 422 {"code": "too-short", "field": "reason"}
        POST /users/ada/impersonate {"reason": "ticket 4711: no models", "minutes": 61}
        => 422 {"code": "out-of-range"}
        POST /users/ada/impersonate {"reason": "ticket 4711: no models"}
        => 200 {"accessToken": "$acting", "expiresIn": 900}
        as $acting
        GET /auth/me
        => 200 {"actor": "user:ada", "impersonator": "user:admin"}
        GET /users
        => 200
        # Not what is Ada's alone: her password, her factors, or acting on as somebody else.
        POST /sessions/change-password {"current": "long enough", "password": "another one"}
        => 403 {"code": "session-needed"}
        GET /factors/mine
        => 403 {"code": "session-needed"}
        POST /users/ada/impersonate {"reason": "ticket 4711: no models"}
        => 403
        GET /sessions/mine
        => 200 {"items": [{"impersonator": "user:admin", "current": true}]}
        as $admin
        GET /audit?limit=1
        => 200 {"items": [{"verb": "impersonate", "actor": "user:admin"}]}
        # A lesser administrator does not become a greater one this way.
        POST /roles {"metadata": {"name": "helper"}, "spec": {"permissions": ["admin.users.*"]}}
        => 201
        POST /users/ada/roles {"role": "helper"}
        => 200
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada"}
        as $ada
        POST /users/admin/impersonate {"reason": "I want to be the king"}
        => 403 {"code": "forbidden"}
        as $acting
        POST /auth/logout {}
        => 200
        GET /auth/me
        => 401
        as $ada
        GET /auth/me
        => 200 {"actor": "user:ada"}
        "#,
    );
}

#[test]
fn a_new_password_ends_the_other_sessions() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$first"}
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$second"}
        as $second
        GET /sessions/mine
        => 200 {"items": [{"current": false}, {"current": true}]}
        POST /sessions/change-password {"current": "wrong horse", "password": "another horse"}
        => 401 {"code": "wrong-password", "field": "password"}
        POST /sessions/change-password {"current": "correct horse", "password": "short"}
        => 422 {"code": "weak-password"}
        POST /sessions/change-password {"current": "correct horse", "password": "another horse"}
        => 200
        GET /auth/me
        => 200
        as $first
        GET /auth/me
        => 401
        as nobody
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 401
        POST /auth/login {"username": "admin", "password": "another horse"}
        => 200
        # Nobody learns whether there is such a user.
        POST /sessions/forgot-password {"username": "nobody-here"}
        => 200 {}
        POST /sessions/reset-password {"token": "guessed", "password": "another horse"}
        => 404 {"code": "link-ended", "field": "token"}
        POST /invitations/accept {"token": "default.x.y", "username": "eve", "password": "another horse"}
        => 404 {"code": "invitation-ended"}
        POST /invitations/accept {"token": "../x.y", "username": "eve", "password": "another horse"}
        => 404 {"code": "invitation-ended"}
        "#,
    );
}

#[test]
fn an_organization_asks_for_a_second_factor_and_ends_what_idles() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin", "enrolling": false}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough"}}
        => 201
        POST /sign-in-policies {"metadata": {"name": "strict"}, "spec": {}}
        => 422 {"code": "invalid-name", "field": "metadata.name"}
        POST /sign-in-policies {"metadata": {"name": "default"}, "spec": {"secondFactor": "required", "idleMinutes": 30, "sessionHours": 2}}
        => 201
        as nobody
        POST /auth/login {"username": "ada", "password": "long enough"}
        => 200 {"accessToken": "$ada", "enrolling": true, "expiresIn": 900}
        as $ada
        # Such a login adds a factor and does nothing else.
        GET /sessions/me
        => 200 {"actor": "user:ada"}
        GET /users
        => 403
        POST /sessions/change-password {"current": "long enough", "password": "long enough too"}
        => 403
        POST /factors/enroll {"password": "long enough"}
        => 200 {"name": "$factor"}
        POST /factors/confirm {"name": "$factor", "code": "000000"}
        => 422 {"code": "wrong-code"}
        # Who was logged in stays so while they ask, and not after half an hour of silence.
        as $admin
        advance 1200
        GET /users
        => 200
        advance 1200
        GET /users
        => 200
        advance 1801
        GET /users
        => 401
        "#,
    );
}

#[test]
fn a_second_factor_is_enrolled_by_its_owner_only() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        POST /factors/enroll {"password": "correct horse"}
        => 401
        as $admin
        POST /factors/enroll {"password": "wrong horse"}
        => 401 {"code": "wrong-password"}
        POST /factors/enroll {"password": "correct horse", "label": "phone"}
        => 200 {"name": "$factor", "secret": "*", "address": "*"}
        # Until a first code has shown that it works, it is not asked for.
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200
        POST /factors/confirm {"name": "$factor", "code": "000000"}
        => 422 {"code": "wrong-code"}
        POST /factors/confirm {"name": "fac-other", "code": "000000"}
        => 404
        GET /factors/mine
        => 200 {"items": [{"sort": "totp", "label": "phone", "confirmed": false}]}
        GET /factors/$factor
        => 200 {"spec": {"user": "admin", "secret": null}}
        POST /factors {"metadata": {"name": "mine"}, "spec": {"user": "admin"}}
        => 405
        POST /factors/remove {"name": "$factor", "password": "correct horse"}
        => 200 {"items": []}
        # A key may do what it was made for, and nothing to its owner's account.
        POST /service-accounts {"metadata": {"name": "ci"}}
        => 201
        POST /service-accounts/ci/keys {}
        => 200 {"token": "$key"}
        as $key
        POST /factors/enroll {"password": "correct horse"}
        => 403 {"code": "session-needed"}
        "#,
    );
}
