//! What every face that speaks HTTP shares: who calls, how errors are told, how bodies are read, what is counted.

pub mod body;
pub mod caller;
pub mod limits;
pub mod metrics;
pub mod origin;
pub mod problem;
pub mod schema;
mod web;

pub use web::{Settings, Web};
