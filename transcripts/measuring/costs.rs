//! What answers cost: prices in force, by endpoint, model, caller and day; what comes; what could be saved.

use super::play;

#[test]
fn what_was_counted_is_valued_by_the_price_in_force() {
    play(
        r#"
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}, {}]}
        => 200
        # Without a price nothing is made up.
        GET /analytics/costs
        => 200 {"organization": "acme", "projects": ["default"], "total": {"used": {"calls": 1, "rows": 2}, "cost": {}, "costPerCall": {}, "unpriced": {"calls": 1, "rows": 2}}, "items": [{"of": "birds", "cost": {}}], "note": "*"}
        GET /api/v1/composables/endpoints/birds/billing
        => 200 {"price": null, "priceList": null, "note": "*", "callers": [{"of": "user:admin", "cost": {}}]}

        POST /prices {"metadata": {"name": "list"}, "spec": {"perCall": 0.5, "perThousandRows": 100, "perComputeSecond": 3, "since": "2026-01-01T00:30:00Z"}}
        => 201 {"spec": {"currency": "USD"}}
        GET /analytics/costs
        => 200 {"total": {"cost": {}, "unpriced": {"calls": 1}}}
        advance 3600
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}, {}]}
        => 200
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{"wings": 2}]}
        => 422
        GET /analytics/costs
        => 200 {"total": {"used": {"calls": 2, "rows": 4}, "cost": {"USD": 0.7}, "costPerCall": {"USD": 0.7}, "costPerThousandRows": {"USD": 350}, "unpriced": {"calls": 1}}, "note": "*"}

        # The price of the endpoint counts before that of everybody, and one that has ended for nothing.
        POST /prices {"metadata": {"name": "birds"}, "spec": {"endpoint": "birds", "currency": "EUR", "perCall": 2, "since": "2026-01-01T02:00:00Z"}}
        => 201
        POST /prices {"metadata": {"name": "old"}, "spec": {"endpoint": "birds", "model": "penguins", "perCall": 99, "until": "2025-01-01T00:00:00Z"}}
        => 201
        advance 7200
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        GET /analytics/costs?by=caller
        => 200 {"total": {"cost": {"USD": 0.7, "EUR": 2}}, "items": [{"of": "user:admin", "used": {"calls": 3, "rows": 5}, "cost": {"USD": 0.7, "EUR": 2}}]}
        GET /analytics/costs?by=version&model=penguins
        => 200 {"items": [{"of": "penguins.1"}]}
        GET /analytics/costs?by=day&endpoint=birds
        => 200 {"items": [{"of": "2026-01-01", "used": {"calls": 3}}]}
        GET /analytics/costs?by=project
        => 200 {"projects": ["default"], "items": [{"of": "default"}]}
        GET /analytics/costs?caller=user:ada
        => 200 {"total": {"used": {"calls": 0}}, "items": [], "note": null}
        GET /analytics/costs?from=1
        => 200 {"items": [], "next": null}
        GET /analytics/costs/models
        => 200 {"by": "model", "items": [{"of": "penguins", "used": {"calls": 3}, "cost": {"EUR": 2}}]}
        GET /api/v1/catalog/endpoints/birds/billing
        => 200 {"endpoint": "birds", "price": "birds", "priceList": {"perCall": 2, "currency": "EUR"}, "total": {"cost": {"EUR": 2}}, "callers": [{"of": "user:admin"}], "perDay": [{"of": "2026-01-01"}]}
        GET /api/v1/catalog/endpoints/nowhere/billing
        => 404

        # What an endpoint answered is owed when it is gone, too.
        DELETE /api/v1/catalog/endpoints/birds
        => 200
        GET /analytics/costs
        => 200 {"items": [{"of": "birds", "cost": {"USD": 0.7, "EUR": 2}}]}

        POST /prices {"metadata": {"name": "wrong"}, "spec": {"currency": "usd"}}
        => 422 {"code": "bad-price", "field": "spec.currency"}
        POST /prices {"metadata": {"name": "wrong"}, "spec": {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}
        => 422 {"code": "bad-price", "field": "spec.until"}
        POST /prices {"metadata": {"name": "wrong"}, "spec": {"perCall": -1}}
        => 422 {"code": "out-of-range"}
        as guest
        GET /analytics/costs
        => 403
        "#,
    );
}

