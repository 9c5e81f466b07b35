//! The context of one call: who asks, where, when, in which trace, and the way to everything else.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use base::{Error, Name, Result, Status, Time, Trace, Uid};
use serde_json::Value;

use crate::{
    access::{self, Decision, Principal, Question},
    declare::{KindDef, to_fields},
    kind::{Kind, Scope},
    object::{self, Metadata, Object, Owner, Raw},
    platform::Platform,
    store::{Projects, Query, Record, Sort},
    write,
};

/// The context of one call. A cheap handle.
#[derive(Clone)]
pub struct Cx {
    pub(crate) platform: Arc<Platform>,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// The organization the call is about: the principal's own.
    pub org: Arc<str>,
    /// The project the call is about.
    pub project: Arc<str>,
    /// The trace it belongs to (W3C Trace Context), or nothing.
    pub trace: Trace,
    /// What the journal will say was done.
    pub verb: Arc<str>,
    /// When the caller stops waiting.
    pub deadline: Option<Time>,
    /// Whether nothing shall be written.
    pub dry_run: bool,
    /// The address the request came from, if it came from one.
    pub origin: Option<IpAddr>,
    /// What the caller calls this request, so that a second try does nothing twice.
    pub(crate) idempotency: Option<Arc<write::Once>>,
    /// The lease that must still be held for writes to happen: of the run the call is a step of.
    pub(crate) fence: Option<(String, u64)>,
}

/// A new object before it has a place.
#[derive(Clone, Debug)]
pub struct Draft<K: Kind> {
    /// Its name.
    pub name: String,
    /// What is wanted.
    pub spec: K,
    /// What is.
    pub status: K::Status,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Whom it goes with.
    pub owners: Vec<Owner>,
}

impl<K: Kind> Draft<K> {
    /// A draft with a name and a spec.
    pub fn new(name: impl Into<String>, spec: K) -> Self {
        Self {
            name: name.into(),
            spec,
            status: K::Status::default(),
            labels: BTreeMap::new(),
            owners: Vec::new(),
        }
    }

    /// The same with a status.
    #[must_use]
    pub fn with_status(mut self, status: K::Status) -> Self {
        self.status = status;
        self
    }
}

impl Cx {
    /// The present moment.
    pub fn now(&self) -> Time {
        self.platform.clock.now()
    }

    /// A fresh identifier.
    pub fn uid(&self, prefix: &str) -> Uid {
        Uid::fresh(prefix, &*self.platform.clock, &*self.platform.entropy)
    }

