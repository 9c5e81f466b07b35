//! The filter of lists: AIP-160's grammar, checked against the field table of a kind.

mod check;
mod selector;

use base::Result;

use crate::{declare::KindDef, predicate::Predicate};

pub use selector::{field_selector, label_selector, sortable};

/// Reads and checks a filter; an empty one is none.
pub fn parse(kind: &KindDef, text: &str) -> Result<Option<Predicate>> {
    match ::filter::tree(text)? {
        Some(tree) => check::predicate(kind, &tree).map(Some),
        None => Ok(None),
    }
}
