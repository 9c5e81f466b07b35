//! The kernel: what every kind of thing shares. One declaration comes in, every surface goes out.
//!
//! It knows no HTTP and no SQL, and no subject word (model, dataset) appears in it. Types end at
//! its border: a domain hands in a list of kinds, and one dispatcher serves them all.

// The derive macros name this crate from outside; here they are used from inside.
extern crate self as kernel;

use std::pin::Pin;

pub mod access;
pub mod apply;
pub mod blob;
pub mod change;
pub mod controller;
pub mod cx;
pub mod declare;
pub mod dispatch;
pub mod domain;
pub mod filter;
pub mod index;
pub mod journal;
pub mod kind;
pub mod lifecycle;
pub mod lineage;
pub mod matches;
pub mod object;
pub mod platform;
pub mod predicate;
pub mod prelude;
pub mod question;
pub mod read;
pub mod runs;
pub mod store;
pub mod validate;
pub mod watch;
pub mod write;

/// A future that a trait object can answer.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = base::Result<T>> + Send + 'a>>;
