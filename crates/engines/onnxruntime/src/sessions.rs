//! A model in the library: sessions that answer one question at a time each, as many as are asked at once.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use base::{Error, Result, Status};
use engine_onnx::{Message, unreadable};
use ort::{
    ep::{CPU, CUDA},
    session::{RunOptions, Session, builder::GraphOptimizationLevel},
};
use ports::infer::{Explanation, Model, Signature, Tensor};

use crate::{
    convert::{failed, lent, taken},
    library::Loaded,
    outside,
};

/// About how much memory the sessions of one model may take together; each has the constants for itself.
const SESSIONS_BYTES: usize = 512 << 20;

/// What bounds the answers of a model.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// How many threads one may use.
    pub threads: usize,
    /// How long one may take, of a model that loops.
    pub patience: Duration,
}

/// A model behind its sessions.
pub struct Sessions {
    signature: Signature,
    loaded: Arc<Loaded>,
    onnx: Vec<u8>,
    bounds: Bounds,
    most: usize,
    loops: bool,
    /// The same model in the platform's own runtime, where it can be explained there.
    explains: Option<Arc<dyn Model>>,
    sessions: Mutex<All>,
    free: Condvar,
}

struct All {
    idle: Vec<Session>,
    /// How many there are, idle or asked.
    count: usize,
}

impl Sessions {
    /// Reads a file. `native` is the same model in the platform's own runtime, if that reads it.
    ///
    /// # Errors
    /// `model-unreadable` for what the library does not read, or names other files.
    pub fn open(
        loaded: &Arc<Loaded>,
        (onnx, bounds): (&[u8], Bounds),
        native: Option<Arc<dyn Model>>,
    ) -> Result<Self> {
        let loops = outside::refuse(onnx)?;
        let signature = match &native {
            Some(native) => native.signature().clone(),
            None => told(onnx)?,
        };
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let most = (cores / bounds.threads.max(1)).min(SESSIONS_BYTES / onnx.len().max(1)).max(1);
        let first = session(loaded, onnx, bounds.threads)?;
        Ok(Self {
            signature,
            loaded: Arc::clone(loaded),
            // A model that has one session needs its file no more.
            onnx: if most > 1 { onnx.to_vec() } else { Vec::new() },
            bounds,
            most,
            loops,
            explains: native.filter(explained),
            sessions: Mutex::new(All { idle: vec![first], count: 1 }),
            free: Condvar::new(),
        })
    }

    /// An idle session, or a new one, or the next that becomes idle.
    fn session(&self) -> Result<Session> {
        let mut all = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = all.idle.pop() {
                return Ok(session);
            }
            if all.count < self.most {
                all.count += 1;
                drop(all);
                return session(&self.loaded, &self.onnx, self.bounds.threads).inspect_err(|_| self.lost());
            }
            all = self.free.wait(all).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lost(&self) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).count -= 1;
        self.free.notify_one();
    }

    fn idle(&self, session: Session) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).idle.push(session);
        self.free.notify_one();
    }

    fn answered(&self, session: &mut Session, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let inputs = lent(inputs)?;
        let all = |outputs: ort::session::SessionOutputs<'_>| {
            let one = |slot| {
                let slot: &ports::infer::Slot = slot;
                let value = outputs.get(&slot.name);
                taken(slot, value.ok_or_else(|| failed(format!("there is no output `{}`", slot.name)))?)
            };
            self.signature.outputs.iter().map(one).collect()
        };
        if !self.loops {
            return all(session.run(inputs).map_err(failed)?);
        }
        let options = RunOptions::new().map_err(Error::internal)?;
        let (done, ended) = mpsc::channel::<()>();
        let (stop, patience) = (&options, self.bounds.patience);
        thread::scope(|scope| {
            let watch = scope.spawn(move || match ended.recv_timeout(patience) {
                // It ends at the next operator.
                Err(mpsc::RecvTimeoutError::Timeout) => stop.terminate().is_ok(),
                Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => false,
            });
            let answer = session.run_with_options(inputs, &options).map(all);
            drop(done);
            match (watch.join(), answer) {
                (_, Ok(answer)) => answer,
                (Ok(true), Err(_)) => Err(late()),
                (_, Err(error)) => Err(failed(error)),
            }
        })
    }
}

/// Whether a model explains its answers: one that does misses its inputs.
fn explained(native: &Arc<dyn Model>) -> bool {
    native.explain(Vec::new()).is_err_and(|error| error.code() != "not-explainable")
}

fn late() -> Error {
    Error::new(Status::Timeout, "deadline-exceeded", "the model took too long")
        .hint("ask with fewer rows, or give the model a faster form")
}

/// The signature of a file that the platform's own runtime does not read.
fn told(onnx: &[u8]) -> Result<Signature> {
    let file =
        engine_onnx::Model::decode(onnx).map_err(|error| unreadable("it is no ONNX file").because(error))?;
    let mut signature = engine_onnx::signature(&file)?;
    if signature.classes.is_empty() {
        signature.classes = file.graph.as_ref().map(engine_onnx::classes).unwrap_or_default();
    }
    Ok(signature)
}

/// A new session: no arena, since that never shrinks; no pattern of memory, since rows are of any number.
fn session(loaded: &Loaded, onnx: &[u8], threads: usize) -> Result<Session> {
    let made = || -> ort::Result<Session> {
        let mut providers = Vec::new();
        if loaded.has_gpu {
            // What the library cannot use after all is run on the processor.
            providers.push(CUDA::default().build());
        }
        providers.push(CPU::default().with_arena_allocator(false).build());
        let mut builder = Session::builder(&loaded.environment)?
            .with_execution_providers(providers)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_memory_pattern(false)?
            // Threads that wait for work by turning round take a core from everybody else.
            .with_intra_op_spinning(false)?
            .with_config_entry("session.load_model_format", "ONNX")?;
        builder.commit_from_memory(onnx)
    };
    match catch_unwind(AssertUnwindSafe(made)) {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => {
            let why: String = error.to_string().chars().take(400).collect();
            Err(unreadable(why))
        }
        Err(_) => Err(unreadable("onnxruntime gave up on it")),
    }
}

impl Model for Sessions {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let inputs = self.signature.admit(inputs)?;
        let mut session = self.session()?;
        // A panic within would lose the place.
        match catch_unwind(AssertUnwindSafe(|| self.answered(&mut session, &inputs))) {
            Ok(answer) => {
                self.idle(session);
                answer
            }
            Err(_) => {
                self.lost();
                Err(failed("it gave up"))
            }
        }
    }

    fn explain(&self, inputs: Vec<Tensor>) -> Result<Vec<Explanation>> {
        match &self.explains {
            Some(native) => native.explain(inputs),
            None => Err(Error::conflict(
                "not-explainable",
                "a model that only onnxruntime reads is explained by trial alone",
            )),
        }
    }

    fn waits(&self) -> bool {
        self.loops
    }

    fn bytes(&self) -> usize {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner).count;
        self.explains.as_ref().map_or(0, |it| it.bytes()) + self.onnx.len() * (sessions + 1)
    }
}
