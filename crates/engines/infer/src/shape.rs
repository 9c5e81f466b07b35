//! Operators that move elements and change none.

use base::Result;
use engine_onnx::element;

use crate::{
    attributes::Attributes,
    encode::only,
    fault::{failed, unreadable},
    op::{Flow, Op, Out},
    reduce::axis,
    value::{Data, Dims, Value},
};

/// `Identity`.
pub struct Identity;

impl Op for Identity {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let input = only(from).ok_or_else(|| failed("Identity", "it has no input"))?;
        Ok(Out::One(input.clone()))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `ZipMap`, which names the columns of a classifier's probabilities.
pub struct ZipMap {
    classes: Vec<String>,
}

impl ZipMap {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        let texts = of.strings("classlabels_strings")?;
        let ints = of.ints("classlabels_int64s").iter().map(ToString::to_string);
        Ok(Self { classes: texts.into_iter().chain(ints).collect() })
    }
}

impl Op for ZipMap {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        Identity.run(from)
    }

    fn classes(&self) -> Option<Vec<String>> {
        Some(self.classes.clone())
    }
}

/// `Constant`.
pub struct Constant(Value);

impl Constant {
    /// The forms `value`, `value_float(s)`, `value_int(s)` and `value_strings`.
    pub fn read(of: Attributes<'_>) -> Result<Option<Self>> {
        if let Some(value) = of.tensor("value")? {
            return Ok(Some(Self(value)));
        }
        let vector = |data: Data| Value::new(&[data.len()], data);
        let made = if of.has("value_float") {
            Value::new(&[], Data::F32(vec![of.float("value_float", 0.0)]))
        } else if of.has("value_int") {
            Value::new(&[], Data::I64(vec![of.int("value_int", 0)]))
        } else if of.has("value_floats") {
            vector(Data::F32(of.floats("value_floats").to_vec()))
        } else if of.has("value_ints") {
            vector(Data::I64(of.ints("value_ints").to_vec()))
        } else if of.has("value_strings") {
            vector(Data::Text(of.strings("value_strings")?))
        } else {
            return Ok(None);
        };
        made.map(Self).map(Some).ok_or_else(|| unreadable("a constant that is too large"))
    }
}

impl Op for Constant {
    fn run(&self, _: &[&Value]) -> Result<Out> {
        Ok(Out::One(self.0.clone()))
    }
}

/// `Concat` along an axis.
pub struct Concat(pub i64);

impl Concat {
    fn apply(&self, from: &[&Value]) -> Option<Value> {
        let first = from.first()?;
        let rank = first.dims.sizes().len();
        let axis = axis(self.0, rank)?;
        let mut sizes = first.dims.sizes().to_vec();
        sizes[axis] = 0;
        for it in from {
            let other = it.dims.sizes();
            let fits =
                other.len() == rank && (0..rank).all(|at| at == axis || other[at] == first.dims.sizes()[at]);
            fits.then_some(())?;
            sizes[axis] = sizes[axis].checked_add(other[axis])?;
        }
        let dims = Dims::new(&sizes)?;
        let blocks: usize = sizes[..axis].iter().product();
        let behind: usize = sizes[axis + 1..].iter().product();
        macro_rules! join {
            ($($kind:ident),*) => {
                match &first.data {
                    $(Data::$kind(_) => {
                        let mut parts = Vec::with_capacity(from.len());
                        for it in from {
                            let Data::$kind(part) = &it.data else { return None };
                            parts.push((part.as_slice(), it.dims.sizes()[axis] * behind));
                        }
                        let mut all = Vec::with_capacity(dims.len());
                        for block in 0..blocks {
                            for (part, size) in &parts {
                                all.extend_from_slice(&part[block * size..][..*size]);
                            }
                        }
                        Data::$kind(all)
                    })*
                }
            };
        }
        let data = join!(Bool, I32, I64, F32, F64, Text);
        Some(Value { dims, data })
    }
}

impl Op for Concat {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        self.apply(from).map(Out::One).ok_or_else(|| failed("Concat", "its inputs do not go together"))
    }

    fn flow(&self) -> Flow {
        if self.0 == 1 || self.0 == -1 { Flow::Join } else { Flow::Opaque }
    }
}

/// `FeatureVectorizer`: numbers of any type side by side, as 32-bit floats.
pub struct FeatureVectorizer;

