//! Themes, brand assets, preferences, favourites, recents and configurations.

use super::play;

#[test]
fn a_theme_that_cannot_be_read_is_not_kept() {
    play(
        r##"
        POST /themes {"metadata": {"name": "pale"}, "spec": {"light": {"text": "#cccccc"}}}
        => 422 {"code": "low-contrast", "field": "spec.light.text"}
        POST /themes {"metadata": {"name": "pale"}, "spec": {"light": {"text": "darkred"}}}
        => 422 {"field": "spec.light.text"}
        POST /themes {"metadata": {"name": "pale"}, "spec": {"light": {"text": "#12345g"}}}
        => 422 {"code": "invalid-colour", "field": "spec.light.text"}
        POST /themes {"metadata": {"name": "violet"}, "spec": {"title": "Violet", "light": {"accent": "#6b21a8"}, "radius": 10}}
        => 201
        POST /themes {"metadata": {"name": "plain"}, "spec": {}}
        => 201
        # Dark ground needs light panels no more: what is not given follows from what is.
        POST /themes/violet/preview {"tokens": {"light": {"background": "#202020", "surface": "#282828", "text": "#f0f0f0", "muted": "#c0c0c0", "accent": "#d8b4fe", "onAccent": "#202020"}}}
        => 200 {"passes": true, "variables": {"--raised": "light-dark(#202020, #1c2128)", "--accent-soft": "light-dark(#36323b, #1c2945)"}}
        POST /themes/violet/preview {"tokens": {"light": {"accent": "#e9d5ff"}}}
        => 200 {"passes": false, "variables": {"--accent": "light-dark(#e9d5ff, #8fb2ff)"}}
        GET /themes/violet/export
        => 200 {"format": "aic.theme/1", "spec": {"radius": 10}, "css": "*", "contrast": "*"}
        GET /themes/current
        => 200 {"from": "none", "brand": {}}
        as $ada
        POST /themes/violet/apply {"for": "organization"}
        => 403
        as $admin
        POST /api/v1/admin/grants {"metadata": {"name": "ada-all"}, "spec": {"role": "viewer", "subject": "user:ada"}}
        => 201
        POST /themes/violet/apply {"for": "organization"}
        => 200
        as $ada
        GET /themes/current
        => 200 {"from": "organization", "theme": "violet", "variables": {"--radius": "10px", "--accent": "light-dark(#6b21a8, #8fb2ff)"}}
        # Whoever may look at a theme may wear it; only some dress everybody.
        POST /themes/plain/apply {}
        => 200
        POST /themes/plain/apply {"for": "organization"}
        => 403
        GET /themes/current
        => 200 {"from": "own", "theme": "plain"}
        as $bob
        GET /themes/current
        => 200 {"from": "organization"}
        as $admin
        DELETE /themes/plain
        => 200
        as $ada
        GET /themes/current
        => 200 {"from": "organization", "theme": "violet"}
        "##,
    );
}

#[test]
fn a_picture_that_could_do_more_than_be_looked_at_is_refused() {
    play(
        r#"
        POST /themes/brand-assets {"metadata": {"name": "logo"}, "spec": {"purpose": "logo"}}
        => 422 {"code": "missing-field", "field": "spec.content"}
        POST /themes/brand-assets {"metadata": {"name": "logo"}, "spec": {"purpose": "logo", "content": "?"}}
        => 422 {"code": "picture-refused"}
        # <svg><script/></svg>
        POST /themes/brand-assets {"metadata": {"name": "logo"}, "spec": {"purpose": "logo", "content": "PHN2Zz48c2NyaXB0Lz48L3N2Zz4="}}
        => 422 {"code": "picture-refused", "field": "spec.content"}
        # <svg><path d="M0 0h8v8z"/></svg>, which no browser takes for a picture
        POST /themes/brand-assets {"metadata": {"name": "logo"}, "spec": {"purpose": "logo", "content": "PHN2Zz48cGF0aCBkPSJNMCAwaDh2OHoiLz48L3N2Zz4="}}
        => 422 {"code": "picture-refused"}
        # The same with its namespace.
        POST /themes/brand-assets {"metadata": {"name": "logo"}, "spec": {"purpose": "logo", "alt": "Ours", "content": "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCA4IDgiPjxwYXRoIGQ9Ik0wIDBoOHY4eiIvPjwvc3ZnPg==", "media": "text/html"}}
        => 201 {"spec": {"media": "image/svg+xml", "bytes": 85, "blob": "*"}}
        PATCH /themes/brand-assets/logo {"spec": {"alt": "All of ours", "media": "text/html"}}
        => 200 {"spec": {"alt": "All of ours", "media": "image/svg+xml", "bytes": 85}}
        as $bob
        GET /brand-assets/logo/content
        => 200
        GET /themes/current
        => 200 {"brand": {"logo": {"url": "*", "alt": "All of ours"}}}
        DELETE /themes/brand-assets/logo
        => 403
        as $admin
        DELETE /themes/brand-assets/logo
        => 200
        GET /themes/brand-assets
        => 200 {"items": []}
        "#,
    );
}

