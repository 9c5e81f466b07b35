//! What training costs: something is set aside in the project's budget before it begins, and what it took is recorded.

use kernel::{access::Principal, prelude::*};

/// The kind that keeps budgets, and how much a project's work may take.
const PROJECTS: &str = "admin.projects";
/// Seconds a reservation outlives the work it was made for.
const GRACE_S: u32 = 86_400;

/// What a project says of its work.
#[derive(Deserialize)]
struct Project {
    allowed: Option<Allowed>,
}

/// How much one piece of work may take.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allowed {
    training_seconds: Option<u32>,
}

/// Asks the project, as the platform: who trains need not have the right to spend by hand.
async fn ask(cx: &Cx, action: &str, ask: Value) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("training", &cx.org), "");
    match inside.call_action(PROJECTS, Some(&cx.project), action, ask).await {
        // A platform without projects has no budgets either.
        Err(error) if matches!(error.code(), "unknown-kind" | "not-found") => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Refuses a training that may take longer than the project allows, or more than its budget has left.
pub async fn affordable(cx: &Cx, seconds: u32) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("training", &cx.org), "");
    if let Ok(project) = inside.read(PROJECTS, &cx.project).await {
        let allowed = project.spec_as::<Project>()?.allowed.and_then(|allowed| allowed.training_seconds);
        if let Some(most) = allowed.filter(|most| seconds > *most) {
            let message = format!("project `{}` lets one training search for {most} seconds", cx.project);
            return Err(Error::conflict("resources-exceeded", message)
                .at("spec.budgetSeconds")
                .hint(format!("ask for at most {most}")));
        }
    }
    ask(cx, "reserve-budget", json!({"key": "probe", "seconds": seconds, "lasts": 1, "probe": true})).await
}

/// Sets aside what a training may cost at most.
pub async fn reserve(cx: &Cx, run: &str, seconds: u32, deadline_s: u32) -> Result<()> {
    let lasts = deadline_s + GRACE_S;
    ask(cx, "reserve-budget", json!({"key": run, "seconds": seconds, "lasts": lasts})).await
}

/// Records what a training has taken; at most what was set aside is paid.
pub async fn settle(cx: &Cx, run: &str, seconds: f64) -> Result<()> {
    ask(cx, "settle-budget", json!({"key": run, "on": "training", "seconds": seconds.max(0.0)})).await
}
