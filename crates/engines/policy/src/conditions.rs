//! Rules over facts: an expression held against JSON, outside any question of who may.

use std::sync::Arc;

use base::{Error, Result};
use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicySet, Request};
use ports::rules::{Rules, Verdict};
use serde_json::{Value, json};

use crate::{cedar, uid};

/// Decides rules over facts.
pub fn rules() -> Arc<dyn Rules> {
    Arc::new(Conditions)
}

struct Conditions;

impl Rules for Conditions {
    fn check(&self, rule: &str) -> Result<()> {
        cedar().check(rule)
    }

    fn hold(&self, rule: &str, facts: &Value) -> Result<Verdict> {
        self.check(rule)?;
        let text = format!("permit(principal, action, resource) when {{ ({rule}) }};");
        let policy = Policy::parse(None, &text).map_err(Error::internal)?;
        let mut policies = PolicySet::new();
        policies.add(policy).map_err(Error::internal)?;
        let context = Context::from_json_value(written(facts).unwrap_or_else(|| json!({})), None)
            .map_err(Error::internal)?;
        let (who, action, what) = (uid("Principal", "any")?, uid("Action", "any")?, uid("Resource", "any")?);
        let request = Request::new(who, action, what, context, None).map_err(Error::internal)?;
        let response = Authorizer::new().is_authorized(&request, &policies, &Entities::empty());
        if let Some(error) = response.diagnostics().errors().next() {
            let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
            return Ok(Verdict::Undecided(error.inner().to_string()));
        }
        Ok(match response.decision() {
            Decision::Allow => Verdict::Holds,
            Decision::Deny => Verdict::Fails,
        })
    }
}

/// The largest fraction Cedar's `decimal` holds.
const DECIMAL_MAX: f64 = 922_337_203_685_477.0;

/// Facts as Cedar reads them; none where there is nothing.
fn written(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) | Value::String(_) => value.clone(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => json!(whole),
            None => {
                let fraction = number.as_f64().filter(|it| it.abs() < DECIMAL_MAX)?;
                json!({"__extn": {"fn": "decimal", "arg": format!("{fraction:.4}")}})
            }
        },
        Value::Array(values) => values.iter().filter_map(written).collect(),
        Value::Object(values) => {
            let plain = values.iter().filter(|(name, _)| !name.starts_with("__"));
            Value::Object(plain.filter_map(|(name, value)| Some((name.clone(), written(value)?))).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_holds_fails_or_cannot_be_decided() {
        let facts = json!({"stage": "Staging", "ageDays": 3, "metrics": {"accuracy": 0.91, "loss": 1.0},
            "missing": ["license"], "none": null, "__extn": {"fn": "ip", "arg": "x"}});
        let held = |rule: &str| rules().hold(rule, &facts).unwrap();
        assert_eq!(held("context.metrics.accuracy.greaterThanOrEqual(decimal(\"0.9\"))"), Verdict::Holds);
        assert_eq!(held("context.metrics.loss.lessThan(decimal(\"0.5\"))"), Verdict::Fails);
        assert_eq!(held("context.ageDays < 7 && !context.missing.contains(\"card\")"), Verdict::Holds);
        assert_eq!(held("context has none"), Verdict::Fails);
        assert!(matches!(held("context.license == \"MIT\""), Verdict::Undecided(_)));
        assert!(matches!(held("context.stage < 3"), Verdict::Undecided(_)));
        assert_eq!(
            rules().check("true) }; permit(principal, action, resource) when { (true").unwrap_err().code(),
            "bad-condition"
        );
        assert_eq!(rules().hold("1 +", &facts).unwrap_err().code(), "bad-condition");
    }
}
