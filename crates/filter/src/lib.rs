//! The grammar of list filters (AIP-160): from a text to a tree, with the position of every mistake.
//!
//! `OR` binds tighter than `AND`, as AIP-160 has it; a blank between two restrictions is an `AND`.
//! Texts with other characters than letters, digits, `_`, `-`, `.`, `*` and `/` are quoted.

mod lexer;
mod parser;

use base::{Error, Result};

pub use parser::{Literal, Tree};

/// The longest filter, in bytes.
pub const LENGTH_MAX: usize = 4_000;
/// How deep its parentheses may nest.
pub const DEPTH_MAX: usize = 32;

/// The tree of a filter; an empty text has none.
pub fn tree(text: &str) -> Result<Option<Tree>> {
    if text.len() > LENGTH_MAX {
        return Err(bad(0, &format!("the filter is longer than {LENGTH_MAX} bytes")));
    }
    parser::tree(&lexer::tokens(text)?)
}

/// A text as a literal of the grammar.
pub fn literal(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The error for a filter, naming the position (in characters, from 1).
pub fn bad(position: usize, message: &str) -> Error {
    Error::bad_request("bad-filter", format!("{message}, at position {}", position + 1))
        .at("filter")
        .hint("for example: spec.phase = \"ready\" AND metadata.creationTimestamp > \"2026-01-01T00:00:00Z\"")
}

#[cfg(test)]
mod tests;
