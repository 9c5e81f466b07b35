//! The kernel: what every kind of thing shares. One declaration comes in, every surface goes out.
//!
//! It knows no HTTP and no SQL, and no subject word (model, dataset) appears in it. Types end at
//! its border: a domain hands in a list of kinds, and one dispatcher serves them all.

use std::pin::Pin;

pub mod blob;
pub mod index;
pub mod journal;
pub mod predicate;
pub mod store;

/// A future that a trait object can answer.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = base::Result<T>> + Send + 'a>>;
