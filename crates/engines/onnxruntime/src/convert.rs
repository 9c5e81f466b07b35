//! Tensors as the library has them, and back.

use std::{borrow::Cow, fmt::Debug};

use base::{Error, Result};
use ort::{
    session::SessionInputValue,
    value::{
        DynMapValueType, DynSequenceValueType, DynValue, PrimitiveTensorElementType, Shape, Tensor as Array,
        TensorRef,
    },
};
use ports::infer::{Datatype, Element, Elements, Slot, Tensor, bf16, f16};

/// The model failed while it ran.
pub fn failed(why: impl std::fmt::Display) -> Error {
    let why: String = why.to_string().chars().take(400).collect();
    Error::invalid("model-failed", format!("the model failed in onnxruntime: {why}"))
        .hint("the model asks for something its own inputs do not give; export it again")
}

/// Tensors by name; numbers are lent, texts are copied.
pub fn lent(tensors: &[Tensor]) -> Result<Vec<(Cow<'_, str>, SessionInputValue<'_>)>> {
    tensors.iter().map(|it| Ok((Cow::from(it.name.as_str()), value(it).map_err(failed)?))).collect()
}

fn value(tensor: &Tensor) -> ort::Result<SessionInputValue<'_>> {
    fn numbers<'a, T: PrimitiveTensorElementType + Clone + Debug + 'static>(
        shape: &'a [usize],
        values: &'a [T],
    ) -> ort::Result<SessionInputValue<'a>> {
        TensorRef::from_array_view((shape, values)).map(Into::into)
    }
    let shape = tensor.shape.as_slice();
    match &tensor.elements {
        Elements::Bool(it) => numbers(shape, it),
        Elements::Int8(it) => numbers(shape, it),
        Elements::Int16(it) => numbers(shape, it),
        Elements::Int32(it) => numbers(shape, it),
        Elements::Int64(it) => numbers(shape, it),
        Elements::Uint8(it) => numbers(shape, it),
        Elements::Uint16(it) => numbers(shape, it),
        Elements::Uint32(it) => numbers(shape, it),
        Elements::Uint64(it) => numbers(shape, it),
        Elements::Fp16(it) => numbers(shape, it),
        Elements::Bf16(it) => numbers(shape, it),
        Elements::Fp32(it) => numbers(shape, it),
        Elements::Fp64(it) => numbers(shape, it),
        Elements::Bytes(it) => Array::from_string_array((shape, it.as_slice())).map(Into::into),
    }
}

/// An output as the slot says it is.
pub fn taken(slot: &Slot, value: &DynValue) -> Result<Tensor> {
    if !value.is_tensor() {
        return maps(slot, value).map_err(failed);
    }
    let (shape, elements) = elements(slot.datatype, value).map_err(failed)?;
    Ok(Tensor { name: slot.name.clone(), shape, elements })
}

fn elements(datatype: Datatype, value: &DynValue) -> ort::Result<(Vec<usize>, Elements)> {
    fn numbers<T: PrimitiveTensorElementType + Element>(
        value: &DynValue,
    ) -> ort::Result<(Vec<usize>, Elements)> {
        let (shape, values) = value.try_extract_tensor::<T>()?;
        Ok((sizes(shape), T::list(values.to_vec())))
    }
    match datatype {
        Datatype::Bool => numbers::<bool>(value),
        Datatype::Int8 => numbers::<i8>(value),
        Datatype::Int16 => numbers::<i16>(value),
        Datatype::Int32 => numbers::<i32>(value),
        Datatype::Int64 => numbers::<i64>(value),
        Datatype::Uint8 => numbers::<u8>(value),
        Datatype::Uint16 => numbers::<u16>(value),
        Datatype::Uint32 => numbers::<u32>(value),
        Datatype::Uint64 => numbers::<u64>(value),
        Datatype::Fp16 => numbers::<f16>(value),
        Datatype::Bf16 => numbers::<bf16>(value),
        Datatype::Fp32 => numbers::<f32>(value),
        Datatype::Fp64 => numbers::<f64>(value),
        Datatype::Bytes => {
            let (shape, texts) = value.try_extract_strings()?;
            Ok((sizes(shape), Elements::Bytes(texts)))
        }
    }
}

fn sizes(shape: &Shape) -> Vec<usize> {
    shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect()
}

/// A sequence of maps from class to probability, as a tensor of probabilities in the order of the classes.
fn maps(slot: &Slot, value: &DynValue) -> ort::Result<Tensor> {
    let rows = value.view().downcast::<DynSequenceValueType>()?.try_extract_sequence::<DynMapValueType>()?;
    let mut all = Vec::new();
    for row in &rows {
        // Maps of the library are sorted by their keys, as classes are.
        match row.try_extract_key_values::<i64, f32>() {
            Ok(pairs) => all.extend(pairs.into_iter().map(|(_, chance)| chance)),
            Err(_) => {
                let pairs = row.try_extract_key_values::<String, f32>()?;
                all.extend(pairs.into_iter().map(|(_, chance)| chance));
            }
        }
    }
    let width = all.len().checked_div(rows.len()).unwrap_or(0);
    Ok(Tensor { name: slot.name.clone(), shape: vec![rows.len(), width], elements: Elements::Fp32(all) })
}
