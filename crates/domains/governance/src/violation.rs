//! A violation: an object that was found not to fit a policy, on record until it does.

use kernel::prelude::*;

/// What violations serve beyond the verbs every kind has; they are made by evaluating.
pub fn serve(kind: KindBuilder<Violation>) -> KindBuilder<Violation> {
    kind.child_of("governance-policies", "policy")
        .also_at("catalog/governance/violations")
        .without(&["create", "update", "clone", "import"])
}

/// An object that was found not to fit a policy.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "violation", prefix = "gvi", scope = "organization", status = "Status")]
pub struct Violation {
    /// The policy.
    #[field(reference = "catalog.governance-policies", indexed, immutable)]
    pub policy: Ref,
    /// The kind of the object.
    #[field(indexed, immutable)]
    pub kind: String,
    /// Its project.
    #[field(indexed, immutable)]
    pub project: String,
    /// Its name.
    #[field(indexed, immutable)]
    pub object: String,
    /// Its uid.
    #[field(indexed, immutable)]
    pub uid: String,
}

/// How a violation is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Status {
    /// Whether it still does not fit.
    #[field(indexed, default = false)]
    pub open: bool,
    /// Why.
    pub message: String,
    /// When it was found first since it last did fit.
    pub since: Option<Time>,
    /// When it was found to fit again.
    pub resolved: Option<Time>,
}

fn name(policy: &str, uid: &Uid) -> String {
    format!("{policy}.{}", uid.as_str().replace('_', "-").to_lowercase())
}

/// Records that an object does not fit, or that it does again. Answers whether anything changed.
pub async fn record(cx: &Cx, policy: &str, raw: &Raw, why: Option<&str>) -> Result<bool> {
    let name = name(policy, &raw.metadata.uid);
    let now = cx.now();
    match (cx.get_opt::<Violation>(&name).await?, why) {
        (None, None) => Ok(false),
        (Some(there), None) if !there.status.open => Ok(false),
        (Some(there), None) => {
            cx.update_status::<Violation>(there.metadata.uid.as_str(), |status| {
                status.open = false;
                status.resolved = Some(now);
            })
            .await?;
            Ok(true)
        }
        (Some(there), Some(why)) if there.status.open && there.status.message == why => Ok(false),
        (Some(there), Some(why)) => {
            cx.update_status::<Violation>(there.metadata.uid.as_str(), |status| {
                if !status.open {
                    status.since = Some(now);
                }
                status.open = true;
                status.resolved = None;
                why.clone_into(&mut status.message);
            })
            .await?;
            Ok(true)
        }
        (None, Some(why)) => {
            let spec = Violation {
                policy: Ref::to(policy),
                kind: raw.kind.clone(),
                project: raw.metadata.namespace.clone(),
                object: raw.metadata.name.clone(),
                uid: raw.metadata.uid.to_string(),
            };
            let status = Status { open: true, message: why.to_owned(), since: Some(now), resolved: None };
            cx.create(Draft::new(name, spec).with_status(status)).await?;
            Ok(true)
        }
    }
}