    /// Random bytes nobody can guess.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.platform.entropy.fill(&mut bytes);
        bytes
    }

    /// The platform the call runs on.
    pub fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }

    /// The engine behind a port.
    pub fn port<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>> {
        self.platform.port::<T>()
    }

    /// The same context about another project of the organization.
    #[must_use]
    pub fn in_project(&self, project: &str) -> Self {
        Self { project: project.into(), ..self.clone() }
    }

    /// The same context with another word for the journal.
    #[must_use]
    pub fn doing(&self, verb: &str) -> Self {
        Self { verb: verb.into(), ..self.clone() }
    }

    /// Runs work that blocks on the bounded pool for it.
    pub async fn blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        self.platform.blocking(work).await
    }

    /// Whether the principal may; the answer names the rules that decided.
    pub async fn decide(&self, permission: &str, project: &str) -> Result<Decision> {
        self.decide_on(permission, (project, "")).await
    }

    /// The same for one object of the project, by its name.
    pub async fn decide_on(&self, permission: &str, (project, object): (&str, &str)) -> Result<Decision> {
        // What belongs to the platform is nobody's own, so that a tenant's grants do not reach it.
        let kind = permission.rsplit_once('.').and_then(|(kind, _)| self.platform.kind(kind).ok());
        let org = self.org_of(kind.map_or(Scope::Organization, |kind| kind.scope));
        let (object, origin) = (object.to_owned(), self.origin);
        let question = Question { object, origin, ..Question::new(permission, &org, project) };
        self.platform.decide(&self.principal, &question).await
    }

    /// Refuses unless the principal may do this with objects of a kind, where that kind lives.
    pub(crate) async fn authorize_kind(&self, kind: &KindDef, verb: &str, object: &str) -> Result<()> {
        let permission = kind.permission(verb);
        if self.decide_on(&permission, (&self.project, object)).await?.allowed {
            return Ok(());
        }
        Err(access::denied(&permission))
    }

    /// Refuses unless the principal may.
    pub async fn authorize(&self, permission: &str, project: &str) -> Result<()> {
        if self.decide(permission, project).await?.allowed {
            return Ok(());
        }
        Err(access::denied(permission))
    }

    /// Fails once the caller has stopped waiting.
    pub fn check_deadline(&self) -> Result<()> {
        match self.deadline {
            Some(deadline) if self.now() > deadline => {
                Err(Error::new(Status::Timeout, "deadline-exceeded", "the request took longer than allowed"))
            }
            _ => Ok(()),
        }
    }

    /// The organization under which objects of a scope are kept.
    pub(crate) fn org_of(&self, scope: Scope) -> String {
        match scope {
            Scope::Project | Scope::Organization => self.org.to_string(),
            Scope::Platform => String::new(),
        }
    }

    /// An object by name or uid.
    pub async fn get<K: Kind>(&self, id: &str) -> Result<Object<K>> {
        self.find(&*self.platform.kind_of::<K>()?, id).await?.typed()
    }

    /// An object by name or uid as it lies in memory: for what is asked too often to be copied.
    pub async fn held<K: Kind>(&self, id: &str) -> Result<Arc<Raw>> {
        let kind = self.platform.kind_of::<K>()?;
        self.held_opt(&kind, id).await?.ok_or_else(|| not_found(&kind, id))
    }

    /// An object by name or uid, or nothing.
    pub async fn get_opt<K: Kind>(&self, id: &str) -> Result<Option<Object<K>>> {
        let found = self.find_opt(&*self.platform.kind_of::<K>()?, id).await?;
        found.map(|raw| raw.typed()).transpose()
    }

    /// Whether the project has no object of a kind: for questions asked often and answered mostly so.
    pub async fn has_none<K: Kind>(&self) -> Result<bool> {
        let kind = self.platform.kind_of::<K>()?;
        let project = object::home(kind.scope, &self.project);
        self.platform.has_none(&kind, (&self.org_of(kind.scope), &project)).await
    }

    /// An object of any kind, such as `catalog.models`, by name or uid: how one domain reads another's.
    pub async fn read(&self, kind: &str, id: &str) -> Result<Raw> {
        let kind = self.platform.kind(kind)?;
        self.find(&kind, id).await
    }

    pub(crate) async fn find(&self, kind: &KindDef, id: &str) -> Result<Raw> {
        self.find_opt(kind, id).await?.ok_or_else(|| not_found(kind, id))
    }

    pub(crate) async fn find_opt(&self, kind: &KindDef, id: &str) -> Result<Option<Raw>> {
        Ok(self.held_opt(kind, id).await?.map(Arc::unwrap_or_clone))
    }

    async fn held_opt(&self, kind: &KindDef, id: &str) -> Result<Option<Arc<Raw>>> {
        let org = self.org_of(kind.scope);
        if Uid::looks_like(id) {
            let found = self.platform.identified(kind, (&org, id)).await?;
            return Ok(found.filter(|it| self.reaches(kind, &it.metadata.namespace)));
        }
        self.platform.named(kind, (&org, &object::home(kind.scope, &self.project), id)).await
    }

    /// Whether what lies in a project is found here by its uid: a uid opens no other project's door.
    fn reaches(&self, kind: &KindDef, project: &str) -> bool {
        let is_here = project == object::home(kind.scope, &self.project) || &*self.project == "-";
        is_here || self.principal.sort == access::Sort::System
    }

    /// An object as the store has it now, for whoever was just told that what was read is stale.
    pub(crate) async fn find_stored(&self, kind: &KindDef, id: &str) -> Result<Raw> {
        self.find_stored_opt(kind, id).await?.ok_or_else(|| not_found(kind, id))
    }

    pub(crate) async fn find_stored_opt(&self, kind: &KindDef, id: &str) -> Result<Option<Raw>> {
        let org = self.org_of(kind.scope);
        let record = if Uid::looks_like(id) {
            let found = self.platform.store.by_uid(&Uid::known(id)).await?;
            let is_living = |it: &Record| it.org == org && it.kind == kind.id() && it.deleted.is_none();
            found.filter(|it| is_living(it) && self.reaches(kind, &it.project))
        } else {
            let project = object::home(kind.scope, &self.project);
            self.platform.store.by_name(&org, &kind.id(), &project, id).await?
        };
        record.map(|record| Raw::from_record(kind, &record)).transpose()
    }

    /// All objects of a kind that a filter finds, in the order of their making, at most `limit`.
    ///
    /// The filter is the grammar of lists (AIP-160).
    pub async fn list<K: Kind>(&self, filter: &str, limit: u32) -> Result<Vec<Object<K>>> {
        let kind = self.platform.kind_of::<K>()?;
        self.list_raw(&kind.id(), filter, limit).await?.iter().map(Raw::typed).collect()
    }

    /// The same for any kind.
    pub async fn list_raw(&self, kind: &str, filter: &str, limit: u32) -> Result<Vec<Raw>> {
        self.list_where(kind, filter, limit, false).await
    }

    /// The same for any kind, what is in the trash included.
    pub async fn list_with_trash(&self, kind: &str, filter: &str, limit: u32) -> Result<Vec<Raw>> {
        let mut all = self.list_where(kind, filter, limit, false).await?;
        all.extend(self.list_where(kind, filter, limit, true).await?);
        Ok(all)
    }

    async fn list_where(&self, kind: &str, filter: &str, limit: u32, deleted: bool) -> Result<Vec<Raw>> {
        let kind = self.platform.kind(kind)?;
        let query = Query {
            org: Some(self.org_of(kind.scope)),
            kind: kind.id(),
            projects: Projects::These(vec![object::home(kind.scope, &self.project)]),
            deleted,
            filter: selection::parse(&*kind, filter)?,
            sort: Sort { place: crate::predicate::Place::Uid, descending: false },
            after: None,
            limit,
        };
        let records = self.platform.store.list(&query).await?;
        records.iter().map(|record| Raw::from_record(&kind, record)).collect()
    }

    /// Makes an object.
    pub async fn create<K: Kind>(&self, draft: Draft<K>) -> Result<Object<K>> {
        let kind = self.platform.kind_of::<K>()?;
        let mut new = self.blank(&kind, Name::new(draft.name)?.to_string());
        new.metadata.labels = draft.labels;
        new.metadata.owner_references = draft.owners;
        new.spec = to_fields(&draft.spec)?;
        new.status = to_fields(&draft.status)?;
        write::put(self, &kind, None, new).await?.typed()
    }

    /// A new object of any kind that says nothing yet, and is not written.
    pub fn blank(&self, kind: &KindDef, name: String) -> Raw {
        Raw {
            kind: kind.id(),
            org: self.org_of(kind.scope),
            metadata: Metadata {
                name,
                namespace: object::home(kind.scope, &self.project),
                uid: self.uid(kind.prefix),
                version: 0,
                generation: 1,
                creation_timestamp: self.now(),
                deletion_timestamp: None,
                labels: BTreeMap::new(),
                annotations: BTreeMap::new(),
                owner_references: Vec::new(),
                finalizers: Vec::new(),
                managed_fields: Vec::new(),
            },
            spec: object::Fields::new(),
            status: object::Fields::new(),
        }
    }

    /// Writes an object back, spec and status, if nobody else has in between.
    pub async fn save<K: Kind>(&self, it: &Object<K>) -> Result<Object<K>> {
        let kind = self.platform.kind_of::<K>()?;
        let old = self.find_stored(&kind, it.metadata.uid.as_str()).await?;
        if old.metadata.version != it.metadata.version {
            return Err(write::stale(old.metadata.version));
        }
        let mut new = old.clone();
        new.metadata = it.metadata.clone();
        new.spec = to_fields(&it.spec)?;
        new.status = crate::declare::merge_status(new.status, &it.status)?;
        write::put(self, &kind, Some(old), new).await?.typed()
    }

    /// Changes an object's status, trying again when somebody else was faster.
    pub async fn update_status<K: Kind>(
        &self,
        id: &str,
        change: impl Fn(&mut K::Status) + Send + Sync,
    ) -> Result<Object<K>> {
        let kind = self.platform.kind_of::<K>()?;
        let mut tries = 0;
        loop {
            let old = self.find_stored(&kind, id).await?;
            let mut it: Object<K> = old.typed()?;
            change(&mut it.status);
            let mut new = old.clone();
            new.status = crate::declare::merge_status(new.status, &it.status)?;
            match write::put(self, &kind, Some(old), new).await {
                Err(error) if error.code() == "stale-version" && tries < 10 => tries += 1,
                other => return other?.typed(),
            }
        }
    }

    /// Deletes an object for good or into the trash, as its kind wants.
    pub async fn delete<K: Kind>(&self, id: &str) -> Result<()> {
        let kind = self.platform.kind_of::<K>()?;
        let old = self.find(&kind, id).await?;
        crate::lifecycle::delete(self, &kind, old, crate::lifecycle::Propagation::Background)
            .await
            .map(|_| ())
    }

    /// Calls another service's operation as the same principal: kind, action, object, input.
    pub async fn call_action(&self, kind: &str, id: Option<&str>, action: &str, ask: Value) -> Result<Value> {
        crate::dispatch::call_action(self, kind, id, action, ask).await
    }
}

/// The answer when there is no such object, or none the caller may know of.
pub(crate) fn not_found(kind: &KindDef, id: &str) -> Error {
    let shown: String = id.chars().take(100).collect();
    Error::not_found("not-found", format!("there is no {} `{shown}` here", kind.name.replace('-', " ")))
        .hint(format!("`aic get {}` lists what there is", kind.plural))
}
