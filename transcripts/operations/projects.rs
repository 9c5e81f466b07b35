//! Projects: members, environments, quotas and budgets.

use std::sync::Arc;

use domain_serving::Serving;
use testing::Stage;

use super::{PEOPLE, play, prepared};

#[test]
fn members_and_environments_of_a_project() {
    play(
        r#"
        POST /projects {"metadata": {"name": "lab"}}
        => 201
        POST /projects/lab/members {"subject": "user:ada", "role": "viewer"}
        => 200
        POST /projects/lab/members {"subject": "user:ada", "role": "editor"}
        => 200
        DELETE /projects/lab/members/user:eve
        => 404 {"code": "not-found", "field": "subject"}
        DELETE /projects/lab/members/user:ada
        => 200 {"items": []}
        GET /projects/lab/members
        => 200 {"items": []}

        POST /projects/lab/environments {"metadata": {"name": "lab.prod"}, "spec": {"stage": "production", "protected": true}}
        => 201 {"spec": {"project": "lab"}}
        POST /projects/lab/environments {"metadata": {"name": "lab.dev"}}
        => 201 {"spec": {"stage": "development", "protected": false}}
        POST /projects/nowhere/environments {"metadata": {"name": "nowhere.dev"}}
        => 404
        GET /projects/lab/environments
        => 200 {"items": ["*", "*"]}
        GET /projects/default/environments
        => 200 {"items": []}
        DELETE /projects/lab/environments/prod
        => 409 {"code": "environment-protected"}
        PUT /projects/lab/environments/prod {"spec": {"project": "lab", "stage": "production", "protected": false}}
        => 200
        DELETE /projects/lab/environments/prod
        => 200
        as $ada
        GET /projects/lab/environments
        => 403
        "#,
    );
}

/// With the service `catalog`, so that there is something to count and to spend on.
fn whole() -> Stage {
    let ports = testing::engines().with(Arc::new(Serving::default()));
    prepared(ports)
        .and(domain_catalog::domain())
        .and(domain_serving::domain())
        .with_file("rows.csv", b"x,y\n1,a\n2,b\n3,a\n4,b\n")
}

#[test]
fn a_quota_is_never_exceeded() {
    whole().play(&format!(
        "{PEOPLE}{}",
        r#"
        PUT /projects/default/quota {"limits": {"catalog.models": 2}}
        => 200 {"items": [{"kind": "catalog.models", "used": 0, "limit": 2}]}
        PUT /projects/default/quota {"limits": {"catalog.dreams": 2}}
        => 422 {"code": "kind-not-counted", "field": "limits.catalog.dreams"}
        PUT /projects/default/quota {"limits": {"admin.users": 2}}
        => 422 {"code": "kind-not-counted"}
        POST /api/v1/catalog/models {"metadata": {"name": "one"}}
        => 201
        POST /api/v1/catalog/models {"metadata": {"name": "two"}}
        => 201
        POST /api/v1/catalog/models {"metadata": {"name": "three"}}
        => 403 {"code": "quota-exceeded"}
        # Another project has room of its own, and what is in the trash takes none.
        POST /projects {"metadata": {"name": "lab"}}
        => 201
        POST /api/v1/catalog/models?project=lab {"metadata": {"name": "three"}}
        => 201
        DELETE /api/v1/catalog/models/one
        => 200
        POST /api/v1/catalog/models {"metadata": {"name": "three"}}
        => 201
        POST /api/v1/catalog/models/one/restore {}
        => 403 {"code": "quota-exceeded"}
        GET /projects/default/quota
        => 200 {"items": [{"used": 2, "limit": 2}]}
        GET /projects/default/resources
        => 200 {"allowed": {"trainingSeconds": null}, "items": [{"kind": "catalog.models", "used": 2, "limit": 2}]}
        PUT /projects/default/quota {"limits": {}}
        => 200 {"items": []}
        POST /api/v1/catalog/models {"metadata": {"name": "four"}}
        => 201
        as $ada
        PUT /projects/default/quota {"limits": {}}
        => 403
        DELETE /quotas/default
        => 403
        "#
    ));
}

