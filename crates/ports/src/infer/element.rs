//! What tensors are made of: the element types of the Open Inference Protocol v2, and what can be done with elements
//! whatever their type is.

use base::{Error, Result};
use half::{bf16, f16};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod types;

/// One type of elements.
pub trait Element: Clone + PartialEq + Sized {
    /// Its name in the protocol.
    const DATATYPE: Datatype;

    /// Elements of this type.
    fn list(values: Vec<Self>) -> Elements;

    /// The elements, where they are of this type.
    fn of(elements: &Elements) -> Option<&[Self]>;

    /// The same, taken out.
    fn taken(elements: Elements) -> Option<Vec<Self>>;

    /// So many elements from bytes: numbers are little-endian, a text is its length in four bytes and its bytes.
    ///
    /// # Errors
    /// `tensor-wrong-shape` where they are cut or too many, `tensor-wrong-type` for a text that is no UTF-8.
    fn read(bytes: &[u8], count: usize) -> Result<Vec<Self>>;

    /// Puts its bytes behind others.
    fn write(&self, bytes: &mut Vec<u8>);

    /// As a number: 0 and 1 for a boolean, no number for a text that is none.
    fn number(&self) -> f64;

    /// As JSON has it: null for what is no finite number.
    fn json(&self) -> Value;

    /// From JSON as a program writes it: null is a missing number or the empty text.
    fn from_json(value: &Value) -> Option<Self>;

    /// From a cell of a table as people write it: texts may stand for numbers, whole numbers for floats and back.
    fn from_cell(value: &Value) -> Option<Self>;
}

/// The table of types: the protocol's name is the variant's in capital letters.
macro_rules! datatypes {
    ($($doc:literal $kind:ident($element:ty);)*) => {
        /// The element types of the Open Inference Protocol v2.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "UPPERCASE")]
        pub enum Datatype {
            $(#[doc = $doc] $kind,)*
        }

        impl Datatype {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];
        }

        /// The elements of a tensor in row-major order.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Elements {
            $(#[doc = $doc] $kind(Vec<$element>),)*
        }
    };
}

datatypes! {
    "`true` or `false`." Bool(bool);
    "8-bit integers." Int8(i8);
    "16-bit integers." Int16(i16);
    "32-bit integers." Int32(i32);
    "64-bit integers." Int64(i64);
    "8-bit integers from 0." Uint8(u8);
    "16-bit integers from 0." Uint16(u16);
    "32-bit integers from 0." Uint32(u32);
    "64-bit integers from 0." Uint64(u64);
    "16-bit floats." Fp16(f16);
    "16-bit floats with the range of 32-bit ones." Bf16(bf16);
    "32-bit floats." Fp32(f32);
    "64-bit floats." Fp64(f64);
    "Texts; an absent value is the empty text." Bytes(String);
}

/// Runs one expression for whichever type elements have, bound to a name.
#[macro_export]
macro_rules! each_element {
    ($elements:expr, $it:ident => $body:expr) => {
        match $elements {
            $crate::infer::Elements::Bool($it) => $body,
            $crate::infer::Elements::Int8($it) => $body,
            $crate::infer::Elements::Int16($it) => $body,
            $crate::infer::Elements::Int32($it) => $body,
            $crate::infer::Elements::Int64($it) => $body,
            $crate::infer::Elements::Uint8($it) => $body,
            $crate::infer::Elements::Uint16($it) => $body,
            $crate::infer::Elements::Uint32($it) => $body,
            $crate::infer::Elements::Uint64($it) => $body,
            $crate::infer::Elements::Fp16($it) => $body,
            $crate::infer::Elements::Bf16($it) => $body,
            $crate::infer::Elements::Fp32($it) => $body,
            $crate::infer::Elements::Fp64($it) => $body,
            $crate::infer::Elements::Bytes($it) => $body,
        }
    };
}

