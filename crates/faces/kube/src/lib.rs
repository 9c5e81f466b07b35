//! The Kubernetes face: every service is an API group, every project a namespace, so that stock `kubectl` works.
//!
//! The shapes are those of the Kubernetes API conventions; what they mean is the kernel's.

mod core_group;
mod discovery;
mod lenient;
mod openapi;
mod path;
mod request;
mod review;
mod router;
mod status;
mod stream;
mod table;

pub use router::router;
