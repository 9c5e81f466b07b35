//! A feature flag: on for some, by rule and by percentage, always the same for the same subject.

use kernel::{access::Sort, prelude::*};

use crate::menu_assignment::{check_subject, is_for};

/// What flags serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Feature>) -> KindBuilder<Feature> {
    kind.check(rules_name_somebody)
        .view("evaluation", "Whether the flag is on for the caller, and which rule says so.", one)
        .open_to(OpenTo::Caller)
        .view_of_all("evaluation", "Every flag for the caller.", all)
        .open_to(OpenTo::Caller)
        .action("evaluate", "Whether the flag is on for somebody.", for_subject)
        .needs("get")
}

/// The most flags evaluated at once.
const FLAGS_MAX: u32 = 1000;

/// Something that is on for some.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "feature", prefix = "ftr", scope = "organization")]
pub struct Feature {
    /// What it switches.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Off switches it off for everybody, whatever the rules say.
    #[field(default = true)]
    pub enabled: bool,
    /// Of a hundred subjects, for how many it is on where no rule decides.
    #[field(min = 0, max = 100, default = 0)]
    pub percentage: f64,
    /// What decides before the percentage; the first that fits counts.
    #[field(max = 100)]
    pub rules: Vec<Rule>,
    /// Other percentages in some projects, by the project's name.
    pub projects: std::collections::BTreeMap<String, f64>,
}

/// For whom it is on or off.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Rule {
    /// Who, as `user:ada`, `group:science`, `service:ci` or `everyone`.
    #[field(max = 300, example = "group:beta")]
    pub subject: String,
    /// Only in this project.
    #[field(max = 253)]
    pub project: Option<String>,
    /// On or off.
    #[field(default = true)]
    pub on: bool,
}

/// Whether a flag is on for somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// The flag.
    pub feature: String,
    /// Whether it is on.
    pub on: bool,
    /// What decided: `disabled`, `rule 1` or `percentage`.
    pub reason: String,
    /// Where the subject stands between 0 and 100; it is on below the percentage.
    pub bucket: f64,
}

/// Every flag.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Evaluations {
    /// One entry a flag.
    items: Vec<Evaluation>,
}

/// For whom to evaluate.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Who {
    /// Who, as `user:ada` or `service:ci`.
    #[field(max = 300, example = "user:ada")]
    subject: String,
    /// The groups the subject is in.
    #[field(max = 100)]
    groups: Vec<String>,
    /// In which project.
    #[field(max = 253, default = "default")]
    project: String,
}

fn rules_name_somebody(it: &Object<Feature>) -> Result<()> {
    for (at, rule) in it.spec.rules.iter().enumerate() {
        check_subject(&rule.subject).map_err(|error| error.at(format!("spec.rules[{at}].subject")))?;
    }
    match it.spec.projects.iter().find(|(_, share)| !(0.0..=100.0).contains(*share)) {
        Some((project, _)) => Err(Error::invalid("out-of-range", "a percentage is from 0 to 100")
            .at(format!("spec.projects.{project}"))),
        None => Ok(()),
    }
}

/// Where a subject stands between 0 and 100, in steps of a hundredth: the same for ever, and
/// different from flag to flag, so that not always the same people come first.
fn bucket(org: &str, feature: &str, actor: &str) -> f64 {
    let digest = Digest::of([org, feature, actor].join("\0").as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest.bytes()[..8]);
    (u64::from_be_bytes(bytes) % 10_000) as f64 / 100.0
}

/// Whether a flag is on for a principal.
fn evaluate(it: &Object<Feature>, principal: &kernel::access::Principal, project: &str) -> Evaluation {
    let bucket = bucket(&it.org, it.name(), &principal.actor());
    let says = |on: bool, reason: String| Evaluation { feature: it.name().to_owned(), on, reason, bucket };
    if !it.spec.enabled {
        return says(false, "disabled".to_owned());
    }
    let fits = |rule: &Rule| {
        rule.project.as_ref().is_none_or(|wanted| wanted == project) && is_for(&rule.subject, principal)
    };
    if let Some(at) = it.spec.rules.iter().position(fits) {
        return says(it.spec.rules[at].on, format!("rule {}", at + 1));
    }
    let share = it.spec.projects.get(project).copied().unwrap_or(it.spec.percentage);
    says(bucket < share, "percentage".to_owned())
}

/// Whether the flag is on for the caller.
async fn one(cx: Cx, it: Object<Feature>, _: Nothing) -> Result<Evaluation> {
    Ok(evaluate(&it, &cx.principal, &cx.project))
}

/// Every flag for the caller.
async fn all(cx: Cx, _: Nothing) -> Result<Evaluations> {
    let flags = cx.list::<Feature>("", FLAGS_MAX).await?;
    Ok(Evaluations { items: flags.iter().map(|it| evaluate(it, &cx.principal, &cx.project)).collect() })
}

/// Whether the flag is on for somebody.
async fn for_subject(cx: Cx, it: Object<Feature>, ask: Who) -> Result<Evaluation> {
    let (sort, name) = match ask.subject.split_once(':') {
        Some(("user", name)) if !name.is_empty() => (Sort::User, name),
        Some(("service", name)) if !name.is_empty() => (Sort::Service, name),
        _ => {
            return Err(Error::invalid("bad-subject", "name a `user:NAME` or a `service:NAME`").at("subject"));
        }
    };
    let mut principal = kernel::access::Principal::system(name, &cx.org);
    principal.sort = sort;
    principal.groups = ask.groups;
    Ok(evaluate(&it, &principal, &ask.project))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_kept_over_many_subjects() {
        let on = (0..10_000).filter(|n| bucket("acme", "new-editor", &format!("user:{n}")) < 25.0).count();
        assert!((2_350..2_650).contains(&on), "{on} of 10,000 at 25 %");
        // Who is in at 25 % stays in at 50 %: the bucket does not know the percentage.
        assert_eq!(bucket("acme", "a", "user:ada"), bucket("acme", "a", "user:ada"));
        assert_ne!(bucket("acme", "a", "user:ada"), bucket("acme", "b", "user:ada"));
    }
}
