//! From a struct to its field table: `#[derive(Fields)]`, and `#[derive(Kind)]` for a struct that is a kind's spec.
//!
//! The macros write constant tables, no behaviour. After eight field attributes they stop growing;
//! what does not fit is a `check` function of the kind.

mod attributes;
mod table;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes the constant table of a struct's fields, or the list of a plain enum's values.
///
/// Field attributes, in `#[field(...)]`: `min`, `max` (value of a number, length of a text or list),
/// `default` (a JSON literal), `example`, `write_only`, `personal`, `immutable`, `indexed`, `reference = "service.kinds"`.
#[proc_macro_derive(Fields, attributes(field))]
pub fn fields(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    table::fields(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes a struct the spec of a kind: its field table and its names.
///
/// Kind attributes, in `#[kind(...)]`: `name`, `prefix`, and optionally `plural`, `short`,
/// `scope = "project" | "organization" | "platform"`, `status = "Type"` and `version`.
#[proc_macro_derive(Kind, attributes(field, kind))]
pub fn kind(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    table::kind(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
