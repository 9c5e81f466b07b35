//! An erasure: a user and what is kept about them is gone for good, and this is the receipt (GDPR article 17).
//!
//! Objects are purged. What they said of the person in the journal and in backups was sealed under a key of each
//! object, and the keys are destroyed. What was done stays in the journal under the user's name, which is all it
//! says: who keeps records of an AI system's operation must keep them (EU AI Act articles 12 and 19).

use kernel::prelude::*;

use crate::personal_data::{self, Found};

/// What erasures serve beyond reading: they are made by erasing, and stay.
pub fn serve(kind: KindBuilder<Erasure>) -> KindBuilder<Erasure> {
    kind.without(&["create", "update", "delete", "clone", "import"]).action_on_all(
        "erase",
        "Erases a user and what is kept about them; answers the receipt.",
        erase,
    )
}

/// A receipt.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "erasure", prefix = "era", scope = "organization")]
pub struct Erasure {
    /// The user's uid, which tells nothing of the person.
    #[field(indexed)]
    pub subject: String,
    /// Why.
    #[field(max = 500)]
    pub reason: String,
    /// Who erased.
    pub by: String,
    /// What was purged.
    pub removed: Vec<Removed>,
    /// The objects whose keys were destroyed, so that their data is gone from the journal and all backups.
    pub shredded: Vec<String>,
    /// What stays, and why.
    pub kept: Vec<Kept>,
}

/// What was purged of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Removed {
    /// The kind.
    pub kind: String,
    /// How many objects.
    pub count: u64,
}

/// Something that stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Kept {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Whom to erase, and why.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Asked {
    /// The user, by name or uid.
    #[field(max = 253, example = "ada")]
    user: String,
    /// Why: it stands in the receipt.
    #[field(min = 5, max = 500, example = "request of the person, ticket 4711")]
    reason: String,
}

/// How many holds are looked at.
const HOLDS_MAX: u32 = 1_000;

async fn erase(cx: Cx, ask: Asked) -> Result<Value> {
    let Found { user, objects } = personal_data::find(&cx, &ask.user).await?;
    for hold in cx.list::<crate::legal_hold::LegalHold>("", HOLDS_MAX).await? {
        if hold.spec.concerns(&user) {
            return Err(Error::conflict(
                "on-hold",
                format!("`legal-hold/{}` says to keep this", hold.name()),
            )
            .hint("erase after the hold was lifted"));
        }
    }
    // First what refuses: the last administrator stays, and then nothing has happened yet.
    let delete = async |raw: &Raw| cx.purge(raw).await;
    delete(&user).await?;
    let mut removed: Vec<Removed> = vec![Removed { kind: user.kind.clone(), count: 1 }];
    let mut shredded = Vec::new();
    for raw in objects.iter().filter(|raw| raw.kind != "admin.policies") {
        delete(raw).await?;
        match removed.iter_mut().find(|it| it.kind == raw.kind) {
            Some(it) => it.count += 1,
            None => removed.push(Removed { kind: raw.kind.clone(), count: 1 }),
        }
    }
    let store = &cx.platform().store;
    for raw in std::iter::once(&user).chain(&objects) {
        let kind = cx.platform().kind(&raw.kind)?;
        let is_personal = kind.fields.iter().chain(kind.status).any(|field| field.personal);
        if is_personal && store.shred(&raw.metadata.uid).await? {
            shredded.push(format!("{}/{}", raw.kind, raw.metadata.uid));
        }
    }
    let receipt = Erasure {
        subject: user.metadata.uid.to_string(),
        reason: ask.reason,
        by: cx.principal.signature(),
        removed,
        shredded,
        kept: kept(&user, &objects),
    };
    let name = format!("era-{}", cx.uid("x").as_str().trim_start_matches("x_").to_lowercase());
    let made = cx.doing("erase").create(Draft::new(name, receipt)).await?;
    Ok(json!({"name": made.metadata.name, "uid": made.metadata.uid, "receipt": made.spec}))
}

fn kept(user: &Raw, objects: &[Raw]) -> Vec<Kept> {
    let kept = |what: String, why: &str| Kept { what, why: why.to_owned() };
    let mut all = vec![
        kept(
            format!(
                "entries of the journal by `user:{0}` and about `{0}`: name, time, verb",
                user.metadata.name
            ),
            "records of operation that must be kept (EU AI Act articles 12 and 19; GDPR article 17(3)(b)); the name stays as a pseudonym",
        ),
        kept(
            "entries of the journal about sessions: when and from which address they were opened".to_owned(),
            "security of processing (GDPR article 32): who got in, and from where",
        ),
        kept(
            "what was asked of the platform in the last thirty days, by name".to_owned(),
            "security of processing (GDPR article 32); it ends by itself",
        ),
    ];
    let policies: Vec<&str> = objects
        .iter()
        .filter(|raw| raw.kind == "admin.policies")
        .map(|raw| raw.metadata.name.as_str())
        .collect();
    if !policies.is_empty() {
        all.push(kept(
            format!("policies that name the user: {}", policies.join(", ")),
            "rules of the organization, for its administrators to change",
        ));
    }
    all
}
