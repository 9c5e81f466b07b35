//! Every graph that is not classic, neural networks above all: run by `tract`.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use base::Result;
use ports::infer::{Element, Elements, Explanation, Model, Signature, Tensor, f16};
use tract_onnx::{
    prelude::{
        Datum, DatumType, Framework, InferenceFact, InferenceModelExt, IntoRunnable, TDim, TValue,
        Tensor as Array, TractResult, TypedModel, TypedRunnableModel,
    },
    tract_hir::{infer::Factoid, internal::anyhow},
};

use crate::fault::{failed, not_explainable, unreadable};

/// A graph that `tract` runs.
pub struct General {
    signature: Signature,
    plan: Arc<TypedRunnableModel>,
    bytes: usize,
}

impl General {
    /// Reads and optimizes a graph.
    pub fn load(onnx: &[u8], signature: Signature) -> Result<Self> {
        let plan = guarded(|| {
            // Dimensions without a name get one only where the file cannot do without.
            let model = optimized(onnx, None).or_else(|_| optimized(onnx, Some(&signature)))?;
            model.into_runnable()
        });
        let plan = plan.map_err(|error| unreadable(error.clone()).because(error))?;
        Ok(Self { signature, plan, bytes: onnx.len() })
    }
}

fn optimized(onnx: &[u8], signature: Option<&Signature>) -> TractResult<TypedModel> {
    let mut model = tract_onnx::onnx().model_for_read(&mut &*onnx)?;
    for (at, input) in signature.into_iter().flat_map(|it| it.inputs.iter().enumerate()) {
        let kind = model.input_fact(at)?.datum_type.concretize();
        let dims: Vec<TDim> = (0..)
            .zip(&input.shape)
            .map(|(axis, &size)| match (axis, size) {
                (0, -1) => model.symbols.sym("rows").into(),
                (_, -1) => model.symbols.sym(&format!("size_{at}_{axis}")).into(),
                (_, size) => size.into(),
            })
            .collect();
        if let Some(kind) = kind {
            model = model.with_input_fact(at, InferenceFact::dt_shape(kind, dims))?;
        }
    }
    model.into_optimized()
}

impl Model for General {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let inputs = self.signature.admit(inputs)?;
        let outputs = guarded(|| {
            let arrays = inputs.iter().map(array).collect::<TractResult<_>>()?;
            self.plan.run(arrays)
        });
        let outputs =
            outputs.map_err(|error| failed("graph", "it does not fit these tensors").because(error))?;
        let mut tensors = Vec::with_capacity(outputs.len());
        for (slot, array) in self.signature.outputs.iter().zip(outputs) {
            let elements = elements(&array)
                .map_err(|error| failed("graph", "an output of another type").because(error))?;
            if elements.datatype() != slot.datatype {
                return Err(failed("graph", format!("`{}` is of another type than it says", slot.name)));
            }
            tensors.push(Tensor { name: slot.name.clone(), shape: array.shape().to_vec(), elements });
        }
        Ok(tensors)
    }

    fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
        Err(not_explainable("it is neither trees nor a linear model of its inputs"))
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Runs foreign code on foreign bytes: a panic there is an error here.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err("the runtime gave up".to_owned()),
    }
}

fn array(tensor: &Tensor) -> TractResult<TValue> {
    let sizes = &tensor.shape;
    let array = match &tensor.elements {
        Elements::Bool(it) => Array::from_shape(sizes, it)?,
        Elements::Int8(it) => Array::from_shape(sizes, it)?,
        Elements::Int16(it) => Array::from_shape(sizes, it)?,
        Elements::Int32(it) => Array::from_shape(sizes, it)?,
        Elements::Int64(it) => Array::from_shape(sizes, it)?,
        Elements::Uint8(it) => Array::from_shape(sizes, it)?,
        Elements::Uint16(it) => Array::from_shape(sizes, it)?,
        Elements::Uint32(it) => Array::from_shape(sizes, it)?,
        Elements::Uint64(it) => Array::from_shape(sizes, it)?,
        Elements::Fp16(it) => Array::from_shape(sizes, it)?,
        Elements::Fp32(it) => Array::from_shape(sizes, it)?,
        Elements::Fp64(it) => Array::from_shape(sizes, it)?,
        Elements::Bf16(_) => return Err(anyhow!("16-bit floats of this sort")),
        Elements::Bytes(_) => return Err(anyhow!("texts")),
    };
    Ok(array.into())
}

fn elements(array: &TValue) -> TractResult<Elements> {
    fn of<T: Datum + Copy + Element>(array: &TValue) -> TractResult<Elements> {
        Ok(T::list(array.to_plain_array_view::<T>()?.iter().copied().collect()))
    }
    match array.datum_type() {
        DatumType::Bool => of::<bool>(array),
        DatumType::I8 => of::<i8>(array),
        DatumType::I16 => of::<i16>(array),
        DatumType::I32 => of::<i32>(array),
        DatumType::U8 => of::<u8>(array),
        DatumType::U16 => of::<u16>(array),
        DatumType::U32 => of::<u32>(array),
        DatumType::U64 => of::<u64>(array),
        DatumType::F16 => of::<f16>(array),
        DatumType::F32 => of::<f32>(array),
        DatumType::F64 => of::<f64>(array),
        _ => {
            // Sizes are symbolic inside; outside they are 64-bit integers.
            let cast = array.cast_to::<i64>()?;
            Ok(Elements::Int64(cast.to_plain_array_view::<i64>()?.iter().copied().collect()))
        }
    }
}
