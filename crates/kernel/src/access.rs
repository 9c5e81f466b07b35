//! Who is asking, and whether they may.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use base::{Digest, Error, Result, Time};
use serde::{Deserialize, Serialize};

use crate::{Later, cx::Cx, store::Ceiling};

/// What sort of principal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// A person.
    User,
    /// A program's account.
    Service,
    /// The platform itself.
    System,
}

/// Who asks. Two are equal when the same rules apply to them, however they showed who they are.
#[derive(Clone, Debug, Eq)]
pub struct Principal {
    /// What sort.
    pub sort: Sort,
    /// The name within the organization.
    pub name: String,
    /// The organization.
    pub org: String,
    /// The groups the principal is in.
    pub groups: Vec<String>,
    /// Permission patterns the credential is narrowed to; empty is not narrowed.
    pub scopes: Vec<String>,
    /// What was shown: `session:ses-01j9`, `key:key-01j9`.
    pub credential: Option<String>,
    /// Who really acts, where somebody acts as another.
    pub impersonator: Option<String>,
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        (self.sort, &self.name, &self.org) == (other.sort, &other.name, &other.org)
            && (&self.groups, &self.scopes) == (&other.groups, &other.scopes)
    }
}

impl std::hash::Hash for Principal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.sort, &self.name, &self.org, &self.groups, &self.scopes).hash(state);
    }
}

impl Principal {
    /// How the journal names it: `user:ada`.
    pub fn actor(&self) -> String {
        let sort = match self.sort {
            Sort::User => "user",
            Sort::Service => "service",
            Sort::System => "system",
        };
        format!("{sort}:{}", self.name)
    }

    /// How the journal signs what was done: of somebody who acts as another, both.
    pub fn signature(&self) -> String {
        match &self.impersonator {
            Some(really) => format!("{really} as {}", self.actor()),
            None => self.actor(),
        }
    }

    /// One of a sort, in no group and not narrowed.
    pub fn of(sort: Sort, name: &str, org: &str) -> Self {
        let (name, org) = (name.to_owned(), org.to_owned());
        Self { sort, name, org, groups: Vec::new(), scopes: Vec::new(), credential: None, impersonator: None }
    }

    /// The platform acting for an organization.
    pub fn system(name: &str, org: &str) -> Self {
        Self::of(Sort::System, name, org)
    }
}

/// One rule that applies to a principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// Where it comes from, for `explain`: `grant/ada-editor (role editor)`.
    pub source: String,
    /// Permission patterns such as `catalog.models.*`.
    pub permissions: Vec<String>,
    /// The project it holds in; everywhere in the organization when absent.
    pub project: Option<String>,
    /// Whether it also holds for what belongs to the platform.
    pub platform: bool,
    /// Whether it forbids; a forbidding rule beats every permitting one.
    #[serde(default)]
    pub forbid: bool,
    /// Names of the objects it holds for, `*` at the end for any rest; every one when empty.
    #[serde(default)]
    pub objects: Vec<String>,
    /// What else must hold, as a Cedar expression over `context` and `principal`.
    #[serde(default)]
    pub condition: Option<String>,
}

impl Grant {
    /// A rule that permits.
    pub fn of(source: impl Into<String>, permissions: &[&str]) -> Self {
        Self {
            source: source.into(),
            permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
            project: None,
            platform: false,
            forbid: false,
            objects: Vec::new(),
            condition: None,
        }
    }
}

/// What is asked of the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Question {
    /// `catalog.models.promote`
    pub permission: String,
    /// The organization of the thing; empty for the platform's own.
    pub org: String,
    /// The project of the thing; empty for the organization's own.
    pub project: String,
    /// The name of the thing, where one is asked for.
    #[serde(default)]
    pub object: String,
    /// The address the request came from, if it came from one.
    #[serde(default)]
    pub origin: Option<IpAddr>,
    /// When it came, in minutes since 1970.
    #[serde(default)]
    pub minute: i64,
}

impl Question {
    /// Whether a permission holds in a project of an organization.
    pub fn new(permission: &str, org: &str, project: &str) -> Self {
        let (permission, org, project) = (permission.to_owned(), org.to_owned(), project.to_owned());
        Self { permission, org, project, ..Self::default() }
    }

    /// The question without what its answer does not depend on, so that one answer serves many.
    fn only(&self, asks: Asks) -> Self {
        Self {
            permission: self.permission.clone(),
            org: self.org.clone(),
            project: self.project.clone(),
            object: if asks.object { self.object.clone() } else { String::new() },
            origin: self.origin.filter(|_| asks.origin),
            minute: if asks.minute { self.minute } else { 0 },
        }
    }
}

/// What the rules of a principal look at beyond permission and place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asks {
    /// The object's name.
    pub object: bool,
    /// The address.
    pub origin: bool,
    /// The time.
    pub minute: bool,
}

/// What the policy answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it may be done.
    pub allowed: bool,
    /// The sources of the rules that decided.
    pub reasons: Vec<String>,
}

/// Makes rules ready to decide with; the engine is Cedar.
pub trait Policy: Send + Sync {
    /// Compiles the rules that apply to one principal.
    fn compile(&self, principal: &Principal, grants: &[Grant]) -> Result<Arc<dyn Decider>>;

