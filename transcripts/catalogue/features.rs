//! Features are named, measured over the data, and found by who takes them.

use super::play;

#[test]
fn features_are_measured_over_the_data() {
    play(
        r#"
        POST /feature-sets {"metadata": {"name": "bad"}, "spec": {"dataset": "none"}}
        => 404
        POST /feature-sets {"metadata": {"name": "bad"}, "spec": {"dataset": "penguins", "features": [{"name": "a", "columns": ["wings"]}]}}
        => 422 {"code": "unknown-column", "field": "spec.features[0].columns"}
        POST /feature-sets {"metadata": {"name": "bad"}, "spec": {"dataset": "penguins", "features": [{"name": "a", "op": "log", "columns": ["species"]}]}}
        => 422 {"code": "bad-feature"}
        POST /feature-sets {"metadata": {"name": "bill"}, "spec": {"dataset": "penguins", "entity": ["island"], "features": [
            {"name": "length", "columns": ["bill_length_mm"]}, {"name": "depth", "columns": ["bill_depth_mm"]}, {"name": "sex", "columns": ["sex"]}]}}
        => 201 {"spec": {"datasetVersion": "penguins.1"}}
        POST /feature-sets/bill/features {"name": "length", "columns": ["body_mass_g"]}
        => 422 {"code": "bad-feature"}
        POST /feature-sets/bill/derive {"name": "shape", "op": "ratio", "columns": ["bill_length_mm", "bill_depth_mm"]}
        => 200
        POST /feature-sets/bill/derive {"name": "odd", "op": "mean-of", "columns": ["bill_length_mm"]}
        => 422 {"code": "bad-feature", "field": "op"}
        POST /feature-sets/bill/aggregate {"name": "mass", "op": "mean-of", "columns": ["body_mass_g"]}
        => 200
        POST /feature-sets/bill/aggregate {"name": "many", "op": "count-of", "columns": ["sex"], "by": ["species"]}
        => 200
        PUT /feature-sets/bill/features/depth {"feature": {"name": "depth", "columns": ["bill_depth_mm"], "description": "from top to bottom"}}
        => 200
        PUT /feature-sets/bill/features/none {"feature": {"name": "none", "columns": ["sex"]}}
        => 404
        GET /feature-sets/bill/features
        => 200 {"items": [{"name": "length"}, {"name": "depth"}, {"name": "sex"}, {"name": "shape"}, {"name": "mass"}, {"name": "many"}]}
        # 344 penguins, of two of which nobody measured the bill; three islands, three species.
        GET /feature-sets/bill/statistics
        => 200 {"rows": 344, "truncated": false, "items": [
            {"feature": "length", "count": 342, "missing": 2, "min": 32.1, "max": 59.6}, {"feature": "depth", "count": 342},
            {"feature": "shape", "count": 342}, {"feature": "mass", "count": 3}, {"feature": "many", "count": 3, "max": 146}]}
        GET /feature-sets/bill/statistics?rows=10
        => 200 {"rows": 10, "truncated": true}
        GET /feature-sets/bill/distributions
        => 200 {"items": [{"feature": "length", "histogram": {"counts": "*"}}, "*", "*", "*", "*", {"feature": "sex", "distinct": 2}]}
        GET /feature-sets/bill/correlations
        => 200 {"items": [{"features": ["length", "depth"], "correlation": "*"}, "*", "*"]}
        POST /feature-sets/bill/validate {}
        => 200 {"valid": true, "version": "penguins.1", "items": "*"}
        POST /feature-sets/bill/transform {"rows": [{"bill_length_mm": 40, "bill_depth_mm": 20, "sex": "male"}, {"bill_length_mm": 40}]}
        => 200 {"rows": [{"length": 40, "shape": 2, "sex": "male"}, {"length": 40, "shape": null, "sex": null}]}
        GET /feature-sets/bill/consumers
        => 200 {"items": [{"model": "penguins", "version": 1, "columns": ["bill_depth_mm", "bill_length_mm", "body_mass_g", "sex"]}]}
        GET /feature-sets/by-model/penguins
        => 200 {"items": [{"featureSet": "bill"}]}
        GET /feature-sets/by-model/none
        => 200 {"items": []}
        GET /feature-sets/bill/usage
        => 200 {"models": 1}
        GET /feature-sets/bill/lineage
        => 200
        DELETE /feature-sets/bill/features/many
        => 200
        GET /api/v1/composables/feature-sets/bill/stats
        => 200
        GET /api/v1/system/catalog/features/bill
        => 200
        "#,
    );
}
