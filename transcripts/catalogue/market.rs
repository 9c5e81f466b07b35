//! A model is offered, found, rated and used by another project.

use super::play;

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in one go")]
fn a_subscription_is_a_right_that_ends_with_it() {
    play(
        r#"
        POST /marketplace/categories {"metadata": {"name": "birds"}, "spec": {"title": "Birds"}}
        => 201
        POST /marketplace/providers {"metadata": {"name": "zoo"}}
        => 201
        POST /marketplace/models {"metadata": {"name": "which-penguin"}, "spec": {"model": "none"}}
        => 422 {"code": "bad-reference", "field": "spec.model"}
        POST /marketplace/models {"metadata": {"name": "which-penguin"}, "spec": {"model": "penguins", "categories": ["fish"]}}
        => 422 {"code": "bad-reference", "field": "spec.categories[0]"}
        POST /marketplace/models {"metadata": {"name": "which-penguin"}, "spec": {"model": "penguins", "title": "Which penguin is it?",
            "categories": ["birds"], "provider": "zoo", "license": "CC0-1.0", "tags": ["antarctica"]}}
        => 201 {"spec": {"project": "default", "visibility": "listed"}}

        # Nobody offers what is not theirs.
        as $ada
        POST /marketplace/models?project=lab {"metadata": {"name": "mine-now"}, "spec": {"model": "penguins", "project": "default"}}
        => 422 {"code": "bad-reference", "field": "spec.model"}
        GET /models/penguins
        => 403
        GET /models/penguins?project=default
        => 403
        GET /marketplace/search?q=antarctica%20penguin&project=lab
        => 200 {"items": [{"name": "which-penguin", "rating": null}]}
        GET /marketplace/search?q=fish&project=lab
        => 200 {"items": []}
        POST /marketplace/models/which-penguin/purchase?project=lab {}
        => 409 {"code": "wrong-plan"}
        POST /marketplace/models/which-penguin/subscribe?project=lab {}
        => 200 {"project": "lab", "who": "user:ada", "amount": 0}
        POST /marketplace/models/which-penguin/subscribe?project=lab {}
        => 200 {"project": "lab"}
        GET /models/penguins?project=default
        => 200 {"status": {"latest": "penguins.1"}}
        POST /models/penguins/predict?project=default {"rows": [{"bill_length_mm": 40}]}
        => 200 {"predictions": ["*"]}
        # It lets them use the model, not change it or see what is beside it.
        POST /models/penguins/archive?project=default {}
        => 403
        GET /datasets/penguins?project=default
        => 403

        # Who comes to the project may, and who leaves it may not.
        as $bob
        GET /models/penguins?project=default
        => 403
        as $admin
        POST /api/v1/admin/grants {"metadata": {"name": "bob-lab"}, "spec": {"role": "maker", "subject": "user:bob", "project": "lab"}}
        => 201
        as $bob
        GET /models/penguins?project=default
        => 200
        as $admin
        DELETE /api/v1/admin/grants/bob-lab
        => 200
        as $bob
        GET /models/penguins?project=default
        => 403

        as $ada
        POST /marketplace/models/which-penguin/rate?project=lab {"rating": 6}
        => 422
        POST /marketplace/models/which-penguin/rate?project=lab {"rating": 4}
        => 200 {"mean": 4, "count": 1}
        POST /marketplace/models/which-penguin/rate?project=lab {"rating": 5}
        => 200 {"mean": 5, "count": 1}
        POST /marketplace/models/which-penguin/reviews?project=lab {"metadata": {"generateName": "x-"}, "spec": {"listing": "which-penguin", "rating": 3}}
        => 409 {"code": "already-exists"}
        as $admin
        POST /marketplace/models/which-penguin/reviews {"metadata": {"generateName": "x-"}, "spec": {"listing": "which-penguin", "rating": 2, "text": "mixes up two"}}
        => 201 {"metadata": {"name": "which-penguin.user-admin"}, "spec": {"who": "user:admin"}}
        as $ada
        PATCH /marketplace/reviews/which-penguin.user-admin?project=lab {"spec": {"rating": 5}}
        => 200
        as $admin
        GET /marketplace/models/which-penguin/rating
        => 200 {"mean": "*", "count": 2}
        POST /marketplace/favorites/which-penguin {}
        => 200
        GET /marketplace/favorites
        => 200 {"items": [{"name": "which-penguin"}]}
        as $ada
        GET /marketplace/favorites?project=lab
        => 200 {"items": []}
        as $admin
        GET /marketplace/popular
        => 200 {"items": [{"name": "which-penguin", "counted": {"subscriptions": 1, "favorites": 1, "predictions": 1}}]}
        GET /marketplace/trending
        => 200 {"items": [{"name": "which-penguin", "counted": {"predictions": 1, "before": 0}}]}
        POST /marketplace/models {"metadata": {"name": "another"}, "spec": {"model": "penguins", "categories": ["birds"], "pricing": {"plan": "one-time", "amount": 5, "currency": "EUR"}}}
        => 201
        GET /marketplace/recommended
        => 200 {"items": [{"name": "another", "counted": {"sharedCategories": 1}}]}
        POST /marketplace/models/another/feature {}
        => 200 {"featured": true}
        GET /marketplace/featured
        => 200 {"items": [{"name": "another"}]}
        GET /marketplace/new
        => 200 {"items": ["*", "*"]}
        GET /marketplace/categories/birds/models
        => 200 {"items": ["*", "*"]}
        GET /marketplace/providers/zoo/models
        => 200 {"items": [{"name": "which-penguin"}]}
        POST /marketplace/collections {"metadata": {"name": "best"}, "spec": {"listings": ["another", "none"]}}
        => 422 {"code": "bad-reference", "field": "spec.listings[1]"}
        POST /marketplace/collections {"metadata": {"name": "best"}, "spec": {"listings": ["another"]}}
        => 201
        PATCH /marketplace/models/another/visibility {"visibility": "unlisted"}
        => 200
        GET /marketplace/search
        => 200 {"items": [{"name": "which-penguin"}]}
        GET /marketplace/models/another/pricing
        => 200 {"plan": "one-time", "amount": 5, "currency": "EUR"}
        GET /marketplace/models/which-penguin/license
        => 200 {"license": "CC0-1.0"}
        GET /api/v1/system/marketplace/models/which-penguin/usage
        => 200 {"subscriptions": 1, "predictions": 1}
        DELETE /marketplace/favorites/which-penguin
        => 200 {"favorite": false}
        GET /discover/popular
        => 200 {"items": [{"kind": "catalog.models", "name": "penguins", "used": 1}]}
        GET /discover/recent
        => 200 {"items": "*"}
        GET /discover/trending
        => 200 {"items": ["*"]}
        GET /discover/recommended
        => 200 {"items": [{"name": "penguins"}]}
        GET /discover
        => 200 {"items": "*"}

        as $ada
        DELETE /marketplace/models/which-penguin/unsubscribe?project=lab
        => 200
        GET /models/penguins?project=default
        => 403
        # What is offered no more is no right either.
        POST /marketplace/models/which-penguin/subscribe?project=lab {}
        => 200
        as $admin
        DELETE /marketplace/models/which-penguin
        => 200
        as $ada
        GET /models/penguins?project=default
        => 403
        "#,
    );
}
