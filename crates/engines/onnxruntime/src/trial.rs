//! The trial: both runtimes answer the same rows some times; where their answers agree, the one that takes less time serves.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use base::Result;
use ports::infer::{
    Datatype, Element, Elements, Make, Model, Signature, Slot, Tensor,
    agree::agree,
    choice::{Chosen, Example, Runtime, Timing},
    load::can_batch,
};

/// How many rows are tried at once, beside one.
const ROWS: usize = 64;
/// How often a model runs: at least, at most, and until it has taken so long.
const RUNS_MIN: usize = 3;
const RUNS_MAX: usize = 50;
const LASTING: Duration = Duration::from_millis(30);
/// A model that takes longer for one row is tried once, and not with many.
const SLOW: Duration = Duration::from_millis(200);
/// The most elements that the rows of a trial may have together.
const ELEMENTS_MAX: usize = 1 << 22;
/// How many times as fast the library must be to be taken: else the platform's own is as good, and safer.
const GAIN: f64 = 1.1;

/// Tries both and answers the better one.
pub fn held((native, foreign): (Arc<dyn Model>, Arc<dyn Model>), example: Example<'_>) -> Chosen {
    let signature = native.signature();
    let given = example(signature);
    let is_blank = given.is_none();
    let Some(row) = given.or_else(|| blank(signature)) else {
        return stays(native, "it has no example, and none can be made up".to_owned());
    };
    let mut timings = Vec::new();
    for rows in [1, ROWS] {
        if rows > 1 && (!can_batch(&*native) || timings.iter().any(is_slow)) {
            break;
        }
        let Some(inputs) = repeated(&row, rows) else { break };
        let (ours, theirs) = match (answer(&*native, &inputs), answer(&*foreign, &inputs)) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            // What is made up need not make sense to the model.
            (Err(_), _) | (_, Err(_)) if is_blank => {
                return stays(native, "it has no example to be tried with".to_owned());
            }
            (Err(error), Ok(_)) => {
                let why = format!("the platform's own runtime refuses its example: {}", error.message());
                return Chosen { why: Some(why), ..Chosen::only(foreign, Runtime::Onnxruntime) };
            }
            (_, Err(error)) => {
                return stays(native, format!("onnxruntime refuses its example: {}", error.message()));
            }
        };
        if let Err(why) = agree(&ours, &theirs) {
            return stays(native, format!("onnxruntime answers otherwise: {why}"));
        }
        match (timed(&*native, &inputs), timed(&*foreign, &inputs)) {
            (Ok(native_us), Ok(onnxruntime_us)) => timings.push(Timing { rows, native_us, onnxruntime_us }),
            _ => break,
        }
    }
    chosen((native, foreign), timings)
}

fn chosen((native, foreign): (Arc<dyn Model>, Arc<dyn Model>), timings: Vec<Timing>) -> Chosen {
    let ratios: Vec<f64> = timings.iter().map(|it| it.native_us / it.onnxruntime_us).collect();
    let gain = (ratios.iter().map(|it| it.ln()).sum::<f64>() / ratios.len().max(1) as f64).exp();
    let told: Vec<String> = timings
        .iter()
        .map(|it| {
            format!(
                "{} rows at once: native {:.1} us, onnxruntime {:.1} us",
                it.rows, it.native_us, it.onnxruntime_us
            )
        })
        .collect();
    let why = Some(told.join("; "));
    let (model, runtime) = match gain > GAIN {
        true => (foreign, Runtime::Onnxruntime),
        false => (native, Runtime::Native),
    };
    Chosen { model, runtime, timings, why }
}

fn stays(native: Arc<dyn Model>, why: String) -> Chosen {
    Chosen { why: Some(why), ..Chosen::only(native, Runtime::Native) }
}

fn is_slow(timing: &Timing) -> bool {
    timing.native_us.max(timing.onnxruntime_us) * 1e-6 * ROWS as f64 > SLOW.as_secs_f64() * 10.0
}

fn answer(model: &dyn Model, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    model.run(inputs.to_vec())
}

/// Microseconds a run takes: the median of several, since others use the processor, too.
fn timed(model: &dyn Model, inputs: &[Tensor]) -> Result<f64> {
    let began = Instant::now();
    answer(model, inputs)?;
    if began.elapsed() > SLOW {
        return Ok(began.elapsed().as_secs_f64() * 1e6);
    }
    let mut times = Vec::with_capacity(RUNS_MAX);
    while times.len() < RUNS_MAX && (times.len() < RUNS_MIN || began.elapsed() < LASTING) {
        let copy = inputs.to_vec();
        let began = Instant::now();
        model.run(copy)?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// A row so often; none where it has another axis of rows, or would be too large.
fn repeated(row: &[Tensor], rows: usize) -> Option<Vec<Tensor>> {
    let elements: usize = row.iter().map(|it| it.elements.count()).sum();
    if rows > 1 && (elements * rows > ELEMENTS_MAX || row.iter().any(|it| it.shape.first() != Some(&1))) {
        return None;
    }
    let one = |tensor: &Tensor| {
        let mut all = tensor.clone();
        for _ in 1..rows {
            all.elements.append(tensor.elements.clone());
        }
        if rows > 1 {
            all.shape[0] = rows;
        }
        all
    };
    Some(row.iter().map(one).collect())
}

/// So many zeros.
struct Zeros(usize);

impl Make for Zeros {
    fn all<T: Element>(self) -> Result<Vec<T>> {
        T::read(&vec![0; size_of::<T>() * self.0], self.0)
    }
}

/// A row of nothing: zeros, and the first text that is known.
fn blank(signature: &Signature) -> Option<Vec<Tensor>> {
    let one = |slot: &Slot| {
        // What may be of any size is of one.
        let shape: Vec<usize> = slot.shape.iter().map(|&size| usize::try_from(size).unwrap_or(1)).collect();
        let count = shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
        let count = count.filter(|&count| count <= ELEMENTS_MAX)?;
        let elements = match slot.datatype {
            Datatype::Bytes => {
                Elements::Bytes(vec![slot.categories.first().cloned().unwrap_or_default(); count])
            }
            numbers => numbers.elements(Zeros(count)).ok()?,
        };
        Some(Tensor { name: slot.name.clone(), shape, elements })
    };
    signature.inputs.iter().map(one).collect()
}
