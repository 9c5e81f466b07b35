//! What a model takes and gives, read from its graph and the metadata beside it.

use base::{Error, Result};
use engine_onnx::{Model, SIGNATURE, Type, ValueInfo, dimension, element, kind};
use ports::infer::{Signature, Slot, Tensor};

use crate::{
    fault::unreadable,
    value::{self, Data, Value, datatype},
};

/// Reads the inputs and outputs of a model. Classes are found later, from its operators.
pub fn read(model: &Model) -> Result<Signature> {
    let graph = model.graph.as_ref().ok_or_else(|| unreadable("it has no graph"))?;
    let constant = |name: &str| graph.initializer.iter().any(|it| it.name == name);
    let inputs = graph.input.iter().filter(|it| !constant(&it.name));
    let mut signature = Signature {
        inputs: inputs.map(slot).collect::<Result<_>>()?,
        outputs: graph.output.iter().map(slot).collect::<Result<_>>()?,
        classes: Vec::new(),
    };
    if signature.outputs.is_empty() {
        return Err(unreadable("it has no outputs"));
    }
    // What ONNX cannot say is told beside the graph; the graph decides where both speak.
    let told = model.metadata_props.iter().find(|it| it.key == SIGNATURE);
    let told = told.and_then(|it| serde_json::from_str::<Signature>(&it.value).ok());
    for told in told.into_iter().flat_map(|it| it.inputs) {
        if let Some(input) = signature.inputs.iter_mut().find(|it| it.name == told.name) {
            input.categories = told.categories;
            input.optional = told.optional;
        }
    }
    Ok(signature)
}

fn slot(info: &ValueInfo) -> Result<Slot> {
    let unknown = || unreadable(format!("`{}` has a type that is not carried here", info.name));
    let (element, shape) = match info.kind.as_ref().and_then(|it| it.value.as_ref()) {
        Some(kind::Value::Tensor(tensor)) => {
            let shape = tensor.shape.as_ref().map(|it| {
                it.dim
                    .iter()
                    .map(|dim| match dim.value {
                        Some(dimension::Value::Size(size)) if size >= 0 => size,
                        Some(dimension::Value::Size(_) | dimension::Value::Name(_)) | None => -1,
                    })
                    .collect()
            });
            (tensor.elem_type, shape.unwrap_or_else(|| vec![-1]))
        }
        // Maps from class to probability are given as a tensor of probabilities.
        Some(kind::Value::Sequence(of)) if is_map(of.elem_type.as_deref()) => (element::FLOAT, vec![-1, -1]),
        Some(kind::Value::Sequence(_) | kind::Value::Map(_)) | None => return Err(unknown()),
    };
    Ok(Slot {
        name: info.name.clone(),
        datatype: datatype(element).ok_or_else(unknown)?,
        shape,
        categories: Vec::new(),
        optional: false,
    })
}

/// Whether anything of it is of a type that the interpreter carries in a wider one.
pub fn is_widened(signature: &Signature) -> bool {
    signature.inputs.iter().chain(&signature.outputs).any(|slot| value::is_widened(slot.datatype))
}

fn is_map(of: Option<&Type>) -> bool {
    matches!(of.and_then(|it| it.value.as_ref()), Some(kind::Value::Map(_)))
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
