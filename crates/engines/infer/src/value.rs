//! A tensor inside the interpreter: elements of one type in row-major order, and their shape.

use base::Result;
use engine_onnx::element;
use ports::infer::{Datatype, Elements};

use crate::fault::unreadable;

/// The most elements a tensor may have while a model runs: hostile shapes end here, not in the allocator.
pub const ELEMENTS_MAX: usize = 1 << 26;

/// The most dimensions a tensor may have.
const RANK_MAX: usize = 8;

/// A shape, held inline so that small tensors need one allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    rank: u8,
    sizes: [usize; RANK_MAX],
}

impl Dims {
    /// Wraps sizes; none when there are too many of them or they multiply to too much,
    /// zeros left out, so that the product of any of them is safe to compute.
    pub fn new(sizes: &[usize]) -> Option<Self> {
        if sizes.len() > RANK_MAX {
            return None;
        }
        let product = sizes
            .iter()
            .try_fold(1_usize, |all, &size| all.checked_mul(size.max(1)).filter(|&all| all <= ELEMENTS_MAX));
        product?;
        let mut dims = Self { rank: sizes.len() as u8, sizes: [1; RANK_MAX] };
        dims.sizes[..sizes.len()].copy_from_slice(sizes);
        Some(dims)
    }

    /// The sizes.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes[..usize::from(self.rank)]
    }

    /// How many elements a tensor of this shape has.
    pub fn len(&self) -> usize {
        self.sizes().iter().product()
    }

    /// Rows and the elements of each, as most classic operators see a tensor.
    pub fn rows(&self) -> (usize, usize) {
        match self.sizes() {
            [] => (1, 1),
            [rows] => (*rows, 1),
            [rows, rest @ ..] => (*rows, rest.iter().product()),
        }
    }
}

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Bool(Vec<bool>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text(Vec<String>),
}

/// Runs one expression for whichever type the elements have.
macro_rules! each {
    ($data:expr, $it:ident => $body:expr) => {
        match $data {
            $crate::value::Data::Bool($it) => $body,
            $crate::value::Data::I32($it) => $body,
            $crate::value::Data::I64($it) => $body,
            $crate::value::Data::F32($it) => $body,
            $crate::value::Data::F64($it) => $body,
            $crate::value::Data::Text($it) => $body,
        }
    };
}
/// The same, wrapping what comes out in the same type again.
macro_rules! map_each {
    ($data:expr, $it:ident => $body:expr) => {
        match $data {
            $crate::value::Data::Bool($it) => $crate::value::Data::Bool($body),
            $crate::value::Data::I32($it) => $crate::value::Data::I32($body),
            $crate::value::Data::I64($it) => $crate::value::Data::I64($body),
            $crate::value::Data::F32($it) => $crate::value::Data::F32($body),
            $crate::value::Data::F64($it) => $crate::value::Data::F64($body),
            $crate::value::Data::Text($it) => $crate::value::Data::Text($body),
        }
    };
}

impl Data {
    /// How many there are.
    pub fn len(&self) -> usize {
        each!(self, it => it.len())
    }

    /// The elements as doubles; texts have none.
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        Some(match self {
            Self::Bool(it) => it.iter().map(|&x| f64::from(u8::from(x))).collect(),
            Self::I32(it) => it.iter().map(|&x| f64::from(x)).collect(),
            Self::I64(it) => it.iter().map(|&x| x as f64).collect(),
            Self::F32(it) => it.iter().map(|&x| f64::from(x)).collect(),
            Self::F64(it) => it.clone(),
            Self::Text(_) => return None,
        })
    }

    /// The elements at places, all of which must be there.
    pub fn gather(&self, places: &[usize]) -> Self {
        fn of<T: Clone>(elements: &[T], places: &[usize]) -> Vec<T> {
            places.iter().map(|&at| elements[at].clone()).collect()
        }
        map_each!(self, it => of(it, places))
    }

    /// Their type, as ONNX numbers it.
    pub fn element(&self) -> i32 {
        match self {
            Self::Bool(_) => element::BOOL,
            Self::I32(_) => element::INT32,
            Self::I64(_) => element::INT64,
            Self::F32(_) => element::FLOAT,
            Self::F64(_) => element::DOUBLE,
            Self::Text(_) => element::STRING,
        }
    }
}