    /// Refuses what is no condition of a [`Grant`].
    ///
    /// # Errors
    /// `bad-condition`.
    fn check(&self, condition: &str) -> Result<()>;

    /// A rule in the engine's own words, for people.
    fn text(&self, principal: &Principal, grant: &Grant) -> String;
}

/// The rules of one principal, compiled.
pub trait Decider: Send + Sync {
    /// Decides one question.
    fn decide(&self, question: &Question) -> Decision;

    /// What the answers depend on beyond permission and place.
    fn asks(&self) -> Asks {
        Asks::default()
    }
}

/// Something that was asked and answered, told once an hour however often it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asked.
    pub principal: Arc<Principal>,
    /// What, as it was asked first in that hour.
    pub question: Question,
    /// Whether it was allowed.
    pub allowed: bool,
}

/// What a request shows to say who sends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A bearer token (RFC 6750).
    Bearer(String),
    /// A name and password (RFC 7617).
    Basic(String, String),
}

impl Credential {
    /// What it is remembered by.
    fn digest(&self) -> Digest {
        match self {
            Self::Bearer(token) => Digest::of(format!("bearer {token}").as_bytes()),
            Self::Basic(name, password) => {
                Digest::of(format!("basic {}:{name}:{password}", name.len()).as_bytes())
            }
        }
    }
}

/// The domain that keeps users, roles and grants.
pub trait Guard: Send + Sync {
    /// Who shows this credential; `unauthenticated` when nobody does.
    fn authenticate(&self, cx: Cx, credential: Credential) -> Later<'_, Known>;

    /// The rules that apply to a principal.
    fn grants(&self, cx: Cx, principal: Principal) -> Later<'_, Vec<Grant>>;

    /// How much may live in the project of a context.
    fn ceilings(&self, _: Cx) -> Later<'_, Vec<Ceiling>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Takes what was asked since it was told last: from time to time, in each process.
    fn asked(&self, _: Cx, _: Vec<Asked>) -> Later<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The kinds whose changes make earlier answers stale; one that is not served never changes.
    fn sources(&self) -> &'static [&'static str];
}

/// An organization and a project.
type Place = (String, String);

/// Remembers who showed what and which rules they have, until a source of either changes.
#[derive(Default)]
pub(crate) struct Memory {
    /// Grows when everything is forgotten, so that an answer worked out before is not kept after.
    epoch: AtomicU64,
    /// By the digest of the credential, so that no password or token stays in memory.
    principals: RwLock<HashMap<Digest, Known>>,
    deciders: RwLock<HashMap<Principal, Arc<Remembering>>>,
    /// By organization and project.
    ceilings: RwLock<HashMap<Place, Arc<[Ceiling]>>>,
    /// What was asked and has not been told yet.
    asked: Mutex<Vec<Asked>>,
}

/// Whom a credential belongs to, and until when.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whose it is.
    pub principal: Arc<Principal>,
    /// When it stops being good.
    pub expires: Option<Time>,
}

/// How many are remembered before all are forgotten; a bound, not a tuning.
const REMEMBERED_MAX: usize = 20_000;

impl Memory {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn principal(&self, credential: &Credential, now: Time) -> Option<Known> {
        let all = self.principals.read().unwrap_or_else(PoisonError::into_inner);
        all.get(&credential.digest())
            .filter(|known| known.expires.is_none_or(|expires| now < expires))
            .cloned()
    }

    pub(crate) fn keep_principal(&self, epoch: u64, credential: Credential, known: Known) {
        let mut all = self.principals.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch() == epoch {
            if all.len() >= REMEMBERED_MAX {
                all.clear();
            }
            all.insert(credential.digest(), known);
        }
    }

    pub(crate) fn ceilings(&self, place: &Place) -> Option<Arc<[Ceiling]>> {
        self.ceilings.read().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }

    pub(crate) fn keep_ceilings(&self, epoch: u64, place: Place, found: Arc<[Ceiling]>) {
        let mut all = self.ceilings.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch() == epoch {
            if all.len() >= REMEMBERED_MAX {
                all.clear();
            }
            all.insert(place, found);
        }
    }

    /// Notes what was asked, unless too much waits to be told.
    pub(crate) fn note(&self, asked: Asked) {
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() < ASKED_MAX {
            all.push(asked);
        }
    }

    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn decider(&self, principal: &Principal) -> Option<Arc<Remembering>> {
        self.deciders.read().unwrap_or_else(PoisonError::into_inner).get(principal).cloned()
    }

    pub(crate) fn keep_decider(&self, epoch: u64, principal: Principal, decider: &Arc<Remembering>) {
        let mut all = self.deciders.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch() == epoch {
            if all.len() >= REMEMBERED_MAX {
                all.clear();
            }
            all.insert(principal, Arc::clone(decider));
        }
    }

