//! Mail: how a message reaches a person.

use crate::Later;

/// A message in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The address it goes to (RFC 5321 section 4.1.2).
    pub to: String,
    /// One line.
    pub subject: String,
    /// The body, UTF-8.
    pub text: String,
}

/// Sends mail.
pub trait Mail: Send + Sync {
    /// Hands a message to whoever delivers it.
    ///
    /// # Errors
    /// `mail-undelivered` (503) when it was not taken.
    fn send(&self, message: Message) -> Later<'_, ()>;
}
