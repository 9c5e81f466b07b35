//! What is measured of the revision in service and of the new one since a step began, and what tests make of it.

use std::collections::BTreeMap;

use kernel::prelude::*;
use statistics::compare::{self, Proportion};
use usage::OF;

use super::{Analysis, Rollout, Strategy};
use crate::{
    endpoint::counted::WITHIN,
    revision::{self, Revision},
};

/// How often each step is looked at; what is tested often must be surer each time.
pub const LOOKS: u32 = 4;

/// What was found at one look.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// When.
    pub at: Option<Time>,
    /// The step, from 0.
    pub step: u64,
    /// Whether nothing speaks against going on.
    pub passed: bool,
    /// Calls of the revision in service.
    pub stable_calls: f64,
    /// Calls of the new revision, or rows of copies.
    pub candidate_calls: f64,
    /// The tests.
    pub tests: Vec<Tested>,
}

/// One test.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Tested {
    /// `failures` (shares by Agresti and Caffo), `latency` (ranks by Mann and Whitney) or `agreement` (interval by Wilson).
    pub test: String,
    /// What it is of the revision in service.
    pub stable: Option<f64>,
    /// What it is of the new one: the share of failed calls; the probability that a call is slower; the share of rows
    /// answered alike.
    pub candidate: f64,
    /// How sure the test is that the new revision is worse by more than is allowed.
    pub confidence: f64,
    /// How sure it must be.
    pub needed: f64,
    /// Whether the new revision passes.
    pub passed: bool,
}

type Counts = BTreeMap<String, f64>;

/// What was counted of both revisions so far.
pub async fn counted(cx: &Cx, it: &Object<Rollout>) -> Result<[Counts; 2]> {
    let mut both = [Counts::new(), Counts::new()];
    for (counts, number) in both.iter_mut().zip([it.status.stable, it.status.candidate]) {
        let Some(number) = number else { continue };
        let found = cx.get::<Revision>(&revision::name_of(&it.spec.endpoint, number)).await?;
        *counts = usage::since(cx, &found.metadata.uid, 90).await?;
        // Who asked is kept elsewhere; here it would grow with the callers.
        counts.retain(|name, _| !name.contains(OF));
    }
    Ok(both)
}

/// Looks at both revisions now.
pub async fn look(cx: &Cx, it: &Object<Rollout>) -> Result<Verdict> {
    let before: [Counts; 2] = it
        .status
        .before
        .clone()
        .map(serde_json::from_value)
        .transpose()
        .map_err(Error::internal)?
        .unwrap_or_default();
    let now = counted(cx, it).await?;
    let since = |at: usize| -> Counts {
        let earlier = |name: &str| before[at].get(name).copied().unwrap_or(0.0);
        now[at].iter().map(|(name, count)| (name.clone(), count - earlier(name))).collect()
    };
    let looks = LOOKS * u32::try_from(it.spec.steps.as_ref().map_or(1, Vec::len)).unwrap_or(1);
    let asked = it.spec.analysis.clone().unwrap_or_default();
    let mut verdict = match it.spec.strategy {
        Strategy::Shadow => copies(&since(1), &asked, looks),
        Strategy::Canary | Strategy::BlueGreen | Strategy::Rolling | Strategy::Ab => {
            // At the last step the one in service may get nothing any more; then all it ever did is the measure.
            let mut stable = since(0);
            if calls(&stable) == 0.0 {
                stable = now[0].clone();
            }
            compared(&stable, &since(1), &asked, looks)
        }
    };
    verdict.at = Some(cx.now());
    verdict.step = it.status.step.unwrap_or(0);
    Ok(verdict)
}

fn count(counts: &Counts, name: &str) -> f64 {
    counts.get(name).copied().unwrap_or(0.0)
}

fn calls(counts: &Counts) -> f64 {
    count(counts, "answered") + count(counts, "failed")
}

/// The times of calls, by class.
fn times(counts: &Counts) -> Vec<f64> {
    WITHIN.iter().map(|(_, name)| *name).chain(["within/more"]).map(|name| count(counts, name)).collect()
}

