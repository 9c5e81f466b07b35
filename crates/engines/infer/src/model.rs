//! A classic model ready to run: the interpreter behind the port.

use std::collections::BTreeMap;

use base::Result;
use engine_onnx::Graph;
use ports::infer::{Explanation, Model, Signature, Tensor};

use crate::{
    fault::{failed, not_explainable},
    origin::Origins,
    plan::{Plan, Source},
    score::{Explained, Scorer},
    signature::admit,
    value::{Data, Value},
};

/// A plan, its signature and, where the model's form allows it, what explains it.
pub struct Classic {
    signature: Signature,
    plan: Plan,
    explains: Option<Explains>,
    bytes: usize,
}

/// The step whose scores are explained, and where its features come from.
struct Explains {
    step: usize,
    input: Source,
    origins: Origins,
}

/// What of a row is explained: its class, the score that speaks for it, and with which sign.
struct Asked {
    class: Option<usize>,
    score: u32,
    sign: f64,
}

impl Classic {
    /// Completes the signature from the plan and looks for what can be explained.
    pub fn new(mut signature: Signature, plan: Plan, graph: &Graph) -> Self {
        debug_assert_eq!(plan.outputs.len(), graph.output.len());
        let named = plan.outputs.iter().filter_map(|&it| plan.producer(it)?.op.classes());
        if let Some(named) = named.into_iter().find(|it| !it.is_empty()) {
            signature.classes = named;
        }
        let bytes = plan.steps.iter().map(|it| it.op.bytes()).sum();
        Self { explains: Explains::find(&plan, &signature), signature, plan, bytes }
    }

    fn outputs(&self, slots: &[Option<Value>]) -> Result<Vec<Tensor>> {
        let mut tensors = Vec::with_capacity(self.signature.outputs.len());
        for (slot, &source) in self.signature.outputs.iter().zip(&self.plan.outputs) {
            let value = self.plan.value(slots, source);
            let value = value.ok_or_else(|| failed("graph", "an output was never made"))?;
            tensors.push(Tensor {
                name: slot.name.clone(),
                shape: value.dims.sizes().to_vec(),
                elements: value.data.clone().leaving(slot.datatype),
            });
        }
        Ok(tensors)
    }

    /// The class each row is given, as a place in the signature's list; none for regression.
    fn predicted(&self, slots: &[Option<Value>]) -> Option<Vec<usize>> {
        let classes = &self.signature.classes;
        let place = |label: &str| classes.iter().position(|it| it == label);
        self.plan.outputs.iter().find_map(|&source| match &self.plan.value(slots, source)?.data {
            Data::Text(labels) => labels.iter().map(|it| place(it)).collect(),
            Data::I64(labels) => labels.iter().map(|it| place(&it.to_string())).collect(),
            Data::Bool(_) | Data::I32(_) | Data::F32(_) | Data::F64(_) => None,
        })
    }
}

impl Model for Classic {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let slots = self.plan.run(admit(&self.signature, inputs)?)?;
        self.outputs(&slots)
    }

    fn explain(&self, inputs: Vec<Tensor>) -> Result<Vec<Explanation>> {
        let explains = self
            .explains
            .as_ref()
            .ok_or_else(|| not_explainable("it is neither trees nor a linear model of its inputs"))?;
        let scorer = explains.scorer(&self.plan)?;
        scorer.explainable()?;
        let slots = self.plan.run(admit(&self.signature, inputs)?)?;
        let input = self.plan.value(&slots, explains.input);
        let input = input.ok_or_else(|| failed("graph", "the features were never made"))?;
        let (rows, width, elements) = scorer.rows(input)?;
        if explains.origins.features.len() != 1 && explains.origins.features.len() != width {
            return Err(not_explainable("its features cannot be led back to its inputs"));
        }
        let classes = self.predicted(&slots);
        let class = |at: usize| match &classes {
            Some(classes) => {
                classes.get(at).copied().map(Some).ok_or_else(|| failed("graph", "rows got lost"))
            }
            None => Ok(None),
        };
        let asked: Vec<Asked> = (0..rows).map(|at| self.asked(scorer, class(at)?)).collect::<Result<_>>()?;
        let each = elements.chunks_exact(width.max(1)).zip(&asked);
        let told = scorer.explain(&each.map(|(row, it)| (row, it.score)).collect::<Vec<_>>());
        let each = told.into_iter().zip(asked);
        Ok(each.map(|(told, asked)| self.explanation(explains, scorer, (told, asked))).collect())
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Classic {
    /// Which score speaks for a class.
    fn asked(&self, scorer: &Scorer, class: Option<usize>) -> Result<Asked> {
        let classes = &self.signature.classes;
        // The only score of two classes speaks for the second; its opposite for the first.
        let (score, sign) = match (class, scorer.scores()) {
            (Some(class), 1) if classes.len() == 2 => (0, if class == 1 { 1.0 } else { -1.0 }),
            (Some(class), scores) if scores == classes.len() => (class as u32, 1.0),
            (None, 1) => (0, 1.0),
            _ => return Err(not_explainable("its scores are not its classes")),
        };
        Ok(Asked { class, score, sign })
    }

    fn explanation(
        &self,
        explains: &Explains,
        scorer: &Scorer,
        (told, asked): (Explained, Asked),
    ) -> Explanation {
        let mut contributions = BTreeMap::new();
        for name in &explains.origins.names {
            contributions.insert(name.clone(), 0.0);
        }
        for (feature, phi) in told.phi.iter().enumerate() {
            let name = explains.origins.name(feature);
            if let Some(sum) = name.and_then(|name| contributions.get_mut(name)) {
                *sum += asked.sign * phi;
            }
        }
        Explanation {
            class: asked.class.map(|at| self.signature.classes[at].clone()),
            base: asked.sign * told.base,
            contributions,
            margin: asked.sign * told.margin,
            method: scorer.method().to_owned(),
        }
    }
}

impl Explains {
    /// The only trees or linear model of a plan, if its features can be followed.
    fn find(plan: &Plan, signature: &Signature) -> Option<Self> {
        let mut scorers = (0..plan.steps.len()).filter(|&at| plan.steps[at].op.scorer().is_some());
        let step = scorers.next()?;
        if scorers.next().is_some() {
            return None;
        }
        let input = *plan.steps[step].from.first()?;
        let origins = Origins::trace(plan, signature, input)?;
        Some(Self { step, input, origins })
    }

    fn scorer<'a>(&self, plan: &'a Plan) -> Result<&'a Scorer> {
        plan.steps[self.step]
            .op
            .scorer()
            .ok_or_else(|| not_explainable("it is neither trees nor a linear model"))
    }
}
