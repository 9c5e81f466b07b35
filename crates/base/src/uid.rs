//! The identifier a thing keeps for life, with its kind in front: `con_01J9…`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Clock, Entropy};

/// A typed, printable, time-sortable identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(String);

impl Uid {
    /// A fresh one for a kind's prefix.
    pub fn fresh(prefix: &str, clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        Self(format!("{prefix}_{}", entropy.id(clock.now())))
    }

    /// One read back from where it was kept.
    pub fn known(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether a text can only be an identifier: names have no underscore.
    pub fn looks_like(text: &str) -> bool {
        text.contains('_')
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