impl Op for FeatureVectorizer {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("FeatureVectorizer", "its inputs do not go together");
        let mut floats = Vec::with_capacity(from.len());
        for it in from {
            let numbers = it.data.to_f64().ok_or_else(wrong)?;
            let data = Data::F32(numbers.into_iter().map(|x| x as f32).collect());
            let (rows, width) = it.dims.rows();
            floats.push(Value::new(&[rows, width], data).ok_or_else(wrong)?);
        }
        Concat(1).run(&floats.iter().collect::<Vec<_>>())
    }

    fn flow(&self) -> Flow {
        Flow::Join
    }
}

/// `ArrayFeatureExtractor`: elements of the last dimension, by place.
pub struct Pick;

impl Op for Pick {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("ArrayFeatureExtractor", "its inputs do not fit");
        let [input, places] = from else {
            return Err(wrong());
        };
        let Data::I64(places) = &places.data else {
            return Err(wrong());
        };
        let sizes = input.dims.sizes();
        let (&last, before) = sizes.split_last().ok_or_else(wrong)?;
        let picks = lane_places(places, last).ok_or_else(wrong)?;
        let rows: usize = before.iter().product();
        let mut out = before.to_vec();
        if out.is_empty() {
            out.push(1);
        }
        out.push(picks.len());
        Dims::new(&out).ok_or_else(wrong)?;
        let all: Vec<usize> = (0..rows).flat_map(|row| picks.iter().map(move |at| row * last + at)).collect();
        Value::new(&out, input.data.gather(&all)).map(Out::One).ok_or_else(wrong)
    }

    fn flow(&self) -> Flow {
        Flow::Pick
    }
}

/// Places checked against a size; negative ones count from the end.
fn lane_places(places: &[i64], size: usize) -> Option<Vec<usize>> {
    places.iter().map(|&it| axis(it, size)).collect()
}

/// `Gather` along an axis.
pub struct Gather(pub i64);

impl Op for Gather {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Gather", "its inputs do not fit");
        let [input, places] = from else {
            return Err(wrong());
        };
        let sizes = input.dims.sizes();
        let axis = axis(self.0, sizes.len()).ok_or_else(wrong)?;
        let wanted: Vec<i64> = match &places.data {
            Data::I64(it) => it.clone(),
            Data::I32(it) => it.iter().map(|&x| i64::from(x)).collect(),
            _ => return Err(wrong()),
        };
        let picks = lane_places(&wanted, sizes[axis]).ok_or_else(wrong)?;
        let out = [&sizes[..axis], places.dims.sizes(), &sizes[axis + 1..]].concat();
        Dims::new(&out).ok_or_else(wrong)?;
        let behind: usize = sizes[axis + 1..].iter().product();
        let blocks: usize = sizes[..axis].iter().product();
        let mut all = Vec::with_capacity(blocks * picks.len() * behind);
        for block in 0..blocks {
            for at in &picks {
                let start = (block * sizes[axis] + at) * behind;
                all.extend(start..start + behind);
            }
        }
        Value::new(&out, input.data.gather(&all)).map(Out::One).ok_or_else(wrong)
    }

    fn flow(&self) -> Flow {
        if self.0 == 1 || self.0 == -1 { Flow::Pick } else { Flow::Opaque }
    }
}

/// `Flatten` to rows and columns.
pub struct Flatten(pub i64);

impl Op for Flatten {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Flatten", "its input does not fit");
        let input = only(from).ok_or_else(wrong)?;
        let sizes = input.dims.sizes();
        let at = if self.0 == sizes.len() as i64 {
            sizes.len()
        } else {
            axis(self.0, sizes.len()).ok_or_else(wrong)?
        };
        let out = [sizes[..at].iter().product(), sizes[at..].iter().product()];
        reshaped(input, &out).ok_or_else(wrong)
    }

    fn flow(&self) -> Flow {
        if self.0 == 1 { Flow::Keep } else { Flow::Opaque }
    }
}

/// `Reshape` to the sizes in its second input.
pub struct Reshape;

impl Reshape {
    fn sizes(input: &Value, wanted: &[i64]) -> Option<Vec<usize>> {
        let mut sizes = Vec::with_capacity(wanted.len());
        for (at, &size) in wanted.iter().enumerate() {
            sizes.push(match size {
                0 => *input.dims.sizes().get(at)?,
                -1 => usize::MAX,
                size => usize::try_from(size).ok()?,
            });
        }
        if let Some(open) = sizes.iter().position(|&it| it == usize::MAX) {
            sizes[open] = 1;
            let known = sizes.iter().try_fold(1_usize, |all, &it| all.checked_mul(it))?;
            sizes[open] = input.data.len().checked_div(known)?;
        }
        Some(sizes)
    }
}

