//! What the demo claims, and whether it held.

use crate::{
    failure::{Failure, Result},
    output::Output,
};

/// Every claim and whether it held.
#[derive(Default)]
pub struct Claims(Vec<(String, bool)>);

impl Claims {
    /// Notes a claim.
    pub fn note(&mut self, claim: impl Into<String>, held: bool) {
        self.0.push((claim.into(), held));
    }

    /// Prints every claim; fails if one did not hold.
    pub fn verdict(&self, output: &mut Output) -> Result<()> {
        output.line("\nchecked:")?;
        for (claim, held) in &self.0 {
            output.line(&format!("  {} {claim}", if *held { "held  " } else { "FAILED" }))?;
        }
        let failed = self.0.iter().filter(|(_, held)| !held).count();
        if failed == 0 && !self.0.is_empty() {
            return output.line(&format!("all {} claims held", self.0.len()));
        }
        Err(Failure::failed(format!("{failed} of {} claims did not hold", self.0.len())))
    }
}
