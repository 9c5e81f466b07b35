//! A certification: somebody's word, on record, that a fresh assessment met everything a framework asks for.

use kernel::prelude::*;

use super::assessment::{Answer, Assessment};

/// What certifications serve beyond the verbs every kind has; they are made by certifying.
pub fn serve(kind: KindBuilder<Certification>) -> KindBuilder<Certification> {
    kind.also_at("catalog/governance/certifications").without(&["create", "update", "clone", "import"])
}

/// Somebody's word that an assessment met everything.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "certification", prefix = "gce")]
pub struct Certification {
    /// The framework.
    #[field(indexed, immutable)]
    pub framework: String,
    /// The assessment it rests on.
    #[field(reference = "catalog.assessments", indexed, immutable)]
    pub assessment: Ref,
    /// Whose word it is, as `user:ada`.
    #[field(indexed, immutable)]
    pub who: String,
    /// Until when.
    #[field(immutable)]
    pub until: Time,
    /// What is good to know of it.
    #[field(max = 2000, immutable)]
    pub note: Option<String>,
}

/// What to certify.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// The framework.
    #[field(max = 100, example = "eu-ai-act")]
    framework: String,
    /// For how many days.
    #[field(min = 1, max = 366, default = 90)]
    days: u32,
    /// What is good to know of it.
    #[field(max = 2000)]
    note: Option<String>,
}

/// Seconds after which an assessment is no longer fresh.
const FRESH_S: f64 = 30.0 * 86_400.0;

/// Puts on record that a fresh assessment met everything.
pub async fn certify(cx: Cx, ask: Ask) -> Result<Value> {
    let framework = super::known(&ask.framework)?;
    let last = super::assessments(&cx, framework.id).await?.into_iter().next();
    let fresh = |it: &Object<Assessment>| cx.now().seconds_since(it.metadata.creation_timestamp) <= FRESH_S;
    let Some(last) = last.filter(fresh) else {
        let message = format!("there is no fresh assessment of `{}`", framework.id);
        return Err(Error::conflict("not-compliant", message)
            .hint("assess it first; an assessment is fresh for thirty days"));
    };
    let open = last.status.findings.iter().filter(|it| it.answer != Answer::Met);
    let open: Vec<&str> = open.map(|it| it.requirement.as_str()).collect();
    if !open.is_empty() {
        let message = format!("the last assessment does not meet {}", open.join(", "));
        return Err(Error::conflict("not-compliant", message).hint("mend what it lists, and assess again"));
    }
    let spec = Certification {
        framework: framework.id.to_owned(),
        assessment: Ref::to(last.name()),
        who: cx.principal.actor(),
        until: cx.now().plus_s(86_400 * i64::from(ask.days)),
        note: ask.note,
    };
    let made = cx.doing("certify").create(Draft::new(format!("{}.certificate", last.name()), spec)).await?;
    Ok(json!({
        "certification": made.name(),
        "until": made.spec.until,
        "assessment": made.spec.assessment,
    }))
}
