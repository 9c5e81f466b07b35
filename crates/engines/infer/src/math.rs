//! Element-wise operators of `ai.onnx` and matrix products.

use base::Result;
use engine_onnx::element;
use ports::infer::{bf16, f16};

use crate::{
    attributes::Attributes,
    encode::only,
    fault::failed,
    op::{Flow, Op, Out},
    score::logistic,
    value::{Data, Dims, ELEMENTS_MAX, Value, datatype},
};

/// Operators of one tensor, element by element.
#[derive(Clone, Copy, Debug)]
pub enum Unary {
    Abs,
    Ceil,
    Exp,
    Floor,
    IsNaN,
    Log,
    Neg,
    Not,
    Reciprocal,
    Relu,
    Sigmoid,
    Sqrt,
    Tanh,
}

impl Unary {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Abs" => Self::Abs,
            "Ceil" => Self::Ceil,
            "Exp" => Self::Exp,
            "Floor" => Self::Floor,
            "IsNaN" => Self::IsNaN,
            "Log" => Self::Log,
            "Neg" => Self::Neg,
            "Not" => Self::Not,
            "Reciprocal" => Self::Reciprocal,
            "Relu" => Self::Relu,
            "Sigmoid" => Self::Sigmoid,
            "Sqrt" => Self::Sqrt,
            "Tanh" => Self::Tanh,
            _ => return None,
        })
    }

    fn of(self, x: f64) -> f64 {
        match self {
            Self::Abs => x.abs(),
            Self::Ceil => x.ceil(),
            Self::Exp => x.exp(),
            Self::Floor => x.floor(),
            Self::Log => x.ln(),
            Self::Neg => -x,
            Self::Reciprocal => 1.0 / x,
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::Sigmoid => logistic(x),
            Self::Sqrt => x.sqrt(),
            Self::Tanh => x.tanh(),
            Self::IsNaN => f64::from(u8::from(x.is_nan())),
            Self::Not => f64::from(u8::from(x == 0.0)),
        }
    }

    fn apply(self, data: &Data) -> Option<Data> {
        Some(match (self, data) {
            (Self::IsNaN | Self::Not, _) => {
                let numbers = data.to_f64()?;
                Data::Bool(numbers.iter().map(|&x| self.of(x) != 0.0).collect())
            }
            (_, Data::F32(it)) => Data::F32(it.iter().map(|&x| self.of(f64::from(x)) as f32).collect()),
            (_, Data::F64(it)) => Data::F64(it.iter().map(|&x| self.of(x)).collect()),
            (Self::Neg, Data::I64(it)) => Data::I64(it.iter().map(|x| x.wrapping_neg()).collect()),
            (Self::Abs, Data::I64(it)) => Data::I64(it.iter().map(|x| x.wrapping_abs()).collect()),
            _ => return None,
        })
    }
}

