//! The keys under the master key: made on first use, kept wrapped in the store, remembered while the process runs.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use base::{Entropy, Error, Result, Time};
use store::{Commit, Kept, Store};

use crate::cipher::{KEY_LEN, Key, MasterKey};

/// Where keys of organizations are kept.
pub const KEYS: &str = "keys";
/// Where keys of objects with personal data are kept; no backup of the store holds them.
pub const PERSONS: &str = "person-keys";
/// Where the key that signs is kept.
const SIGNING: &str = "signing-key";
/// What is kept of a key that was destroyed, so that it is never made again.
const DESTROYED: &str = "destroyed";
/// How many keys are remembered before all are forgotten; a bound, not a tuning.
const REMEMBERED_MAX: usize = 50_000;
/// The place of the check that tells the right master key from a wrong one.
pub const CHECK: &str = "check";

/// Whether a master key is the one a store's check was sealed under.
pub fn fits(master: &MasterKey, check: &str) -> bool {
    Key::new(master.bytes()).is_ok_and(|key| key.open(check, CHECK).is_some())
}

/// Wraps every key under a new master key; answers how many. The check goes last: cut off before it, the old key is
/// still the right one, and what was wrapped anew is passed over the next time.
///
/// # Errors
/// `master-key-wrong` when a key opens under neither.
pub async fn rewrap(
    store: &dyn Store,
    old: &MasterKey,
    new: &MasterKey,
    entropy: &dyn Entropy,
) -> Result<u64> {
    let (old, new) = (Key::new(old.bytes())?, Key::new(new.bytes())?);
    let wrong = || {
        Error::conflict("master-key-wrong", "a key opens under neither the old nor the new master key")
            .hint("give the key file the store was made with, in `AIC_MASTER_KEY_FILE` or as `master.key`")
    };
    let mut count = 0;
    for space in [KEYS, PERSONS, SIGNING] {
        let mut wrapped = Vec::new();
        for kept in store.kept_all(Some(space)).await? {
            let place = format!("{space}/{}", kept.key);
            if kept.value == DESTROYED || new.open(&kept.value, &place).is_some() {
                continue;
            }
            let plain = old.open(&kept.value, &place).ok_or_else(wrong)?;
            wrapped.push(Kept { value: new.seal(&plain, &place, entropy)?, unless_kept: None, ..kept });
        }
        count += wrapped.len() as u64;
        for keep in wrapped.chunks(BATCH) {
            store.commit(Commit { keep: keep.to_vec(), ..Commit::default() }).await?;
        }
    }
    let value = new.seal("ok", CHECK, entropy)?;
    let check =
        Kept { space: CHECK.to_owned(), key: KEYS.to_owned(), value, expires: None, unless_kept: None };
    store.commit(Commit { keep: vec![check], ..Commit::default() }).await?;
    Ok(count)
}

/// The key the platform signs with, the same for all processes on a store: the one that is kept, or a fresh one that is
/// kept from now on. It is a text of the caller's own form.
///
/// # Errors
/// `master-key-wrong` when it was wrapped under another master key.
pub async fn signing_key(
    store: &dyn Store,
    master: &MasterKey,
    entropy: &dyn Entropy,
    fresh: &str,
) -> Result<String> {
    let (master, place) = (Key::new(master.bytes())?, format!("{SIGNING}/platform"));
    if store.kept(SIGNING, "platform", whenever()).await?.is_none() {
        keep_once(store, SIGNING, "platform", master.seal(fresh, &place, entropy)?).await?;
    }
    let kept = store.kept(SIGNING, "platform", whenever()).await?;
    kept.and_then(|value| master.open(&value, &place)).ok_or_else(|| {
        Error::conflict("master-key-wrong", "the key that signs was wrapped under another master key")
            .hint("give the key file the store was made with, in `AIC_MASTER_KEY_FILE` or as `master.key`")
    })
}

/// Keeps a value unless there is one: of two processes that make the same key, one wins.
async fn keep_once(store: &dyn Store, space: &str, key: &str, value: String) -> Result<()> {
    let kept = Kept {
        space: space.to_owned(),
        key: key.to_owned(),
        value,
        expires: None,
        unless_kept: Some(whenever()),
    };
    match store.commit(Commit { keep: vec![kept], ..Commit::default() }).await {
        Err(error) if error.code() == "already-kept" => Ok(()),
        other => other.map(drop),
    }
}

