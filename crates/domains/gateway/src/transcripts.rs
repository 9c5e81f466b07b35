//! The service as its users meet it: requests, and the answers they must get.

use testing::Stage;

fn stage() -> Stage {
    Stage::of("gateway", crate::domain()).with_ports(testing::engines())
}

#[test]
fn a_route_says_where_a_request_goes() {
    stage().play(
        r#"
        POST /backends {"metadata": {"name": "shop"}, "spec": {"addresses": ["127.0.0.1:9"]}}
        => 201 {"spec": {"protocol": "Http1", "connectTimeoutMs": 5000}}
        POST /backends {"metadata": {"name": "canary"}, "spec": {"addresses": ["127.0.0.1:9"], "circuitBreaker": {"consecutiveFailures": 5}}}
        => 201 {"spec": {"circuitBreaker": {"maxRequests": 1024, "openMs": 10000}}}
        POST /rate-limits {"metadata": {"name": "calm"}, "spec": {"requests": 10}}
        => 201 {"spec": {"windowS": 60, "by": "Address", "shared": false}}
        POST /routes {"metadata": {"name": "shop"}, "spec": {"hostnames": ["shop.example.org"], "rateLimits": ["calm"], "rules": [{"matches": [{"path": {"value": "/cart"}}], "backends": [{"name": "shop", "weight": 9}, {"name": "canary"}]}, {"matches": [{"path": {"type": "Exact", "value": "/cart/old"}, "method": "GET"}], "redirect": {"path": "/cart", "status": 301}}]}}
        => 201 {"spec": {"access": "Granted"}}
        GET /routes/shop
        => 200 {"status": {"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]}}

        POST /routes/explain {"host": "shop.example.org", "path": "/cart/7?x=1"}
        => 200 {"answeredBy": "backend", "route": "shop", "rule": 0, "matchedPrefix": "/cart", "rateLimits": ["calm"], "backends": [{"name": "shop", "weight": 9, "percent": 90.0}, {"name": "canary", "weight": 1}], "permission": "gateway.routes.call", "youMayCall": true}
        POST /routes/explain {"host": "shop.example.org", "path": "/cart/old"}
        => 200 {"answeredBy": "redirect", "rule": 1}
        POST /routes/explain {"host": "shop.example.org", "path": "/cart/old", "method": "POST"}
        => 200 {"answeredBy": "backend", "rule": 0}
        # A segment is a whole word: /cartoon is something else.
        POST /routes/explain {"host": "shop.example.org", "path": "/cartoon"}
        => 200 {"answeredBy": "platform", "route": null}
        POST /routes/explain {"host": "other.example.org", "path": "/cart"}
        => 200 {"answeredBy": "platform"}
        POST /routes/explain {"path": "/cart", "address": "nowhere"}
        => 422 {"code": "invalid-body", "field": "address"}

        GET /routes/shop/stats
        => 200 {"requests": 0, "rateLimited": 0}
        GET /routes/shop/access-log
        => 200 {"items": []}
        GET /routes/access-log?limit=5
        => 200 {"items": []}
        GET /backends/shop/health
        => 200 {"health": {"circuit": "closed", "addresses": [{"address": "127.0.0.1:9", "healthy": true}]}}

        DELETE /routes/shop
        => 200
        POST /routes/explain {"host": "shop.example.org", "path": "/cart"}
        => 200 {"answeredBy": "platform"}
        "#,
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_field() {
    stage().play(
        r#"
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": []}}
        => 422 {"field": "spec.rules"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{}]}}
        => 422 {"code": "invalid-route", "field": "spec.rules[0].backends"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"matches": [{"path": {"type": "RegularExpression", "value": "("}}], "backends": [{"name": "b"}]}]}}
        => 422 {"code": "invalid-route", "field": "spec.rules[0].matches[0].path.value"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"matches": [{"headers": [{"name": "x y", "value": "1"}]}], "backends": [{"name": "b"}]}]}}
        => 422 {"code": "invalid-route", "field": "spec.rules[0].matches[0].headers[0].name"}
        # The platform's own paths and addresses stay its own.
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"matches": [{"path": {"value": "/api/v1"}}], "backends": [{"name": "b"}]}]}}
        => 422 {"code": "invalid-route", "field": "spec.rules[0].matches[0].path.value"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"hostnames": ["127.0.0.1"], "rules": [{"backends": [{"name": "b"}]}]}}
        => 422 {"code": "invalid-route", "field": "spec.hostnames[0]"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"hostnames": ["a b"], "rules": [{"backends": [{"name": "b"}]}]}}
        => 422 {"code": "invalid-route", "field": "spec.hostnames[0]"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"backends": [{"name": "b"}], "requestHeaders": {"set": {"host": "x"}}}]}}
        => 422 {"code": "invalid-route", "field": "spec.rules[0].requestHeaders.set"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"backends": [{"name": "b"}]}], "protection": {"addresses": {"allow": ["10.0.0.0/33"]}}}}
        => 422 {"code": "invalid-route", "field": "spec.protection.addresses.allow[0]"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"backends": [{"name": "b"}]}], "protection": {"cors": {"origins": ["*"], "credentials": true}}}}
        => 422 {"code": "invalid-route", "field": "spec.protection.cors.credentials"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rules": [{"redirect": {"status": 200}}]}}
        => 422 {"code": "invalid-route", "field": "spec.rules[0].redirect.status"}
        POST /routes {"metadata": {"name": "a"}, "spec": {"rateLimits": ["nobody"], "rules": [{"backends": [{"name": "b"}]}]}}
        => 422 {"code": "bad-reference", "field": "spec.rateLimits[0]"}
        POST /backends {"metadata": {"name": "b"}, "spec": {"addresses": ["nowhere"]}}
        => 422 {"code": "invalid-backend", "field": "spec.addresses[0]"}
        # Where clouds keep credentials.
        POST /backends {"metadata": {"name": "b"}, "spec": {"addresses": ["169.254.169.254:80"]}}
        => 422 {"code": "invalid-backend", "field": "spec.addresses[0]"}
        POST /backends {"metadata": {"name": "b"}, "spec": {"addresses": ["a:80"], "tls": {"authorities": "none"}}}
        => 422 {"code": "invalid-backend", "field": "spec.tls.authorities"}
        POST /backends {"metadata": {"name": "b"}, "spec": {"addresses": ["a:80"], "balance": {"algorithm": "Hash", "hashOn": "Cookie"}}}
        => 422 {"code": "invalid-backend", "field": "spec.balance.name"}
        POST /rate-limits {"metadata": {"name": "none"}, "spec": {"requests": 0}}
        => 422 {"code": "out-of-range", "field": "spec.requests"}
        # What holds for the platform itself is not for tenants to say.
        POST /certificates {"metadata": {"name": "c"}, "spec": {"hosts": ["a.example"], "chain": "x", "key": "y"}}
        => 403 {"code": "forbidden"}
        POST /service-policies {"metadata": {"name": "p"}, "spec": {"path": "/"}}
        => 403 {"code": "forbidden"}
        GET /certificates
        => 403
        "#,
    );
}

