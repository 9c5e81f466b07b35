//! What the provider of one process knows without asking the store: its opened keys, where its clients live.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use kernel::prelude::*;

use openid::jws::{Algorithm, Signer, Verifier};

/// Entries beyond which a memory is emptied; a bound, not a tuning.
const REMEMBERED_MAX: usize = 10_000;

/// The state of one process's provider; handed to the platform as an engine.
#[derive(Default)]
pub struct Provider {
    signers: RwLock<HashMap<String, Arc<Signer>>>,
    verifiers: RwLock<HashMap<String, Arc<Verifier>>>,
    /// The name of the key that signs, and until when that was looked up.
    current: RwLock<HashMap<Algorithm, (String, Time)>>,
    polls: Mutex<HashMap<String, Time>>,
    clients: RwLock<HashMap<String, String>>,
}

impl Provider {
    /// A signer by its key's name, opened once.
    pub(crate) fn signer(&self, kid: &str, open: impl FnOnce() -> Result<Signer>) -> Result<Arc<Signer>> {
        cached(&self.signers, kid, open)
    }

    /// A verifier by its key's name, read once.
    pub(crate) fn verifier(
        &self,
        kid: &str,
        read: impl FnOnce() -> Result<Verifier>,
    ) -> Result<Arc<Verifier>> {
        cached(&self.verifiers, kid, read)
    }

    /// The name of the key that signs by an algorithm, if that was looked up a short while ago.
    pub(crate) fn current(&self, algorithm: Algorithm, now: Time) -> Option<String> {
        let all = self.current.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&algorithm).filter(|(_, until)| now < *until).map(|(kid, _)| kid.clone())
    }

    /// Remembers which key signs.
    pub(crate) fn remember_current(&self, algorithm: Algorithm, kid: &str, until: Time) {
        let mut all = self.current.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(algorithm, (kid.to_owned(), until));
    }

    /// The organization a client was found in.
    pub(crate) fn home_of(&self, client: &str) -> Option<String> {
        self.clients.read().unwrap_or_else(PoisonError::into_inner).get(client).cloned()
    }

    /// Remembers the organization of a client; an identifier never moves.
    pub(crate) fn remember_home(&self, client: &str, org: &str) {
        let mut all = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(client.to_owned(), org.to_owned());
    }

    /// Whether a device asks again sooner than it was told to (RFC 8628 section 3.5).
    pub(crate) fn polls_too_fast(&self, device: &str, now: Time, every_s: i64) -> bool {
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= REMEMBERED_MAX {
            polls.clear();
        }
        let last = polls.insert(device.to_owned(), now);
        last.is_some_and(|last| now.seconds_since(last) < every_s as f64)
    }
}

fn cached<T>(
    all: &RwLock<HashMap<String, Arc<T>>>,
    key: &str,
    make: impl FnOnce() -> Result<T>,
) -> Result<Arc<T>> {
    if let Some(found) = all.read().unwrap_or_else(PoisonError::into_inner).get(key) {
        return Ok(Arc::clone(found));
    }
    let made = Arc::new(make()?);
    let mut all = all.write().unwrap_or_else(PoisonError::into_inner);
    if all.len() >= REMEMBERED_MAX {
        all.clear();
    }
    all.insert(key.to_owned(), Arc::clone(&made));
    Ok(made)
}
