//! What tests need: transcripts, frozen time, counted identifiers, and the behaviour every store must show.

mod clock;
pub mod guard;
pub mod postgres;
pub mod store_suite;
mod transcript;

pub use clock::{FrozenClock, SeededEntropy};
pub use store_suite::{Home, store_suite};
pub use transcript::{Stage, engines};
