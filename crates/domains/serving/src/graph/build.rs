//! From what a graph says to what it runs: names become places, and every step's tensors are held against what it takes.

use std::{collections::BTreeMap, sync::Arc};

use kernel::prelude::*;
use ports::infer::{Datatype, Signature, Slot};

use super::{
    Combine, InferenceGraph, Means, Step, When, bad,
    run::{Call, Graph, Work},
};
use crate::live::Loaded;

/// The versions by name.
type Versions = BTreeMap<String, Arc<Loaded>>;

/// The tensors known so far.
#[derive(Default)]
struct Tensors {
    slots: Vec<Slot>,
    /// The places of those no step makes.
    inputs: Vec<usize>,
    /// The classes of a tensor that holds their probabilities.
    classes: BTreeMap<usize, Vec<String>>,
}

impl Tensors {
    fn place(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|it| it.name == name)
    }

    /// The place of what a step takes; a tensor nobody makes is an input of the graph.
    fn taken(&mut self, step: &str, slot: &Slot, name: &str) -> Result<usize> {
        let Some(place) = self.place(name) else {
            self.slots.push(Slot { name: name.to_owned(), ..slot.clone() });
            self.inputs.push(self.slots.len() - 1);
            return Ok(self.slots.len() - 1);
        };
        let known = &mut self.slots[place];
        if known.datatype != slot.datatype || !shapes_fit(&known.shape, &slot.shape) {
            return Err(bad(format!(
                "step `{step}` takes `{}` as {} {:?}, but `{name}` is {} {:?}",
                slot.name,
                slot.datatype.name(),
                slot.shape,
                known.datatype.name(),
                known.shape,
            )));
        }
        // What one step can do without, another may need.
        known.optional &= slot.optional;
        Ok(place)
    }

    fn made(&mut self, step: &str, slot: Slot) -> Result<usize> {
        if self.place(&slot.name).is_some() {
            let why = format!("step `{step}` makes `{}`, which there is already", slot.name);
            return Err(bad(why).hint("give it another name in the step's `outputs`, and put steps in order"));
        }
        self.slots.push(slot);
        Ok(self.slots.len() - 1)
    }
}

/// Whether a tensor of one shape can be one of the other; -1 is any size.
fn shapes_fit(made: &[i64], taken: &[i64]) -> bool {
    made.len() == taken.len() && made.iter().zip(taken).all(|(a, b)| a == b || *a < 0 || *b < 0)
}

/// What the graph runs.
///
/// # Errors
/// `bad-graph`, with the step.
pub fn graph(spec: &InferenceGraph, versions: &Versions) -> Result<Graph> {
    let mut tensors = Tensors::default();
    let mut steps = Vec::with_capacity(spec.steps.len());
    let mut last = Vec::new();
    for (i, step) in spec.steps.iter().enumerate() {
        let (work, made) =
            built(step, versions, &mut tensors).map_err(|error| error.at(format!("spec.steps[{i}]")))?;
        steps.push((step.name.clone(), work));
        last = made;
    }
    let answers = match spec.answers.is_empty() {
        true => last,
        false => {
            let place = |name: &String| {
                tensors.place(name).ok_or_else(|| bad(format!("no step makes `{name}`")).at("spec.answers"))
            };
            spec.answers.iter().map(place).collect::<Result<Vec<usize>>>()?
        }
    };
    let of = |places: &[usize]| places.iter().map(|place| tensors.slots[*place].clone()).collect();
    let classes = answers.iter().find_map(|place| tensors.classes.get(place)).cloned();
    let signature = Signature {
        inputs: of(&tensors.inputs),
        outputs: of(&answers),
        classes: classes.unwrap_or_default(),
        ..Signature::default()
    };
    Ok(Graph { signature, inputs: tensors.inputs, width: tensors.slots.len(), steps, answers })
}

fn version<'a>(versions: &'a Versions, name: &str) -> Result<&'a Arc<Loaded>> {
    versions.get(name).ok_or_else(|| Error::internal(format!("the graph's version `{name}` was not loaded")))
}

/// A step's work, and the places of what it makes.
fn built(step: &Step, versions: &Versions, tensors: &mut Tensors) -> Result<(Work, Vec<usize>)> {
    if let Some(combine) = &step.combine {
        return combined(&step.name, combine, tensors);
    }
    let all: Vec<&Arc<Loaded>> =
        step.versions().map(|name| version(versions, name)).collect::<Result<_>>()?;
    let first = *all.first().ok_or_else(|| bad("a step has something to do"))?;
    let mut calls = Vec::new();
    for loaded in &all {
        alike(&step.name, &first.signature, &loaded.signature)?;
        calls.push(called(step, loaded, tensors)?);
    }
    let mut made = Vec::new();
    for slot in &first.signature.outputs {
        let name = step.outputs.get(&slot.name).unwrap_or(&slot.name).clone();
        let place = tensors.made(&step.name, Slot { name, ..slot.clone() })?;
        if slot.name == "probabilities" {
            tensors.classes.insert(place, first.signature.classes.clone());
        }
        made.push(place);
    }
    let unknown =
        step.outputs.keys().find(|name| !first.signature.outputs.iter().any(|it| it.name == **name));
    if let Some(name) = unknown {
        return Err(bad(format!("the model of step `{}` has no output `{name}`", step.name)));
    }
    let work = match step.version {
        Some(_) => Work::Model { call: calls.swap_remove(0), made: made.clone() },
        None => {
            let mut cases = Vec::new();
            for (case, call) in step.switch.iter().zip(calls) {
                let when = case.when.as_ref().map(|it| condition(&step.name, it, tensors)).transpose()?;
                cases.push((when, call));
            }
            Work::Switch { cases, made: made.clone() }
        }
    };
    Ok((work, made))
}

