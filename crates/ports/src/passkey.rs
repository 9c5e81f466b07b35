//! Passkeys: proof of a key that never leaves its device (W3C Web Authentication Level 3).

use base::Result;
use serde_json::Value;

/// The site a passkey is for.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The address people open, with scheme and port.
    pub origin: &'a str,
}

/// Whose passkey it is.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// 16 bytes that mean this person to authenticators, forever.
    pub handle: [u8; 16],
    /// The name the person logs in with.
    pub name: &'a str,
    /// How people call the person.
    pub display_name: &'a str,
}

/// A question to an authenticator.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// What the browser is handed: `navigator.credentials`' options.
    pub options: Value,
    /// What must be remembered until the answer; not for the browser.
    pub state: String,
}

/// Registers and checks passkeys. A passkey is a text only this port reads.
pub trait Passkeys: Send + Sync {
    /// Begins to register one; those the person has already are not offered again.
    ///
    /// # Errors
    /// `passkeys-unavailable` where the site has no name browsers take passkeys for.
    fn register(&self, site: Site<'_>, person: Person<'_>, has: &[String]) -> Result<Challenge>;

    /// Ends it; answers the passkey to keep.
    ///
    /// # Errors
    /// `passkey-refused`.
    fn registered(&self, site: Site<'_>, state: &str, answer: &Value) -> Result<String>;

    /// Begins to check that somebody has one of these.
    ///
    /// # Errors
    /// `passkeys-unavailable`, `passkey-refused` when there is none.
    fn ask(&self, site: Site<'_>, has: &[String]) -> Result<Challenge>;

    /// Ends it with what was told, of one of those the person has; answers which one, and how it is to be kept now.
    ///
    /// # Errors
    /// `passkey-refused`.
    fn answered(&self, site: Site<'_>, state: &str, told: (&Value, &[String])) -> Result<(usize, String)>;
}
