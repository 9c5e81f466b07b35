//! From which columns of the inputs each feature of a score comes, for explanations.

use ports::infer::Signature;

use crate::{
    op::Flow,
    plan::{Plan, Source, Step},
    value::Data,
};

/// The most columns that are followed.
const COLUMNS_MAX: usize = 1 << 20;

/// What is known of one tensor's columns.
#[derive(Clone)]
enum Origin {
    /// It is the same for every row.
    Constant,
    /// Each of its columns comes from this input column alone.
    Columns(Vec<usize>),
    /// It mixes columns, or nobody knows.
    Unknown,
}

/// The names of input columns, and for each feature of a score the name it belongs to.
pub struct Origins {
    pub names: Vec<String>,
    pub features: Vec<usize>,
}

impl Origins {
    /// Follows the columns of a tensor back to the inputs; none where that cannot be told.
    pub fn trace(plan: &Plan, signature: &Signature, of: Source) -> Option<Self> {
        let mut names = Vec::new();
        let mut origins = vec![Origin::Unknown; plan.slots()];
        for (slot, input) in signature.inputs.iter().enumerate() {
            let width: i64 = input.shape.iter().skip(1).product();
            let width = usize::try_from(width).ok().filter(|&it| it <= COLUMNS_MAX)?;
            let start = names.len();
            if width == 1 {
                names.push(input.name.clone());
            } else {
                names.extend((0..width).map(|at| format!("{}[{at}]", input.name)));
            }
            origins[slot] = Origin::Columns((start..names.len()).collect());
        }
        for step in &plan.steps {
            let found = through(plan, step, &origins);
            for slot in Plan::filled(step) {
                origins[slot] = found.clone();
            }
        }
        match of {
            Source::Slot(slot) => match origins.swap_remove(slot) {
                Origin::Columns(features) => Some(Self { names, features }),
                Origin::Constant | Origin::Unknown => None,
            },
            Source::Constant(_) => None,
        }
    }

    /// The name each of so many features belongs to.
    pub fn name(&self, feature: usize) -> Option<&str> {
        let column = match self.features.as_slice() {
            // One column stretched over several features.
            [one] => one,
            many => many.get(feature)?,
        };
        self.names.get(*column).map(String::as_str)
    }
}

fn through(plan: &Plan, step: &Step, origins: &[Origin]) -> Origin {
    let mut from = step.from.iter().map(|source| match source {
        Source::Constant(_) => Origin::Constant,
        Source::Slot(slot) => origins[*slot].clone(),
    });
    match step.op.flow() {
        Flow::Opaque if step.from.is_empty() => Origin::Constant,
        Flow::Opaque => Origin::Unknown,
        Flow::Keep => from.fold(Origin::Constant, same),
        Flow::Join => {
            let mut all = Vec::new();
            for origin in from {
                let Origin::Columns(columns) = origin else {
                    return Origin::Unknown;
                };
                all.extend(columns);
            }
            bounded(all)
        }
        Flow::Spread(count) => match from.next() {
            Some(Origin::Columns(columns)) if columns.len().saturating_mul(count) <= COLUMNS_MAX => {
                let spread = columns.iter().flat_map(|&it| std::iter::repeat_n(it, count));
                Origin::Columns(spread.collect())
            }
            _ => Origin::Unknown,
        },
        Flow::Pick => match (from.next(), step.from.get(1)) {
            (Some(Origin::Columns(columns)), Some(Source::Constant(at))) => {
                let Data::I64(places) = &plan.constants[*at].data else {
                    return Origin::Unknown;
                };
                let picked = places.iter().map(|&it| columns.get(usize::try_from(it).ok()?).copied());
                picked.collect::<Option<Vec<_>>>().map_or(Origin::Unknown, bounded)
            }
            _ => Origin::Unknown,
        },
    }
}

fn bounded(columns: Vec<usize>) -> Origin {
    if columns.len() <= COLUMNS_MAX { Origin::Columns(columns) } else { Origin::Unknown }
}

fn same(one: Origin, other: Origin) -> Origin {
    match (one, other) {
        (Origin::Constant, it) | (it, Origin::Constant) => it,
        (Origin::Columns(a), Origin::Columns(b)) if a == b => Origin::Columns(a),
        _ => Origin::Unknown,
    }
}