    /// How many principals and deciders are remembered, and how many at most of each.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        let deciders = self.deciders.read().unwrap_or_else(PoisonError::into_inner).len();
        [self.principals.read().unwrap_or_else(PoisonError::into_inner).len(), deciders, REMEMBERED_MAX]
    }

    /// Forgets everything; called when a source has changed.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.principals.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.deciders.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.ceilings.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A decider that remembers its decisions. They go when it goes: its rules do not change.
pub(crate) struct Remembering {
    decider: Arc<dyn Decider>,
    asks: Asks,
    decisions: RwLock<HashMap<Question, Remembered>>,
}

/// A decision, and the hour it was noted in last.
struct Remembered {
    decision: Decision,
    hour: AtomicI64,
}

/// How many decisions a principal's decider remembers before it forgets all; a bound, not a tuning.
const DECISIONS_MAX: usize = 1_000;
/// How much that was asked may wait to be told.
const ASKED_MAX: usize = 20_000;

impl Remembering {
    pub(crate) fn new(decider: Arc<dyn Decider>) -> Self {
        let asks = decider.asks();
        Self { decider, asks, decisions: RwLock::default() }
    }

    /// Decides without remembering.
    pub(crate) fn foresee(&self, question: &Question) -> bool {
        self.decider.decide(&question.only(self.asks)).allowed
    }

    /// Decides; answers too whether this is the first time in its hour.
    pub(crate) fn decide(&self, question: &Question) -> (Decision, bool) {
        let hour = question.minute / 60;
        let asked = question.only(self.asks);
        if let Some(known) = self.decisions.read().unwrap_or_else(PoisonError::into_inner).get(&asked) {
            let is_first = known.hour.load(Ordering::Relaxed) != hour
                && known.hour.swap(hour, Ordering::Relaxed) != hour;
            return (known.decision.clone(), is_first);
        }
        let decision = self.decider.decide(&asked);
        let mut all = self.decisions.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= DECISIONS_MAX {
            all.clear();
        }
        all.insert(asked, Remembered { decision: decision.clone(), hour: AtomicI64::new(hour) });
        (decision, true)
    }
}

/// The answer to a principal who may not.
pub fn denied(permission: &str) -> Error {
    Error::forbidden("forbidden", format!("you may not `{permission}` here")).hint(format!(
        "ask an administrator for a role with `{permission}`; `aic can-i {permission}` explains"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Allows what it is told to, and counts how often it is asked.
    struct Counting {
        allows: bool,
        asked: AtomicU64,
    }

    impl Decider for Counting {
        fn decide(&self, _: &Question) -> Decision {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Decision { allowed: self.allows, reasons: Vec::new() }
        }
    }

    fn question(project: usize) -> Question {
        Question::new("demo.things.get", "acme", &project.to_string())
    }

    fn counting(allows: bool) -> Arc<Counting> {
        Arc::new(Counting { allows, asked: AtomicU64::new(0) })
    }

    #[test]
    fn a_decision_is_worked_out_once_and_forgotten_with_its_rules() {
        let (memory, ada) = (Memory::default(), Principal::system("ada", "acme"));
        let before = counting(true);
        memory.keep_decider(memory.epoch(), ada.clone(), &Arc::new(Remembering::new(before.clone())));
        for _ in 0..3 {
            assert!(memory.decider(&ada).unwrap().decide(&question(1)).0.allowed);
        }
        assert_eq!(before.asked.load(Ordering::Relaxed), 1);
        // A grant was taken away.
        memory.forget();
        assert!(memory.decider(&ada).is_none());
        let after = Arc::new(Remembering::new(counting(false)));
        memory.keep_decider(memory.epoch(), ada.clone(), &after);
        assert!(!memory.decider(&ada).unwrap().decide(&question(1)).0.allowed);
    }

    #[test]
    fn rules_worked_out_before_a_change_are_not_kept_after_it() {
        let (memory, ada) = (Memory::default(), Principal::system("ada", "acme"));
        let epoch = memory.epoch();
        memory.forget();
        memory.keep_decider(epoch, ada.clone(), &Arc::new(Remembering::new(counting(true))));
        assert!(memory.decider(&ada).is_none());
    }

    #[test]
    fn what_is_asked_again_within_the_hour_is_told_once() {
        let decider = Remembering::new(counting(true));
        let at = |minute, object: &str| Question { minute, object: object.to_owned(), ..question(1) };
        assert!(decider.decide(&at(60, "a")).1);
        // Nobody's rules look at the object or the minute, so it is one answer.
        assert!(!decider.decide(&at(119, "b")).1);
        assert!(decider.decide(&at(120, "a")).1);
        assert_eq!(decider.decisions.read().unwrap().len(), 1);
    }

    #[test]
    fn what_is_foreseen_counts_as_asked_by_nobody() {
        let decider = Remembering::new(counting(true));
        assert!(decider.foresee(&question(1)));
        assert!(decider.decisions.read().unwrap().is_empty());
        assert!(decider.decide(&question(1)).1);
    }

    #[test]
    fn only_so_many_decisions_are_remembered() {
        let decider = Remembering::new(counting(true));
        for project in 0..3 * DECISIONS_MAX {
            decider.decide(&question(project));
        }
        assert!(decider.decisions.read().unwrap().len() <= DECISIONS_MAX);
    }
}