impl Op for Unary {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let name = format!("{self:?}");
        let input = only(from).ok_or_else(|| failed(&name, "it has no input"))?;
        let data = self.apply(&input.data).ok_or_else(|| failed(&name, "it does not take this type"))?;
        Ok(Out::One(Value { dims: input.dims, data }))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// Operators of two tensors, element by element, one stretched over the other.
#[derive(Clone, Copy, Debug)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Max,
    Min,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

impl Binary {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Add" => Self::Add,
            "Sub" => Self::Sub,
            "Mul" => Self::Mul,
            "Div" => Self::Div,
            "Pow" => Self::Pow,
            "Max" => Self::Max,
            "Min" => Self::Min,
            "Equal" => Self::Equal,
            "Less" => Self::Less,
            "LessOrEqual" => Self::LessOrEqual,
            "Greater" => Self::Greater,
            "GreaterOrEqual" => Self::GreaterOrEqual,
            "And" => Self::And,
            "Or" => Self::Or,
            _ => return None,
        })
    }

    fn compares(self) -> bool {
        match self {
            Self::Add | Self::Sub | Self::Mul | Self::Div | Self::Pow | Self::Max | Self::Min => false,
            Self::Equal
            | Self::Less
            | Self::LessOrEqual
            | Self::Greater
            | Self::GreaterOrEqual
            | Self::And
            | Self::Or => true,
        }
    }

    fn number(self, x: f64, y: f64) -> f64 {
        let truth = |it: bool| f64::from(u8::from(it));
        match self {
            Self::Add => x + y,
            Self::Sub => x - y,
            Self::Mul => x * y,
            Self::Div => x / y,
            Self::Pow => x.powf(y),
            Self::Max => {
                if x.is_nan() || x > y {
                    x
                } else {
                    y
                }
            }
            Self::Min => {
                if x.is_nan() || x < y {
                    x
                } else {
                    y
                }
            }
            Self::Equal => truth(x == y),
            Self::Less => truth(x < y),
            Self::LessOrEqual => truth(x <= y),
            Self::Greater => truth(x > y),
            Self::GreaterOrEqual => truth(x >= y),
            Self::And => truth(x != 0.0 && y != 0.0),
            Self::Or => truth(x != 0.0 || y != 0.0),
        }
    }

    fn whole(self, x: i64, y: i64) -> i64 {
        match self {
            Self::Add => x.wrapping_add(y),
            Self::Sub => x.wrapping_sub(y),
            Self::Mul => x.wrapping_mul(y),
            Self::Div => x.checked_div(y).unwrap_or(0),
            Self::Max => x.max(y),
            Self::Min => x.min(y),
            _ => self.number(x as f64, y as f64) as i64,
        }
    }

    fn apply(self, left: &Value, right: &Value) -> Option<Value> {
        let (dims, pairs) = stretch(&left.dims, &right.dims)?;
        let data = if let (Self::Equal, Data::Text(a), Data::Text(b)) = (self, &left.data, &right.data) {
            Data::Bool(pairs.map(|(x, y)| a[x] == b[y]).collect())
        } else if self.compares() {
            let (a, b) = (left.data.to_f64()?, right.data.to_f64()?);
            Data::Bool(pairs.map(|(x, y)| self.number(a[x], b[y]) != 0.0).collect())
        } else {
            match (&left.data, &right.data) {
                // Each operation is rounded once, so computing in doubles gives what floats would.
                (Data::F32(a), Data::F32(b)) => Data::F32(
                    pairs.map(|(x, y)| self.number(f64::from(a[x]), f64::from(b[y])) as f32).collect(),
                ),
                (Data::F64(a), Data::F64(b)) => {
                    Data::F64(pairs.map(|(x, y)| self.number(a[x], b[y])).collect())
                }
                (Data::I32(a), Data::I32(b)) => {
                    Data::I32(pairs.map(|(x, y)| self.whole(a[x].into(), b[y].into()) as i32).collect())
                }
                (Data::I64(a), Data::I64(b)) => {
                    Data::I64(pairs.map(|(x, y)| self.whole(a[x], b[y])).collect())
                }
                _ => return None,
            }
        };
        Some(Value { dims, data })
    }
}

impl Op for Binary {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let [left, right] = from else {
            return Err(failed(&format!("{self:?}"), "it takes two inputs"));
        };
        self.apply(left, right).map(Out::One).ok_or_else(|| {
            failed(&format!("{self:?}"), "the types or shapes of its inputs do not go together")
        })
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// The common shape of two tensors, and for each of its elements the places in both.
pub fn stretch(left: &Dims, right: &Dims) -> Option<(Dims, impl Iterator<Item = (usize, usize)>)> {
    let (a, b) = (left.sizes(), right.sizes());
    let rank = a.len().max(b.len());
    let of = |sizes: &[usize], at: usize| {
        let missing = rank - sizes.len();
        if at < missing { 1 } else { sizes[at - missing] }
    };
    let mut sizes = Vec::with_capacity(rank);
    for at in 0..rank {
        sizes.push(match (of(a, at), of(b, at)) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            _ => return None,
        });
    }
    let dims = Dims::new(&sizes)?;
    // A stretched dimension has a step of zero.
    let steps = |from: &[usize]| {
        let mut steps = vec![0; rank];
        let mut step = 1;
        for at in (0..rank).rev() {
            let size = of(from, at);
            steps[at] = if size == 1 { 0 } else { step };
            step *= size;
        }
        steps
    };
    let (a_steps, b_steps) = (steps(a), steps(b));
    let same = a == b;
    let pairs = (0..dims.len()).map(move |flat| {
        if same {
            return (flat, flat);
        }
        let (mut rest, mut x, mut y) = (flat, 0, 0);
        for at in (0..rank).rev() {
            let place = rest % sizes[at];
            rest /= sizes[at];
            x += place * a_steps[at];
            y += place * b_steps[at];
        }
        (x, y)
    });
    Some((dims, pairs))
}

