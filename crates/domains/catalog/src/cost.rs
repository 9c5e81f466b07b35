//! What training costs: something is set aside in the project's budget before it begins, and what it took is recorded.

use kernel::{access::Principal, prelude::*};

/// The kind that keeps what a project's work may cost.
const BUDGETS: &str = "admin.budgets";
/// The kind that says how much a project's work may take; an object has the name of its project.
const QUOTAS: &str = "admin.quotas";
/// Seconds a reservation outlives the work it was made for.
const GRACE_S: u32 = 86_400;

/// What a project says of its work.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Quota {
    training_seconds: Option<u32>,
}

/// Asks the project's budget, as the platform: who trains need not have the right to spend by hand.
async fn ask(cx: &Cx, action: &str, ask: Value) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("training", &cx.org), &cx.project);
    match inside.call_action(BUDGETS, None, action, ask).await {
        // A platform without projects has no budgets either.
        Err(error) if matches!(error.code(), "unknown-kind" | "not-found") => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Refuses a training that may take longer than the project allows, or more than its budget has left.
pub async fn affordable(cx: &Cx, seconds: u32) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("training", &cx.org), &cx.project);
    if let Ok(quota) = inside.read(QUOTAS, &cx.project).await {
        let allowed = quota.spec_as::<Quota>()?.training_seconds;
        if let Some(most) = allowed.filter(|most| seconds > *most) {
            let message = format!("project `{}` lets one training search for {most} seconds", cx.project);
            return Err(Error::conflict("resources-exceeded", message)
                .at("spec.budgetSeconds")
                .hint(format!("ask for at most {most}")));
        }
    }
    ask(cx, "reserve", json!({"key": "probe", "seconds": seconds, "lasts": 1, "probe": true})).await
}

/// Sets aside what a training may cost at most.
pub async fn reserve(cx: &Cx, run: &str, seconds: u32, deadline_s: u32) -> Result<()> {
    let lasts = deadline_s + GRACE_S;
    ask(cx, "reserve", json!({"key": run, "seconds": seconds, "lasts": lasts})).await
}

/// Records what a training has taken; at most what was set aside is paid.
pub async fn settle(cx: &Cx, run: &str, seconds: f64) -> Result<()> {
    ask(cx, "settle", json!({"key": run, "on": "training", "seconds": seconds.max(0.0)})).await
}