impl Op for Reshape {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Reshape", "the sizes do not fit the elements");
        let [input, sizes] = from else {
            return Err(wrong());
        };
        let Data::I64(wanted) = &sizes.data else {
            return Err(wrong());
        };
        let sizes = Self::sizes(input, wanted).ok_or_else(wrong)?;
        reshaped(input, &sizes).ok_or_else(wrong)
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `Squeeze`: dimensions of one go.
pub struct Squeeze(pub Vec<i64>);

impl Op for Squeeze {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Squeeze", "its axes do not fit");
        let input = only(from).ok_or_else(wrong)?;
        let sizes = input.dims.sizes();
        let given = axes(&self.0, from.get(1)).ok_or_else(wrong)?;
        let gone = lane_places(&given, sizes.len()).ok_or_else(wrong)?;
        let stays = |at: usize| {
            if given.is_empty() { sizes[at] != 1 } else { !gone.contains(&at) }
        };
        let out: Vec<usize> = (0..sizes.len()).filter(|&at| stays(at)).map(|at| sizes[at]).collect();
        reshaped(input, &out).ok_or_else(wrong)
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `Unsqueeze`: dimensions of one come in.
pub struct Unsqueeze(pub Vec<i64>);

impl Op for Unsqueeze {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Unsqueeze", "its axes do not fit");
        let input = only(from).ok_or_else(wrong)?;
        let given = axes(&self.0, from.get(1)).ok_or_else(wrong)?;
        let rank = input.dims.sizes().len() + given.len();
        let new = lane_places(&given, rank).ok_or_else(wrong)?;
        let mut old = input.dims.sizes().iter();
        let out: Vec<usize> = (0..rank)
            .map(|at| if new.contains(&at) { 1 } else { old.next().copied().unwrap_or(1) })
            .collect();
        reshaped(input, &out).ok_or_else(wrong)
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// Axes written as an attribute or, later, given as an input.
fn axes(written: &[i64], given: Option<&&Value>) -> Option<Vec<i64>> {
    match given.map(|it| &it.data) {
        Some(Data::I64(axes)) => Some(axes.clone()),
        Some(_) => None,
        None => Some(written.to_vec()),
    }
}

fn reshaped(input: &Value, sizes: &[usize]) -> Option<Out> {
    let dims = Dims::new(sizes)?;
    (dims.len() == input.dims.len()).then(|| Out::One(Value { dims, data: input.data.clone() }))
}

/// `Transpose` of any dimensions.
pub struct Transpose(pub Vec<i64>);

impl Op for Transpose {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Transpose", "the order does not fit the dimensions");
        let input = only(from).ok_or_else(wrong)?;
        let sizes = input.dims.sizes();
        let order: Vec<usize> = if self.0.is_empty() {
            (0..sizes.len()).rev().collect()
        } else {
            lane_places(&self.0, sizes.len()).ok_or_else(wrong)?
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..sizes.len()) {
            return Err(wrong());
        }
        let steps: Vec<usize> = (0..sizes.len()).map(|at| sizes[at + 1..].iter().product()).collect();
        let out: Vec<usize> = order.iter().map(|&at| sizes[at]).collect();
        let place = |mut flat: usize| {
            let mut place = 0;
            for at in (0..out.len()).rev() {
                place += flat % out[at] * steps[order[at]];
                flat /= out[at];
            }
            place
        };
        let places: Vec<usize> = (0..input.data.len()).map(place).collect();
        Value::new(&out, input.data.gather(&places)).map(Out::One).ok_or_else(wrong)
    }
}

/// `Shape`: the sizes of a tensor.
pub struct ShapeOf;

impl Op for ShapeOf {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let input = only(from).ok_or_else(|| failed("Shape", "it has no input"))?;
        let sizes: Vec<i64> = input.dims.sizes().iter().map(|&it| it as i64).collect();
        let data = Data::I64(sizes);
        debug_assert_eq!(data.element(), element::INT64);
        Value::new(&[input.dims.sizes().len()], data)
            .map(Out::One)
            .ok_or_else(|| failed("Shape", "too many dimensions"))
    }
}
