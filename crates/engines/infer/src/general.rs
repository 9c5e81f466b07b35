//! Every graph that is not classic, neural networks above all: run by `tract`.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use base::Result;
use ports::infer::{Explanation, Model, Signature, Tensor};
use tract_onnx::{
    prelude::{
        Datum, DatumType, Framework, InferenceFact, InferenceModelExt, IntoRunnable, TDim, TValue,
        Tensor as Array, TractResult, TypedModel, TypedRunnableModel,
    },
    tract_hir::infer::Factoid,
};

use crate::{
    fault::{failed, not_explainable, unreadable},
    signature::admit,
    value::{Data, Value, datatype},
};

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
        let values = admit(&self.signature, inputs)?;
        let outputs = guarded(|| {
            let arrays = values.iter().map(array).collect::<TractResult<_>>()?;
            self.plan.run(arrays)
        });
        let outputs =
            outputs.map_err(|error| failed("graph", "it does not fit these tensors").because(error))?;
        let mut tensors = Vec::with_capacity(outputs.len());
        for (slot, array) in self.signature.outputs.iter().zip(outputs) {
            let data =
                data(&array).map_err(|error| failed("graph", "an output of another type").because(error))?;
            if datatype(data.element()) != Some(slot.datatype) {
                return Err(failed("graph", format!("`{}` is of another type than it says", slot.name)));
            }
            tensors.push(Tensor {
                name: slot.name.clone(),
                shape: array.shape().to_vec(),
                elements: data.into(),
            });
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

fn array(value: &Value) -> TractResult<TValue> {
    let sizes = value.dims.sizes();
    let array = match &value.data {
        Data::Bool(it) => Array::from_shape(sizes, it)?,
        Data::I32(it) => Array::from_shape(sizes, it)?,
        Data::I64(it) => Array::from_shape(sizes, it)?,
        Data::F32(it) => Array::from_shape(sizes, it)?,
        Data::F64(it) => Array::from_shape(sizes, it)?,
        Data::Text(_) => return Err(tract_onnx::tract_hir::internal::anyhow!("texts")),
    };
    Ok(array.into())
}

fn data(array: &TValue) -> TractResult<Data> {
    fn of<T: Datum + Copy>(array: &TValue) -> TractResult<Vec<T>> {
        Ok(array.to_plain_array_view::<T>()?.iter().copied().collect())
    }
    Ok(match array.datum_type() {
        DatumType::Bool => Data::Bool(of(array)?),
        DatumType::I32 => Data::I32(of(array)?),
        DatumType::F32 => Data::F32(of(array)?),
        DatumType::F64 => Data::F64(of(array)?),
        _ => {
            // Sizes are symbolic inside; outside they are 64-bit integers.
            let cast = array.cast_to::<i64>()?;
            Data::I64(cast.to_plain_array_view::<i64>()?.iter().copied().collect())
        }
    })
}
