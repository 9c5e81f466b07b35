//! An assessment: what the records showed of a framework's requirements at one moment.

use kernel::prelude::*;

/// What assessments serve beyond the verbs every kind has; they are made by assessing.
pub fn serve(kind: KindBuilder<Assessment>) -> KindBuilder<Assessment> {
    kind.also_at("catalog/governance/assessments").without(&["create", "update", "clone", "import"])
}

/// What the records showed at one moment.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "assessment", prefix = "gae", status = "Status")]
pub struct Assessment {
    /// The framework.
    #[field(indexed, immutable)]
    pub framework: String,
    /// How many versions were in production.
    #[field(immutable)]
    pub objects: u64,
    /// Who asked, as `user:ada`.
    #[field(indexed, immutable)]
    pub who: String,
}

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Status {
    /// Whether every requirement is met.
    #[field(indexed, default = false)]
    pub met: bool,
    /// One finding a requirement.
    pub findings: Vec<Finding>,
}

/// What was found of one requirement.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Finding {
    /// The requirement.
    pub requirement: String,
    /// What it asks for.
    pub title: String,
    /// The fact that answers it.
    pub fact: String,
    /// The worst answer of any version.
    pub answer: Answer,
    /// The versions that do not meet it.
    pub outcomes: Vec<Outcome>,
}

/// What the records say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The fact is there, and as asked for.
    Met,
    /// The fact is not as asked for.
    Unmet,
    /// The fact is not on record.
    Unanswered,
}

/// What was found of one version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Outcome {
    /// The version.
    pub object: String,
    /// What the records say of it.
    pub answer: Answer,
    /// Why there is no answer.
    pub message: Option<String>,
}

/// Puts an assessment on record.
pub async fn keep(
    cx: &Cx,
    framework: &str,
    objects: u64,
    findings: Vec<Finding>,
) -> Result<Object<Assessment>> {
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let name = format!("{framework}.{}", &id[id.len().saturating_sub(12)..]);
    let spec = Assessment { framework: framework.to_owned(), objects, who: cx.principal.actor() };
    let met = findings.iter().all(|it| it.answer == Answer::Met);
    cx.doing("assess").create(Draft::new(name, spec).with_status(Status { met, findings })).await
}