/// How many keys are wrapped in one commit.
const BATCH: usize = 500;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// An organization, for its secrets; empty is the platform.
    Organization(String),
    /// An object, for the personal data in it, by its uid.
    Object(String),
}

impl Owner {
    fn place(&self) -> (&'static str, &str) {
        match self {
            Self::Organization(name) => (KEYS, name),
            Self::Object(uid) => (PERSONS, uid),
        }
    }

    fn wrapped_for(&self) -> String {
        let (space, key) = self.place();
        format!("{space}/{key}")
    }
}

/// All keys.
pub struct Keys {
    store: Arc<dyn Store>,
    master: Key,
    entropy: Arc<dyn Entropy>,
    remembered: RwLock<HashMap<Owner, Arc<Key>>>,
}

impl Keys {
    /// The keys under a master key.
    ///
    /// # Errors
    /// `master-key-wrong` when what is kept was wrapped under another.
    pub async fn open(store: Arc<dyn Store>, master: &MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self> {
        let master = Key::new(master.bytes())?;
        let keys = Self { store, master, entropy, remembered: RwLock::default() };
        match keys.store.kept(CHECK, KEYS, whenever()).await? {
            Some(sealed) if keys.master.open(&sealed, CHECK).is_none() => {
                Err(Error::conflict("master-key-wrong", "the store was sealed under another master key")
                    .hint("give the key file it was made with, in `AIC_MASTER_KEY_FILE` or as `master.key`"))
            }
            Some(_) => Ok(keys),
            None => {
                let value = keys.master.seal("ok", CHECK, &*keys.entropy)?;
                keep_once(&*keys.store, CHECK, KEYS, value).await?;
                Ok(keys)
            }
        }
    }

    /// A key, made if there is none; none if it was destroyed.
    pub async fn get_or_make(&self, owner: &Owner) -> Result<Option<Arc<Key>>> {
        if let Some(key) = self.remembered(owner) {
            return Ok(Some(key));
        }
        let (space, name) = owner.place();
        if self.store.kept(space, name, whenever()).await?.is_none() {
            let mut bytes = [0; KEY_LEN];
            self.entropy.fill(&mut bytes);
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let value = self.master.seal(&hex, &owner.wrapped_for(), &*self.entropy)?;
            keep_once(&*self.store, space, name, value).await?;
        }
        self.get(owner).await
    }

    /// A key that was made and not destroyed.
    pub async fn get(&self, owner: &Owner) -> Result<Option<Arc<Key>>> {
        if let Some(key) = self.remembered(owner) {
            return Ok(Some(key));
        }
        let (space, name) = owner.place();
        let Some(value) = self.store.kept(space, name, whenever()).await? else { return Ok(None) };
        if value == DESTROYED {
            return Ok(None);
        }
        let hex = self.master.open(&value, &owner.wrapped_for());
        let hex = hex.ok_or_else(|| Error::internal(format!("the key of {owner:?} does not open")))?;
        let key = Arc::new(Key::new(MasterKey::parse(&hex)?.bytes())?);
        let mut all = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        all.insert(owner.clone(), Arc::clone(&key));
        Ok(Some(key))
    }

    fn remembered(&self, owner: &Owner) -> Option<Arc<Key>> {
        self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(owner).cloned()
    }

    /// Destroys a key for good.
    pub async fn destroy(&self, owner: &Owner) -> Result<()> {
        let (space, name) = owner.place();
        let kept = Kept {
            space: space.to_owned(),
            key: name.to_owned(),
            value: DESTROYED.to_owned(),
            expires: None,
            unless_kept: None,
        };
        self.store.commit(Commit { keep: vec![kept], ..Commit::default() }).await?;
        self.forget(owner);
        Ok(())
    }

    /// Lets go of a key that is remembered: another process may have destroyed it.
    pub fn forget(&self, owner: &Owner) {
        self.remembered.write().unwrap_or_else(PoisonError::into_inner).remove(owner);
    }
}

/// Keys do not expire, so the moment they are asked for at does not matter.
fn whenever() -> Time {
    Time::from_micros(0)
}
