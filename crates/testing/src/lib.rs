//! What tests need: frozen time, counted identifiers, and the behaviour every store must show.

mod clock;
pub mod postgres;
pub mod store_suite;

pub use clock::{FrozenClock, SeededEntropy};
pub use store_suite::{Home, store_suite};
