//! What is done with a dataset: contracts, rules, parts and versions made from versions.

use super::stage;

const PEOPLE: &[u8] =
    b"id,name,age,class\n1,Ada,36,a\n2,Ben,,b\n3,Cid,51,a\n4,Dee,19,b\n4,Dee,19,b\n6,Eve,200,a\n";

#[test]
fn a_contract_is_held_against_every_version() {
    stage().with_file("people.csv", PEOPLE).play(
        r#"
        POST /datasets {"metadata": {"name": "people"}}
        => 201
        POST /datasets/people/upload?filename=p.csv < people.csv
        => 200
        POST /datasets/people/validate {}
        => 409 {"code": "no-contract"}
        PUT /datasets/people/schema {"columns": [{"name": "id", "type": "number", "nullable": false},
            {"name": "age", "type": "integer", "nullable": false}, {"name": "mail", "type": "text"}]}
        => 200
        POST /datasets/people/validate {}
        => 200 {"version": "people.1", "valid": false, "breaches": [
            {"column": "age", "kind": "null"}, {"column": "mail", "kind": "missing"}]}
        POST /datasets/people/validate {"version": 9}
        => 404 {"field": "version"}
        PUT /datasets/people/schema {"columns": [{"name": "id", "type": "integer"}, {"name": "id", "type": "text"}]}
        => 422 {"code": "table-duplicate-column"}

        # An enforced contract keeps a version that breaks it from becoming the latest.
        PUT /datasets/people/schema {"columns": [{"name": "mail", "type": "text"}], "enforced": true}
        => 200
        POST /datasets/people/versions?filename=p.csv < people.csv
        => 200 {"version": "people.2", "run": "$run"}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Failed", "error": {"code": "contract-broken"}}}
        GET /datasets/people/versions/2
        => 200 {"status": {"phase": "Failed", "breaches": [{"column": "mail"}]}}
        GET /datasets/people
        => 200 {"status": {"latest": "people.1"}}
        "#,
    );
}

#[test]
fn rules_are_checked_over_all_rows() {
    stage().with_file("people.csv", PEOPLE).play(
        r#"
        POST /datasets {"metadata": {"name": "people"}}
        => 201
        POST /datasets/people/quality/check {}
        => 409 {"code": "dataset-empty"}
        POST /datasets/people/upload?filename=p.csv < people.csv
        => 200
        POST /datasets/people/quality/check {}
        => 409 {"code": "no-rules"}
        POST /datasets/people/quality-rules {"metadata": {"name": "key"}, "spec": {"dataset": "people", "check": "unique", "column": "id"}}
        => 201 {"metadata": {"name": "people.key"}}
        POST /quality-rules {"metadata": {"name": "people.age"}, "spec": {"dataset": "people", "check": "range", "column": "age", "min": 0, "max": 130, "tolerance": 0.2}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.there"}, "spec": {"dataset": "people", "check": "not-null", "column": "age", "severity": "warning"}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.name"}, "spec": {"dataset": "people", "check": "regex", "column": "name", "pattern": "[A-Z][a-z]+"}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.class"}, "spec": {"dataset": "people", "check": "set", "column": "class", "values": ["a"]}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.many"}, "spec": {"dataset": "people", "check": "row-count", "min": 7}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.fresh"}, "spec": {"dataset": "people", "check": "freshness", "maxAgeSeconds": 60}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.gone"}, "spec": {"dataset": "people", "check": "not-null", "column": "mail"}}
        => 201
        POST /quality-rules {"metadata": {"name": "people.bad"}, "spec": {"dataset": "people", "check": "regex", "column": "name", "pattern": "("}}
        => 422 {"code": "bad-pattern"}
        POST /quality-rules {"metadata": {"name": "people.bad"}, "spec": {"dataset": "people", "check": "range", "column": "name"}}
        => 422 {"code": "missing-field", "field": "spec.min"}

        POST /datasets/people/quality/check {}
        => 200 {"run": "*"}
        GET /datasets/people/quality
        => 200 {"checks": 1, "last": {"version": "people.1", "passed": false, "rows": 6, "findings": [
            {"rule": "people.key", "passed": false, "checked": 6, "failed": 1, "examples": [{"row": 4, "value": 4}]},
            {"rule": "people.age", "passed": true, "checked": 5, "failed": 1, "examples": [{"row": 5, "value": 200}]},
            {"rule": "people.there", "passed": false, "severity": "warning", "checked": 6, "failed": 1},
            {"rule": "people.name", "passed": true, "checked": 6, "failed": 0},
            {"rule": "people.class", "passed": false, "checked": 6, "failed": 3},
            {"rule": "people.many", "passed": false, "message": "6 rows"},
            {"rule": "people.fresh", "passed": true},
            {"rule": "people.gone", "passed": false, "message": "the data has no column `mail`"}]}}
        # What was fresh grows old.
        advance 100
        POST /datasets/people/quality/check {}
        => 200
        GET /quality-checks?filter=status.passed%20=%20false
        => 200 {"items": [{"status": {"findings": ["*", "*", "*", "*", "*", "*", {"passed": true}, "*"]}},
            {"status": {"findings": ["*", "*", "*", "*", "*", "*", {"passed": false}, "*"]}}]}
        "#,
    );
}