/// `Cast` to the element type with this number.
pub struct Cast(i32);

impl Cast {
    /// None for a type not carried here, or one whose largest numbers are not.
    pub fn to(element: i32) -> Option<Self> {
        (element != element::UINT64 && datatype(element).is_some()).then_some(Self(element))
    }

    fn apply(&self, data: &Data) -> Option<Data> {
        if data.element() == self.0 {
            return Some(data.clone());
        }
        if let Data::Text(texts) = data {
            let numbers = texts.iter().map(|it| it.trim().parse::<f64>().ok());
            let numbers = numbers.collect::<Option<Vec<f64>>>()?;
            return Self(self.0).apply(&Data::F64(numbers));
        }
        if let (Data::I64(it), element::STRING) = (data, self.0) {
            return Some(Data::Text(it.iter().map(ToString::to_string).collect()));
        }
        if let Data::I64(it) = data
            && let Some(wrapped) = self.wrapped(it)
        {
            return Some(wrapped);
        }
        let numbers = data.to_f64()?;
        Some(match self.0 {
            element::FLOAT => Data::F32(numbers.iter().map(|&x| x as f32).collect()),
            element::DOUBLE => Data::F64(numbers),
            element::INT64 => Data::I64(numbers.iter().map(|&x| x as i64).collect()),
            element::INT32 => Data::I32(numbers.iter().map(|&x| x as i32).collect()),
            element::BOOL => Data::Bool(numbers.iter().map(|&x| x != 0.0).collect()),
            element::STRING => Data::Text(numbers.iter().map(ToString::to_string).collect()),
            element::FLOAT16 => Data::F32(numbers.iter().map(|&x| f16::from_f64(x).to_f32()).collect()),
            element::BFLOAT16 => Data::F32(numbers.iter().map(|&x| bf16::from_f64(x).to_f32()).collect()),
            _ => return self.wrapped(&numbers.iter().map(|&x| x as i64).collect::<Vec<_>>()),
        })
    }

    /// Whole numbers as a smaller type holds them.
    fn wrapped(&self, numbers: &[i64]) -> Option<Data> {
        fn all(numbers: &[i64], one: fn(i64) -> i64) -> Data {
            Data::I64(numbers.iter().map(|&it| one(it)).collect())
        }
        Some(match self.0 {
            element::INT32 => Data::I32(numbers.iter().map(|&x| x as i32).collect()),
            element::INT8 => all(numbers, |x| i64::from(x as i8)),
            element::INT16 => all(numbers, |x| i64::from(x as i16)),
            element::UINT8 => all(numbers, |x| i64::from(x as u8)),
            element::UINT16 => all(numbers, |x| i64::from(x as u16)),
            element::UINT32 => all(numbers, |x| i64::from(x as u32)),
            _ => return None,
        })
    }
}

