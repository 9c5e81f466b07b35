//! A graph made ready to run: operators in order, tensors in numbered slots.

use std::collections::HashMap;

use base::Result;
use engine_onnx::Graph;

use crate::{
    fault::{failed, unreadable},
    op::{self, Op, Out},
    value::Value,
};

/// Where an operator finds an input.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    Constant(usize),
    Slot(usize),
}

/// One operator and its tensors.
pub struct Step {
    pub op: Box<dyn Op>,
    pub from: Vec<Source>,
    to: Vec<Option<usize>>,
}

/// The most elements that all tensors of a run may have together: a graph that doubles a tensor
/// again and again ends here.
const RUN_ELEMENTS_MAX: usize = 1 << 27;

/// Operators in an order in which they can run. The first slots are the inputs, in the order of the signature.
pub struct Plan {
    pub constants: Vec<Value>,
    pub steps: Vec<Step>,
    pub outputs: Vec<Source>,
    slots: usize,
}

/// What became of reading a graph.
pub enum Read {
    Ready(Plan),
    /// An operator this interpreter does not know, by name.
    Unknown(String),
}

impl Plan {
    /// Reads a graph whose inputs, without those that are constants, have these names.
    pub fn read(graph: &Graph, inputs: &[String]) -> Result<Read> {
        let mut constants = Vec::with_capacity(graph.initializer.len());
        let mut names: HashMap<&str, Source> = HashMap::new();
        for tensor in &graph.initializer {
            names.insert(&tensor.name, Source::Constant(constants.len()));
            constants.push(Value::constant(tensor)?);
        }
        for (slot, name) in inputs.iter().enumerate() {
            if names.insert(name, Source::Slot(slot)).is_some() {
                return Err(unreadable(format!("two tensors are called `{name}`")));
            }
        }
        let mut slots = inputs.len();
        let mut steps = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            let Some(op) = op::make(node)? else {
                let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
                return Ok(Read::Unknown(format!("{domain}.{}", node.op_type)));
            };
            let given = node.input.iter().rev().skip_while(|name| name.is_empty());
            let mut from = Vec::with_capacity(node.input.len());
            for name in given {
                from.push(*names.get(name.as_str()).ok_or_else(|| {
                    unreadable(format!("`{}` needs `{name}` before it is there", node.op_type))
                })?);
            }
            from.reverse();
            let mut to = Vec::with_capacity(node.output.len());
            for name in &node.output {
                to.push((!name.is_empty()).then_some(slots));
                if !name.is_empty() {
                    if names.insert(name, Source::Slot(slots)).is_some() {
                        return Err(unreadable(format!("two tensors are called `{name}`")));
                    }
                    slots += 1;
                }
            }
            steps.push(Step { op, from, to });
        }
        let output = |name: &str| {
            let found = names.get(name).copied();
            found.ok_or_else(|| unreadable(format!("nothing makes the output `{name}`")))
        };
        let outputs = graph.output.iter().map(|it| output(&it.name));
        Ok(Read::Ready(Self { outputs: outputs.collect::<Result<_>>()?, constants, steps, slots }))
    }

    /// Runs every operator and answers all slots.
    pub fn run(&self, inputs: Vec<Value>) -> Result<Vec<Option<Value>>> {
        let mut slots: Vec<Option<Value>> = Vec::with_capacity(self.slots);
        slots.extend(inputs.into_iter().map(Some));
        slots.resize_with(self.slots, || None);
        let mut elements = 0;
        for step in &self.steps {
            let mut from: Vec<&Value> = Vec::with_capacity(step.from.len());
            for &source in &step.from {
                let found = self.value(&slots, source);
                from.push(found.ok_or_else(|| failed("graph", "a tensor was never made"))?);
            }
            let (one, two) = match step.op.run(&from)? {
                Out::One(one) => (one, None),
                Out::Two(one, two) => (one, Some(two)),
            };
            elements += one.dims.len() + two.as_ref().map_or(0, |it| it.dims.len());
            if elements > RUN_ELEMENTS_MAX {
                return Err(failed("graph", "its tensors are too large"));
            }
            if let Some(Some(slot)) = step.to.first() {
                slots[*slot] = Some(one);
            }
            if let Some(Some(slot)) = step.to.get(1) {
                slots[*slot] = two;
            }
        }
        Ok(slots)
    }

    /// The tensor at a source after a run.
    pub fn value<'a>(&'a self, slots: &'a [Option<Value>], source: Source) -> Option<&'a Value> {
        match source {
            Source::Constant(at) => self.constants.get(at),
            Source::Slot(at) => slots.get(at)?.as_ref(),
        }
    }

    /// The step that fills a source.
    pub fn producer(&self, source: Source) -> Option<&Step> {
        let Source::Slot(slot) = source else {
            return None;
        };
        self.steps.iter().find(|step| step.to.contains(&Some(slot)))
    }

    /// The slots a step fills.
    pub fn filled(step: &Step) -> impl Iterator<Item = usize> + '_ {
        step.to.iter().flatten().copied()
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }
}
