//! The filter of lists: the grammar of AIP-160, checked against the field table of a kind.
//!
//! `OR` binds tighter than `AND`, as AIP-160 has it; a blank between two restrictions is an `AND`.
//! Texts with other characters than letters, digits, `_`, `-`, `.`, `*` and `/` are quoted.

mod check;
mod lexer;
mod parser;
mod selector;

use base::{Error, Result};

use crate::{declare::KindDef, predicate::Predicate};

pub use selector::{field_selector, label_selector, sortable};

/// The longest filter, in bytes.
pub const LENGTH_MAX: usize = 4_000;
/// How deep its parentheses may nest.
pub const DEPTH_MAX: usize = 32;

/// Reads and checks a filter; an empty one is none.
pub fn parse(kind: &KindDef, text: &str) -> Result<Option<Predicate>> {
    if text.len() > LENGTH_MAX {
        return Err(bad(0, &format!("the filter is longer than {LENGTH_MAX} bytes")));
    }
    let tokens = lexer::tokens(text)?;
    let Some(tree) = parser::tree(&tokens)? else {
        return Ok(None);
    };
    check::predicate(kind, &tree).map(Some)
}

/// The error for a filter, naming the position (in characters, from 1).
fn bad(position: usize, message: &str) -> Error {
    Error::bad_request("bad-filter", format!("{message}, at position {}", position + 1))
        .at("filter")
        .hint("for example: spec.phase = \"ready\" AND metadata.creationTimestamp > \"2026-01-01T00:00:00Z\"")
}
