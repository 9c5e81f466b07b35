//! A tensor inside the interpreter: elements of one type in row-major order, and their shape.

use base::Result;
use engine_onnx::element;
use ports::infer::{Datatype, Elements, bf16, binary, f16};

use crate::fault::unreadable;

pub use engine_onnx::datatype;

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
    let datatype = datatype(tensor.data_type)?;
    if tensor.raw_data.is_empty() {
        return typed(tensor, datatype);
    }
    let count = tensor.dims.iter().try_fold(1_usize, |all, &size| all.checked_mul(size.try_into().ok()?))?;
    match datatype {
        // Texts are never raw.
        Datatype::Bytes => typed(tensor, datatype),
        numbers => Data::carrying(binary::read(numbers, &tensor.raw_data, count).ok()?),
    }
}

fn typed(tensor: &engine_onnx::Tensor, datatype: Datatype) -> Option<Data> {
    let small = || tensor.int32_data.iter();
    // Floats of 16 bits stand there by their bits.
    let bits = || small().map(|&bits| u16::try_from(bits).ok());
    Some(match datatype {
        Datatype::Fp32 => Data::F32(tensor.float_data.clone()),
        Datatype::Fp64 => Data::F64(tensor.double_data.clone()),
        Datatype::Int64 => Data::I64(tensor.int64_data.clone()),
        Datatype::Int32 => Data::I32(tensor.int32_data.clone()),
        Datatype::Bool => Data::Bool(small().map(|&x| x != 0).collect()),
        Datatype::Int8 | Datatype::Int16 | Datatype::Uint8 | Datatype::Uint16 => {
            Data::I64(small().map(|&x| i64::from(x)).collect())
        }
        Datatype::Uint32 | Datatype::Uint64 => {
            Data::I64(tensor.uint64_data.iter().map(|&x| i64::try_from(x).ok()).collect::<Option<_>>()?)
        }
        Datatype::Fp16 => {
            Data::F32(bits().map(|it| it.map(|it| f16::from_bits(it).to_f32())).collect::<Option<_>>()?)
        }
        Datatype::Bf16 => {
            Data::F32(bits().map(|it| it.map(|it| bf16::from_bits(it).to_f32())).collect::<Option<_>>()?)
        }
        Datatype::Bytes => {
            let texts = tensor.string_data.iter().map(|text| String::from_utf8(text.clone()).ok());
            Data::Text(texts.collect::<Option<_>>()?)
        }
    })
}

/// Whether the interpreter carries a type in a wider one: 16-bit floats as 32-bit ones, small integers and those from 0
/// as 64-bit ones. What leaves it, and what is cast, is rounded or wrapped to what the type holds.
pub fn is_widened(datatype: Datatype) -> bool {
    match datatype {
        Datatype::Int8
        | Datatype::Int16
        | Datatype::Uint8
        | Datatype::Uint16
        | Datatype::Uint32
        | Datatype::Uint64
        | Datatype::Fp16
        | Datatype::Bf16 => true,
        Datatype::Bool
        | Datatype::Int32
        | Datatype::Int64
        | Datatype::Fp32
        | Datatype::Fp64
        | Datatype::Bytes => false,
    }
}

impl Data {
    /// Elements as the interpreter carries them; nothing where one is larger than any 64-bit integer.
    pub fn carrying(elements: Elements) -> Option<Self> {
        fn wide<T: Copy + Into<i64>>(values: &[T]) -> Data {
            Data::I64(values.iter().map(|&it| it.into()).collect())
        }
        Some(match elements {
            Elements::Bool(it) => Self::Bool(it),
            Elements::Int8(it) => wide(&it),
            Elements::Int16(it) => wide(&it),
            Elements::Int32(it) => Self::I32(it),
            Elements::Int64(it) => Self::I64(it),
            Elements::Uint8(it) => wide(&it),
            Elements::Uint16(it) => wide(&it),
            Elements::Uint32(it) => wide(&it),
            Elements::Uint64(it) => {
                Self::I64(it.into_iter().map(|it| i64::try_from(it).ok()).collect::<Option<_>>()?)
            }
            Elements::Fp16(it) => Self::F32(it.into_iter().map(f32::from).collect()),
            Elements::Bf16(it) => Self::F32(it.into_iter().map(f32::from).collect()),
            Elements::Fp32(it) => Self::F32(it),
            Elements::Fp64(it) => Self::F64(it),
            Elements::Bytes(it) => Self::Text(it),
        })
    }

    /// The elements as they leave the interpreter, of the type that was told where they are carried for it.
    pub fn leaving(self, wanted: Datatype) -> Elements {
        fn each<A: Copy, B>(values: &[A], one: fn(A) -> B) -> Vec<B> {
            values.iter().map(|&it| one(it)).collect()
        }
        match (self, wanted) {
            (Self::I64(it), Datatype::Int8) => Elements::Int8(each(&it, |x| x as i8)),
            (Self::I64(it), Datatype::Int16) => Elements::Int16(each(&it, |x| x as i16)),
            (Self::I64(it), Datatype::Uint8) => Elements::Uint8(each(&it, |x| x as u8)),
            (Self::I64(it), Datatype::Uint16) => Elements::Uint16(each(&it, |x| x as u16)),
            (Self::I64(it), Datatype::Uint32) => Elements::Uint32(each(&it, |x| x as u32)),
            (Self::I64(it), Datatype::Uint64) => Elements::Uint64(each(&it, |x| x as u64)),
            (Self::F32(it), Datatype::Fp16) => Elements::Fp16(each(&it, f16::from_f32)),
            (Self::F32(it), Datatype::Bf16) => Elements::Bf16(each(&it, bf16::from_f32)),
            (Self::Bool(it), _) => Elements::Bool(it),
            (Self::I32(it), _) => Elements::Int32(it),
            (Self::I64(it), _) => Elements::Int64(it),
            (Self::F32(it), _) => Elements::Fp32(it),
            (Self::F64(it), _) => Elements::Fp64(it),
            (Self::Text(it), _) => Elements::Bytes(it),
        }
    }
}
