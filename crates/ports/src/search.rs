//! Full text over objects of all kinds.

use std::collections::BTreeMap;

use base::Time;
use serde::{Deserialize, Serialize};

use crate::Later;

/// An object as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its identifier; a later document of the same replaces it.
    pub uid: String,
    /// The organization.
    pub org: String,
    /// The project, empty for what belongs to the organization itself.
    pub project: String,
    /// The kind, for example `catalog.models`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What stands above it: a title or a description.
    pub title: String,
    /// Everything else that can be read.
    pub text: String,
    /// What can be counted and narrowed by, for example `task` and `binary`.
    pub facets: Vec<(String, String)>,
    /// When it was made.
    pub created: Time,
    /// When it was changed last.
    pub updated: Time,
}

/// One step of bringing the index up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An object as it is now.
    Put(Document),
    /// An object that is gone, by its uid.
    Gone(String),
}

/// A kind in a project, which the caller may list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The kind.
    pub kind: String,
    /// The project, empty for what belongs to the organization itself.
    pub project: String,
}

/// The order of what is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// What fits best (BM25), newer first among equals.
    #[default]
    Relevance,
    /// What was changed last.
    Updated,
    /// What was made last.
    Created,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// The organization.
    pub org: String,
    /// Where the caller may look; nothing elsewhere is found or counted.
    pub places: Vec<Place>,
    /// The words; `"a phrase"`, `-not`, `OR` and `name:word` are understood, anything else is taken as words. All when empty.
    pub words: String,
    /// Facets with the values of which one must fit.
    pub facets: BTreeMap<String, Vec<String>>,
    /// Made since then.
    pub since: Option<Time>,
    /// The order.
    pub order: Order,
    /// How many are passed over.
    pub offset: usize,
    /// How many at most.
    pub limit: usize,
}

/// One object that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Its identifier.
    pub uid: String,
    /// Its kind.
    pub kind: String,
    /// Its project.
    pub project: String,
    /// Its name.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// Where in it the words stand.
    pub excerpt: String,
    /// The parts of the excerpt that fit, as pairs of character positions.
    pub highlights: Vec<(usize, usize)>,
    /// How well it fits; only to be compared within one answer.
    pub score: f32,
    /// When it was changed last.
    pub updated: Time,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The page.
    pub hits: Vec<Hit>,
    /// How many fit in all.
    pub total: u64,
    /// How many of them have which value of each facet.
    pub facets: BTreeMap<String, BTreeMap<String, u64>>,
}

/// Finds objects by their words.
pub trait Search: Send + Sync {
    /// Up to which position of the journal it has followed; 0 when it has nothing.
    fn position(&self) -> u64;

    /// Takes steps, and notes that everything up to a position of the journal was taken; they are found afterwards.
    fn write(&self, steps: Vec<Step>, position: u64) -> Later<'_, ()>;

    /// Forgets everything.
    fn clear(&self) -> Later<'_, ()>;

    /// Looks.
    fn find(&self, question: Question) -> Later<'_, Found>;

    /// Names that begin like this, where the caller may look.
    fn suggest(&self, question: Question) -> Later<'_, Vec<String>>;
}
