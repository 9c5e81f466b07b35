//! Compliance: what laws and standards ask for, held against what is recorded of the versions in production.
//!
//! Every requirement names the recorded fact that answers it. What nobody recorded is unanswered, which is not met.
//! An assessment says what the records show; whether a law is obeyed is for people to say.

use kernel::{access::Principal, prelude::*};
use ports::rules::{Rules, Verdict};

use crate::facts;

pub mod assessment;
pub mod certification;
mod framework;
pub mod report;

use assessment::{Answer, Assessment, Finding, Outcome};
use certification::Certification;
use framework::{Framework, Requirement};

/// What is served of compliance.
pub fn serve(kind: KindBuilder<Compliance>) -> KindBuilder<Compliance> {
    kind.also_at("catalog/governance/compliance")
        .without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "The frameworks, and how the project does by the last assessment of each.", status)
        .needs("list")
        .view_of_all("status", "How the project does by the last assessment of each framework.", status)
        .needs("list")
        .view_of_all("frameworks", "The laws and standards that are known here.", frameworks)
        .needs("list")
        .view_of_all("requirements", "What a framework asks for, and which fact answers it.", requirements)
        .needs("list")
        .view_of_all("reports", "The assessments of the project, newest first.", reports)
        .needs("list")
        .action_on_all(
            "assess",
            "Holds a framework against what is recorded of the versions in production.",
            assess,
        )
        .action_on_all(
            "certify",
            "Puts on record that a fresh assessment met everything.",
            certification::certify,
        )
}

/// What laws and standards ask for.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "compliance", plural = "compliance", prefix = "gco")]
pub struct Compliance {
    /// The framework.
    pub framework: Option<String>,
}

async fn frameworks(_: Cx, _: Nothing) -> Result<Value> {
    let items: Vec<Value> = framework::ALL
        .iter()
        .map(|it| json!({"id": it.id, "title": it.title, "source": it.source, "requirements": it.requirements.len()}))
        .collect();
    Ok(json!({"items": items}))
}

/// Which framework.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Its identifier, as `frameworks` lists it.
    #[field(max = 100, example = "eu-ai-act")]
    pub framework: String,
}

/// A framework by its identifier.
pub fn known(id: &str) -> Result<&'static Framework> {
    framework::ALL.iter().find(|it| it.id == id).ok_or_else(|| {
        let ids: Vec<&str> = framework::ALL.iter().map(|it| it.id).collect();
        Error::not_found("not-found", "there is no such framework")
            .at("framework")
            .hint(format!("the frameworks are: {}", ids.join(", ")))
    })
}

async fn requirements(_: Cx, ask: Which) -> Result<Value> {
    let framework = known(&ask.framework)?;
    let items: Vec<Value> = framework
        .requirements
        .iter()
        .map(|it| json!({"id": it.id, "title": it.title, "fact": it.fact, "rule": it.rule}))
        .collect();
    Ok(json!({"framework": framework.id, "items": items}))
}

/// The assessments of the project, newest first.
async fn assessments(cx: &Cx, framework: &str) -> Result<Vec<Object<Assessment>>> {
    let filter =
        if framework.is_empty() { String::new() } else { format!("spec.framework = \"{framework}\"") };
    let mut found = cx.list::<Assessment>(&filter, 1000).await?;
    found.sort_by_key(|it| std::cmp::Reverse((it.metadata.creation_timestamp, it.metadata.version)));
    Ok(found)
}

async fn status(cx: Cx, _: Nothing) -> Result<Value> {
    let mut items = Vec::new();
    for framework in &framework::ALL {
        let last = assessments(&cx, framework.id).await?.into_iter().next();
        let filter = format!("spec.framework = \"{}\"", framework.id);
        let now = cx.now();
        let certified = cx.list::<Certification>(&filter, 1000).await?;
        items.push(json!({
            "framework": framework.id,
            "requirements": framework.requirements.len(),
            "assessment": last.as_ref().map(Object::name),
            "at": last.as_ref().map(|it| it.metadata.creation_timestamp),
            "met": last.as_ref().map(|it| it.status.met),
            "certifiedUntil": certified.iter().map(|it| it.spec.until).filter(|until| *until > now).max(),
        }));
    }
    Ok(json!({"items": items}))
}

async fn reports(cx: Cx, _: Nothing) -> Result<Value> {
    let found = assessments(&cx, "").await?;
    let items: Vec<Value> = found
        .iter()
        .map(|it| {
            json!({
                "assessment": it.name(),
                "framework": it.spec.framework,
                "at": it.metadata.creation_timestamp,
                "met": it.status.met,
                "findings": it.status.findings,
            })
        })
        .collect();
    Ok(json!({"items": items}))
}

/// Holds a framework against what is recorded of the versions in production.
async fn assess(cx: Cx, ask: Which) -> Result<Value> {
    let framework = known(&ask.framework)?;
    let inside = cx.platform().cx_of(Principal::system("governance", &cx.org), &cx.project);
    let versions = inside.list_raw("catalog.model-versions", "status.stage = \"Production\"", 1000).await?;
    if versions.is_empty() {
        return Err(Error::conflict("nothing-in-production", "no version of a model is in production here")
            .hint("promote one first"));
    }
    let mut all = Vec::new();
    for raw in &versions {
        all.push((raw.metadata.name.clone(), facts::of(&inside, raw).await?));
    }
    let rules = cx.port::<dyn Rules>()?;
    let found = move || {
        framework.requirements.iter().map(|it| finding(&*rules, it, &all)).collect::<Result<Vec<Finding>>>()
    };
    let findings = cx.blocking(found).await?;
    let made = assessment::keep(&cx, framework.id, versions.len() as u64, findings).await?;
    Ok(json!({
        "assessment": made.name(),
        "met": made.status.met,
        "objects": made.spec.objects,
        "findings": made.status.findings,
    }))
}

/// One requirement held against the facts of every version.
fn finding(rules: &dyn Rules, requirement: &Requirement, all: &[(String, Value)]) -> Result<Finding> {
    let mut outcomes = Vec::new();
    for (name, facts) in all {
        let (answer, message) = match rules.hold(requirement.rule, facts)? {
            Verdict::Holds => (Answer::Met, None),
            Verdict::Fails => (Answer::Unmet, None),
            Verdict::Undecided(why) => (Answer::Unanswered, Some(why)),
        };
        outcomes.push(Outcome { object: name.clone(), answer, message });
    }
    let worst = outcomes.iter().map(|it| it.answer).max().unwrap_or(Answer::Unanswered);
    outcomes.retain(|it| it.answer != Answer::Met);
    Ok(Finding {
        requirement: requirement.id.to_owned(),
        title: requirement.title.to_owned(),
        fact: requirement.fact.to_owned(),
        answer: worst,
        outcomes,
    })
}