#[test]
fn versions_are_made_from_versions() {
    stage().with_file("people.csv", PEOPLE).play(
        r#"
        POST /datasets {"metadata": {"name": "people"}}
        => 201
        POST /datasets/people/upload?filename=p.csv < people.csv
        => 200
        POST /datasets/people/transform {"steps": [{"op": "select", "columns": ["nowhere"]}]}
        => 422 {"code": "unknown-column", "field": "steps[0]"}
        POST /datasets/people/transform {"steps": [{"op": "filter", "column": "age", "compare": "above", "value": "old"}]}
        => 422 {"code": "wrong-type"}
        POST /datasets/people/transform {"steps": [{"op": "rename", "column": "age", "to": "name"}]}
        => 422 {"code": "table-duplicate-column"}
        POST /datasets/people/transform {"into": "clean", "steps": [
            {"op": "dedupe"}, {"op": "fill", "column": "age", "with": "median"},
            {"op": "filter", "column": "age", "compare": "at-most", "value": 130},
            {"op": "rename", "column": "class", "to": "group"}, {"op": "cast", "column": "id", "type": "text"},
            {"op": "drop", "columns": ["name"]}]}
        => 200 {"run": "$run"}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Succeeded", "output": {"version": "clean.1", "rows": 4}}}
        GET /datasets/clean/sample
        => 200 {"rows": [{"id": "1", "age": 36, "group": "a"}, {"id": "2", "age": 36, "group": "b"},
            {"id": "3", "age": 51, "group": "a"}, {"id": "4", "age": 19, "group": "b"}]}
        POST /datasets/people/transform {"steps": [{"op": "filter", "column": "age", "compare": "above", "value": 999}]}
        => 200 {"run": "$none"}
        GET /api/v1/system/runs/$none
        => 200 {"status": {"phase": "Failed", "error": {"code": "table-empty"}}}

        POST /datasets/people/split {"parts": {"train": 0.5, "test": 0.6}}
        => 422 {"code": "bad-split"}
        POST /datasets/people/split {"parts": {"train": 0.67, "test": 0.33}, "stratify": "nowhere"}
        => 422 {"code": "unknown-column", "field": "stratify"}
        POST /datasets/people/split {"parts": {"train": 0.67, "test": 0.33}, "stratify": "class"}
        => 200 {"run": "$parted"}
        GET /api/v1/system/runs/$parted
        => 200 {"status": {"output": {"parts": {"test": {"version": "people-test.1", "rows": 2}, "train": {"rows": 4}}}}}
        GET /datasets/people-test/statistics
        => 200 {"rows": 2, "columns": ["*", "*", "*", {"name": "class", "distinct": 2}]}

        # The way back is on record.
        GET /datasets/people/derived
        => 200 {"items": [{"version": "clean.1", "from": "people.1", "recipe": {"transform": "*"}},
            {"version": "people-test.1", "recipe": {"split": {"seed": 7}}}, {"version": "people-train.1"}]}
        POST /api/v1/system/training/jobs {"metadata": {"name": "j"}, "spec": {"dataset": "clean", "target": "group", "budgetSeconds": 1}}
        => 201
        GET /datasets/clean/consumers
        => 200 {"items": [{"kind": "system.training-jobs", "name": "j"}, {"kind": "catalog.runs"}]}
        GET /datasets/clean/usage
        => 200 {"days": 30, "reads": {"samples": 1}, "made": {"system.training-jobs": 1}}
        POST /datasets/people/versions/1/tag {"tags": ["gold"]}
        => 200 {"tags": ["gold"]}
        GET /dataset-versions?filter=spec.tags%20=%20%22gold%22
        => 200 {"items": [{"metadata": {"name": "people.1"}}]}
        PUT /datasets/people/versions/1 {"spec": {"description": "as it came"}}
        => 422
        PATCH /datasets/people/versions/1 {"spec": {"description": "as it came"}}
        => 200 {"spec": {"description": "as it came", "tags": ["gold"]}}
        POST /datasets/people/versions/1/untag {"tags": ["gold"]}
        => 200 {"tags": []}
        GET /datasets/types
        => 200 {"items": [{"type": "csv", "count": 1}, {"type": "parquet", "count": 3}]}
        PATCH /datasets/people/archive {}
        => 200
        GET /api/v1/composables/datasets/people
        => 200 {"spec": {"archived": true}}
        GET /api/v1/system/catalog/datasets/people/quality
        => 200 {"rules": []}
        "#,
    );
}
