//! The REST face: every operation of every kind under `/api/v1`, and the documents that describe it.

pub mod aliases;
mod answer;
pub mod catalogue;
mod docs;
mod kinds;
pub mod openapi;
mod request;
pub mod route;
mod router;
mod schema;
mod stream;

pub use router::{handle, router};
