//! Who is asking, and whether they may.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use base::{Digest, Error, Result, Time};
use serde::{Deserialize, Serialize};

use crate::{Later, cx::Cx};

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

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

    /// The platform acting for an organization.
    pub fn system(name: &str, org: &str) -> Self {
        Self {
            sort: Sort::System,
            name: name.to_owned(),
            org: org.to_owned(),
            groups: Vec::new(),
            scopes: Vec::new(),
        }
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
    pub forbid: bool,
}

/// What is asked of the policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// `catalog.models.promote`
    pub permission: String,
    /// The organization of the thing; empty for the platform's own.
    pub org: String,
    /// The project of the thing; empty for the organization's own.
    pub project: String,
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
}

/// The rules of one principal, compiled.
pub trait Decider: Send + Sync {
    /// Decides one question.
    fn decide(&self, question: &Question) -> Decision;
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

    /// The kinds whose changes make earlier answers stale.
    fn sources(&self) -> &'static [&'static str];
}

/// Remembers who showed what and which rules they have, until a source of either changes.
#[derive(Default)]
pub(crate) struct Memory {
    /// Grows when everything is forgotten, so that an answer worked out before is not kept after.
    epoch: AtomicU64,
    /// By the digest of the credential, so that no password or token stays in memory.
    principals: RwLock<HashMap<Digest, Known>>,
    deciders: RwLock<HashMap<Principal, Arc<dyn Decider>>>,
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

    pub(crate) fn decider(&self, principal: &Principal) -> Option<Arc<dyn Decider>> {
        self.deciders.read().unwrap_or_else(PoisonError::into_inner).get(principal).cloned()
    }

    pub(crate) fn keep_decider(&self, epoch: u64, principal: Principal, decider: &Arc<dyn Decider>) {
        let mut all = self.deciders.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch() == epoch {
            if all.len() >= REMEMBERED_MAX {
                all.clear();
            }
            all.insert(principal, Arc::new(Remembering::new(Arc::clone(decider))));
        }
    }

    /// How many principals and deciders are remembered, and how many at most of each.
    pub(crate) fn sizes(&self) -> [usize; 3] {
        let principals = self.principals.read().unwrap_or_else(PoisonError::into_inner).len();
        [principals, self.deciders.read().unwrap_or_else(PoisonError::into_inner).len(), REMEMBERED_MAX]
    }

    /// Forgets everything; called when a source has changed.
    pub(crate) fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.principals.write().unwrap_or_else(PoisonError::into_inner).clear();
        self.deciders.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A decider that remembers its decisions. They go when it goes: its rules do not change.
struct Remembering {
    decider: Arc<dyn Decider>,
    decisions: RwLock<HashMap<Question, Decision>>,
}

/// How many decisions a principal's decider remembers before it forgets all; a bound, not a tuning.
const DECISIONS_MAX: usize = 1_000;

impl Remembering {
    fn new(decider: Arc<dyn Decider>) -> Self {
        Self { decider, decisions: RwLock::default() }
    }
}

impl Decider for Remembering {
    fn decide(&self, question: &Question) -> Decision {
        if let Some(known) = self.decisions.read().unwrap_or_else(PoisonError::into_inner).get(question) {
            return known.clone();
        }
        let decision = self.decider.decide(question);
        let mut all = self.decisions.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= DECISIONS_MAX {
            all.clear();
        }
        all.insert(question.clone(), decision.clone());
        decision
    }
}

/// The answer to a principal who may not.
pub(crate) fn denied(permission: &str) -> Error {
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
        let (permission, org) = ("demo.things.get".to_owned(), "acme".to_owned());
        Question { permission, org, project: project.to_string() }
    }

    fn counting(allows: bool) -> Arc<Counting> {
        Arc::new(Counting { allows, asked: AtomicU64::new(0) })
    }

    #[test]
    fn a_decision_is_worked_out_once_and_forgotten_with_its_rules() {
        let (memory, ada) = (Memory::default(), Principal::system("ada", "acme"));
        let before = counting(true);
        memory.keep_decider(memory.epoch(), ada.clone(), &(before.clone() as Arc<dyn Decider>));
        for _ in 0..3 {
            assert!(memory.decider(&ada).unwrap().decide(&question(1)).allowed);
        }
        assert_eq!(before.asked.load(Ordering::Relaxed), 1);
        // A grant was taken away.
        memory.forget();
        assert!(memory.decider(&ada).is_none());
        let after: Arc<dyn Decider> = counting(false);
        memory.keep_decider(memory.epoch(), ada.clone(), &after);
        assert!(!memory.decider(&ada).unwrap().decide(&question(1)).allowed);
    }

    #[test]
    fn rules_worked_out_before_a_change_are_not_kept_after_it() {
        let (memory, ada) = (Memory::default(), Principal::system("ada", "acme"));
        let epoch = memory.epoch();
        memory.forget();
        memory.keep_decider(epoch, ada.clone(), &(counting(true) as Arc<dyn Decider>));
        assert!(memory.decider(&ada).is_none());
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
