//! An approval: one person's word that an object may go on.

use kernel::prelude::*;

use crate::facts;

/// What approvals serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Approval>) -> KindBuilder<Approval> {
    kind.also_at("catalog/governance/approvals").without(&["update", "clone", "import"]).admit(given)
}

/// One person's word that an object may go on.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "approval", prefix = "gap")]
pub struct Approval {
    /// The kind of the object, as `catalog.model-versions`.
    #[field(max = 100, immutable, example = "catalog.model-versions")]
    pub kind: String,
    /// Its name.
    #[field(max = 253, indexed, immutable)]
    pub object: String,
    /// Why.
    #[field(max = 2000)]
    pub note: Option<String>,
    /// Whose word it is, as `user:ada`; found when it is given.
    #[field(indexed, immutable)]
    pub who: Option<String>,
    /// The object's uid; found when it is given.
    #[field(indexed, immutable)]
    pub uid: Option<String>,
}

async fn given(cx: Cx, mut it: Object<Approval>, old: Option<Object<Approval>>) -> Result<Object<Approval>> {
    if old.is_some() {
        return Ok(it);
    }
    let spec = &mut it.spec;
    if !facts::KINDS.contains(&spec.kind.as_str()) {
        return Err(Error::invalid("unknown-value", "this kind is not governed")
            .at("spec.kind")
            .hint(format!("the kinds are: {}", facts::KINDS.join(", "))));
    }
    // Nobody approves what they may not see.
    if !cx.decide(&format!("{}.get", spec.kind), &cx.project).await?.allowed {
        return Err(Error::invalid("bad-reference", "there is no such object here").at("spec.object"));
    }
    let raw = cx
        .read(&spec.kind, &spec.object)
        .await
        .map_err(|_| Error::invalid("bad-reference", "there is no such object here").at("spec.object"))?;
    let who = cx.principal.actor();
    spec.object = raw.metadata.name;
    spec.uid = Some(raw.metadata.uid.to_string());
    spec.who = Some(who.clone());
    // One of each person for each object.
    let digest = Digest::of(format!("{who} {}", raw.metadata.uid).as_bytes()).to_string();
    it.metadata.name = format!("approval-{}", &digest[..16]);
    Ok(it)
}