/// Failures and times of both revisions.
fn compared(stable: &Counts, candidate: &Counts, asked: &Analysis, looks: u32) -> Verdict {
    let needed = 1.0 - (1.0 - asked.confidence) / f64::from(looks * 2);
    let failed = |counts: &Counts| Proportion { count: count(counts, "failed"), of: calls(counts) };
    let p = compare::share_grew(failed(stable), failed(candidate), asked.failures_allowed);
    let failures = Tested {
        test: "failures".to_owned(),
        stable: Some(failed(stable).share()),
        candidate: failed(candidate).share(),
        confidence: 1.0 - p,
        needed,
        passed: 1.0 - p < needed,
    };
    let ranks = compare::larger(&times(stable), &times(candidate));
    let latency = Tested {
        test: "latency".to_owned(),
        stable: Some(0.5),
        candidate: ranks.larger,
        confidence: 1.0 - ranks.p,
        needed,
        passed: 1.0 - ranks.p < needed || ranks.larger < asked.slower_from,
    };
    Verdict {
        passed: failures.passed && latency.passed,
        stable_calls: calls(stable),
        candidate_calls: calls(candidate),
        tests: vec![failures, latency],
        ..Verdict::default()
    }
}

/// How alike copies were answered.
fn copies(candidate: &Counts, asked: &Analysis, looks: u32) -> Verdict {
    let needed = 1.0 - (1.0 - asked.confidence) / f64::from(looks);
    let agreed = Proportion { count: count(candidate, "copied/agreed"), of: count(candidate, "copied/rows") };
    // It is worse for sure once even the upper end of the interval lies below what is asked.
    let fails = |confidence: f64| agreed.interval(2.0 * confidence - 1.0).1 < asked.agreement_min;
    let tested = Tested {
        test: "agreement".to_owned(),
        stable: None,
        candidate: agreed.share(),
        confidence: surest(fails),
        needed,
        passed: !fails(needed),
    };
    Verdict {
        passed: tested.passed,
        stable_calls: agreed.of,
        candidate_calls: agreed.of,
        tests: vec![tested],
        ..Verdict::default()
    }
}

/// The largest confidence at which something still holds, by bisection; 0 where it never does.
fn surest(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.5, 1.0 - 1e-12);
    if !holds(low) {
        return 0.0;
    }
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(answered: f64, failed: f64, fast: f64, slow: f64) -> Counts {
        let pairs =
            [("answered", answered), ("failed", failed), ("within/0.005", fast), ("within/0.5", slow)];
        pairs.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
    }

    #[test]
    fn a_revision_that_fails_or_dawdles_is_found_and_a_like_one_passes() {
        let asked = Analysis::default();
        let stable = counts(990.0, 10.0, 900.0, 100.0);
        assert!(compared(&stable, &counts(99.0, 1.0, 90.0, 10.0), &asked, 12).passed);
        let failing = compared(&stable, &counts(80.0, 20.0, 90.0, 10.0), &asked, 12);
        assert!(!failing.passed && !failing.tests[0].passed && failing.tests[1].passed);
        assert!(failing.tests[0].confidence > failing.tests[0].needed);
        let slow = compared(&stable, &counts(100.0, 0.0, 50.0, 50.0), &asked, 12);
        assert!(!slow.passed && slow.tests[0].passed && !slow.tests[1].passed);
        // Nothing is found in nothing.
        assert!(compared(&stable, &Counts::new(), &asked, 12).passed);
    }

    #[test]
    fn copies_that_differ_too_often_are_found() {
        let copied = |agreed: f64| {
            Counts::from([("copied/rows".to_owned(), 1_000.0), ("copied/agreed".to_owned(), agreed)])
        };
        let asked = Analysis { agreement_min: 0.99, ..Analysis::default() };
        assert!(copies(&copied(995.0), &asked, 4).passed);
        let verdict = copies(&copied(900.0), &asked, 4);
        assert!(!verdict.passed && verdict.tests[0].confidence > 0.99);
        assert!(copies(&copied(0.0), &Analysis::default(), 4).passed);
    }
}