#[test]
fn what_is_a_persons_own_is_told_to_nobody_else() {
    play(
        r##"
        as $bob
        GET /personalization/preferences
        => 200 {"preferences": {}, "effective": {}}
        PUT /personalization/preferences {"preferences": {"density": "comfortable", "columns.catalog.models": ["metadata.name"]}}
        => 200 {"preferences": {"density": "comfortable"}}
        PUT /personalization/preferences {"preferences": {"density": null, "theme": "dark"}}
        => 200 {"preferences": {"theme": "dark", "columns.catalog.models": ["metadata.name"]}}
        POST /personalization/favorites {"url": "https://elsewhere.example", "title": "Elsewhere"}
        => 422 {"code": "bad-path", "field": "url"}
        POST /personalization/favorites {"url": "//elsewhere.example", "title": "Elsewhere"}
        => 422 {"code": "bad-path"}
        POST /personalization/favorites {"url": "/catalog/models/churn", "title": "churn", "kind": "catalog.models"}
        => 200 {"favorite": {"id": "$id"}, "items": ["*"]}
        POST /personalization/favorites {"url": "/catalog/models/churn", "title": "Churn", "kind": "catalog.models"}
        => 200 {"items": [{"title": "Churn"}]}
        POST /personalization/recent {"url": "/catalog/models/churn", "title": "churn"}
        => 200
        POST /personalization/recent {"url": "/catalog/models", "title": "Models"}
        => 200
        POST /personalization/recent {"url": "/catalog/models/churn", "title": "churn"}
        => 200 {"items": [{"url": "/catalog/models/churn", "visits": 2}, {"url": "/catalog/models"}]}

        as $admin
        GET /personalization/favorites
        => 200 {"items": []}
        GET /personalization/recent
        => 200 {"items": []}
        # There is no way to ask for somebody else's, not even for who may everything.
        GET /personalization/user-bob
        => 404
        DELETE /personalization/favorites/$id
        => 404

        POST /themes {"metadata": {"name": "plain"}, "spec": {}}
        => 201
        POST /personalization/configurations {"metadata": {"name": "analysts"}, "spec": {"title": "For analysts", "favorites": [{"url": "javascript:alert(1)", "title": "x"}]}}
        => 422 {"code": "bad-path", "field": "spec.favorites[0].url"}
        POST /personalization/configurations {"metadata": {"name": "analysts"}, "spec": {"title": "For analysts", "theme": "plain",
            "preferences": {"density": "compact", "theme": "light"}, "favorites": [{"url": "/catalog/runs", "title": "Runs"}]}}
        => 201
        POST /personalization/configurations/analysts/apply {"for": "organization"}
        => 200 {"preferences": {"density": "compact"}}
        as $bob
        GET /personalization/preferences
        => 200 {"effective": {"density": "compact", "theme": "dark"}, "organization": {"theme": "light"}}
        POST /personalization/configurations/analysts/apply {}
        => 403
        as $ada
        POST /personalization/configurations/analysts/apply {"for": "organization"}
        => 403
        as $admin
        POST /personalization/configurations/analysts/apply {}
        => 200 {"for": "me", "favorites": [{"title": "Runs"}], "theme": "plain"}
        GET /personalization
        => 200 {"who": "user:admin", "configuration": "analysts"}
        DELETE /personalization/preferences
        => 200 {"preferences": {}, "effective": {"density": "compact"}}
        DELETE /personalization/configurations/analysts
        => 200

        as $bob
        DELETE /personalization/favorites/$id
        => 200 {"items": []}
        DELETE /personalization/recent
        => 200
        GET /personalization/recent
        => 200 {"items": []}
        GET /personalization
        => 200 {"preferences": {"theme": "dark"}, "favorites": [], "recent": []}
        "##,
    );
}
