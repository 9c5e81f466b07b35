//! What a domain hands to the kernel: its kinds, each with what it serves, as plain values.
//!
//! Generic code ends here: every typed function is wrapped once, thinly, into an erased one.

use std::{any::TypeId, collections::BTreeMap, pin::Pin, sync::Arc};

use base::{Error, Result};
use bytes::Bytes;
use futures::Stream;
use serde::Serialize;
use serde_json::Value;

use crate::{
    Later,
    cx::Cx,
    kind::{Field, Scope, Shape},
    object::{self, Raw},
};

/// Bytes that come or go piece by piece.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// What comes with a call beside its target.
pub enum Body {
    /// Nothing.
    Empty,
    /// A JSON value.
    Json(Value),
    /// Bytes of some media type.
    Bytes {
        /// The media type (RFC 6838).
        media: String,
        /// The bytes.
        bytes: ByteStream,
    },
}

/// What goes into an action or view.
pub struct Input {
    /// Query parameters.
    pub params: BTreeMap<String, String>,
    /// The body.
    pub body: Body,
}

/// What comes out.
pub enum Output {
    /// A JSON value.
    Json(Value),
    /// Bytes of some media type.
    Bytes {
        /// The media type.
        media: String,
        /// A name to save it under.
        filename: Option<String>,
        /// The bytes.
        bytes: ByteStream,
    },
}

/// Whether something is asked of one object or of the whole collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// `…/{id}/name`
    Object,
    /// `…/name`
    Collection,
}

/// How an action is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It reads: `GET`.
    View,
    /// It does: `POST`.
    Act,
    /// It does, with a stream of bytes: `POST`.
    Upload,
}

/// Who may ask for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenTo {
    /// Whoever was granted its permission.
    Granted,
    /// Everybody who has logged in: it tells or changes only what is the caller's own.
    Caller,
    /// Anybody at all.
    Anyone,
}

pub(crate) type Run = dyn Fn(Cx, Option<Raw>, Input) -> Later<'static, Output> + Send + Sync;

/// An action or a view.
#[derive(Clone)]
pub struct Action {
    /// Its name in the path and in the permission.
    pub name: &'static str,
    /// Its words.
    pub doc: &'static str,
    /// Of what.
    pub of: Of,
    /// How.
    pub manner: Manner,
    /// The permission's last word; the name, unless said otherwise.
    pub permission: &'static str,
    /// What it takes.
    pub asks: &'static [Field],
    /// What it answers.
    pub gives: Shape,
    /// Who may ask.
    pub open_to: OpenTo,
    pub(crate) run: Arc<Run>,
}

pub(crate) type Admit = dyn Fn(Cx, Raw, Option<Raw>) -> Later<'static, Raw> + Send + Sync;

pub(crate) type Leave = dyn Fn(Cx, Raw) -> Later<'static, ()> + Send + Sync;

/// A kind with its types erased.
#[derive(Clone)]
pub struct KindDef {
    /// The service it belongs to.
    pub service: &'static str,
    /// `connection`
    pub name: &'static str,
    /// `connections`
    pub plural: &'static str,
    /// `con`
    pub prefix: &'static str,
    /// Another short word; may be empty.
    pub short: &'static str,
    /// The words of the struct.
    pub doc: &'static str,
    /// Where its objects live.
    pub scope: Scope,
    /// The present version of its spec.
    pub version: u32,
    /// The table of its spec.
    pub fields: &'static [Field],
    /// The table of its status.
    pub status: &'static [Field],
    /// The kind it stands under (plural) and the field that names the parent.
    pub parent: Option<(&'static str, &'static str)>,
    /// Other base paths it is served under, as `service/plural`.
    pub aliases: Vec<&'static str>,
    /// Verbs it does not serve.
    pub without: &'static [&'static str],
    /// What it serves beyond the verbs.
    pub actions: Vec<Action>,
    /// Brings an older spec up to date.
    pub upgrade: Option<fn(u32, object::Fields) -> object::Fields>,
    pub(crate) admits: Vec<Arc<Admit>>,
    pub(crate) leaves: Vec<Arc<Leave>>,
    pub(crate) type_id: TypeId,
}

impl KindDef {
    /// `catalog.models`
    pub fn id(&self) -> String {
        format!("{}.{}", self.service, self.plural)
    }

    /// `catalog.aic.dev/v1`
    pub fn api_version(&self) -> String {
        format!("{}.aic.dev/v1", self.service)
    }

    /// `ModelVersion`
    pub fn pascal_name(&self) -> String {
        object::pascal(self.name)
    }

    /// Whether there are objects of it; a kind without any answers its base path by a view.
    pub fn has_objects(&self) -> bool {
        self.action("", Of::Collection, true).is_none()
    }

    /// Whether it serves a verb.
    pub fn serves(&self, verb: &str) -> bool {
        !self.without.contains(&verb)
    }

    /// The permission for a verb or action, for example `catalog.models.promote`.
    pub fn permission(&self, verb: &str) -> String {
        format!("{}.{}.{verb}", self.service, self.plural)
    }

    /// An action or view by name.
    pub fn action(&self, name: &str, of: Of, view: bool) -> Option<&Action> {
        self.actions
            .iter()
            .find(|action| action.name == name && action.of == of && (action.manner == Manner::View) == view)
    }
}

impl selection::Table for KindDef {
    fn field(&self, path: &[&str]) -> Option<&'static Field> {
        let (table, mut rest) = match path {
            ["spec", rest @ ..] => (self.fields, rest),
            ["status", rest @ ..] => (self.status, rest),
            _ => return None,
        };
        let mut table = table;
        loop {
            let (name, after) = rest.split_first()?;
            let field = table.iter().find(|field| field.name == *name)?;
            if after.is_empty() {
                return Some(field);
            }
            match field.shape {
                Shape::Struct(inner) => table = inner,
                Shape::Map(_) | Shape::Any => return Some(field),
                _ => return None,
            }
            rest = after;
        }
    }
}

/// Bytes on their way in.
pub struct Incoming {
    /// The media type they were declared as.
    pub media: String,
    /// The bytes.
    pub bytes: ByteStream,
}

impl Incoming {
    pub(crate) fn of_json(value: &Value) -> Self {
        let bytes = Bytes::from(value.to_string());
        Self {
            media: "application/json".to_owned(),
            bytes: Box::pin(futures::stream::once(std::future::ready(Ok(bytes)))),
        }
    }
}

pub(crate) fn to_fields<T: Serialize + crate::kind::Fields>(value: &T) -> Result<object::Fields> {
    match serde_json::to_value(value).map_err(Error::internal)? {
        Value::Object(mut fields) => {
            crate::validate::leave_out_absent(T::FIELDS, &mut fields);
            Ok(fields)
        }
        _ => Err(Error::internal("a spec or status is a struct")),
    }
}

/// The typed status over the raw one, which may hold conditions the type does not know.
pub(crate) fn merge_status<T: Serialize + crate::kind::Fields>(
    mut raw: object::Fields,
    typed: &T,
) -> Result<object::Fields> {
    for field in T::FIELDS {
        raw.remove(field.name);
    }
    raw.append(&mut to_fields(typed)?);
    Ok(raw)
}
