//! What a model takes and gives, read from its graph and the metadata beside it.

use base::Result;
use engine_onnx::{Model, SIGNATURE, Type, ValueInfo, dimension, element, kind};
use ports::infer::{Datatype, Signature, Slot, Tensor};

use crate::{
    fault::unreadable,
    value::{Value, datatype},
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

fn is_map(of: Option<&Type>) -> bool {
    matches!(of.and_then(|it| it.value.as_ref()), Some(kind::Value::Map(_)))
}

/// Orders tensors as the signature does, fills in what may be absent and checks the rest.
pub fn admit(signature: &Signature, mut tensors: Vec<Tensor>) -> Result<Vec<Value>> {
    for tensor in &tensors {
        if !signature.inputs.iter().any(|it| it.name == tensor.name) {
            return Err(wrong("tensor-unknown", &tensor.name, "the model has no such input"));
        }
    }
    let rows = tensors.first().and_then(|it| it.shape.first().copied());
    let mut values = Vec::with_capacity(signature.inputs.len());
    for slot in &signature.inputs {
        let found = tensors.iter().position(|it| it.name == slot.name);
        let value = match (found, rows) {
            (Some(at), _) => admit_one(slot, tensors.swap_remove(at))?,
            (None, Some(rows)) if slot.optional => {
                absent(slot, rows).ok_or_else(|| wrong("tensor-missing", &slot.name, "the model needs it"))?
            }
            (None, _) => return Err(wrong("tensor-missing", &slot.name, "the model needs it")),
        };
        let shared = slot.shape.first() == Some(&-1);
        if shared
            && value.dims.sizes().first().copied() != rows
            && signature.inputs[0].shape.first() == Some(&-1)
        {
            let why = "all inputs must have the same number of rows";
            return Err(wrong("tensor-wrong-shape", &slot.name, why));
        }
        values.push(value);
    }
    // What is left was there twice.
    match tensors.first() {
        Some(twice) => Err(wrong("tensor-unknown", &twice.name, "it is given twice")),
        None => Ok(values),
    }
}

fn admit_one(slot: &Slot, tensor: Tensor) -> Result<Value> {
    let data = crate::value::Data::from(tensor.elements);
    let given = datatype(data.element());
    if given != Some(slot.datatype) {
        let why = format!("it is {given:?}, the model takes {:?}", slot.datatype);
        return Err(wrong("tensor-wrong-type", &slot.name, &why));
    }
    let fits = tensor.shape.len() == slot.shape.len()
        && slot.shape.iter().zip(&tensor.shape).all(|(&wanted, &size)| wanted < 0 || wanted as usize == size);
    if !fits {
        let why = format!("its shape is {:?}, the model takes {:?}", tensor.shape, slot.shape);
        return Err(wrong("tensor-wrong-shape", &slot.name, &why));
    }
    Value::new(&tensor.shape, data).ok_or_else(|| {
        let why = "its elements are not as many as its shape says";
        wrong("tensor-wrong-shape", &slot.name, why)
    })
}

/// What stands for a tensor that may be absent: no value in any row.
fn absent(slot: &Slot, rows: usize) -> Option<Value> {
    let data = match slot.datatype {
        Datatype::Fp32 => crate::value::Data::F32(vec![f32::NAN; rows]),
        Datatype::Fp64 => crate::value::Data::F64(vec![f64::NAN; rows]),
        Datatype::Bytes => crate::value::Data::Text(vec![String::new(); rows]),
        Datatype::Bool | Datatype::Int32 | Datatype::Int64 => return None,
    };
    Value::new(&[rows, 1], data)
}

fn wrong(code: &'static str, name: &str, why: &str) -> base::Error {
    base::Error::invalid(code, format!("the input `{name}` does not fit: {why}"))
        .at(format!("inputs.{name}"))
        .hint("ask the model for its signature")
}