#[test]
fn the_more_particular_match_wins() {
    stage().play(
        r#"
        POST /backends {"metadata": {"name": "b"}, "spec": {"addresses": ["127.0.0.1:9"]}}
        => 201
        POST /routes {"metadata": {"name": "wide"}, "spec": {"access": "Public", "hostnames": ["*.example.org"], "rules": [{"backends": [{"name": "b"}]}]}}
        => 201
        POST /routes {"metadata": {"name": "narrow"}, "spec": {"access": "Public", "hostnames": ["a.example.org"], "rules": [{"matches": [{"path": {"value": "/x"}}], "backends": [{"name": "b"}]}, {"matches": [{"path": {"value": "/x"}, "headers": [{"name": "x-stage", "value": "canary"}]}], "backends": [{"name": "b"}]}, {"matches": [{"path": {"type": "RegularExpression", "value": "/x/[0-9]+"}}], "backends": [{"name": "b"}]}, {"matches": [{"path": {"value": "/x"}, "query": [{"name": "v", "value": "[12]", "type": "RegularExpression"}]}], "backends": [{"name": "b"}]}]}}
        => 201
        POST /routes/explain {"host": "a.example.org", "path": "/x/y"}
        => 200 {"route": "narrow", "rule": 0}
        POST /routes/explain {"host": "a.example.org", "path": "/x/y", "headers": {"X-Stage": "canary"}}
        => 200 {"route": "narrow", "rule": 1}
        POST /routes/explain {"host": "a.example.org", "path": "/x/12"}
        => 200 {"route": "narrow", "rule": 2}
        POST /routes/explain {"host": "a.example.org", "path": "/x/y?v=2"}
        => 200 {"route": "narrow", "rule": 3}
        POST /routes/explain {"host": "a.example.org", "path": "/x/y?v=3"}
        => 200 {"route": "narrow", "rule": 0}
        POST /routes/explain {"host": "A.EXAMPLE.ORG:8080", "path": "/y"}
        => 200 {"route": "wide"}
        POST /routes/explain {"host": "a.b.example.org", "path": "/x"}
        => 200 {"route": "wide"}
        POST /routes/explain {"host": "example.org", "path": "/x"}
        => 200 {"route": null}
        "#,
    );
}
