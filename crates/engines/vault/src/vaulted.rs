//! The store over a store: seals on the way down, opens on the way up.

use std::{borrow::Cow, sync::Arc};

use base::{Entropy, Result, Time, Uid};
use store::{
    ChangeQuery, Commit, Emptied, Kept, Later, Lease, Outdated, Query, Record, Store, index::Term,
    journal::Change,
};
use tokio::sync::watch;

use crate::{
    MasterKey,
    keys::{Keys, Owner},
    sealing::{Ring, Sealed},
};

/// A store that keeps secrets and personal data sealed.
pub struct Vaulted {
    inner: Arc<dyn Store>,
    keys: Keys,
    sealed: Sealed,
    entropy: Arc<dyn Entropy>,
}

/// Puts a vault over a store.
///
/// # Errors
/// `master-key-wrong`.
pub async fn open(
    inner: Arc<dyn Store>,
    master: &MasterKey,
    sealed: Sealed,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<Vaulted>> {
    let keys = Keys::open(Arc::clone(&inner), master, Arc::clone(&entropy)).await?;
    Ok(Arc::new(Vaulted { inner, keys, sealed, entropy }))
}

impl Vaulted {
    async fn sealed_body(&self, record: &Record) -> Result<Option<String>> {
        let Some(needs) = self.sealed.needs(&record.kind) else { return Ok(None) };
        let organization = match needs.organization {
            true => self.keys.get_or_make(&Owner::Organization(record.org.clone())).await?,
            false => None,
        };
        let object = match needs.object {
            true => self.keys.get_or_make(&Owner::Object(record.uid.to_string())).await?,
            false => None,
        };
        let ring = Ring { organization: organization.as_deref(), object: object.as_deref() };
        self.sealed.seal(&record.kind, &record.body, &ring, &*self.entropy).map(Some)
    }

    async fn opened_body(&self, (org, kind, uid): (&str, &str, &Uid), body: &str) -> Result<Option<String>> {
        // What was emptied is no JSON any more, and hides nothing.
        let needs = self.sealed.needs(kind).filter(|_| body.starts_with('{'));
        let Some(needs) = needs else { return Ok(None) };
        let organization = match needs.organization {
            true => self.keys.get(&Owner::Organization(org.to_owned())).await?,
            false => None,
        };
        let object = match needs.object {
            true => self.keys.get(&Owner::Object(uid.to_string())).await?,
            false => None,
        };
        let ring = Ring { organization: organization.as_deref(), object: object.as_deref() };
        self.sealed.open(kind, body, &ring).map(Some)
    }

    async fn opened(&self, mut record: Record) -> Result<Record> {
        let of = (record.org.as_str(), record.kind.as_str(), &record.uid);
        if let Some(body) = self.opened_body(of, &record.body).await? {
            record.body = body;
        }
        Ok(record)
    }

    async fn opened_changes(&self, mut changes: Vec<Change>) -> Result<Vec<Change>> {
        for change in &mut changes {
            let of = (change.org.as_str(), change.kind.as_str(), &change.uid);
            if let Some(body) = self.opened_body(of, &change.body).await? {
                change.body = body;
            }
        }
        Ok(changes)
    }
}

impl Store for Vaulted {
    fn as_written(&self) -> Option<&dyn Store> {
        Some(&*self.inner)
    }

    fn shred<'a>(&'a self, uid: &'a Uid) -> Later<'a, bool> {
        Box::pin(async move { self.keys.destroy(&Owner::Object(uid.to_string())).await.map(|()| true) })
    }

    fn commit(&self, mut commit: Commit) -> Later<'_, Vec<u64>> {
        Box::pin(async move {
            for write in &mut commit.writes {
                if let Some(body) = self.sealed_body(&write.record).await? {
                    write.record.body = body;
                }
            }
            self.inner.commit(commit).await
        })
    }

    fn by_name<'a>(
        &'a self,
        org: &'a str,
        kind: &'a str,
        project: &'a str,
        name: &'a str,
    ) -> Later<'a, Option<Record>> {
        Box::pin(async move {
            match self.inner.by_name(org, kind, project, name).await? {
                Some(record) => self.opened(record).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn by_uid<'a>(&'a self, uid: &'a Uid) -> Later<'a, Option<Record>> {
        Box::pin(async move {
            match self.inner.by_uid(uid).await? {
                Some(record) => self.opened(record).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn list<'a>(&'a self, query: &'a Query) -> Later<'a, Vec<Record>> {
        if self.sealed.needs(&query.kind).is_none() {
            return self.inner.list(query);
        }
        Box::pin(async move {
            let mut records = Vec::new();
            for record in self.inner.list(query).await? {
                records.push(self.opened(record).await?);
            }
            Ok(records)
        })
    }

    fn count<'a>(&'a self, query: &'a Query) -> Later<'a, u64> {
        self.inner.count(query)
    }

    fn changes(&self, after: u64, limit: u32) -> Later<'_, Vec<Change>> {
        Box::pin(async move { self.opened_changes(self.inner.changes(after, limit).await?).await })
    }

    fn history<'a>(&'a self, query: &'a ChangeQuery) -> Later<'a, Vec<Change>> {
        Box::pin(async move { self.opened_changes(self.inner.history(query).await?).await })
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.inner.head()
    }

    fn kept<'a>(&'a self, space: &'a str, key: &'a str, now: Time) -> Later<'a, Option<String>> {
        self.inner.kept(space, key, now)
    }

    fn kept_all<'a>(&'a self, space: Option<&'a str>) -> Later<'a, Vec<Kept>> {
        self.inner.kept_all(space)
    }

    fn stream<'a>(&'a self, stream: &'a str, from: u64, limit: u32) -> Later<'a, Vec<(u64, String)>> {
        self.inner.stream(stream, from, limit)
    }

    fn streams<'a>(&'a self, prefix: &'a str, after: &'a str, limit: u32) -> Later<'a, Vec<String>> {
        self.inner.streams(prefix, after, limit)
    }

    fn drop_stream<'a>(&'a self, stream: &'a str) -> Later<'a, ()> {
        self.inner.drop_stream(stream)
    }

    fn lease<'a>(&'a self, key: &'a str, holder: &'a str, now: Time, ttl_s: u32) -> Later<'a, Option<Lease>> {
        self.inner.lease(key, holder, now, ttl_s)
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> Later<'a, ()> {
        self.inner.release(lease)
    }

    fn empty<'a>(&'a self, outdated: &'a Outdated) -> Later<'a, Emptied> {
        self.inner.empty(outdated)
    }

    fn replay<'a>(
        &'a self,
        changes: Vec<Change>,
        terms: &'a (dyn Fn(&Record) -> Vec<Term> + Send + Sync),
    ) -> Later<'a, ()> {
        Box::pin(async move {
            // Terms are of what was opened; keys come first, because a closure cannot wait for them.
            let mut rings = std::collections::HashMap::new();
            for change in &changes {
                let Some(needs) = self.sealed.needs(&change.kind) else { continue };
                let organization = Owner::Organization(change.org.clone());
                let object = Owner::Object(change.uid.to_string());
                let organization =
                    if needs.organization { self.keys.get(&organization).await? } else { None };
                let object = if needs.object { self.keys.get(&object).await? } else { None };
                rings.insert(change.uid.to_string(), (organization, object));
            }
            let of_opened = |record: &Record| -> Vec<Term> {
                let mut record = Cow::Borrowed(record);
                if let Some((organization, object)) = rings.get(record.uid.as_str()) {
                    let ring = Ring { organization: organization.as_deref(), object: object.as_deref() };
                    if let Ok(body) = self.sealed.open(&record.kind, &record.body, &ring) {
                        record.to_mut().body = body;
                    }
                }
                terms(&record)
            };
            self.inner.replay(changes, &of_opened).await
        })
    }

    fn sweep(&self, now: Time) -> Later<'_, ()> {
        self.inner.sweep(now)
    }

    fn ping(&self) -> Later<'_, ()> {
        self.inner.ping()
    }
}