impl Datatype {
    /// The type by its name in the protocol.
    ///
    /// # Errors
    /// `tensor-wrong-type` for one that is not carried.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|it| it.name() == name);
        found.copied().ok_or_else(|| {
            let shown: String = name.chars().take(20).collect();
            let all: Vec<&str> = Self::ALL.iter().map(|it| it.name()).collect();
            Error::invalid("tensor-wrong-type", format!("the datatype `{shown}` is not carried"))
                .at("datatype")
                .hint(format!("those that are: {}", all.join(", ")))
        })
    }

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Fp16 => "FP16",
            Self::Bf16 => "BF16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bytes => "BYTES",
        }
    }

    /// Whether it has fractions.
    pub fn is_float(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16 | Self::Fp32 | Self::Fp64)
    }

    /// Whether the protocol carries it as bytes alone: JSON has no such numbers.
    pub fn is_bytes_alone(self) -> bool {
        matches!(self, Self::Fp16 | Self::Bf16)
    }

    /// Elements of this type, made of something for each by whoever knows how.
    ///
    /// # Errors
    /// Whatever the maker's are.
    pub fn elements(self, make: impl Make) -> Result<Elements> {
        match self {
            Self::Bool => make.all::<bool>().map(Elements::Bool),
            Self::Int8 => make.all::<i8>().map(Elements::Int8),
            Self::Int16 => make.all::<i16>().map(Elements::Int16),
            Self::Int32 => make.all::<i32>().map(Elements::Int32),
            Self::Int64 => make.all::<i64>().map(Elements::Int64),
            Self::Uint8 => make.all::<u8>().map(Elements::Uint8),
            Self::Uint16 => make.all::<u16>().map(Elements::Uint16),
            Self::Uint32 => make.all::<u32>().map(Elements::Uint32),
            Self::Uint64 => make.all::<u64>().map(Elements::Uint64),
            Self::Fp16 => make.all::<f16>().map(Elements::Fp16),
            Self::Bf16 => make.all::<bf16>().map(Elements::Bf16),
            Self::Fp32 => make.all::<f32>().map(Elements::Fp32),
            Self::Fp64 => make.all::<f64>().map(Elements::Fp64),
            Self::Bytes => make.all::<String>().map(Elements::Bytes),
        }
    }
}

/// What makes elements of whichever type is wanted.
pub trait Make {
    /// All of them, of one type.
    ///
    /// # Errors
    /// Where one cannot be made.
    fn all<T: Element>(self) -> Result<Vec<T>>;
}

impl Elements {
    /// Their type.
    pub fn datatype(&self) -> Datatype {
        fn of<T: Element>(_: &[T]) -> Datatype {
            T::DATATYPE
        }
        each_element!(self, it => of(it))
    }

    /// An empty list of the same type.
    #[must_use]
    pub fn none(&self) -> Self {
        fn of<T: Element>(_: &[T]) -> Elements {
            T::list(Vec::new())
        }
        each_element!(self, it => of(it))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        each_element!(self, it => it.len())
    }

    /// Puts others of the same type behind these; answers whether they were of the same type.
    pub fn append(&mut self, other: Self) -> bool {
        fn more<T: Element>(ours: &mut Vec<T>, theirs: Elements) -> bool {
            T::taken(theirs).map(|theirs| ours.extend(theirs)).is_some()
        }
        each_element!(self, it => more(it, other))
    }

    /// These rows of them, in this order, where a row has so many elements; rows there are not are left out.
    #[must_use]
    pub fn chosen(&self, rows: &[usize], width: usize) -> Self {
        fn of<T: Element>(values: &[T], rows: &[usize], width: usize) -> Elements {
            let row = |row: &usize| values.get(row * width..(row + 1) * width).unwrap_or_default();
            T::list(rows.iter().flat_map(row).cloned().collect())
        }
        each_element!(self, it => of(it, rows, width))
    }

    /// Takes the last ones out.
    #[must_use]
    pub fn take_last(&mut self, count: usize) -> Self {
        fn last<T: Element>(values: &mut Vec<T>, count: usize) -> Elements {
            T::list(values.split_off(values.len().saturating_sub(count)))
        }
        each_element!(self, it => last(it, count))
    }

    /// All as numbers.
    pub fn numbers(&self) -> Vec<f64> {
        each_element!(self, it => it.iter().map(Element::number).collect())
    }

    /// All as JSON.
    pub fn json(&self) -> Vec<Value> {
        each_element!(self, it => it.iter().map(Element::json).collect())
    }
}