#[test]
fn the_coming_days_are_told_from_the_last_ones() {
    play(
        r#"
        POST /prices {"metadata": {"name": "list"}, "spec": {"perCall": 0.5}}
        => 201
        GET /analytics/costs/forecast
        => 409 {"code": "too-few-days"}
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        advance 86400
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        advance 86400
        GET /analytics/costs/forecast
        => 409 {"code": "too-few-days"}
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        advance 86400
        # Half a dollar more each day: 2, then 2.5.
        GET /analytics/costs/forecast?ahead=2
        => 200 {"basedOnDays": 3, "since": "2026-01-01T00:00:00.000000Z", "confidence": 0.95, "note": null, "method": "*", "forecasts": [{"currency": "USD", "spent": 3, "perDayMore": 0.5,
            "total": {"amount": 4.5}, "days": [{"at": "2026-01-04T00:00:00.000000Z", "cost": {"amount": 2}}, {"at": "2026-01-05T00:00:00.000000Z", "cost": {"amount": 2.5}}]}]}
        GET /analytics/costs/forecast?model=other
        => 409 {"code": "too-few-days"}
        "#,
    );
}

#[test]
fn what_could_be_saved_comes_with_its_numbers() {
    play(
        r#"
        POST /api/v1/catalog/endpoints {"metadata": {"name": "forgotten"}, "spec": {"model": "penguins", "version": "1", "limits": {"replicasMin": 3}}}
        => 201
        advance 700000
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        POST /analytics/costs/optimize {"days": 14}
        => 200 {"endpoints": 2, "items": [{"finding": "without-price", "endpoint": "birds", "saving": {}, "numbers": {"unpriced": {"calls": 1}}},
            {"finding": "replicas", "endpoint": "forgotten", "numbers": {"replicasMin": 3, "busyInBusiestHour": 0, "enough": 1}}]}
        POST /analytics/costs/optimize {"days": 7}
        => 200 {"items": ["*", {"finding": "idle", "endpoint": "forgotten", "saving": {}, "numbers": {"calls": 0, "days": 7, "replicasMin": 3}}, {"finding": "replicas"}]}
        "#,
    );
}

#[test]
fn right_answers_have_a_price() {
    play(
        r#"
        POST /benchmark/submit {"model": "penguins", "modelVersion": 1, "submitted": {"tool": "t", "hardware": "h", "measuredAt": "2025-12-31T10:00:00Z", "results": {"metrics": {"accuracy": 0.1}}}}
        => 200
        POST /prices {"metadata": {"name": "list"}, "spec": {"perThousandRows": 10}}
        => 201
        POST /api/v1/catalog/endpoints {"metadata": {"name": "unasked"}, "spec": {"model": "penguins", "version": "2"}}
        => 201
        POST /api/v1/catalog/endpoints/birds/predict {"rows": [{}]}
        => 200
        # What somebody else measured is not taken for how good it is.
        POST /analysis/cost-efficiency {}
        => 200 {"items": [{"endpoint": "birds", "version": "penguins.1", "metric": "accuracy", "measured": "heldOut", "quality": "$quality", "costPerThousandRight": {"USD": "*"}, "qualityPerCost": {"USD": "*"}, "cost": {"costPerThousandRows": {"USD": 10}}},
            {"endpoint": "unasked", "metric": null, "costPerThousandRight": {}}], "next": null}
        POST /api/v1/composables/models/penguins/evaluate {"version": 1, "dataset": "penguins"}
        => 200
        POST /analysis/cost-efficiency {"endpoints": ["birds"], "metric": "f1"}
        => 200 {"items": [{"metric": "f1", "measured": "evaluation", "costPerThousandRight": {}, "qualityPerCost": {"USD": "*"}}]}
        POST /costs/efficiency {"endpoints": ["nowhere"]}
        => 404
        "#,
    );
}

#[test]
fn a_deployment_is_changed_and_removed_below_its_model() {
    play(
        r#"
        PUT /api/v1/composables/models/penguins/deployments/birds {"version": "2"}
        => 200 {"endpoint": "birds", "version": "penguins.2"}
        GET /api/v1/catalog/endpoints/birds
        => 200 {"status": {"serving": "penguins.2", "revision": 2}}
        POST /api/v1/catalog/models {"metadata": {"name": "other"}}
        => 201
        # Another model's endpoint is not there.
        PUT /api/v1/composables/models/other/deployments/birds {"version": "1"}
        => 404
        DELETE /api/v1/composables/models/other/deployments/birds
        => 404
        as viewer
        DELETE /api/v1/composables/models/penguins/deployments/birds
        => 403
        as admin
        DELETE /api/v1/composables/models/penguins/deployments/birds
        => 200 {"endpoint": "birds", "removed": "*"}
        GET /api/v1/catalog/models/penguins/deployments
        => 200 {"items": []}
        "#,
    );
}
