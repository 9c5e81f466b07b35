//! How long work tells where it is and learns that it shall stop.

use crate::{Error, Result, Status};

/// Somebody who watches long work.
pub trait Watch: Send + Sync {
    /// So much is done of so much, and what is being done now.
    fn progress(&self, done: u64, total: u64, message: &str);

    /// One line for the work's log.
    fn line(&self, text: &str);

    /// Whether the work was cancelled or its deadline has passed.
    fn stopped(&self) -> bool;

    /// Seconds since the work began, for budgets.
    fn elapsed_s(&self) -> f64;

    /// Stops the work here if it was cancelled.
    fn check(&self) -> Result<()> {
        if self.stopped() {
            return Err(Error::new(Status::Cancelled, "cancelled", "the work was cancelled"));
        }
        Ok(())
    }
}

/// A watch that hears of cancellation and tells of no progress, for work ahead of the one that is watched.
pub struct Quiet<W>(pub W);

impl<W: Watch> Watch for Quiet<W> {
    fn progress(&self, _: u64, _: u64, _: &str) {}

    fn line(&self, text: &str) {
        self.0.line(text);
    }

    fn stopped(&self) -> bool {
        self.0.stopped()
    }

    fn elapsed_s(&self) -> f64 {
        self.0.elapsed_s()
    }
}

/// The watch of short work that somebody waits for.
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _: u64, _: u64, _: &str) {}

    fn line(&self, _: &str) {}

    fn stopped(&self) -> bool {
        false
    }

    fn elapsed_s(&self) -> f64 {
        0.0
    }
}
