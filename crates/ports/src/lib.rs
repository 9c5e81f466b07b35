//! The traits engines implement and the plain types they speak in. No engine is named here.
//!
//! A port that computes is synchronous and may take its time: the kernel runs it on the
//! blocking pool, bounded, and hands in a [`Watch`] to report progress and to learn of cancellation.
//! A port that waits for another server is asynchronous, and gives up by itself.

use std::pin::Pin;

use base::Result;

pub mod acme;
pub mod archive;
pub mod directory;
pub mod document;
pub mod fetch;
pub mod gateway;
pub mod infer;
pub mod learn;
pub mod mail;
pub mod measure;
pub mod notary;
pub mod passkey;
pub mod requestlog;
pub mod rules;
pub mod sandbox;
pub mod search;
pub mod site;
pub mod syslog;
pub mod table;
pub mod telemetry;
pub mod tracking;
pub mod usage;

/// A future that a trait object can answer.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

pub use base::Watch;
