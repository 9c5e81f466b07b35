//! What is decided without the library; what it answers itself is shown by `clients/onnx`, where it is installed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base::{Error, Result};
use ports::infer::{
    Datatype, Elements, Explanation, Infer, Model, Signature, Slot, Tensor,
    choice::{Runtime, Wanted},
};

use crate::{Library, Settings, open, trial};

/// A model that adds something to its input, after so much work.
struct Adds {
    signature: Signature,
    what: f32,
    work: usize,
    asked: AtomicUsize,
}

fn adds(what: f32, work: usize) -> Arc<Adds> {
    let slot = |name: &str| Slot {
        name: name.to_owned(),
        datatype: Datatype::Fp32,
        shape: vec![-1],
        categories: Vec::new(),
        optional: false,
    };
    let signature = Signature { inputs: vec![slot("x")], outputs: vec![slot("y")], ..Signature::default() };
    Arc::new(Adds { signature, what, work, asked: AtomicUsize::new(0) })
}

impl Model for Adds {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut all = Vec::new();
        for tensor in self.signature.admit(inputs)? {
            let Elements::Fp32(values) = tensor.elements else { return Err(Error::internal("no numbers")) };
            for _ in 0..self.work {
                std::hint::black_box(values.iter().sum::<f32>());
            }
            let values = values.into_iter().map(|it| it + self.what).collect();
            all.push(Tensor { name: "y".to_owned(), shape: tensor.shape, elements: Elements::Fp32(values) });
        }
        Ok(all)
    }

    fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
        Err(Error::invalid("not-explainable", "no"))
    }

    fn bytes(&self) -> usize {
        0
    }
}

#[test]
fn the_one_that_takes_less_time_serves_and_what_was_measured_is_told() {
    let (slow, fast) = (adds(1.0, 100_000), adds(1.0, 1));
    let chosen = trial::held((slow.clone(), fast.clone()), &|_| None);
    assert_eq!(chosen.runtime, Runtime::Onnxruntime, "{:?}", chosen.why);
    assert_eq!(chosen.timings.iter().map(|it| it.rows).collect::<Vec<_>>(), [1, 64]);
    assert!(chosen.timings.iter().all(|it| it.native_us > it.onnxruntime_us && it.onnxruntime_us > 0.0));
    assert_eq!(trial::held((fast, slow.clone()), &|_| None).runtime, Runtime::Native);
    assert!(slow.asked.load(Ordering::Relaxed) < 500, "a trial is bounded");
}

#[test]
fn answers_that_differ_are_not_served_however_fast() {
    let chosen = trial::held((adds(1.0, 100_000), adds(1.001, 1)), &|_| None);
    assert_eq!(chosen.runtime, Runtime::Native);
    assert!(chosen.timings.is_empty() && chosen.why.unwrap().contains("`y` differs by 1.0e-3"));
    let within = trial::held((adds(1.0, 100_000), adds(1.000_01, 1)), &|_| None);
    assert_eq!(within.runtime, Runtime::Onnxruntime);
}

#[test]
fn an_example_that_only_one_takes_decides_and_a_made_up_row_does_not() {
    let texts = |_: &Signature| {
        let elements = Elements::Fp32(vec![1.0]);
        Some(vec![Tensor { name: "z".to_owned(), shape: vec![1], elements }])
    };
    let mut other = adds(1.0, 1);
    Arc::get_mut(&mut other).unwrap().signature.inputs[0].name = "z".to_owned();
    let chosen = trial::held((adds(1.0, 1), other.clone()), &texts);
    assert_eq!(chosen.runtime, Runtime::Onnxruntime);
    assert!(chosen.why.unwrap().contains("refuses its example"));
    assert_eq!(trial::held((adds(1.0, 1), other), &|_| None).runtime, Runtime::Native);
}

#[test]
fn without_the_library_everything_is_as_before() {
    let native = || Arc::new(engine_infer::open()) as Arc<dyn Infer>;
    let ask = |runtime| Wanted { runtime, threads: 1, example: &|_| None };
    for library in [Library::Off, Library::Beside("/nowhere/python3".into())] {
        let both = open(Settings { library, patience: Duration::from_secs(1) }, native()).unwrap();
        assert_eq!(both.load(b"no model").err().unwrap().code(), "model-unreadable");
        let code = |runtime| both.choose(b"no model", ask(runtime)).err().unwrap().code().to_owned();
        assert_eq!(code(Runtime::Auto), "model-unreadable");
        assert_eq!(code(Runtime::Onnxruntime), "runtime-missing");
    }
    let file = std::env::current_exe().unwrap();
    let settings = Settings { library: Library::At(file), patience: Duration::from_secs(1) };
    assert_eq!(open(settings, native()).err().unwrap().code(), "runtime-missing");
}
