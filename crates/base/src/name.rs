//! The name a person gives a thing: a DNS subdomain (RFC 1123), as Kubernetes wants it.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Digest, Error};

/// A checked name: lower-case letters, digits, `-` and `.`, at most 253 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(String);

impl Name {
    /// The most bytes a name may have.
    pub const MAX: usize = 253;

    /// Checks a name.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let label = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if text.len() <= Self::MAX && text.split('.').all(label) {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(60).collect();
        Err(Error::invalid("invalid-name", format!("`{shown}` is not a name")).at("metadata.name").hint(
            "use lower-case letters, digits, `-` and `.`, start and end with a letter or digit, at most 253",
        ))
    }

    /// The nearest name to a free text: what cannot stay becomes `-`.
    pub fn from_title(text: &str) -> Option<Self> {
        let mut name = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            if c.is_ascii_alphanumeric() {
                name.push(c);
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
        }
        name.truncate(63);
        Self::new(name.trim_end_matches('-')).ok()
    }

    /// A name made of an actor's: of `user:ada` `user-ada`, with digits of its digest where that would not tell it apart.
    pub fn of_actor(actor: &str) -> Self {
        let title = Self::from_title(actor).map_or_else(|| "who".to_owned(), |name| name.0);
        if actor == title.replacen('-', ":", 1) {
            return Self(title);
        }
        let short: String = title.chars().take(40).collect();
        let digest = Digest::of(actor.as_bytes()).to_string();
        Self(format!("{}-{}", short.trim_end_matches('-'), &digest[..8]))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn a_name_is_a_dns_subdomain() {
        for good in ["a", "churn", "churn.1", "a-b.c0"] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", ".", "a/b", "ä"] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
        assert!(Name::new("a".repeat(254)).is_err());
    }

    #[test]
    fn a_title_becomes_the_nearest_name() {
        assert_eq!(Name::from_title(" My Model (v2)! ").unwrap().as_str(), "my-model-v2");
        assert!(Name::from_title("!!!").is_none());
    }

    #[test]
    fn names_made_of_people_are_told_apart() {
        assert_eq!(Name::of_actor("user:ada").as_str(), "user-ada");
        assert_ne!(Name::of_actor("user:ada.b"), Name::of_actor("user:ada-b"));
        assert_ne!(Name::of_actor("user:Ada"), Name::of_actor("user:ada"));
        assert!(Name::new(Name::of_actor(&"x:".repeat(90)).as_str()).is_ok());
    }
}
