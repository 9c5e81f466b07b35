//! A kind: a sort of thing people declare, told once as a constant table of fields and a list of what it serves.

use std::{collections::BTreeMap, fmt, marker::PhantomData, ops::Deref};

use base::{Digest, Name, Secret, Time};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// What sort of value a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A whole number between these.
    Integer(i64, i64),
    /// Any finite number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A moment, RFC 3339.
    Time,
    /// A name, RFC 1123.
    Name,
    /// A text that is sealed at rest and never returned.
    Secret,
    /// 64 hexadecimal digits of BLAKE3.
    Digest,
    /// An absolute address, RFC 3986.
    Url,
    /// One of these texts.
    Enum(&'static [&'static str]),
    /// A list.
    List(&'static Self),
    /// A map from texts.
    Map(&'static Self),
    /// A struct with these fields.
    Struct(&'static [Field]),
    /// Any JSON.
    Any,
}

/// One row of a field table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its words: the reference, the form's hint and `aic help`.
    pub doc: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
    /// The smallest number, shortest text or list.
    pub min: Option<f64>,
    /// The largest number, longest text or list.
    pub max: Option<f64>,
    /// What it is when not given, as JSON.
    pub default: Option<&'static str>,
    /// An example, as a text.
    pub example: Option<&'static str>,
    /// Taken in, never given out.
    pub write_only: bool,
    /// Tells of a person: sealed at rest under a key of its object, which can be destroyed.
    pub personal: bool,
    /// Cannot change once set.
    pub immutable: bool,
    /// Lists filter and sort by it at no cost.
    pub indexed: bool,
    /// The kind it names an object of, as `service.plural`.
    pub reference: Option<&'static str>,
}

impl Field {
    /// A field of a type with nothing further said.
    pub const fn of<T: Shaped>(name: &'static str, doc: &'static str) -> Self {
        Self {
            name,
            doc,
            shape: T::SHAPE,
            required: !T::OPTIONAL,
            min: None,
            max: None,
            default: T::DEFAULT,
            example: None,
            write_only: matches!(T::SHAPE, Shape::Secret),
            personal: false,
            immutable: false,
            indexed: false,
            reference: None,
        }
    }

    /// Whether a request must carry it.
    pub fn is_required(&self) -> bool {
        self.required && self.default.is_none()
    }
}

/// A type that can stand in a field.
pub trait Shaped {
    /// What sort of value it is.
    const SHAPE: Shape;
    /// Whether it may be absent.
    const OPTIONAL: bool = false;
    /// What it is when absent, as JSON.
    const DEFAULT: Option<&'static str> = None;
}

/// A struct with a field table; derive it.
pub trait Fields: Shaped {
    /// The table, in the order of the struct.
    const FIELDS: &'static [Field];
}

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// In a project.
    Project,
    /// In an organization.
    Organization,
    /// On the platform, above all organizations.
    Platform,
}

/// A struct that is the spec of a kind; derive it.
pub trait Kind: Fields + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// `connection`
    const NAME: &'static str;
    /// `connections`
    const PLURAL: &'static str;
    /// `con`, in front of uids.
    const PREFIX: &'static str = Self::NAME;
    /// Another short word `kubectl` takes; may be empty.
    const SHORT: &'static str = "";
    /// The words of the struct.
    const DOC: &'static str;
    /// Where its objects live.
    const SCOPE: Scope = Scope::Project;
    /// Grows when stored specs need an upgrade.
    const VERSION: u32 = 1;
    /// What is, beside what is wanted.
    type Status: Fields + Serialize + DeserializeOwned + Default + Send + 'static;
}

/// No fields: of an action without input, an answer without content, a kind without status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

impl Shaped for Nothing {
    const SHAPE: Shape = Shape::Struct(&[]);
}
impl Fields for Nothing {
    const FIELDS: &'static [Field] = &[];
}

/// The name of another object; `#[field(reference = "service.kinds")]` says of which kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ref(String);

impl Ref {
    /// Names an object.
    pub fn to(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl Deref for Ref {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A typed marker that carries no value; used where a shape is wanted without one.
pub struct ShapeOf<T>(PhantomData<T>);

macro_rules! shaped {
    ($($type:ty => $shape:expr),* $(,)?) => {
        $(impl Shaped for $type { const SHAPE: Shape = $shape; })*
    };
}

shaped! {
    String => Shape::Text,
    bool => Shape::Boolean,
    u8 => Shape::Integer(0, u8::MAX as i64),
    u16 => Shape::Integer(0, u16::MAX as i64),
    u32 => Shape::Integer(0, u32::MAX as i64),
    i32 => Shape::Integer(i32::MIN as i64, i32::MAX as i64),
    u64 => Shape::Integer(0, i64::MAX),
    i64 => Shape::Integer(i64::MIN, i64::MAX),
    usize => Shape::Integer(0, i64::MAX),
    f64 => Shape::Number,
    Time => Shape::Time,
    Name => Shape::Name,
    Ref => Shape::Text,
    base::Uid => Shape::Text,
    Secret => Shape::Secret,
    Digest => Shape::Digest,
}

impl Shaped for Value {
    const SHAPE: Shape = Shape::Any;
    const OPTIONAL: bool = true;
}

impl<T: Shaped> Shaped for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const OPTIONAL: bool = true;
}

impl<T: Shaped> Shaped for Vec<T> {
    const SHAPE: Shape = Shape::List(&T::SHAPE);
    const OPTIONAL: bool = true;
    const DEFAULT: Option<&'static str> = Some("[]");
}

impl<T: Shaped> Shaped for BTreeMap<String, T> {
    const SHAPE: Shape = Shape::Map(&T::SHAPE);
    const OPTIONAL: bool = true;
    const DEFAULT: Option<&'static str> = Some("{}");
}

impl<T: Shaped> Shaped for Box<T> {
    const SHAPE: Shape = T::SHAPE;
}
