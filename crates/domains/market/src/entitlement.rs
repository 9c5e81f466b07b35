//! The right behind a subscription: a policy that lets the members of one project read and run a model of another.
//!
//! The members are whom grants give a role in the subscriber's project, and whoever subscribed. The policy follows
//! the grants, and goes with the subscription.

use std::collections::BTreeMap;

use kernel::{
    access::Principal,
    declare::Body,
    dispatch::{Call, Verb, call},
    journal::Change,
    prelude::*,
};

use crate::{listing::Listing, subscription::Subscription};

/// The kind that says who may.
const POLICIES: &str = "admin.policies";
/// The kind that says who belongs to a project.
const GRANTS: &str = "admin.grants";
/// What a subscription lets one do with the model.
const PERMISSIONS: [&str; 5] = [
    "catalog.models.get",
    "catalog.models.predict",
    "catalog.model-versions.get",
    "catalog.model-versions.list",
    "catalog.model-versions.download",
];
/// The most subjects a policy names.
const SUBJECTS_MAX: usize = 100;

/// The policy of a listing for a project.
pub fn policy_name(listing: &str, project: &str) -> String {
    format!("market.{listing}.{project}")
}

/// The platform, which keeps these policies: who subscribes need not have the right to write policies by hand.
fn platform(cx: &Cx) -> Cx {
    cx.platform().cx_of(Principal::system("market", &cx.org), &cx.project)
}

async fn members(cx: &Cx, spec: &Subscription) -> Result<Vec<String>> {
    let filter = format!("spec.project = {}", kernel::literal(&spec.project));
    let mut members = vec![spec.who.clone()];
    for grant in cx.list_raw(GRANTS, &filter, 1000).await? {
        if let Some(subject) = grant.spec.get("subject").and_then(Value::as_str)
            && !members.iter().any(|it| it == subject)
        {
            members.push(subject.to_owned());
        }
    }
    if members.len() > SUBJECTS_MAX {
        let message = format!("project `{}` grants roles to more than {SUBJECTS_MAX} subjects", spec.project);
        return Err(Error::conflict("too-many-items", message).hint("grant roles to groups"));
    }
    Ok(members)
}

async fn write(cx: &Cx, verb: Verb, id: Option<String>, body: Body) -> Result<()> {
    let asked = Call {
        kind: cx.platform().kind(POLICIES)?,
        verb,
        id,
        parent: None,
        params: BTreeMap::new(),
        body,
        if_match: None,
    };
    call(platform(cx), asked).await.map(|_| ())
}

fn policy(listing: &Object<Listing>, spec: &Subscription, members: &[String]) -> Value {
    let model = &listing.spec.model;
    json!({
        "metadata": {"name": spec.policy},
        "spec": {
            "description": format!("the subscription of project {} to the listing {}", spec.project, listing.name()),
            "effect": "permit",
            "subjects": members,
            "permissions": PERMISSIONS,
            "project": listing.spec.project,
            "objects": [model, format!("{model}.*")],
        },
    })
}

/// Lets the members in.
pub async fn begin(cx: &Cx, it: &Object<Listing>, spec: &Subscription) -> Result<()> {
    let body = Body::Json(policy(it, spec, &members(cx, spec).await?));
    match write(cx, Verb::Create, None, body).await {
        Err(error) if error.code() == "already-exists" => renew(cx, it, spec).await,
        other => other,
    }
}

async fn renew(cx: &Cx, it: &Object<Listing>, spec: &Subscription) -> Result<()> {
    let body = Body::Json(policy(it, spec, &members(cx, spec).await?));
    write(cx, Verb::Replace, Some(spec.policy.clone()), body).await
}

/// Lets nobody in any more.
pub async fn end(cx: &Cx, it: &Object<Subscription>) -> Result<()> {
    match write(cx, Verb::Delete, Some(it.spec.policy.clone()), Body::Empty).await {
        Err(error) if error.code() == "not-found" => Ok(()),
        other => other,
    }
}

/// Follows the grants: whoever comes to a project or leaves it gains or loses what it subscribed to.
pub async fn follow(cx: Cx, change: Change) -> Result<()> {
    if change.is_emptied() {
        // A later change tells of the grant.
        return Ok(());
    }
    let kind = cx.platform().kind(GRANTS)?;
    let grant = kernel::read::raw_at(&kind, &change)?;
    let Some(project) = grant.spec.get("project").and_then(Value::as_str) else { return Ok(()) };
    let filter = format!("spec.project = {}", kernel::literal(project));
    for it in cx.list::<Subscription>(&filter, 1000).await? {
        if let Some(listing) = cx.get_opt::<Listing>(&it.spec.listing).await? {
            renew(&cx, &listing, &it.spec).await?;
        }
    }
    Ok(())
}
