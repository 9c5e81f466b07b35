//! Which objects a list is about: AIP-160 filters and Kubernetes' selectors, held against the field table of a kind;
//! whether an object is one of them, and where a page goes on.

mod check;
pub mod held;
pub mod page;
mod selector;

use base::Result;
use fields::kind::Field;
use store::predicate::Predicate;

pub use filter::literal;
pub use selector::{field_selector, label_selector, sort};

/// What knows the fields of a kind.
pub trait Table {
    /// A field by its path, such as `spec.pool`.
    fn field(&self, path: &[&str]) -> Option<&'static Field>;
}

/// Reads and checks a filter; an empty one is none.
pub fn parse(table: &dyn Table, text: &str) -> Result<Option<Predicate>> {
    match filter::tree(text)? {
        Some(tree) => check::predicate(table, &tree).map(Some),
        None => Ok(None),
    }
}
