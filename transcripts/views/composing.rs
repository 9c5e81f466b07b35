//! Widgets, dashboards, layouts, templates, components and saved views are made and read.

use super::play;

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in one go")]
fn a_widget_shows_what_is_there_and_says_what_it_shows_once() {
    play(
        r#"
        POST /widgets {"metadata": {"name": "odd"}, "spec": {"title": "Odd", "show": "stat"}}
        => 422 {"code": "widget-unclear", "field": "spec.stat"}
        POST /widgets {"metadata": {"name": "odd"}, "spec": {"title": "Odd", "show": "text", "text": "a", "stat": {"kind": "catalog.models"}}}
        => 422 {"code": "widget-unclear", "field": "spec.stat"}
        POST /widgets {"metadata": {"name": "odd"}, "spec": {"title": "Odd", "show": "table", "table": {"kind": "catalog.luck"}}}
        => 422 {"code": "unknown-kind", "field": "spec.table"}
        POST /widgets {"metadata": {"name": "odd"}, "spec": {"title": "Odd", "show": "table", "table": {"kind": "catalog.models", "filter": "spec.("}}}
        => 400 {"code": "bad-filter"}
        POST /widgets {"metadata": {"name": "odd"}, "spec": {"title": "Odd", "show": "table", "table": {"kind": "catalog.models", "columns": ["luck"]}}}
        => 422 {"code": "unknown-field"}

        POST /widgets {"metadata": {"name": "models"}, "spec": {"title": "Models", "show": "table",
            "table": {"kind": "catalog.models", "columns": ["metadata.name", "spec.description", "status.none"]}}}
        => 201 {"spec": {"refreshSeconds": 10, "table": {"limit": 20}}}
        GET /widgets/models/data
        => 200 {"title": "Models", "show": "table", "data": {"total": 1, "rows": [{"name": "churn", "cells": ["churn", "who leaves", null]}]}}
        POST /widgets {"metadata": {"name": "count"}, "spec": {"title": "How many", "show": "stat", "stat": {"kind": "catalog.models"}}}
        => 201
        GET /widgets/count/data
        => 200 {"data": {"value": 1, "partial": false}}
        POST /api/v1/catalog/models {"metadata": {"name": "fraud"}}
        => 201
        # What was read is shown again for a while, and anew to whoever asks for that.
        GET /widgets/count/data
        => 200 {"data": {"value": 1}}
        POST /widgets/count/refresh {}
        => 200 {"data": {"value": 2}}
        GET /widgets/count/data
        => 200 {"data": {"value": 2}}
        DELETE /api/v1/catalog/models/fraud
        => 200
        advance 11
        GET /widgets/count/data
        => 200 {"data": {"value": 1}}

        POST /widgets {"metadata": {"name": "loss"}, "spec": {"title": "Loss", "show": "series", "series": {"experiment": "churn", "metrics": ["loss"]}}}
        => 201
        GET /widgets/loss/data
        => 200 {"data": {"axis": "step", "charts": [{"metric": "loss", "curves": [{"run": "*", "points": "*"}, {"run": "*", "points": "*"}]}]}}
        POST /widgets {"metadata": {"name": "loss-of-one"}, "spec": {"title": "Loss", "show": "series", "series": {"runs": ["$one"], "metrics": ["loss"]}}}
        => 201
        GET /widgets/loss-of-one/data
        => 200 {"data": {"charts": [{"curves": [{"run": "$one", "points": [[0, "*", 0.5], [1, "*", 0.25]]}]}]}}
        POST /widgets {"metadata": {"name": "best"}, "spec": {"title": "Best", "show": "comparison", "comparison": {"experiment": "churn", "metric": "loss", "lowest": true}}}
        => 201
        GET /widgets/best/data
        => 200 {"data": {"runs": [{"name": "*"}, {"name": "*"}], "metrics": [{"key": "loss", "values": [0.1, 0.25], "differs": true}]}}
        POST /widgets {"metadata": {"name": "final"}, "spec": {"title": "Final loss", "show": "stat",
            "stat": {"kind": "catalog.runs", "aggregate": "mean", "field": "status.metrics.loss"}}}
        => 201
        # Only a run that has ended has final metrics.
        GET /widgets/final/data
        => 200 {"data": {"value": 0.25, "of": 1}}
        POST /widgets {"metadata": {"name": "note"}, "spec": {"title": "Read me", "show": "text", "text": "**new** runs <script>"}}
        => 201
        GET /widgets/note/data
        => 200 {"data": {"text": "**new** runs <script>"}}

        # Who may not read what a widget shows is told nothing of it.
        POST /widgets {"metadata": {"name": "people"}, "spec": {"title": "People", "show": "table", "table": {"kind": "admin.users"}}}
        => 201
        GET /widgets/people/data
        => 200 {"data": {"total": 3}}
        as $ada
        GET /widgets/people/data
        => 403 {"code": "forbidden"}
        POST /widgets/people/refresh {}
        => 403
        as $bob
        GET /widgets/models/data
        => 403
        as $admin

        POST /widgets/library {"metadata": {"name": "models"}, "spec": {"title": "Models", "widget": {"title": "Models", "show": "stat"}}}
        => 422 {"code": "widget-unclear"}
        POST /widgets/library {"metadata": {"name": "models"}, "spec": {"title": "Models", "widget": {"title": "Models", "show": "stat", "stat": {"kind": "catalog.models"}}}}
        => 201
        POST /library-widgets/models/use {"name": "taken"}
        => 200 {"name": "taken"}
        GET /widgets/taken/data
        => 200 {"data": {"value": 1}}
        GET /widgets/library
        => 200 {"items": [{"metadata": {"name": "models"}}]}
        DELETE /widgets/library/models
        => 200
        "#,
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in one go")]
fn a_dashboard_is_composed_duplicated_exported_and_taken_in() {
    play(
        r#"
        POST /widgets {"metadata": {"name": "count"}, "spec": {"title": "How many", "show": "stat", "stat": {"kind": "catalog.models"}}}
        => 201
        POST /dashboards {"metadata": {"name": "ours"}, "spec": {"title": "Ours", "items": [{"id": "a", "widget": "none"}]}}
        => 422 {"code": "bad-reference", "field": "spec.items[0].widget"}
        POST /dashboards {"metadata": {"name": "ours"}, "spec": {"title": "Ours", "items": [{"id": "a", "widget": "count", "width": 6}, {"id": "b", "widget": "count", "x": 3}]}}
        => 422 {"code": "bad-layout", "field": "spec.items[1]"}
        POST /dashboards {"metadata": {"name": "ours"}, "spec": {"title": "Ours", "items": [{"id": "a", "widget": "count", "width": 6}, {"id": "b", "widget": "count", "x": 6,
            "config": {"stat": {"kind": "catalog.luck"}}}]}}
        => 422 {"code": "unknown-kind"}
        POST /dashboards {"metadata": {"name": "ours"}, "spec": {"title": "Ours", "items": [{"id": "a", "widget": "count", "width": 6}, {"id": "b", "widget": "count", "x": 6}]}}
        => 201
        POST /widgets/count/instances/ours.b/config {"config": {"title": "Runs", "stat": {"kind": "catalog.runs"}}}
        => 200 {"widget": {"title": "Runs"}}
        POST /widgets/count/instances/ours.c/config {"config": {"title": "Runs"}}
        => 404
        POST /widgets/count/instances/ours.b/config {"config": {"show": "text"}}
        => 422 {"code": "widget-unclear"}
        GET /dashboards/ours/data
        => 200 {"title": "Ours", "items": [{"id": "a", "title": "How many", "data": {"value": 1}}, {"id": "b", "title": "Runs", "data": {"value": 2}}]}
        GET /widgets/count/data?instance=ours.b
        => 200 {"title": "Runs", "data": {"value": 2}}

        POST /dashboards/ours/duplicate {"name": "theirs"}
        => 201 {"spec": {"items": ["*", "*"]}}
        POST /dashboards/ours/export {}
        => 200 {"format": "aic.dashboard/1", "name": "ours", "spec": {"items": [{"id": "a", "widget": {"title": "How many"}}, {"id": "b", "widget": {"title": "Runs", "stat": {"kind": "catalog.runs"}}}]}}
        POST /dashboards/import {"format": "something", "name": "in", "spec": {}}
        => 422 {"code": "unsupported-format"}
        POST /dashboards/import {"format": "aic.dashboard/1", "name": "in", "spec": {"items": [{"id": "a", "widget": {"title": "A", "show": "text"}}]}}
        => 422 {"code": "widget-unclear", "field": "spec.items[0].widget.text"}
        GET /dashboards/in
        => 404
        POST /dashboards/import {"format": "aic.dashboard/1", "name": "in", "spec": {"title": "In", "items": [{"id": "a", "widget": {"title": "A", "show": "text", "text": "hello"}}]}}
        => 200 {"name": "in", "spec": {"items": [{"id": "a", "widget": "in.a"}]}}
        GET /dashboards/in/data
        => 200 {"items": [{"title": "A", "data": {"text": "hello"}}]}
        # Half an import is none: its second widget has the name of one there is.
        POST /widgets {"metadata": {"name": "half.b"}, "spec": {"title": "B", "show": "text", "text": "b"}}
        => 201
        POST /dashboards/import {"format": "aic.dashboard/1", "name": "half", "spec": {"items": [
            {"id": "a", "widget": {"title": "A", "show": "text", "text": "a"}}, {"id": "b", "x": 4, "widget": {"title": "B", "show": "text", "text": "b"}}]}}
        => 409 {"code": "already-exists"}
        GET /dashboards/half
        => 404
        GET /widgets/half.a
        => 404
        # Its widgets go with it.
        DELETE /dashboards/in
        => 200
        GET /widgets/in.a
        => 404

        GET /api/v1/admin/dashboard/config
        => 200 {"from": "none", "config": null}
        POST /dashboards {"metadata": {"name": "default"}, "spec": {"title": "Everybody's"}}
        => 201
        as $ada
        GET /dashboards/config
        => 200 {"from": "project", "config": {"title": "Everybody's"}}
        PUT /api/v1/admin/dashboard/config {"title": "Mine"}
        => 200 {"from": "own", "name": "user-ada"}
        GET /dashboards/config
        => 200 {"from": "own", "config": {"title": "Mine"}}
        as $bob
        GET /dashboards/config
        => 200 {"from": "none"}
        # Who may not read a widget learns nothing of it by putting it somewhere.
        POST /dashboards/config {"title": "Mine", "items": [{"id": "a", "widget": "count"}]}
        => 422 {"code": "bad-reference", "field": "items[0].widget"}
        POST /dashboards/config {"title": "Mine", "items": [{"id": "a", "widget": "nothing"}]}
        => 422 {"code": "bad-reference", "field": "items[0].widget"}
        as $admin
        PUT /api/v1/admin/dashboard/widgets/count {"spec": {"title": "Models", "show": "stat", "stat": {"kind": "catalog.models"}}}
        => 200 {"metadata": {"name": "count"}}
        GET /api/v1/rag/monitoring/dashboards/ours/export
        => 200 {"format": "aic.dashboard/1"}
        "#,
    );
}

#[test]
fn a_layout_places_items_so_that_none_overlaps() {
    play(
        r#"
        POST /layouts {"metadata": {"name": "wide"}, "spec": {"columns": 4, "places": [{"id": "a", "x": 3, "width": 2}]}}
        => 422 {"code": "bad-layout", "field": "spec.places[0]"}
        POST /layouts {"metadata": {"name": "wide"}, "spec": {"columns": 4, "breakpoints": [{"name": "phone", "minWidth": 0, "columns": 1}],
            "places": [{"id": "a", "width": 2, "height": 1}, {"id": "b", "x": 2, "width": 2, "height": 2}]}}
        => 201
        GET /layouts/grid/wide
        => 200 {"rows": 2, "screens": [{"name": "phone", "places": [{"id": "a", "y": 0}, {"id": "b", "y": 1}]}]}
        GET /layouts/wide/grid?screen=tablet
        => 404
        PUT /layouts/grid/wide {"places": [{"id": "a", "width": 3, "height": 1}, {"id": "b", "x": 2, "y": 0, "width": 2, "height": 2}]}
        => 200 {"places": [{"id": "a", "y": 0}, {"id": "b", "y": 1}], "rows": 3}
        POST /layouts/wide/preview {"items": [{"id": "b"}, {"id": "new", "width": 4, "height": 2}]}
        => 200 {"places": [{"id": "b", "x": 2, "y": 0, "width": 2}, {"id": "new", "y": 2}]}
        POST /layouts/grid/calculate {"columns": 12, "places": [{"id": "a", "y": 7, "width": 6}, {"id": "b", "y": 9, "x": 5, "width": 6}]}
        => 200 {"rows": 8, "places": [{"id": "a", "y": 0}, {"id": "b", "y": 4}]}
        POST /layouts/grid/calculate {"places": [{"id": "a"}, {"id": "a"}]}
        => 422 {"code": "bad-layout", "field": "places[1].id"}
        PUT /api/v1/admin/dashboard/layouts/wide {"spec": {"columns": 6}}
        => 200 {"spec": {"columns": 6, "places": []}}
        "#,
    );
}

#[test]
fn a_template_makes_what_fits_its_parameters() {
    play(
        r#"
        POST /templates {"metadata": {"name": "runs-of"}, "spec": {"title": "Runs of an experiment", "makes": "dashboard", "body": {"title": "${experiment}"}}}
        => 422 {"code": "bad-parameter"}
        POST /templates {"metadata": {"name": "runs-of"}, "spec": {"title": "Runs of an experiment", "makes": "dashboard",
            "parameters": [{"name": "experiment"}, {"name": "limit", "type": "integer", "default": 5, "min": 1, "max": 200}],
            "body": {"title": "Runs of ${experiment}", "items": [
                {"id": "loss", "width": 12, "widget": {"title": "Loss", "show": "series", "series": {"experiment": "${experiment}", "metrics": ["loss"]}}},
                {"id": "runs", "y": 4, "width": 12, "widget": {"title": "Runs", "show": "table",
                    "table": {"kind": "catalog.runs", "filter": "spec.experiment = ${experiment}", "limit": "${limit}"}}}]}}}
        => 201
        POST /templates/runs-of/use {"name": "mine", "values": {}}
        => 422 {"code": "bad-parameter", "field": "values.experiment"}
        POST /templates/runs-of/use {"name": "mine", "values": {"experiment": "churn", "limit": "many"}}
        => 422 {"code": "bad-parameter", "field": "values.limit"}
        GET /templates/runs-of/preview?values=%7B%22experiment%22%3A%22churn%22%7D
        => 200 {"makes": "dashboard", "spec": {"title": "Runs of churn", "items": ["*", {"widget": {"table": {"limit": 5, "filter": "spec.experiment = \"churn\""}}}]}}
        POST /templates/runs-of/use {"name": "mine", "values": {"experiment": "churn"}}
        => 200 {"kind": "views.dashboards", "name": "mine", "project": "default"}
        GET /dashboards/mine/data
        => 200 {"title": "Runs of churn", "items": [{"id": "loss", "data": "*"}, {"id": "runs", "data": {"total": 2}}]}
        POST /templates/runs-of/fork {"name": "my-runs-of", "title": "My runs"}
        => 200 {"forkedFrom": "runs-of"}
        # What is forked is one's own: the first one stays as it is.
        GET /templates/runs-of
        => 200 {"spec": {"title": "Runs of an experiment"}}
        as $bob
        POST /templates/runs-of/use {"name": "his", "values": {"experiment": "churn"}}
        => 403
        "#,
    );
}

#[test]
fn a_component_is_published_when_it_passes_its_own_examples() {
    play(
        r#"
        POST /components {"metadata": {"name": "counter"}, "spec": {"title": "Counter", "definition": {"parameters": [{"name": "kind"}],
            "widget": {"title": "How many of ${kind}", "show": "stat", "stat": {"kind": "${kind}"}}}}}
        => 201
        POST /components/counter/publish {}
        => 409 {"code": "component-broken"}
        PATCH /components/counter {"spec": {"examples": [{"title": "of nothing", "parameters": {"kind": "catalog.luck"}}]}}
        => 200
        POST /components/counter/test {}
        => 200 {"passed": false, "examples": [{"title": "of nothing", "passed": false, "code": "unknown-kind"}]}
        POST /components/counter/publish {}
        => 409 {"code": "component-broken"}
        POST /components/marketplace/counter/install {}
        => 409 {"code": "component-unpublished"}
        PATCH /components/counter {"spec": {"docs": "Give it a kind.", "examples": [{"parameters": {"kind": "catalog.models"}}]}}
        => 200
        POST /components/counter/test {}
        => 200 {"passed": true, "schema": {"required": ["kind"]}}
        POST /components/counter/publish {}
        => 200 {"published": true, "version": "1.0.0"}

        as $ada
        POST /widgets {"metadata": {"name": "w"}, "spec": {"title": "W", "show": "component", "component": "counter", "parameters": {"kind": "catalog.models"}}}
        => 422 {"code": "bad-reference", "field": "spec.component"}
        POST /components/marketplace/counter/install {}
        => 200 {"project": "default", "version": "1.0.0", "digest": "*"}
        POST /widgets {"metadata": {"name": "w"}, "spec": {"title": "W", "show": "component", "component": "counter", "parameters": {"kind": 5}}}
        => 422 {"code": "bad-parameter"}
        POST /widgets {"metadata": {"name": "w"}, "spec": {"title": "W", "show": "component", "component": "counter", "parameters": {"kind": "catalog.models"}}}
        => 201
        GET /widgets/w/data
        => 200 {"data": {"show": "stat", "title": "How many of catalog.models", "data": {"value": 1}}}
        DELETE /component-installations/counter
        => 409 {"code": "not-empty"}
        POST /components/marketplace/counter/rate {"rating": 3}
        => 422
        as $admin
        POST /components/marketplace/counter/rate {"stars": 3}
        => 200 {"rating": 3, "ratings": 1}
        POST /components/marketplace/counter/rate {"stars": 5}
        => 200 {"rating": 5, "ratings": 1}
        GET /components/marketplace?q=count
        => 200 {"items": [{"name": "counter", "rating": 5, "installs": 1, "installed": true, "by": "user:admin"}]}
        GET /components/marketplace?q=clock
        => 200 {"items": []}
        # What is installed stays as it was taken, whatever becomes of the component.
        PATCH /components/counter {"spec": {"definition": {"widget": {"title": "Changed", "show": "text", "text": "${kind}", "stat": null}}}}
        => 200
        GET /widgets/w/data
        => 200 {"data": {"title": "How many of catalog.models"}}
        GET /components/counter/bundle
        => 200 {"format": "aic.component/1", "version": "1.0.0", "digest": "*", "definition": {"widget": {"title": "How many of ${kind}"}}}
        GET /components/counter/docs
        => 200 {"docs": "Give it a kind.", "parameters": [{"name": "kind"}]}
        POST /components/counter/withdraw {}
        => 200
        GET /components/marketplace
        => 200 {"items": []}
        "#,
    );
}