/// Cases of a switch must be alike, or what comes behind would depend on the row.
fn alike(step: &str, first: &Signature, other: &Signature) -> Result<()> {
    let outputs = |it: &Signature| -> Vec<(String, Datatype, Vec<i64>)> {
        it.outputs.iter().map(|it| (it.name.clone(), it.datatype, it.shape.clone())).collect()
    };
    if outputs(first) == outputs(other) && first.classes == other.classes {
        return Ok(());
    }
    Err(bad(format!("the versions of step `{step}` do not give the same outputs and classes")))
}

fn called(step: &Step, loaded: &Arc<Loaded>, tensors: &mut Tensors) -> Result<Call> {
    let slots = &loaded.signature.inputs;
    if let Some(name) = step.inputs.keys().find(|name| !slots.iter().any(|it| it.name == **name)) {
        return Err(bad(format!("the model of step `{}` has no input `{name}`", step.name)));
    }
    let mut inputs = Vec::with_capacity(slots.len());
    for slot in slots {
        let name = step.inputs.get(&slot.name).unwrap_or(&slot.name);
        inputs.push((slot.name.clone(), tensors.taken(&step.name, slot, name)?));
    }
    let outputs = loaded.signature.outputs.iter().map(|it| it.name.clone()).collect();
    Ok(Call { loaded: Arc::clone(loaded), inputs, outputs })
}

fn condition(step: &str, when: &When, tensors: &Tensors) -> Result<(usize, When)> {
    let place = tensors
        .place(&when.tensor)
        .ok_or_else(|| bad(format!("step `{step}` asks for `{}`, which is not there yet", when.tensor)))?;
    let slot = &tensors.slots[place];
    let is_text = slot.datatype == Datatype::Bytes;
    let is_flag = slot.datatype == Datatype::Bool;
    let fits = match &when.equals {
        Some(Value::String(_)) => is_text,
        Some(Value::Bool(_)) => is_flag,
        Some(Value::Number(_)) => !is_text && !is_flag,
        Some(_) => false,
        None => true,
    };
    let is_measured = when.below.is_some() || when.at_least.is_some();
    if !fits || (is_measured && (is_text || is_flag)) || !matches!(slot.shape.as_slice(), [_] | [_, 1]) {
        let why = format!(
            "step `{step}` asks for `{}` what a tensor {} {:?} cannot answer",
            when.tensor,
            slot.datatype.name(),
            slot.shape
        );
        return Err(bad(why));
    }
    Ok((place, when.clone()))
}

fn combined(step: &str, combine: &Combine, tensors: &mut Tensors) -> Result<(Work, Vec<usize>)> {
    let place = |name: &String| {
        tensors
            .place(name)
            .ok_or_else(|| bad(format!("step `{step}` combines `{name}`, which is not there yet")))
    };
    let of = combine.of.iter().map(place).collect::<Result<Vec<usize>>>()?;
    let first = tensors.slots[of[0]].clone();
    for &other in &of {
        let slot = &tensors.slots[other];
        if slot.datatype != first.datatype || !shapes_fit(&slot.shape, &first.shape) {
            return Err(bad(format!(
                "step `{step}` combines `{}` and `{}`, which differ",
                first.name, slot.name
            )));
        }
        if tensors.classes.get(&other) != tensors.classes.get(&of[0]) {
            let why = format!("step `{step}` combines probabilities of different classes");
            return Err(bad(why));
        }
    }
    let is_float = first.datatype.is_float();
    if combine.by == Means::Mean && !is_float {
        return Err(bad(format!(
            "step `{step}` takes the mean of {}, which has none",
            first.datatype.name()
        )));
    }
    let classes = tensors.classes.get(&of[0]).cloned();
    let into = tensors.made(step, Slot { name: combine.into.clone(), optional: false, ..first })?;
    if let Some(classes) = classes {
        tensors.classes.insert(into, classes);
    }
    let weights = if combine.weights.is_empty() { vec![1.0; of.len()] } else { combine.weights.clone() };
    Ok((Work::Combine { by: combine.by, of, weights, into }, vec![into]))
}
