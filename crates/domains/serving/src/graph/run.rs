//! A graph as a model: tensors go from step to step by their places.

use std::sync::Arc;

use kernel::prelude::*;
use ports::infer::{Explanation, Model, Signature, Tensor};

use super::{Means, When, rows};
use crate::live::Loaded;

/// A graph that was built.
pub struct Graph {
    /// What it takes and gives.
    pub signature: Signature,
    /// The places of its inputs, in the order of the signature.
    pub inputs: Vec<usize>,
    /// How many tensors there are.
    pub width: usize,
    /// What is done, by name.
    pub steps: Vec<(String, Work)>,
    /// The places of its outputs.
    pub answers: Vec<usize>,
}

/// What one step does.
pub enum Work {
    /// It asks a model.
    Model {
        /// How.
        call: Call,
        /// The places of what it makes.
        made: Vec<usize>,
    },
    /// It asks one of several models for each row.
    Switch {
        /// For which rows which.
        cases: Vec<(Option<(usize, When)>, Call)>,
        /// The places of what it makes.
        made: Vec<usize>,
    },
    /// It puts tensors together.
    Combine {
        /// How.
        by: Means,
        /// Their places.
        of: Vec<usize>,
        /// How much each counts.
        weights: Vec<f64>,
        /// The place of the one.
        into: usize,
    },
}

/// How a model is asked.
pub struct Call {
    /// The model.
    pub loaded: Arc<Loaded>,
    /// Its inputs and the places of the tensors they are.
    pub inputs: Vec<(String, usize)>,
    /// Its outputs, in the order of its signature.
    pub outputs: Vec<String>,
}

/// The tensors by their places.
type Places = Vec<Option<Tensor>>;

impl Call {
    /// What the model takes, for all rows or for some.
    fn taken(&self, places: &Places, chosen: Option<&[usize]>) -> Vec<Tensor> {
        let one = |(name, place): &(String, usize)| {
            let tensor = places[*place].as_ref()?;
            let tensor = match chosen {
                Some(chosen) => rows::chosen(tensor, chosen),
                None => tensor.clone(),
            };
            Some(Tensor { name: name.clone(), ..tensor })
        };
        self.inputs.iter().filter_map(one).collect()
    }

    /// The model's outputs, in the order of its signature.
    fn ask(&self, step: &str, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let mut outputs = self.loaded.model.run(inputs)?;
        let one = |name: &String| {
            let at = outputs.iter().position(|it| it.name == *name);
            at.map(|at| outputs.swap_remove(at)).ok_or_else(|| failed(step, &format!("it gave no `{name}`")))
        };
        self.outputs.iter().map(one).collect()
    }
}

fn failed(step: &str, why: &str) -> Error {
    Error::invalid("model-failed", format!("step `{step}` of the graph failed: {why}"))
}

impl Graph {
    fn perform(&self, (step, work): &(String, Work), places: &mut Places, count: usize) -> Result<()> {
        match work {
            Work::Model { call, made } => {
                let outputs = call.ask(step, call.taken(places, None))?;
                self.keep(places, made, outputs);
            }
            Work::Switch { cases, made } => {
                let outputs = switched(step, cases, (places, count))?;
                self.keep(places, made, outputs);
            }
            Work::Combine { by, of, weights, into } => {
                let tensors: Option<Vec<&Tensor>> = of.iter().map(|place| places[*place].as_ref()).collect();
                let tensors = tensors.ok_or_else(|| failed(step, "what it combines was left out"))?;
                let combined = rows::combined(*by, &tensors, weights);
                let combined = combined.ok_or_else(|| failed(step, "what it combines differs in shape"))?;
                self.keep(places, &[*into], vec![combined]);
            }
        }
        Ok(())
    }

    fn keep(&self, places: &mut Places, made: &[usize], outputs: Vec<Tensor>) {
        debug_assert_eq!(made.len(), outputs.len());
        for (place, tensor) in made.iter().zip(outputs) {
            places[*place] = Some(tensor);
        }
    }
}

/// Asks for each row the first case whose condition holds, all rows of a case at once.
fn switched(
    step: &str,
    cases: &[(Option<(usize, When)>, Call)],
    (places, count): (&Places, usize),
) -> Result<Vec<Tensor>> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut order = Vec::with_capacity(count);
    let mut all: Option<Vec<Tensor>> = None;
    for (when, call) in cases {
        let chosen: Vec<usize> = match when {
            None => std::mem::take(&mut left),
            Some((place, when)) => {
                let tensor = places[*place].as_ref();
                let (held, others): (Vec<usize>, Vec<usize>) =
                    left.iter().partition(|row| tensor.is_some_and(|it| rows::holds(when, it, **row)));
                left = others;
                held
            }
        };
        if chosen.is_empty() {
            continue;
        }
        let outputs = call.ask(step, call.taken(places, Some(&chosen)))?;
        if outputs.iter().any(|it| it.shape.first() != Some(&chosen.len())) {
            return Err(failed(step, "a model of a switch must answer one value a row"));
        }
        order.extend(chosen);
        all = Some(match all {
            None => outputs,
            Some(before) => rows::behind(before, outputs)
                .ok_or_else(|| failed(step, "the models of a switch answer in different shapes"))?,
        });
    }
    // Nobody asked for a row: the last case says what nothing looks like.
    let Some(all) = all else {
        let (_, call) = cases.last().ok_or_else(|| failed(step, "it has no case"))?;
        return call.ask(step, call.taken(places, None));
    };
    let mut back = vec![0; order.len()];
    for (at, row) in order.iter().enumerate() {
        back[*row] = at;
    }
    Ok(all.iter().map(|tensor| rows::chosen(tensor, &back)).collect())
}

impl Model for Graph {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let inputs = self.signature.admit(inputs)?;
        let count = inputs.first().and_then(|it| it.shape.first().copied()).unwrap_or(0);
        let mut places: Places = (0..self.width).map(|_| None).collect();
        for (place, tensor) in self.inputs.iter().zip(inputs) {
            places[*place] = Some(tensor);
        }
        for step in &self.steps {
            self.perform(step, &mut places, count)?;
        }
        let outputs = self.answers.iter().zip(&self.signature.outputs).map(|(place, slot)| {
            // An input may be answered, too, and twice.
            let tensor = places[*place].clone();
            let tensor = tensor.ok_or_else(|| failed(&slot.name, "it was left out"))?;
            Ok(Tensor { name: slot.name.clone(), ..tensor })
        });
        outputs.collect()
    }

    fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
        Err(Error::conflict("not-explainable", "a graph is explained by trial alone"))
    }

    fn bytes(&self) -> usize {
        // Its models are counted where they are loaded.
        0
    }

    fn waits(&self) -> bool {
        let waits = |call: &Call| call.loaded.model.waits();
        self.steps.iter().any(|(_, work)| match work {
            Work::Model { call, .. } => waits(call),
            Work::Switch { cases, .. } => cases.iter().any(|(_, call)| waits(call)),
            Work::Combine { .. } => false,
        })
    }
}
