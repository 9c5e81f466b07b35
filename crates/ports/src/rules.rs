//! Rules over facts: whether an expression in Cedar's words holds of what is recorded.

use base::Result;
use serde_json::Value;

/// What came of holding a rule against facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not.
    Fails,
    /// It asks for a fact that is not recorded, or compares what cannot be compared.
    Undecided(String),
}

/// Decides rules over facts.
pub trait Rules: Send + Sync {
    /// Refuses what is no expression.
    ///
    /// # Errors
    /// `bad-condition`.
    fn check(&self, rule: &str) -> Result<()>;

    /// Holds a rule against facts, which it reads as `context`. Whole numbers are `Long`, fractions `decimal`
    /// with four digits; what is null is not there.
    ///
    /// # Errors
    /// `bad-condition`.
    fn hold(&self, rule: &str, facts: &Value) -> Result<Verdict>;
}
