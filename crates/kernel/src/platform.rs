//! The platform: what a set of domains, a store and engines become when they are put together.

use std::{
    any::{Any, TypeId},
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base::{Clock, Entropy, Error, Result, Trace};
use tokio::sync::{Notify, Semaphore};

use crate::{
    access::{
        Asked, Credential, Decision, Guard, Known, Memory, Policy, Principal, Question, Remembering, Sort,
    },
    blob::Blobs,
    controller::{Controller, Periodic},
    cx::Cx,
    declare::KindDef,
    domain::Domain,
    kind::{Kind, Scope, Shape},
    object::Raw,
    runs::{self, Workflow},
    store::{Ceiling, Store, recent::Recent},
    watch::Hub,
};

/// The kind that says which projects there are, and the one that says which organizations.
pub const PROJECTS: &str = "admin.projects";

/// Everything put together. Shared by all calls.
pub struct Platform {
    /// Where objects and the journal are.
    pub store: Arc<dyn Store>,
    /// Where bytes are.
    pub blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    kinds: Vec<Arc<KindDef>>,
    by_id: HashMap<String, Arc<KindDef>>,
    by_type: HashMap<TypeId, Arc<KindDef>>,
    ports: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    policy: Arc<dyn Policy>,
    guard: Arc<dyn Guard>,
    memory: Memory,
    pub(crate) recent: Recent<Raw>,
    pub(crate) hub: Hub,
    pub(crate) workflows: HashMap<&'static str, Workflow>,
    controllers: Vec<Controller>,
    periodic: Vec<Periodic>,
    blocking: Arc<Semaphore>,
    pub(crate) workers: usize,
    /// Who this process is to the holders of leases.
    pub(crate) holder: String,
    progress: Notify,
    pub(crate) wake: Notify,
    /// The leases this process works under right now, so that it does not prolong its own by claiming.
    under_way: Mutex<HashSet<String>>,
}

/// Collects the parts.
pub struct Parts {
    /// Where objects and the journal are.
    pub store: Arc<dyn Store>,
    /// Where bytes are.
    pub blobs: Arc<dyn Blobs>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What decides.
    pub policy: Arc<dyn Policy>,
    /// What is served.
    pub domains: Vec<Domain>,
    /// The engines behind ports.
    pub ports: Ports,
    /// How many runs are worked on at once; 0 works on none.
    pub workers: usize,
    /// How much blocking work is done at once.
    pub blocking: usize,
    /// Who this process is to the holders of leases. Keep it over restarts where no other process
    /// can have the store open: then what a crash left behind is taken up at once.
    pub holder: String,
}

/// The engines behind ports, by the trait they implement.
#[derive(Default)]
pub struct Ports(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl Ports {
    /// Puts an engine behind a port.
    #[must_use]
    pub fn with<T: ?Sized + Send + Sync + 'static>(mut self, engine: Arc<T>) -> Self {
        self.0.insert(TypeId::of::<T>(), Box::new(engine));
        self
    }
}

impl Platform {
    /// Puts the parts together and checks that they fit; nothing runs yet.
    pub fn new(parts: Parts) -> Result<Arc<Self>> {
        let mut kinds = Vec::new();
        let mut workflows = HashMap::new();
        let mut controllers = Vec::new();
        let mut periodic = Vec::new();
        let mut guard = None;
        for domain in std::iter::once(runs::domain()).chain(parts.domains) {
            kinds.extend(domain.kinds.into_iter().map(Arc::new));
            controllers.extend(domain.controllers);
            periodic.extend(domain.periodic);
            workflows.extend(domain.workflows.into_iter().map(|workflow| (workflow.name, workflow)));
            guard = domain.guard.or(guard);
        }
        let recent = Recent::new(parts.store.head());
        let platform = Self {
            by_id: kinds.iter().map(|kind| (kind.id(), Arc::clone(kind))).collect(),
            by_type: kinds.iter().map(|kind| (kind.type_id, Arc::clone(kind))).collect(),
            kinds,
            store: parts.store,
            blobs: parts.blobs,
            clock: parts.clock,
            entropy: parts.entropy,
            ports: parts.ports.0,
            policy: parts.policy,
            guard: guard.ok_or_else(|| Error::internal("no domain knows who is asking"))?,
            memory: Memory::default(),
            recent,
            hub: Hub::new(),
            workflows,
            controllers,
            periodic,
            blocking: Arc::new(Semaphore::new(parts.blocking.max(1))),
            workers: parts.workers,
            holder: parts.holder,
            progress: Notify::new(),
            wake: Notify::new(),
            under_way: Mutex::new(HashSet::new()),
        };
        platform.fits()?;
        Ok(Arc::new(platform))
    }

    /// Every reference names a kind, every parent exists, no path is served twice.
    fn fits(&self) -> Result<()> {
        let mut prefixes = BTreeMap::new();
        for kind in &self.kinds {
            for field in kind.fields {
                if let Some(target) = field.reference {
                    self.kind(target)?;
                }
                if field.indexed && matches!(field.shape, Shape::Struct(_) | Shape::Map(_) | Shape::Any) {
                    return Err(Error::internal(format!("{}.{} cannot be indexed", kind.id(), field.name)));
                }
            }
            if let Some((parent, _)) = kind.parent {
                self.kind(&format!("{}.{parent}", kind.service))?;
            }
            if let Some(other) = prefixes.insert(kind.prefix, kind.id()) {
                return Err(Error::internal(format!("{} and {other} share a prefix", kind.id())));
            }
        }
        Ok(())
    }

    /// Starts what runs beside the calls: the hub, controllers, workers. They end with the runtime.
    pub fn start(self: &Arc<Self>) {
        let platform = Arc::clone(self);
        let from = *self.store.head().borrow();
        self.recent.follow_from(from);
        tokio::spawn(async move {
            let store = Arc::clone(&platform.store);
            let seen = |change: &crate::journal::Change| {
                platform.recent.changed(change);
                if platform.guard.sources().contains(&change.kind.as_str()) {
                    platform.memory.forget();
                }
                if change.kind == runs::RUNS {
                    platform.wake.notify_one();
                }
            };
            platform.hub.follow(store, from, seen).await;
        });
        for controller in self.controllers.clone() {
            tokio::spawn(controller.follow(Arc::clone(self)));
        }
        for periodic in self.periodic.clone() {
            tokio::spawn(periodic.again_and_again(Arc::clone(self)));
        }
        if self.workers > 0 {
            tokio::spawn(runs::work(Arc::clone(self)));
        }
        tokio::spawn(sweep(Arc::clone(self)));
    }

    /// Every change from now on, of all organizations: for what keeps a table of its own. Who lags is told so.
    pub fn follow(&self) -> tokio::sync::broadcast::Receiver<Arc<crate::journal::Change>> {
        self.hub.subscribe()
    }

    /// Every kind, in the order the domains list them.
    pub fn kinds(&self) -> &[Arc<KindDef>] {
        &self.kinds
    }

    /// A kind by `service.plural`.
    pub fn kind(&self, id: &str) -> Result<Arc<KindDef>> {
        let found = self.by_id.get(id).cloned();
        found.ok_or_else(|| Error::not_found("unknown-kind", format!("there is no kind `{id}`")))
    }

    /// The kind of a struct.
    pub fn kind_of<K: Kind>(&self) -> Result<Arc<KindDef>> {
        let found = self.by_type.get(&TypeId::of::<K>()).cloned();
        found.ok_or_else(|| Error::internal(format!("kind `{}` is in no domain's list", K::NAME)))
    }

    /// The engine behind a port.
    pub fn port<T: ?Sized + Send + Sync + 'static>(&self) -> Result<Arc<T>> {
        let found = self.ports.get(&TypeId::of::<T>()).and_then(|engine| engine.downcast_ref::<Arc<T>>());
        found.cloned().ok_or_else(|| {
            let name = std::any::type_name::<T>().rsplit("::").next().unwrap_or_default();
            Error::unavailable(
                "engine-missing",
                format!("this platform was started without an engine for `{name}`"),
            )
        })
    }

    /// The present moment.
    pub fn now(&self) -> base::Time {
        self.clock.now()
    }

    /// Random bytes, for faces.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// A context for a principal.
    pub fn cx_of(self: &Arc<Self>, principal: Principal, project: &str) -> Cx {
        self.cx(Arc::new(principal), project)
    }

    /// A context for a principal already shared.
    pub fn cx(self: &Arc<Self>, principal: Arc<Principal>, project: &str) -> Cx {
        Cx {
            platform: Arc::clone(self),
            org: principal.org.as_str().into(),
            principal,
            project: project.into(),
            trace: Trace::default(),
            verb: "".into(),
            deadline: None,
            dry_run: false,
            idempotency: None,
            fence: None,
            origin: None,
        }
    }

    /// Who shows a credential.
    pub async fn authenticate(self: &Arc<Self>, credential: Credential) -> Result<Arc<Principal>> {
        if let Some(known) = self.memory.principal(&credential, self.clock.now()) {
            return Ok(known.principal);
        }
        let epoch = self.memory.epoch();
        let cx = self.cx_of(Principal::system("guard", ""), "");
        let known: Known = self.guard.authenticate(cx, credential.clone()).await?;
        self.memory.keep_principal(epoch, credential, known.clone());
        Ok(known.principal)
    }

    /// Whether a principal may.
    pub async fn decide(self: &Arc<Self>, principal: &Principal, question: &Question) -> Result<Decision> {
        if principal.sort == Sort::System {
            return Ok(Decision { allowed: true, reasons: vec!["the platform itself".to_owned()] });
        }
        let decider = self.decider(principal).await?;
        let question = Question { minute: self.now().micros() / 60_000_000, ..question.clone() };
        let (decision, is_first) = decider.decide(&question);
        if is_first {
            let principal = Arc::new(principal.clone());
            self.memory.note(Asked { principal, question, allowed: decision.allowed });
        }
        Ok(decision)
    }

    /// What decides for a principal, compiled once for as long as the rules are the same.
    async fn decider(self: &Arc<Self>, principal: &Principal) -> Result<Arc<Remembering>> {
        if let Some(decider) = self.memory.decider(principal) {
            return Ok(decider);
        }
        let epoch = self.memory.epoch();
        let cx = self.cx_of(Principal::system("guard", &principal.org), "");
        let grants = self.guard.grants(cx, principal.clone()).await?;
        let decider = Arc::new(Remembering::new(self.policy.compile(principal, &grants)?));
        self.memory.keep_decider(epoch, principal.clone(), &decider);
        Ok(decider)
    }

    /// Which of many things a principal might do, for whoever shows only those; nothing of it counts as asked.
    pub async fn foresee(
        self: &Arc<Self>,
        principal: &Principal,
        questions: Vec<Question>,
    ) -> Result<Vec<bool>> {
        if principal.sort == Sort::System {
            return Ok(vec![true; questions.len()]);
        }
        let decider = self.decider(principal).await?;
        let minute = self.now().micros() / 60_000_000;
        self.blocking(move || {
            let now = |question: Question| Question { minute, ..question };
            Ok(questions.into_iter().map(|question| decider.foresee(&now(question))).collect())
        })
        .await
    }

    /// What decides, for whoever wants to know what other rules would.
    pub fn policy(&self) -> &dyn Policy {
        &*self.policy
    }

    /// Tells the guard what was asked since it was told last.
    pub async fn tell_asked(self: &Arc<Self>) -> Result<()> {
        let asked = self.memory.take_asked();
        if asked.is_empty() {
            return Ok(());
        }
        self.guard.asked(self.cx_of(Principal::system("guard", ""), ""), asked).await
    }

    /// What limits how many objects of a kind live in a project, worked out once.
    pub(crate) async fn ceilings(
        self: &Arc<Self>,
        (org, project, kind): (&str, &str, &str),
    ) -> Result<Vec<Ceiling>> {
        if project.is_empty() {
            return Ok(Vec::new());
        }
        let place = (org.to_owned(), project.to_owned());
        let all = match self.memory.ceilings(&place) {
            Some(all) => all,
            None => {
                let epoch = self.memory.epoch();
                let cx = self.cx_of(Principal::system("guard", org), project);
                let all: Arc<[Ceiling]> = self.guard.ceilings(cx).await?.into();
                self.memory.keep_ceilings(epoch, place, Arc::clone(&all));
                all
            }
        };
        Ok(all.iter().filter(|ceiling| ceiling.kind == kind).cloned().collect())
    }

    /// Runs work that blocks on the bounded pool for it.
    pub async fn blocking<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.blocking).acquire_owned().await.map_err(Error::internal)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(Error::internal)?
    }

    /// A write of a kind has been committed: what was worked out from it before is stale.
    pub(crate) fn wrote(&self, kind: &KindDef) {
        if self.guard.sources().contains(&kind.id().as_str()) {
            self.memory.forget();
        }
        if kind.service == "system" && kind.plural == "runs" {
            self.wake.notify_one();
        }
    }

    /// A controller or a worker has come further.
    pub(crate) fn progressed(&self) {
        self.progress.notify_waiters();
    }

    /// Whether this process works under a lease right now.
    pub(crate) fn busy(&self, key: &str) -> bool {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    pub(crate) fn set_busy(&self, key: &str, busy: bool) {
        let mut keys = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if busy {
            keys.insert(key.to_owned());
        } else {
            keys.remove(key);
        }
    }

    /// Waits until controllers have caught up and no run is waiting or under way: for tests.
    pub async fn settle(self: &Arc<Self>) -> Result<()> {
        loop {
            let progressed = self.progress.notified();
            tokio::pin!(progressed);
            progressed.as_mut().enable();
            if self.is_settled().await? {
                return Ok(());
            }
            progressed.await;
        }
    }

    async fn is_settled(self: &Arc<Self>) -> Result<bool> {
        let head = *self.store.head().borrow();
        for controller in &self.controllers {
            if controller.cursor(self).await? < head {
                return Ok(false);
            }
        }
        // A run that ended while the controllers were looked at has something to tell them.
        let idle = self.workers == 0 || runs::is_idle(self).await?;
        Ok(idle && *self.store.head().borrow() == head)
    }

    /// Refuses a project nobody has made.
    pub(crate) async fn check_project(self: &Arc<Self>, org: &str, project: &str) -> Result<()> {
        let Some(projects) = self.by_id.get(PROJECTS) else { return Ok(()) };
        if self.named(projects, (org, "", project)).await?.is_some() {
            return Ok(());
        }
        let shown: String = project.chars().take(100).collect();
        Err(Error::not_found("project-not-found", format!("there is no project `{shown}` here"))
            .at("project")
            .hint("`aic get projects` lists what there is"))
    }

    /// What is kept in memory to be answered faster: its name, how many entries, how many at most.
    pub fn caches(&self) -> [(&'static str, usize, usize); 3] {
        let [principals, deciders, limit] = self.memory.sizes();
        let (objects, objects_max) = self.recent.size();
        [("principals", principals, limit), ("deciders", deciders, limit), ("objects", objects, objects_max)]
    }

    /// Forgets what is kept in memory.
    pub fn forget(&self) {
        self.memory.forget();
        self.recent.follow_from(0);
    }

    /// The kinds of a scope, for faces.
    pub fn kinds_in(&self, scope: Scope) -> impl Iterator<Item = &Arc<KindDef>> {
        self.kinds.iter().filter(move |kind| kind.scope == scope)
    }
}

/// How often what has expired is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Forgets what has expired, again and again.
async fn sweep(platform: Arc<Platform>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = platform.store.sweep(platform.now()).await {
            tracing::warn!(?error, "what has expired was not forgotten; trying again later");
        }
        if let Err(error) = platform.tell_asked().await {
            tracing::warn!(?error, "what was asked was not noted");
        }
    }
}
