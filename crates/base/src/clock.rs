//! Where time and randomness come from, so that a test can say which.

use crate::Time;

/// Tells the time. The platform has one; tests freeze theirs.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Time;
}

/// Gives random bytes. The platform asks the operating system; tests count.
pub trait Entropy: Send + Sync {
    /// Fills the slice with bytes nobody can guess.
    fn fill(&self, bytes: &mut [u8]);

    /// The text of a fresh identifier, without its prefix.
    ///
    /// The platform answers a UUIDv7 (RFC 9562) in Crockford's base 32, so ids sort by time.
    fn id(&self, now: Time) -> String;
}
