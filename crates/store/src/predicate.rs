//! What a filter has become once its names and types are checked: ready for a store to compile.

use crate::index::Cell;

/// A condition on an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// Every part holds. Of none: true.
    All(Vec<Self>),
    /// Some part holds. Of none: false.
    Any(Vec<Self>),
    /// The part does not hold, also where it cannot be decided for want of a value.
    Not(Box<Self>),
    /// A value compares so. A missing value compares with nothing but `Cell::Null`.
    Compare {
        /// Whose value.
        place: Place,
        /// How.
        op: Op,
        /// With what.
        cell: Cell,
    },
}

/// Where a value stands in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `metadata.name`.
    Name,
    /// `metadata.uid`.
    Uid,
    /// `metadata.namespace`.
    Project,
    /// `metadata.creationTimestamp`.
    Created,
    /// `metadata.resourceVersion`, a number.
    Version,
    /// `metadata.generation`, a number.
    Generation,
    /// An indexed field or a label, by its term's key.
    Term(String),
    /// Any other field, by the names on the way to it from the top of the object.
    Body(Vec<String>),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The same; with `Cell::Null`: no value.
    Equal,
    /// Not the same; a missing value is not the same as any other.
    NotEqual,
    /// Smaller.
    Less,
    /// Smaller or the same.
    LessOrEqual,
    /// Larger.
    Greater,
    /// Larger or the same.
    GreaterOrEqual,
    /// A text that starts so (`name = "churn*"`).
    StartsWith,
    /// A list with the element, a map with the key, or a text that contains it (AIP-160's `:`).
    Has,
}
