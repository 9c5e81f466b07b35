//! Putting a backup's entries back.

use kernel::journal::Change;
use store_sql::Step;

use crate::{apply::Journal, fail::Failure};

impl Journal {
    /// Appends the entries as they are and brings each object to its last state.
    pub fn replay(&mut self, changes: &[Change], steps: &[Step]) -> Result<(), Failure> {
        store_sql::continues(changes, self.head.position, self.head.hash)?;
        // What was goes first, so that names are free for what comes.
        for (record, terms) in steps.iter().filter_map(|step| step.before.as_ref()) {
            let scope = self.scope(record)?;
            self.terms_out(scope, record.uid.as_str(), terms)?;
            self.remove(record.uid.as_str())?;
        }
        for (record, terms) in steps.iter().filter_map(|step| step.after.as_ref()) {
            let scope = self.scope(record)?;
            self.insert(record, scope, record.version)?;
            self.terms_in(scope, record.uid.as_str(), terms)?;
        }
        for change in changes {
            self.log(change)?;
        }
        Ok(())
    }
}
