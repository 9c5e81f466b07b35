//! Operators of `ai.onnx` along one axis.

use base::Result;

use crate::{
    attributes::Attributes,
    encode::only,
    fault::{failed, unreadable},
    op::{Op, Out},
    score::{largest, softmax},
    value::{Data, Dims, Value},
};

/// Elements seen from one axis: how many blocks before it, its size, how many elements behind each place.
#[derive(Clone, Copy)]
struct Lanes {
    before: usize,
    size: usize,
    behind: usize,
}

impl Lanes {
    fn new(dims: &Dims, axis: usize) -> Self {
        let sizes = dims.sizes();
        Self {
            before: sizes[..axis].iter().product(),
            size: sizes[axis],
            behind: sizes[axis + 1..].iter().product(),
        }
    }

    /// Every lane's elements, in the order of what is left when the axis is gone.
    fn each(self, elements: &[f64], mut seen: impl FnMut(&[f64])) {
        let mut lane = vec![0.0; self.size];
        for block in 0..self.before {
            for at in 0..self.behind {
                for (place, it) in lane.iter_mut().enumerate() {
                    *it = elements[(block * self.size + place) * self.behind + at];
                }
                seen(&lane);
            }
        }
    }
}

/// An axis counted from the front; ONNX lets it count from the back.
pub fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis + rank } else { axis };
    (0..rank).contains(&axis).then_some(axis as usize)
}

/// `Softmax` along an axis.
pub struct Softmax(pub i64);

impl Op for Softmax {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Softmax", "its input does not fit");
        let input = only(from).ok_or_else(wrong)?;
        let axis = axis(self.0, input.dims.sizes().len()).ok_or_else(wrong)?;
        let elements = input.data.to_f64().ok_or_else(wrong)?;
        let lanes = Lanes::new(&input.dims, axis);
        let mut out = vec![0.0; elements.len()];
        let mut count = 0;
        lanes.each(&elements, |lane| {
            let mut shares = lane.to_vec();
            softmax(&mut shares);
            let start = (count / lanes.behind) * lanes.size * lanes.behind + count % lanes.behind;
            for (place, share) in shares.into_iter().enumerate() {
                out[start + place * lanes.behind] = share;
            }
            count += 1;
        });
        Ok(Out::One(Value { dims: input.dims, data: like(&input.data, out) }))
    }
}

/// `ArgMax`: the place of the largest along an axis.
pub struct ArgMax {
    axis: i64,
    keep: bool,
}

impl ArgMax {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        if of.int("select_last_index", 0) != 0 {
            return Err(unreadable("`select_last_index` is not known here"));
        }
        Ok(Self { axis: of.int("axis", 0), keep: of.int("keepdims", 1) != 0 })
    }
}

impl Op for ArgMax {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("ArgMax", "its input does not fit");
        let input = only(from).ok_or_else(wrong)?;
        let axis = axis(self.axis, input.dims.sizes().len()).ok_or_else(wrong)?;
        let elements = input.data.to_f64().ok_or_else(wrong)?;
        if input.dims.sizes()[axis] == 0 {
            return Err(wrong());
        }
        let mut places = Vec::new();
        Lanes::new(&input.dims, axis).each(&elements, |lane| places.push(largest(lane) as i64));
        Value::new(&left(&input.dims, &[axis], self.keep), Data::I64(places)).map(Out::One).ok_or_else(wrong)
    }
}

/// `ReduceSum`, `ReduceMean`, `ReduceMax` and `ReduceMin` along axes.
pub struct Reduce {
    how: fn(&[f64]) -> f64,
    axes: Vec<i64>,
    keep: bool,
}

impl Reduce {
    pub fn read(of: Attributes<'_>) -> Result<Self> {
        Ok(Self {
            how: match of.0.op_type.as_str() {
                "ReduceSum" => |lane| lane.iter().sum(),
                "ReduceMean" => |lane| lane.iter().sum::<f64>() / lane.len() as f64,
                "ReduceMax" => |lane| lane.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                _ => |lane| lane.iter().copied().fold(f64::INFINITY, f64::min),
            },
            axes: of.ints("axes").to_vec(),
            keep: of.int("keepdims", 1) != 0,
        })
    }
}

impl Op for Reduce {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Reduce", "its input does not fit");
        let input = only(from).ok_or_else(wrong)?;
        let rank = input.dims.sizes().len();
        // Later versions of the operators take the axes as an input.
        let given = match from.get(1).map(|it| &it.data) {
            Some(Data::I64(axes)) => axes.clone(),
            Some(_) => return Err(wrong()),
            None if self.axes.is_empty() => (0..rank as i64).collect(),
            None => self.axes.clone(),
        };
        let axes: Option<Vec<usize>> = given.iter().map(|&it| axis(it, rank)).collect();
        let mut axes = axes.ok_or_else(wrong)?;
        axes.sort_unstable();
        axes.dedup();
        let mut elements = input.data.to_f64().ok_or_else(wrong)?;
        let mut dims = input.dims;
        for &axis in &axes {
            let mut reduced = Vec::new();
            Lanes::new(&dims, axis).each(&elements, |lane| reduced.push((self.how)(lane)));
            elements = reduced;
            dims = Dims::new(&left(&dims, &[axis], true)).ok_or_else(wrong)?;
        }
        Value::new(&left(&dims, &axes, self.keep), like(&input.data, elements))
            .map(Out::One)
            .ok_or_else(wrong)
    }
}

/// The shape that is left when axes shrink to one, or go.
fn left(dims: &Dims, axes: &[usize], keep: bool) -> Vec<usize> {
    let sizes = dims.sizes().iter().enumerate();
    sizes
        .filter(|(at, _)| keep || !axes.contains(at))
        .map(|(at, &size)| if axes.contains(&at) { 1 } else { size })
        .collect()
}

/// Numbers in the type of a model's tensor.
fn like(data: &Data, numbers: Vec<f64>) -> Data {
    match data {
        Data::F64(_) => Data::F64(numbers),
        Data::I64(_) => Data::I64(numbers.into_iter().map(|x| x as i64).collect()),
        Data::I32(_) => Data::I32(numbers.into_iter().map(|x| x as i32).collect()),
        Data::Bool(_) | Data::F32(_) | Data::Text(_) => {
            Data::F32(numbers.into_iter().map(|x| x as f32).collect())
        }
    }
}
