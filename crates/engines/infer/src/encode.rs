//! Encoders and scalers of `ai.onnx.ml`: texts to numbers and back, numbers to better ones.

use std::collections::HashMap;

use base::Result;

use crate::{
    attributes::Attributes,
    fault::{failed, unreadable},
    op::{Flow, Op, Out},
    value::{Data, Value},
};

/// Where each key stands in a list; of equal keys the last counts.
enum Keys {
    Text(HashMap<String, usize>),
    Int(HashMap<i64, usize>),
    /// By bits; all NaN are one key, and so are both zeros.
    Float(HashMap<u64, usize>),
}

fn bits(x: f64) -> u64 {
    if x.is_nan() { f64::NAN.to_bits() } else { (x + 0.0).to_bits() }
}

impl Keys {
    fn new(data: &Data) -> Option<Self> {
        Some(match data {
            Data::Text(it) => Self::Text(it.iter().cloned().zip(0..).collect()),
            Data::I64(it) => Self::Int(it.iter().copied().zip(0..).collect()),
            Data::F32(_) | Data::F64(_) => {
                let doubles = data.to_f64()?;
                Self::Float(doubles.into_iter().map(bits).zip(0..).collect())
            }
            Data::Bool(_) | Data::I32(_) => return None,
        })
    }

    /// The place of each element; none when the elements are of another type.
    fn find(&self, data: &Data) -> Option<Vec<Option<usize>>> {
        Some(match (self, data) {
            (Self::Text(keys), Data::Text(it)) => it.iter().map(|x| keys.get(x).copied()).collect(),
            (Self::Int(keys), Data::I64(it)) => it.iter().map(|x| keys.get(x).copied()).collect(),
            (Self::Float(keys), Data::F32(_) | Data::F64(_)) => {
                let doubles = data.to_f64()?;
                doubles.iter().map(|x| keys.get(&bits(*x)).copied()).collect()
            }
            _ => return None,
        })
    }
}

/// `LabelEncoder`: a table from keys to values.
pub struct Mapping {
    keys: Keys,
    values: Data,
    /// One element, for keys that are not in the table.
    otherwise: Data,
}

impl Mapping {
    pub fn label_encoder(of: Attributes<'_>) -> Result<Self> {
        let bad = || unreadable("a `LabelEncoder` without fitting keys and values");
        let keys = of.list("keys")?.ok_or_else(bad)?;
        let values = of.list("values")?.ok_or_else(bad)?;
        let given = of.tensor("default_tensor")?.map(|it| it.data);
        let otherwise = match &values {
            Data::Text(_) => Data::Text(vec![of.text("default_string", "_Unused")?]),
            Data::I64(_) => Data::I64(vec![of.int("default_int64", -1)]),
            Data::F32(_) => Data::F32(vec![of.float("default_float", -0.0)]),
            Data::F64(_) => Data::F64(vec![f64::from(of.float("default_float", -0.0))]),
            Data::Bool(_) | Data::I32(_) => return Err(bad()),
        };
        let otherwise = match given {
            Some(it) if it.element() == values.element() && it.len() == 1 => it,
            Some(_) | None => otherwise,
        };
        Self::new(&keys, values, otherwise).ok_or_else(bad)
    }

    fn new(keys: &Data, values: Data, otherwise: Data) -> Option<Self> {
        (keys.len() == values.len()).then_some(())?;
        Some(Self { keys: Keys::new(keys)?, values, otherwise })
    }

    fn map(&self, from: &Value) -> Option<Value> {
        let places = self.keys.find(&from.data)?;
        // Values and default were made with one type.
        let data = match (&self.values, &self.otherwise) {
            (Data::Text(v), Data::Text(d)) => Data::Text(pick(v, d, &places)?),
            (Data::I64(v), Data::I64(d)) => Data::I64(pick(v, d, &places)?),
            (Data::F32(v), Data::F32(d)) => Data::F32(pick(v, d, &places)?),
            (Data::F64(v), Data::F64(d)) => Data::F64(pick(v, d, &places)?),
            _ => return None,
        };
        Value::new(from.dims.sizes(), data)
    }
}

fn pick<T: Clone>(values: &[T], otherwise: &[T], places: &[Option<usize>]) -> Option<Vec<T>> {
    let otherwise = otherwise.first()?;
    let value = |place: &Option<usize>| place.map_or(otherwise, |at| &values[at]).clone();
    Some(places.iter().map(value).collect())
}