/// A tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    pub dims: Dims,
    pub data: Data,
}

impl Value {
    /// A tensor, when its shape and elements agree.
    pub fn new(sizes: &[usize], data: Data) -> Option<Self> {
        let dims = Dims::new(sizes)?;
        (dims.len() == data.len()).then_some(Self { dims, data })
    }

    /// A constant read from a model.
    pub fn constant(tensor: &engine_onnx::Tensor) -> Result<Self> {
        let bad = || unreadable(format!("the constant `{}` does not fit its shape", tensor.name));
        if tensor.data_location != 0 {
            return Err(unreadable("constants outside the file are not read"));
        }
        let sizes: Option<Vec<usize>> = tensor.dims.iter().map(|&d| usize::try_from(d).ok()).collect();
        let data = elements(tensor).ok_or_else(bad)?;
        Self::new(&sizes.ok_or_else(bad)?, data).ok_or_else(bad)
    }
}

/// The elements of a constant, typed or raw (little-endian).
fn elements(tensor: &engine_onnx::Tensor) -> Option<Data> {
    let raw = &tensor.raw_data;
    let typed = raw.is_empty();
    Some(match tensor.data_type {
        element::FLOAT if typed => Data::F32(tensor.float_data.clone()),
        element::FLOAT => Data::F32(chunks(raw, f32::from_le_bytes)?),
        element::DOUBLE if typed => Data::F64(tensor.double_data.clone()),
        element::DOUBLE => Data::F64(chunks(raw, f64::from_le_bytes)?),
        element::INT64 if typed => Data::I64(tensor.int64_data.clone()),
        element::INT64 => Data::I64(chunks(raw, i64::from_le_bytes)?),
        element::INT32 if typed => Data::I32(tensor.int32_data.clone()),
        element::INT32 => Data::I32(chunks(raw, i32::from_le_bytes)?),
        element::BOOL if typed => Data::Bool(tensor.int32_data.iter().map(|&x| x != 0).collect()),
        element::BOOL => Data::Bool(raw.iter().map(|&x| x != 0).collect()),
        element::STRING => Data::Text(
            tensor
                .string_data
                .iter()
                .map(|text| String::from_utf8(text.clone()).ok())
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

fn chunks<const N: usize, T>(raw: &[u8], read: fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (chunks, rest) = raw.as_chunks::<N>();
    rest.is_empty().then(|| chunks.iter().map(|bytes| read(*bytes)).collect())
}

/// The port's name of an ONNX element type; none for those the port does not carry.
pub fn datatype(element: i32) -> Option<Datatype> {
    Some(match element {
        element::BOOL => Datatype::Bool,
        element::INT32 => Datatype::Int32,
        element::INT64 => Datatype::Int64,
        element::FLOAT => Datatype::Fp32,
        element::DOUBLE => Datatype::Fp64,
        element::STRING => Datatype::Bytes,
        _ => return None,
    })
}

impl From<Elements> for Data {
    fn from(elements: Elements) -> Self {
        match elements {
            Elements::Bool(it) => Self::Bool(it),
            Elements::Int32(it) => Self::I32(it),
            Elements::Int64(it) => Self::I64(it),
            Elements::Fp32(it) => Self::F32(it),
            Elements::Fp64(it) => Self::F64(it),
            Elements::Bytes(it) => Self::Text(it),
        }
    }
}

impl From<Data> for Elements {
    fn from(data: Data) -> Self {
        match data {
            Data::Bool(it) => Self::Bool(it),
            Data::I32(it) => Self::Int32(it),
            Data::I64(it) => Self::Int64(it),
            Data::F32(it) => Self::Fp32(it),
            Data::F64(it) => Self::Fp64(it),
            Data::Text(it) => Self::Bytes(it),
        }
    }
}
