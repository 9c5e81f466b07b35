//! What a model takes and gives, read from its graph and the metadata beside it.

use base::{Error, Result};
use ports::infer::{Datatype, Signature, Slot};

use crate::{Attribute, Graph, Model, SIGNATURE, Type, ValueInfo, dimension, element, kind};

/// The file is no model that runs here.
pub fn unreadable(why: impl std::fmt::Display) -> Error {
    Error::invalid("model-unreadable", format!("this ONNX model cannot be read: {why}"))
        .hint("check the file with `onnx.checker`, or export it again")
}

/// Reads the inputs and outputs of a model. Classes, and what inputs do not take, only where the metadata tell it.
pub fn signature(model: &Model) -> Result<Signature> {
    let graph = model.graph.as_ref().ok_or_else(|| unreadable("it has no graph"))?;
    let constant = |name: &str| graph.initializer.iter().any(|it| it.name == name);
    let inputs = graph.input.iter().filter(|it| !constant(&it.name));
    let mut signature = Signature {
        inputs: inputs.map(slot).collect::<Result<_>>()?,
        outputs: graph.output.iter().map(slot).collect::<Result<_>>()?,
        ..Signature::default()
    };
    if signature.outputs.is_empty() {
        return Err(unreadable("it has no outputs"));
    }
    // What ONNX cannot say is told beside the graph; the graph decides where both speak.
    let told = model.metadata_props.iter().find(|it| it.key == SIGNATURE);
    let told = told.and_then(|it| serde_json::from_str::<Signature>(&it.value).ok());
    if let Some(told) = &told {
        signature.classes.clone_from(&told.classes);
        signature.strict.clone_from(&told.strict);
    }
    for told in told.into_iter().flat_map(|it| it.inputs) {
        if let Some(input) = signature.inputs.iter_mut().find(|it| it.name == told.name) {
            input.categories = told.categories;
            input.optional = told.optional;
        }
    }
    Ok(signature)
}

/// The classes that an operator of a graph names; the last one that does decides what is answered.
pub fn classes(graph: &Graph) -> Vec<String> {
    let named = |it: &Attribute| match it.name.as_str() {
        "classlabels_strings" => it.strings.iter().map(|it| String::from_utf8_lossy(it).into()).collect(),
        "classlabels_int64s" | "classlabels_ints" => it.ints.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    let all = graph.node.iter().rev().flat_map(|it| &it.attribute).map(named);
    all.into_iter().find(|it: &Vec<String>| !it.is_empty()).unwrap_or_default()
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

/// The port's name of an ONNX element type; none for those the port does not carry.
pub fn datatype(element: i32) -> Option<Datatype> {
    Some(match element {
        element::BOOL => Datatype::Bool,
        element::INT8 => Datatype::Int8,
        element::INT16 => Datatype::Int16,
        element::INT32 => Datatype::Int32,
        element::INT64 => Datatype::Int64,
        element::UINT8 => Datatype::Uint8,
        element::UINT16 => Datatype::Uint16,
        element::UINT32 => Datatype::Uint32,
        element::UINT64 => Datatype::Uint64,
        element::FLOAT16 => Datatype::Fp16,
        element::BFLOAT16 => Datatype::Bf16,
        element::FLOAT => Datatype::Fp32,
        element::DOUBLE => Datatype::Fp64,
        element::STRING => Datatype::Bytes,
        _ => return None,
    })
}
