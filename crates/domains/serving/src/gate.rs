//! Asks before a version is put into service whether anything stands in the way: a quarantine, an enforced policy.

use kernel::{access::Principal, prelude::*};

use crate::endpoint::{Desired, Endpoint};

/// The kind of versions of models.
pub const VERSIONS: &str = "catalog.model-versions";

/// Refuses what quarantine or policies refuse of putting a version into service.
pub async fn pass(cx: &Cx, version: &str) -> Result<()> {
    // Who deploys need not be allowed to read what the gate looks at.
    let inside = cx.platform().cx_of(Principal::system("governance", &cx.org), &cx.project);
    match inside.call_action(VERSIONS, Some(version), "clear", json!({"event": "deploy"})).await {
        Err(error) if error.code() == "not-found" => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Holds a version that is put into service against quarantine and policies.
pub async fn deployed(
    cx: Cx,
    it: Object<Endpoint>,
    old: Option<Object<Endpoint>>,
) -> Result<Object<Endpoint>> {
    let serves = |it: &Object<Endpoint>| it.spec.desired == Desired::Serving;
    let same = old.is_some_and(|old| old.spec.model_version == it.spec.model_version && serves(&old));
    if let Some(version) = it.spec.model_version.as_ref().filter(|_| serves(&it) && !same) {
        pass(&cx, version).await?;
    }
    Ok(it)
}