impl Op for Mapping {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        only(from)
            .and_then(|it| self.map(it))
            .map(Out::One)
            .ok_or_else(|| failed("LabelEncoder", "its input is of another type than its keys"))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }

    fn classes(&self) -> Option<Vec<String>> {
        match &self.values {
            Data::Text(texts) => Some(texts.clone()),
            Data::I64(ints) => Some(ints.iter().map(ToString::to_string).collect()),
            _ => None,
        }
    }
}

/// `CategoryMapper`: texts to whole numbers, or back, whichever comes in.
pub struct CategoryMapper {
    to_ints: Mapping,
    to_texts: Mapping,
}

impl CategoryMapper {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        let texts = Data::Text(of.strings("cats_strings")?);
        let ints = Data::I64(of.ints("cats_int64s").to_vec());
        let no_int = Data::I64(vec![of.int("default_int64", -1)]);
        let no_text = Data::Text(vec![of.text("default_string", "_Unused")?]);
        let bad = || unreadable("a `CategoryMapper` without fitting categories");
        Ok(Self {
            to_ints: Mapping::new(&texts, ints.clone(), no_int).ok_or_else(bad)?,
            to_texts: Mapping::new(&ints, texts, no_text).ok_or_else(bad)?,
        })
    }
}

impl Op for CategoryMapper {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        match only(from).map(|it| &it.data) {
            Some(Data::Text(_)) => self.to_ints.run(from),
            _ => self.to_texts.run(from),
        }
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `OneHotEncoder`: a new last dimension with a one at the category's place.
pub struct OneHot {
    keys: Keys,
    count: usize,
    zeros: bool,
}

impl OneHot {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        let cats = if of.has("cats_strings") {
            Data::Text(of.strings("cats_strings")?)
        } else {
            Data::I64(of.ints("cats_int64s").to_vec())
        };
        Ok(Self {
            count: cats.len(),
            keys: Keys::new(&cats).ok_or_else(|| unreadable("a `OneHotEncoder` without categories"))?,
            zeros: of.int("zeros", 1) != 0,
        })
    }
}

impl Op for OneHot {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = |why| failed("OneHotEncoder", why);
        let input = only(from).ok_or_else(|| wrong("it has no input"))?;
        // Numbers of any type are looked up as whole numbers.
        let whole = match (&self.keys, &input.data) {
            (Keys::Int(_), Data::I32(_) | Data::F32(_) | Data::F64(_)) => {
                input.data.to_f64().map(|it| Data::I64(it.into_iter().map(|x| x as i64).collect()))
            }
            _ => None,
        };
        let places = self
            .keys
            .find(whole.as_ref().unwrap_or(&input.data))
            .ok_or_else(|| wrong("its input is of another type than its categories"))?;
        if !self.zeros && places.contains(&None) {
            return Err(wrong("a category it does not know"));
        }
        let size = input.data.len().saturating_mul(self.count);
        let mut sizes = input.dims.sizes().to_vec();
        sizes.push(self.count);
        if size > crate::value::ELEMENTS_MAX {
            return Err(wrong("too many elements"));
        }
        let mut hot = vec![0.0_f32; size];
        for (row, place) in places.iter().enumerate() {
            if let Some(place) = place {
                hot[row * self.count + place] = 1.0;
            }
        }
        Value::new(&sizes, Data::F32(hot)).map(Out::One).ok_or_else(|| wrong("too many dimensions"))
    }

    fn flow(&self) -> Flow {
        Flow::Spread(self.count)
    }
}

/// `Scaler`: less an offset, times a scale.
pub struct Scaler {
    offset: Vec<f32>,
    scale: Vec<f32>,
}

impl Scaler {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        let (offset, scale) = (of.floats("offset").to_vec(), of.floats("scale").to_vec());
        if offset.is_empty() || scale.is_empty() {
            return Err(unreadable("a `Scaler` without offset or scale"));
        }
        Ok(Self { offset, scale })
    }
}