impl Op for Cast {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let input = only(from).ok_or_else(|| failed("Cast", "it has no input"))?;
        let data = self.apply(&input.data).ok_or_else(|| failed("Cast", "no way from this type to that"))?;
        Ok(Out::One(Value { dims: input.dims, data }))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

/// `Where`: one tensor's elements or the other's.
pub struct Where;

impl Op for Where {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        let wrong = || failed("Where", "its inputs do not go together");
        let [test, yes, no] = from else {
            return Err(wrong());
        };
        let Data::Bool(test_data) = &test.data else {
            return Err(wrong());
        };
        if yes.data.element() != no.data.element() {
            return Err(wrong());
        }
        let (inner, pairs) = stretch(&yes.dims, &no.dims).ok_or_else(wrong)?;
        let places: Vec<(usize, usize)> = pairs.collect();
        let (dims, outer) = stretch(&test.dims, &inner).ok_or_else(wrong)?;
        // Both sides one after the other, so that one gather picks from either.
        let offset = yes.data.len();
        let picks: Vec<usize> =
            outer.map(|(t, at)| if test_data[t] { places[at].0 } else { places[at].1 + offset }).collect();
        let both = both(&yes.data, &no.data).ok_or_else(wrong)?;
        let data = both.gather(&picks);
        Ok(Out::One(Value { dims, data }))
    }

    fn flow(&self) -> Flow {
        Flow::Keep
    }
}

fn both(a: &Data, b: &Data) -> Option<Data> {
    Some(match (a, b) {
        (Data::Bool(a), Data::Bool(b)) => Data::Bool([&a[..], b].concat()),
        (Data::I32(a), Data::I32(b)) => Data::I32([&a[..], b].concat()),
        (Data::I64(a), Data::I64(b)) => Data::I64([&a[..], b].concat()),
        (Data::F32(a), Data::F32(b)) => Data::F32([&a[..], b].concat()),
        (Data::F64(a), Data::F64(b)) => Data::F64([&a[..], b].concat()),
        (Data::Text(a), Data::Text(b)) => Data::Text([&a[..], b].concat()),
        _ => return None,
    })
}

/// `Gemm` and `MatMul` of matrices: `alpha * A * B + beta * C`.
pub struct Gemm {
    alpha: f64,
    beta: f64,
    turn_a: bool,
    turn_b: bool,
}

impl Gemm {
    pub fn mat_mul() -> Self {
        Self { alpha: 1.0, beta: 0.0, turn_a: false, turn_b: false }
    }

    pub fn read(of: Attributes<'_>) -> Self {
        Self {
            alpha: f64::from(of.float("alpha", 1.0)),
            beta: f64::from(of.float("beta", 1.0)),
            turn_a: of.int("transA", 0) != 0,
            turn_b: of.int("transB", 0) != 0,
        }
    }

    fn apply(&self, from: &[&Value]) -> Option<Value> {
        let (a, b) = (from.first()?, from.get(1)?);
        let (&[a0, a1], &[b0, b1]) = (a.dims.sizes(), b.dims.sizes()) else {
            return None;
        };
        let (rows, inner) = if self.turn_a { (a1, a0) } else { (a0, a1) };
        let (depth, columns) = if self.turn_b { (b1, b0) } else { (b0, b1) };
        let work = rows.checked_mul(columns)?.checked_mul(inner.max(1))?;
        if inner != depth || work > ELEMENTS_MAX * 64 {
            return None;
        }
        let (x, y) = (a.data.to_f64()?, b.data.to_f64()?);
        let dims = Dims::new(&[rows, columns])?;
        let mut sums = vec![0.0; dims.len()];
        for row in 0..rows {
            for at in 0..inner {
                let factor = self.alpha * if self.turn_a { x[at * a1 + row] } else { x[row * a1 + at] };
                for column in 0..columns {
                    sums[row * columns + column] +=
                        factor * if self.turn_b { y[column * b1 + at] } else { y[at * b1 + column] };
                }
            }
        }
        if let Some(c) = from.get(2) {
            let (whole, pairs) = stretch(&dims, &c.dims)?;
            let z = c.data.to_f64()?;
            (whole == dims).then_some(())?;
            for (at, z_at) in pairs {
                sums[at] += self.beta * z[z_at];
            }
        }
        let data = match a.data {
            Data::F64(_) => Data::F64(sums),
            _ => Data::F32(sums.into_iter().map(|it| it as f32).collect()),
        };
        Some(Value { dims, data })
    }
}

impl Op for Gemm {
    fn run(&self, from: &[&Value]) -> Result<Out> {
        self.apply(from)
            .map(Out::One)
            .ok_or_else(|| failed("Gemm", "its inputs are no matrices that go together"))
    }
}
