//! Whether tensors are what a model takes.

use base::{Error, Result};
use serde_json::Value;

use super::{Element, Make, Signature, Slot, Strictness, Tensor};

impl Signature {
    /// Orders tensors as the inputs are, fills in what may be absent and checks the rest.
    ///
    /// # Errors
    /// `tensor-unknown`, `tensor-missing`, `tensor-wrong-type`, `tensor-wrong-shape` (all 422), each naming the input.
    pub fn admit(&self, mut tensors: Vec<Tensor>) -> Result<Vec<Tensor>> {
        for tensor in &tensors {
            if !self.inputs.iter().any(|it| it.name == tensor.name) {
                return Err(unknown(&tensor.name, "the model has no such input"));
            }
        }
        let rows = tensors.first().and_then(|it| it.shape.first().copied());
        let is_shared = |slot: &Slot| slot.shape.first() == Some(&-1);
        let mut admitted = Vec::with_capacity(self.inputs.len());
        for slot in &self.inputs {
            let found = tensors.iter().position(|it| it.name == slot.name);
            let tensor = match (found, rows) {
                (Some(at), _) => fitting(slot, tensors.swap_remove(at))?,
                (None, Some(rows)) if slot.optional => absent(slot, rows).ok_or_else(|| missing(slot))?,
                (None, _) => return Err(missing(slot)),
            };
            if is_shared(slot) && tensor.shape.first().copied() != rows && is_shared(&self.inputs[0]) {
                return Err(wrong_shape(slot, "all inputs must have the same number of rows"));
            }
            if let Some(strictness) = self.strict.get(&slot.name) {
                accepted(*strictness, &tensor)?;
            }
            admitted.push(tensor);
        }
        // What is left was there twice.
        match tensors.first() {
            Some(twice) => Err(unknown(&twice.name, "it is given twice")),
            None => Ok(admitted),
        }
    }
}

fn fitting(slot: &Slot, tensor: Tensor) -> Result<Tensor> {
    let given = tensor.elements.datatype();
    if given != slot.datatype {
        let why = format!("it is {}, the model takes {}", given.name(), slot.datatype.name());
        return Err(at(&slot.name, Error::invalid("tensor-wrong-type", told(&slot.name, &why))));
    }
    let fits = tensor.shape.len() == slot.shape.len()
        && slot.shape.iter().zip(&tensor.shape).all(|(&wanted, &size)| wanted < 0 || wanted as usize == size);
    if !fits {
        let why = format!("its shape is {:?}, the model takes {:?}", tensor.shape, slot.shape);
        return Err(wrong_shape(slot, &why));
    }
    if tensor.shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size))
        != Some(tensor.elements.count())
    {
        return Err(wrong_shape(slot, "its elements are not as many as its shape says"));
    }
    Ok(tensor)
}

/// So many values that are missing, of a type that has such a value.
struct Missing(usize);

impl Make for Missing {
    fn all<T: Element>(self) -> Result<Vec<T>> {
        let none = T::from_json(&Value::Null);
        none.map(|it| vec![it; self.0]).ok_or_else(|| Error::internal("the type has no missing value"))
    }
}

/// Refuses numbers that the model does not take.
fn accepted(strictness: Strictness, tensor: &Tensor) -> Result<()> {
    let takes = |number: f64| number.is_finite() || (number.is_nan() && strictness == Strictness::Bounded);
    let all = !tensor.elements.datatype().is_float() || tensor.elements.numbers().into_iter().all(takes);
    let why = match strictness {
        Strictness::Finite => {
            "a value of it is missing or infinite, and the model takes finite numbers alone"
        }
        Strictness::Bounded => "a value of it is infinite, which the model does not take",
    };
    if all {
        return Ok(());
    }
    Err(at(&tensor.name, Error::invalid("tensor-missing", told(&tensor.name, why))))
}

/// What stands for a tensor that may be absent: no value in any row.
fn absent(slot: &Slot, rows: usize) -> Option<Tensor> {
    let elements = slot.datatype.elements(Missing(rows)).ok()?;
    let shape = if slot.shape.len() == 1 { vec![rows] } else { vec![rows, 1] };
    Some(Tensor { name: slot.name.clone(), shape, elements })
}

fn unknown(name: &str, why: &str) -> Error {
    at(name, Error::invalid("tensor-unknown", told(name, why)))
}

fn missing(slot: &Slot) -> Error {
    at(&slot.name, Error::invalid("tensor-missing", told(&slot.name, "the model needs it")))
}

fn wrong_shape(slot: &Slot, why: &str) -> Error {
    at(&slot.name, Error::invalid("tensor-wrong-shape", told(&slot.name, why)))
}

fn told(name: &str, why: &str) -> String {
    format!("the input `{name}` does not fit: {why}")
}

fn at(name: &str, error: Error) -> Error {
    error.at(format!("inputs.{name}")).hint("ask the model for its signature")
}
