//! An assignment: what a policy is about.

use kernel::prelude::*;

use crate::policy::Policy;

/// What assignments serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Assignment>) -> KindBuilder<Assignment> {
    kind.child_of("governance-policies", "policy").also_at("catalog/governance/policies/assignments")
}

/// What a policy is about.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "policy-assignment", prefix = "gas", scope = "organization")]
pub struct Assignment {
    /// The policy.
    #[field(reference = "catalog.governance-policies", indexed, immutable)]
    pub policy: Ref,
    /// Only in this project; in every one of the organization when not given.
    #[field(max = 253, indexed)]
    pub project: Option<String>,
    /// Only objects of this name, with `*` for any text; all when not given.
    #[field(max = 253)]
    pub object: Option<String>,
}

impl Assignment {
    /// Whether an object of a project is meant.
    pub fn covers(&self, project: &str, object: &str) -> bool {
        self.project.as_ref().is_none_or(|it| it == project)
            && self.object.as_ref().is_none_or(|pattern| crate::fits(pattern, object))
    }
}

/// What to assign it to.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct To {
    /// Only in this project.
    #[field(max = 253)]
    pub project: Option<String>,
    /// Only objects of this name, with `*` for any text.
    #[field(max = 253)]
    pub object: Option<String>,
}

fn name(policy: &str, to: &To) -> String {
    let told = json!([to.project, to.object]).to_string();
    format!("{policy}.a{}", &Digest::of(told.as_bytes()).to_string()[..12])
}

/// Assigns the policy.
pub async fn assign(cx: Cx, it: Object<Policy>, ask: To) -> Result<Value> {
    let name = name(it.name(), &ask);
    let spec = Assignment { policy: Ref::to(it.name()), project: ask.project, object: ask.object };
    let kind = cx.platform().kind("catalog.governance-policies")?;
    let mut draft = Draft::new(&name, spec);
    draft.owners.push(cx.read("catalog.governance-policies", it.name()).await?.owner(&kind));
    match cx.doing("assign").create(draft).await {
        Err(error) if error.code() != "already-exists" => Err(error),
        _ => Ok(json!({"assignment": name})),
    }
}

/// Takes an assignment back.
pub async fn unassign(cx: Cx, it: Object<Policy>, ask: To) -> Result<Value> {
    let name = name(it.name(), &ask);
    let there = cx.get::<Assignment>(&name).await?;
    cx.doing("unassign").delete::<Assignment>(there.metadata.uid.as_str()).await?;
    Ok(json!({"assignment": name}))
}