impl Op for Scaler {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = |why| failed("Scaler", why);
        let input = only(from).ok_or_else(|| wrong("it has no input"))?;
        let mut elements = input.data.to_f64().ok_or_else(|| wrong("it was given texts"))?;
        let (_, width) = input.dims.rows();
        let fits = |list: &[f32]| list.len() == 1 || list.len() == width;
        if !fits(&self.offset) || !fits(&self.scale) {
            return Err(wrong("its lists do not fit the features"));
        }
        let of = |list: &[f32], at: usize| f64::from(if list.len() == 1 { list[0] } else { list[at] });
        for row in elements.chunks_mut(width.max(1)) {
            for (at, x) in row.iter_mut().enumerate() {
                *x = (*x - of(&self.offset, at)) * of(&self.scale, at);
            }
        }
        let scaled = elements.into_iter().map(|x| x as f32).collect();
        same_shape(input, Data::F32(scaled))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `Imputer`: what is missing gets a value.
pub struct Imputer {
    with: Data,
    missing_float: f32,
    missing_int: i64,
}

impl Imputer {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        let floats = of.floats("imputed_value_floats").to_vec();
        let ints = of.ints("imputed_value_int64s").to_vec();
        if floats.is_empty() == ints.is_empty() {
            return Err(unreadable("an `Imputer` needs one list of values"));
        }
        Ok(Self {
            with: if floats.is_empty() { Data::I64(ints) } else { Data::F32(floats) },
            missing_float: of.float("replaced_value_float", 0.0),
            missing_int: of.int("replaced_value_int64", 0),
        })
    }
}

impl Op for Imputer {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = |why| failed("Imputer", why);
        let input = only(from).ok_or_else(|| wrong("it has no input"))?;
        let (_, width) = input.dims.rows();
        if self.with.len() != 1 && self.with.len() != width {
            return Err(wrong("its list does not fit the features"));
        }
        let place = |at: usize| if self.with.len() == 1 { 0 } else { at % width };
        let data = match (&self.with, &input.data) {
            (Data::F32(with), Data::F32(it)) => {
                let missing = |x: f32| x == self.missing_float || (x.is_nan() && self.missing_float.is_nan());
                let fill = |(at, &x): (usize, &f32)| if missing(x) { with[place(at)] } else { x };
                Data::F32(it.iter().enumerate().map(fill).collect())
            }
            (Data::I64(with), Data::I64(it)) => {
                let fill = |(at, &x): (usize, &i64)| {
                    if x == self.missing_int { with[place(at)] } else { x }
                };
                Data::I64(it.iter().enumerate().map(fill).collect())
            }
            _ => return Err(wrong("its input is of another type than its values")),
        };
        same_shape(input, data)
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `Normalizer`: each row divided by its size.
pub enum Normalizer {
    Max,
    L1,
    L2,
}

impl Normalizer {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        Ok(match of.text("norm", "MAX")?.as_str() {
            "MAX" => Self::Max,
            "L1" => Self::L1,
            "L2" => Self::L2,
            other => return Err(unreadable(format!("unknown norm `{other}`"))),
        })
    }
}

impl Op for Normalizer {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = |why| failed("Normalizer", why);
        let input = only(from).ok_or_else(|| wrong("it has no input"))?;
        let mut elements = input.data.to_f64().ok_or_else(|| wrong("it was given texts"))?;
        let (_, width) = input.dims.rows();
        for row in elements.chunks_mut(width.max(1)) {
            let size = match self {
                Self::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                Self::L1 => row.iter().map(|x| x.abs()).sum(),
                Self::L2 => row.iter().map(|x| x * x).sum::<f64>().sqrt(),
            };
            if size != 0.0 {
                row.iter_mut().for_each(|x| *x /= size);
            }
        }
        same_shape(input, Data::F32(elements.into_iter().map(|x| x as f32).collect()))
    }
}

/// `Binarizer`: one above a threshold, else zero.
pub struct Binarizer(pub f32);

impl Op for Binarizer {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let input = only(from).ok_or_else(|| failed("Binarizer", "it has no input"))?;
        let Data::F32(it) = &input.data else {
            return Err(failed("Binarizer", "it takes 32-bit floats"));
        };
        let above = it.iter().map(|&x| f32::from(u8::from(x > self.0))).collect();
        same_shape(input, Data::F32(above))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// The only input of an operator.
pub fn only<'a>(from: &[&'a Value]) -> Option<&'a Value> {
    from.first().copied()
}

fn same_shape(input: &Value, data: Data) -> Result<Out> {
    Ok(Out::One(Value { dims: input.dims, data }))
}
