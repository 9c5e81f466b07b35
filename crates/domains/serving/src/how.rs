//! How a version is run for an endpoint: chosen while its revision is made, and the same ever after.

use kernel::prelude::*;
use ports::infer::choice::{Chosen, Example, Runtime, Timing, Wanted};

use crate::{
    conversion::Conversion,
    endpoint::engine::Engine,
    revision::{Measured, Revision, Status},
};

/// How a version is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct How {
    /// By which runtime.
    pub runtime: Runtime,
    /// How many threads one answer may use.
    pub threads: usize,
    /// The ONNX file that it was converted to.
    pub converted: Option<Digest>,
}

impl How {
    /// As an endpoint wants it, not tried yet.
    pub fn wanted(engine: Option<&Engine>) -> Self {
        let engine = engine.cloned().unwrap_or_default();
        Self {
            runtime: engine.runtime.engine(),
            threads: usize::from(engine.threads.max(1)),
            converted: None,
        }
    }

    /// The same as it was converted.
    #[must_use]
    pub fn converted(mut self, conversion: Option<&Conversion>) -> Self {
        self.converted = conversion.and_then(|it| it.blob);
        self
    }

    /// As it was settled when a revision was made; those made before there was a choice have the platform's own runtime.
    pub fn settled(made: &Object<Revision>) -> Self {
        let told = made.status.runtime.as_deref();
        let onnxruntime = told == Some(Runtime::Onnxruntime.name());
        let runtime = if onnxruntime { Runtime::Onnxruntime } else { Runtime::Native };
        let settled = Self { runtime, ..Self::wanted(made.spec.engine.as_ref()) };
        settled.converted(made.status.conversion.as_ref())
    }

    /// The same by a runtime that was chosen.
    #[must_use]
    pub fn by(&self, runtime: Runtime) -> Self {
        Self { runtime, ..self.clone() }
    }

    /// The same in the engine's words.
    pub fn ask<'a>(&self, example: Example<'a>) -> Wanted<'a> {
        Wanted { runtime: self.runtime, threads: self.threads, example }
    }

    /// What it is kept under, beside its version.
    pub fn key(&self) -> String {
        let converted = self.converted.map(|it| it.to_string()).unwrap_or_default();
        format!("{}.{}.{converted}", self.runtime.name(), self.threads)
    }
}

/// What is told of how a version was loaded.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// As what it is run: `onnx`, `onnx-converted`, `pyfunc`, `server` or `graph`.
    pub form: &'static str,
    /// What runs it; nothing for what is no ONNX file.
    pub runtime: Option<Runtime>,
    /// What was measured.
    pub timings: Vec<Timing>,
    /// Why it is this one.
    pub why: Option<String>,
}

impl Told {
    /// Of an ONNX file.
    pub fn of(form: &'static str, chosen: &Chosen) -> Self {
        Self { form, runtime: Some(chosen.runtime), timings: chosen.timings.clone(), why: chosen.why.clone() }
    }

    /// Notes it in a revision.
    pub fn note(&self, status: &mut Status) {
        status.form = Some(self.form.to_owned());
        status.runtime = self.runtime.map(|it| it.name().to_owned());
        status.runtime_reason = self.why.clone();
        let measured = |it: &Timing| Measured {
            rows: it.rows as u64,
            native_us: (it.native_us * 10.0).round() / 10.0,
            onnxruntime_us: (it.onnxruntime_us * 10.0).round() / 10.0,
        };
        status.measured = self.timings.iter().map(measured).collect();
    }
}
