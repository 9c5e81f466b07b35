//! Seals what must not be read from disk, from the journal or from a backup.
//!
//! A store over another one: what comes in is sealed on its way down and opened on its way up, so nothing
//! above knows of it. Secrets are sealed under a key of their organization, personal data under a key of the
//! object it belongs to, with AES-256-GCM (NIST SP 800-38D); those keys are kept wrapped under the master key.
//! The journal's hashes are over what was sealed, so the chain is verified without any key. When the key of an
//! object is destroyed, its personal data is gone from the objects, the journal and every backup.

mod cipher;
mod keys;
mod sealing;
mod vaulted;

pub use cipher::MasterKey;
pub use keys::{CHECK, KEYS, PERSONS, fits, rewrap, signing_key};
pub use sealing::Sealed;
pub use vaulted::{Vaulted, open};

#[cfg(test)]
mod tests;
