//! An object: one thing of a kind, in the Kubernetes vocabulary.

use std::collections::BTreeMap;

use base::{Error, Result, Time, Uid};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    declare::KindDef,
    kind::{Kind, Scope},
    store::Record,
    validate,
};

/// A JSON object.
pub type Fields = Map<String, Value>;

/// What every object carries, whatever its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Unique among the living of one kind and project.
    pub name: String,
    /// The project; empty for what belongs to an organization or the platform.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Unique forever.
    pub uid: Uid,
    /// The position of the last change in the journal.
    #[serde(default, skip)]
    pub version: u64,
    /// How often the spec has changed.
    #[serde(default)]
    pub generation: u64,
    /// When it was made.
    pub creation_timestamp: Time,
    /// When it was put in the trash, or its deletion began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<Time>,
    /// Short texts to select by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Texts nobody selects by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Objects this one goes with when they are deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<Owner>,
    /// Who must agree before it is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
    /// Who set which field by server-side apply (KEP-555's shape).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub managed_fields: Vec<Value>,
}

/// An object that owns another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// `catalog.aic.dev/v1`
    pub api_version: String,
    /// `Model`
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: Uid,
    /// Whether it is the one that manages the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<bool>,
    /// Whether foreground deletion of the owner waits for this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_owner_deletion: Option<bool>,
}

/// An object whose kind the compiler knows.
#[derive(Clone, Debug)]
pub struct Object<K: Kind> {
    /// What every object carries.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: K,
    /// What is.
    pub status: K::Status,
    /// The organization it belongs to.
    pub org: String,
}

impl<K: Kind> Object<K> {
    /// Whether spec or status says something else than before; a new object does.
    pub fn says_more_than(&self, old: Option<&Self>) -> Result<bool> {
        let told = |it: &Self| serde_json::to_value((&it.spec, &it.status)).map_err(Error::internal);
        Ok(match old {
            None => true,
            Some(old) => told(self)? != told(old)?,
        })
    }
}

/// An object whose kind only the field table knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    /// The kind, for example `catalog.models`.
    pub kind: String,
    /// The organization it belongs to.
    pub org: String,
    /// What every object carries.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: Fields,
    /// What is.
    pub status: Fields,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    metadata: Metadata,
    spec: Fields,
    #[serde(default)]
    status: Fields,
    /// The version of the kind the spec was written by.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    v: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(version: &u32) -> bool {
    *version == 1
}

impl Raw {
    /// Reads a record back, brought up to the kind's present version.
    pub fn from_record(kind: &KindDef, record: &Record) -> Result<Self> {
        let mut stored: Stored = serde_json::from_str(&record.body)
            .map_err(|error| Error::internal(format!("{} does not parse: {error}", record.uid)))?;
        if stored.v < kind.version
            && let Some(upgrade) = kind.upgrade
        {
            stored.spec = upgrade(stored.v, stored.spec);
        }
        validate::fill_defaults(kind.fields, &mut stored.spec);
        stored.metadata.version = record.version;
        Ok(Self {
            kind: record.kind.clone(),
            org: record.org.clone(),
            metadata: stored.metadata,
            spec: stored.spec,
            status: stored.status,
        })
    }

    /// The text a store keeps.
    pub fn body(&self, kind: &KindDef) -> String {
        let stored = Stored {
            metadata: self.metadata.clone(),
            spec: self.spec.clone(),
            status: self.status.clone(),
            v: kind.version,
        };
        // Maps with text keys always serialize.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// What a caller sees: no secrets, no store's business.
    pub fn shown(&self, kind: &KindDef) -> Value {
        let mut spec = self.spec.clone();
        validate::hide_secrets(kind.fields, &mut spec);
        let mut status = self.status.clone();
        validate::hide_secrets(kind.status, &mut status);
        let mut metadata = serde_json::to_value(&self.metadata).unwrap_or_default();
        metadata["resourceVersion"] = Value::String(self.metadata.version.to_string());
        json!({
            "apiVersion": kind.api_version(),
            "kind": kind.pascal_name(),
            "metadata": metadata,
            "spec": spec,
            "status": status,
        })
    }

    /// The value on a path of names from the top, for filters and terms.
    pub fn at(&self, path: &[&str]) -> Option<Value> {
        match path {
            ["metadata", rest @ ..] => {
                let metadata = serde_json::to_value(&self.metadata).ok()?;
                lookup(&metadata, rest).cloned()
            }
            ["spec", first, rest @ ..] => lookup(self.spec.get(*first)?, rest).cloned(),
            ["status", first, rest @ ..] => lookup(self.status.get(*first)?, rest).cloned(),
            _ => None,
        }
    }

    /// The object with its kind known to the compiler.
    pub fn typed<K: Kind>(&self) -> Result<Object<K>> {
        Ok(Object {
            metadata: self.metadata.clone(),
            spec: self.spec_as()?,
            status: {
                let mut status = self.status.clone();
                validate::fill_defaults(<K::Status as crate::kind::Fields>::FIELDS, &mut status);
                parse(&status, &self.metadata.uid)?
            },
            org: self.org.clone(),
        })
    }

    /// The spec as a struct of the reader's own: how one domain reads another's objects.
    pub fn spec_as<T: DeserializeOwned>(&self) -> Result<T> {
        parse(&self.spec, &self.metadata.uid)
    }

    /// The status as a struct of the reader's own.
    pub fn status_as<T: DeserializeOwned>(&self) -> Result<T> {
        parse(&self.status, &self.metadata.uid)
    }

    /// A reference for what this object shall own.
    pub fn owner(&self, kind: &KindDef) -> Owner {
        Owner {
            api_version: kind.api_version(),
            kind: kind.pascal_name(),
            name: self.metadata.name.clone(),
            uid: self.metadata.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }
}

impl<K: Kind> Object<K> {
    /// The name.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }
}

fn parse<T: DeserializeOwned>(fields: &Fields, uid: &Uid) -> Result<T> {
    T::deserialize(Value::Object(fields.clone()))
        .map_err(|error| Error::internal(format!("{uid} does not fit its type: {error}")))
}

fn lookup<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// `connection-pool` as `ConnectionPool`.
pub fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
        })
        .collect()
}

/// The project an object of a scope lives in.
pub fn home(scope: Scope, project: &str) -> String {
    match scope {
        Scope::Project => project.to_owned(),
        Scope::Organization | Scope::Platform => String::new(),
    }
}