const RAISING: &str = r#"
        GET /projects/default/budget
        => 200 {"exists": false}
        POST /projects/default/budget/request {"amount": 5, "reason": "x"}
        => 409 {"code": "budget-missing"}
        PUT /projects/default/budget {"limit": 100, "approvers": [{"subject": "finance", "limit": 50}]}
        => 422 {"code": "bad-subject", "field": "approvers[0].subject"}
        PUT /projects/default/budget {"limit": 100, "approvers": [{"subject": "user:ada", "limit": 50}, {"subject": "user:admin", "limit": 1000}]}
        => 200 {"limit": 100, "left": 100, "spent": 0}
        PUT /projects/default/budget {"limit": 200}
        => 409 {"code": "raise-needs-approval", "field": "limit"}
        # Somebody asks, and somebody else who may approves; both are on record.
        POST /projects/default/budget/request {"amount": 60, "reason": "a larger table"}
        => 200 {"id": 1, "state": "pending", "by": "user:admin"}
        POST /projects/default/budget/approve {"request": 1}
        => 403 {"code": "second-person-needed"}
        POST /roles {"metadata": {"name": "approver"}, "spec": {"permissions": ["admin.budgets.*"]}}
        => 201
        POST /users/ada/roles {"role": "approver"}
        => 200
        POST /users {"metadata": {"name": "eve"}, "spec": {"password": "long enough"}}
        => 201
        POST /users/eve/roles {"role": "approver"}
        => 200
        POST /auth/login {"username": "eve", "password": "long enough"}
        => 200 {"accessToken": "$eve"}
        as $eve
        POST /projects/default/budget/approve {"request": 1}
        => 403 {"code": "not-an-approver"}
        as $ada
        POST /projects/default/budget/approve {"request": 1}
        => 403 {"code": "approver-limit"}
        POST /projects/default/budget/approve {"request": 9}
        => 404
        POST /projects/default/budget/reject {"request": 1, "note": "too much"}
        => 200 {"state": "rejected", "decidedBy": "user:ada", "note": "too much"}
        POST /projects/default/budget/approve {"request": 1}
        => 409 {"code": "already-decided"}
        as $admin
        POST /projects/default/budget/request {"amount": 50, "reason": "a table"}
        => 200 {"id": 2}
        as $ada
        POST /projects/default/budget/approve {"request": 2}
        => 200 {"state": "approved"}
        GET /projects/default/budget
        => 200 {"limit": 150, "left": 150, "requests": [{"state": "rejected"}, {"state": "approved", "by": "user:admin", "decidedBy": "user:ada"}]}
        # An approver's own wish needs another approver.
        POST /projects/default/budget/request {"amount": 1, "reason": "mine"}
        => 200 {"id": 3}
        POST /projects/default/budget/approve {"request": 3}
        => 403 {"code": "second-person-needed"}
        POST /projects/default/budget/reject {"request": 3}
        => 200 {"state": "rejected"}
        as $admin
        PUT /projects/default/budget {"limit": 0}
        => 200 {"limit": 50, "approvers": []}
"#;

#[test]
fn raising_a_budget_takes_two_people() {
    play(RAISING);
}

#[test]
fn work_that_may_cost_too_much_is_not_begun() {
    whole().play(&format!(
        "{PEOPLE}{}",
        r#"
        POST /api/v1/catalog/datasets {"metadata": {"name": "rows"}}
        => 201
        POST /api/v1/catalog/datasets/rows/upload?filename=rows.csv [content-type: text/csv] < rows.csv
        => 200
        PUT /projects/default/resources {"trainingSeconds": 30}
        => 200 {"allowed": {"trainingSeconds": 30}}
        POST /api/v1/system/training/jobs {"metadata": {"name": "long"}, "spec": {"dataset": "rows", "target": "y", "budgetSeconds": 31}}
        => 409 {"code": "resources-exceeded", "field": "spec.budgetSeconds"}
        PUT /projects/default/budget {"limit": 20, "prices": {"trainingSecond": 2}}
        => 200 {"left": 20}
        POST /api/v1/system/training/jobs {"metadata": {"name": "dear"}, "spec": {"dataset": "rows", "target": "y", "budgetSeconds": 11}}
        => 409 {"code": "budget-exceeded"}
        POST /budgets/reserve {"key": "one", "seconds": 6, "lasts": 60}
        => 200
        GET /projects/default/budget
        => 200 {"left": 8, "reserved": 12, "spent": 0}
        POST /budgets/reserve {"key": "two", "seconds": 5, "lasts": 60}
        => 409 {"code": "budget-exceeded"}
        # It took two seconds; told twice, it is paid once.
        POST /budgets/settle {"key": "one", "on": "training", "seconds": 2}
        => 200
        POST /budgets/settle {"key": "one", "on": "training", "seconds": 2}
        => 200
        GET /projects/default/budget
        => 200 {"left": 16, "reserved": 0, "spent": 4, "spentOn": {"training": 4}}
        # What is never settled is given back.
        POST /budgets/reserve {"key": "lost", "seconds": 8, "lasts": 60}
        => 200
        POST /budgets/reserve {"key": "next", "seconds": 1, "lasts": 60}
        => 409 {"code": "budget-exceeded"}
        advance 61
        GET /projects/default/budget
        => 200 {"left": 16, "reserved": 0}
        # Nothing is paid beyond what was set aside.
        POST /budgets/reserve {"key": "next", "seconds": 1, "lasts": 60}
        => 200
        POST /budgets/settle {"key": "next", "on": "training", "seconds": 1000}
        => 200
        GET /projects/default/budget
        => 200 {"left": 14, "spent": 6}
        as $ada
        POST /budgets/settle {"key": "next", "on": "training", "seconds": 1000}
        => 403
        "#
    ));
}
