//! Signing: what proves later that something was said by this platform, and was not changed since.

use base::Result;

/// Signs short texts with a key that never leaves it.
pub trait Notary: Send + Sync {
    /// The key's name, as it stands in signed notes.
    fn name(&self) -> &str;

    /// The public key in the form signed notes are verified with (C2SP signed-note, section Verifier keys).
    fn public_key(&self) -> String;

    /// A text with a signature behind it (C2SP signed-note). The text ends with a line end.
    ///
    /// # Errors
    /// `internal` if the key cannot sign.
    fn sign(&self, text: &str) -> Result<String>;
}
