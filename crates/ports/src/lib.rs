//! The traits engines implement and the plain types they speak in. No engine is named here.
//!
//! Everything in a port is synchronous and may take its time: the kernel runs it on the
//! blocking pool, bounded, and hands in a [`Watch`] to report progress and to learn of cancellation.

pub mod infer;
pub mod learn;
pub mod table;

pub use base::Watch;
