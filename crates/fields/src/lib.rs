//! Field tables: what a struct's fields are, told once as a constant, and whether a JSON value fits them.

pub mod kind;
pub mod validate;
