//! The kernel: what every kind of thing shares. One declaration comes in, every surface goes out.
//!
//! It knows no HTTP and no SQL, and no subject word (model, dataset) appears in it. Types end at
//! its border: a domain hands in a list of kinds, and one dispatcher serves them all.

// The derive macros name this crate from outside; here they are used from inside.
extern crate self as kernel;

pub mod access;
pub mod apply;
pub mod builder;
pub mod change;
pub mod controller;
pub mod cx;
pub mod declare;
pub mod dispatch;
pub mod domain;
pub mod lifecycle;
pub mod lineage;
pub mod login;
pub mod matches;
pub mod object;
pub mod platform;
pub mod prelude;
pub mod question;
pub mod read;
mod records;
pub mod runs;
pub mod slot;
pub mod verb;
pub mod watch;
pub mod write;

// What a kind is made of and where it is kept are crates of their own, so that engines build without the kernel.
pub use fields::{kind, validate};
pub use selection::literal;
pub use store::{Later, blob, index, journal, predicate};
pub use {selection, store};
