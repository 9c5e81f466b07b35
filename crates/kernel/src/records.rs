//! Objects that were just read, by name and by uid.

use std::sync::Arc;

use base::{Result, Uid};

use crate::{
    declare::KindDef,
    object::Raw,
    platform::Platform,
    predicate::Place,
    store::{
        Projects, Query, Record, Sort,
        recent::{by_name, by_uid, place},
    },
};

impl Platform {
    /// A living object by name.
    pub(crate) async fn named(
        &self,
        kind: &KindDef,
        (org, project, name): (&str, &str, &str),
    ) -> Result<Option<Arc<Raw>>> {
        let id = kind.id();
        let key = by_name(org, &id, project, name);
        if let Some(kept) = self.recent.get(&key) {
            return Ok(Some(kept));
        }
        let followed = self.recent.followed();
        let record = self.store.by_name(org, &id, project, name).await?;
        self.read(kind, record, (followed, key))
    }

    /// Whether no object of a kind lives at a place; costs nothing until one does.
    pub(crate) async fn has_none(&self, kind: &KindDef, (org, project): (&str, &str)) -> Result<bool> {
        let id = kind.id();
        let key = place(org, &id, project);
        if self.recent.is_empty(&key) {
            return Ok(true);
        }
        let followed = self.recent.followed();
        let query = Query {
            org: Some(org.to_owned()),
            kind: id,
            projects: Projects::These(vec![project.to_owned()]),
            deleted: false,
            filter: None,
            sort: Sort { place: Place::Uid, descending: false },
            after: None,
            limit: 1,
        };
        let none = self.store.list(&query).await?.is_empty();
        if none {
            self.recent.keep_empty(followed, key);
        }
        Ok(none)
    }

    /// A living object by uid.
    pub(crate) async fn identified(
        &self,
        kind: &KindDef,
        (org, uid): (&str, &str),
    ) -> Result<Option<Arc<Raw>>> {
        let id = kind.id();
        let key = by_uid(org, &id, uid);
        if let Some(kept) = self.recent.get(&key) {
            return Ok(Some(kept));
        }
        let followed = self.recent.followed();
        let record = self.store.by_uid(&Uid::known(uid)).await?;
        let record = record.filter(|it| it.org == org && it.kind == id && it.deleted.is_none());
        self.read(kind, record, (followed, key))
    }

    fn read(
        &self,
        kind: &KindDef,
        record: Option<Record>,
        (followed, key): (u64, String),
    ) -> Result<Option<Arc<Raw>>> {
        let Some(record) = record else { return Ok(None) };
        let it = Arc::new(Raw::from_record(kind, &record)?);
        self.recent.keep(followed, key, record.body.len(), &it);
        Ok(Some(it))
    }
}
