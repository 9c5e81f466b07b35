//! Tensors held against a signature.

use base::{Error, Result};
use ports::infer::{Signature, Tensor};

use crate::value::{self, Data, Value};

/// Whether anything of it is of a type that the interpreter carries in a wider one.
pub fn is_widened(signature: &Signature) -> bool {
    signature.inputs.iter().chain(&signature.outputs).any(|slot| value::is_widened(slot.datatype))
}

/// The values of tensors that were held against the signature.
pub fn admit(signature: &Signature, tensors: Vec<Tensor>) -> Result<Vec<Value>> {
    let value = |tensor: Tensor| {
        let data = Data::carrying(tensor.elements).ok_or_else(|| {
            let message =
                format!("the input `{}` does not fit: it has a number of 2^63 or more", tensor.name);
            Error::invalid("tensor-wrong-type", message).at(format!("inputs.{}", tensor.name))
        })?;
        Value::new(&tensor.shape, data)
            .ok_or_else(|| Error::internal("an admitted tensor has a shape of its own"))
    };
    signature.admit(tensors)?.into_iter().map(value).collect()
}
