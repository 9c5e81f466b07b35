//! Models that answer elsewhere: on servers that speak the Open Inference Protocol, OpenAI's API or JSON of their own, at an
//! address or in a program that is started here, confined.
//!
//! A server that fails again and again is left alone for a while: whoever asks is told at once, and one question after the
//! other finds out whether it is back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use base::{Error, Result};
use engine_fetch::Ways;
use futures::{StreamExt, TryStreamExt, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ports::{
    Later,
    infer::{
        Explanation, Listener, Model, Question, Signature, Tensor,
        remote::{Place, Protocol, Server, Servers},
    },
    sandbox::Sandbox,
};
use serde_json::Value;
use tokio::runtime::Handle;

mod events;
mod fault;
mod hosted;
mod link;
mod open_inference;
mod openai;
mod speech;
mod template;

pub use hosted::Settings;

use events::Events;
use fault::{succeeded, unfit, unreachable};
use hosted::Hosted;
use link::{Asked, Begun, Host, Link};
use speech::{METHOD, Question as Asking, garbled};

/// How many requests of one question are on the way at once.
const AT_ONCE: usize = 8;
/// After how many failures one after the other a server is left alone, and for how many milliseconds.
const FAILURES_MAX: u32 = 5;
const ALONE_MS: i64 = 5_000;
/// How long it may take to say how it is.
const PING: Duration = Duration::from_secs(5);
/// How often a program that is starting is asked whether it has.
const STARTING: Duration = Duration::from_millis(100);

/// Speaks to servers over these ways, and starts programs in this sandbox.
pub fn open(ways: Ways, sandbox: Arc<dyn Sandbox>, settings: Settings) -> Arc<dyn Servers> {
    Arc::new(Engine { ways, sandbox, settings })
}

struct Engine {
    ways: Ways,
    sandbox: Arc<dyn Sandbox>,
    settings: Settings,
}

/// A part of a path, written so that it stays one.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Engine {
    fn link(&self, server: &Server) -> Result<(Link, Option<Hosted>)> {
        let (host, hosted) = match &server.place {
            Place::At(url) => {
                let uri = url.parse().map_err(|_| unfit(&server.name, "its address is none"))?;
                (Host::At(self.ways.clone(), uri), None)
            }
            Place::Here(program, _) => {
                let hosted = Hosted::new((&self.settings, Arc::clone(&self.sandbox)), &server.name, program)?;
                (Host::Here(hosted.port()), Some(hosted))
            }
        };
        Ok((Link::new(&server.name, host, &server.headers), hosted))
    }
}

impl Servers for Engine {
    fn open(&self, server: Server) -> Result<Arc<dyn Model>> {
        let runtime = Handle::try_current().map_err(Error::internal)?;
        let (link, hosted) = self.link(&server)?;
        let mut model = Remote {
            link,
            hosted,
            runtime,
            signature: Signature::default(),
            failures: AtomicU32::new(0),
            alone_until_ms: AtomicI64::new(0),
            began: Instant::now(),
            server,
        };
        model.started()?;
        model.signature = model.runtime.block_on(model.told())?;
        Ok(Arc::new(model))
    }

    fn ping<'a>(&'a self, server: &'a Server) -> Later<'a, f64> {
        Box::pin(async move {
            let Place::At(_) = server.place else {
                return Err(unfit(&server.name, "a program is started with the model that needs it"));
            };
            let (link, _) = self.link(server)?;
            let began = Instant::now();
            well(&link, server).await?;
            Ok(began.elapsed().as_secs_f64() * 1e3)
        })
    }
}

/// What stands before all paths of a server that is started here.
fn before(server: &Server) -> &str {
    match &server.place {
        Place::At(_) => "",
        Place::Here(_, prefix) => prefix.trim_end_matches('/'),
    }
}

async fn got(link: &Link, server: &Server, path: &str) -> Result<link::Answer> {
    let path = format!("{}{path}", before(server));
    let asked = Asked { method: hyper::Method::GET, path: &path, body: None, timeout: PING };
    link.ask(asked).await
}

/// Whether the server says that it is well.
async fn well(link: &Link, server: &Server) -> Result<()> {
    let is_said = server.health.is_some() || !matches!(server.protocol, Protocol::Template(_));
    let path = server.health.clone();
    let path = path.unwrap_or_else(|| speech::introduction(&server.protocol, &server.model).health);
    let answer = got(link, server, &path).await?;
    match answer.status {
        200..300 => Ok(()),
        // Nothing was said about where to ask: that somebody answers is all there is to know.
        1..500 if !is_said => Ok(()),
        404 if server.health.is_none() => {
            Err(unfit(&server.name, format!("it has no model `{}`", server.model)))
        }
        status => Err(unreachable(&server.name, format!("`{path}` answered {status}"))),
    }
}

/// A model of a server.
struct Remote {
    server: Server,
    signature: Signature,
    link: Link,
    hosted: Option<Hosted>,
    runtime: Handle,
    failures: AtomicU32,
    alone_until_ms: AtomicI64,
    began: Instant,
}

impl Remote {
    /// Starts the program, where there is one and it does not run, and waits until it answers.
    fn started(&self) -> Result<()> {
        let (Some(hosted), Place::Here(program, _)) = (&self.hosted, &self.server.place) else {
            return Ok(());
        };
        if !hosted.start()? {
            return Ok(());
        }
        let until = Instant::now() + Duration::from_secs(program.startup_s);
        loop {
            let last = match self.runtime.block_on(well(&self.link, &self.server)) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if let Some(error) = hosted.ended() {
                return Err(error);
            }
            if Instant::now() >= until {
                let why = format!("it did not answer within {} seconds", program.startup_s);
                return Err(unreachable(&self.server.name, why).because(last));
            }
            self.runtime.block_on(tokio::time::sleep(STARTING));
        }
    }

    /// Asks how the server is and what the model takes and gives.
    async fn told(&self) -> Result<Signature> {
        let Server { name, protocol, model, signature, .. } = &self.server;
        well(&self.link, &self.server).await?;
        let mut told = None;
        if let Some(path) = speech::introduction(protocol, model).model {
            let answer = succeeded(name, got(&self.link, &self.server, &path).await?)?;
            let read: Value = serde_json::from_slice(&answer.body).map_err(|_| garbled(name, "no JSON"))?;
            told = Some(read);
        }
        speech::signature((protocol, name, model), signature.clone(), told.as_ref())
    }

    async fn ask(&self, question: Asking) -> Result<Value> {
        let name = &self.server.name;
        let path = format!("{}{}", before(&self.server), question.path);
        let asked = Asked {
            method: METHOD,
            path: &path,
            body: Some(speech::bytes(&question.body)),
            timeout: Duration::from_millis(self.server.timeout_ms),
        };
        let answer = succeeded(name, self.link.ask(asked).await?)?;
        serde_json::from_slice(&answer.body).map_err(|_| garbled(name, "an answer that is no JSON"))
    }

    async fn answers(&self, questions: Vec<Asking>) -> Result<Vec<Value>> {
        let asked = stream::iter(questions).map(|question| self.ask(question));
        asked.buffered(AT_ONCE).try_collect().await
    }

    /// The answer to all of a question.
    fn answered(&self, asked: Vec<Asking>, rows: usize) -> Result<Vec<Tensor>> {
        let answers = self.runtime.block_on(self.answers(asked));
        self.note_of(&answers);
        let tensors = speech::tensors(&self.server.protocol, &self.signature, &answers?);
        self.fitting(tensors.map_err(|why| garbled(&self.server.name, &why))?, rows)
    }

    /// Hands an answer on as it comes, until it ends or nobody listens.
    fn told_on(&self, asked: Asking, listener: &mut dyn Listener) -> Result<()> {
        let Server { name, protocol, timeout_ms, .. } = &self.server;
        let path = format!("{}{}", before(&self.server), asked.path);
        let timeout = Duration::from_millis(*timeout_ms);
        let asked = Asked { method: METHOD, path: &path, body: Some(speech::bytes(&asked.body)), timeout };
        let mut following = match self.runtime.block_on(self.link.begin(asked))? {
            Begun::Follows(following) => following,
            Begun::Refused(answer) => return succeeded(name, answer).map(|_| ()),
        };
        let mut events = Events::default();
        // Whoever listens may be slow, and waits on this thread, not among those that answer.
        while let Some(bytes) = self.runtime.block_on(following.next())? {
            for event in events.take(&bytes).map_err(|_| garbled(name, "an event without an end"))? {
                if event == openai::DONE {
                    return Ok(());
                }
                let told: Value =
                    serde_json::from_str(&event).map_err(|_| garbled(name, "an event that is no JSON"))?;
                if told["error"].is_object() {
                    return Err(unreachable(name, format!("it broke off: {}", told["error"]["message"])));
                }
                if openai::part(protocol, &told).is_some_and(|part| !listener.hear(part)) {
                    return Ok(());
                }
            }
            if !listener.is_there() {
                return Ok(());
            }
        }
        Err(unreachable(name, "its answer ended before it said so"))
    }

    /// Notes how a question went; whoever refuses is well.
    fn note_of<T>(&self, told: &Result<T>) {
        self.note(
            told.as_ref().is_err_and(|error| matches!(error.code(), "server-unreachable" | "server-busy")),
        );
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Refuses at once while a failing server is left alone; else one question goes through.
    fn admitted(&self) -> Result<()> {
        let (now, until) = (self.now_ms(), self.alone_until_ms.load(Ordering::Relaxed));
        if self.failures.load(Ordering::Relaxed) < FAILURES_MAX {
            return Ok(());
        }
        let next = now + ALONE_MS;
        let is_due = now >= until;
        let swapped = is_due
            && self
                .alone_until_ms
                .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if swapped { Ok(()) } else { Err(unreachable(&self.server.name, "it failed again and again")) }
    }

    fn note(&self, failed: bool) {
        if !failed {
            self.failures.store(0, Ordering::Relaxed);
        } else if self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX {
            self.alone_until_ms.store(self.now_ms() + ALONE_MS, Ordering::Relaxed);
        }
    }

    /// Holds what came against the signature: what is called otherwise, or has other rows, is no answer.
    fn fitting(&self, mut tensors: Vec<Tensor>, rows: usize) -> Result<Vec<Tensor>> {
        let name = &self.server.name;
        let mut fitting = Vec::with_capacity(self.signature.outputs.len());
        for slot in &self.signature.outputs {
            let at = tensors.iter().position(|it| it.name == slot.name);
            let tensor =
                tensors.swap_remove(at.ok_or_else(|| garbled(name, &format!("no output `{}`", slot.name)))?);
            let is_wrong = tensor.elements.datatype() != slot.datatype
                || (slot.shape.first() == Some(&-1) && tensor.shape.first() != Some(&rows));
            if is_wrong {
                let shape = &tensor.shape;
                return Err(garbled(
                    name,
                    &format!("`{}` of the shape {shape:?} for {rows} rows", slot.name),
                ));
            }
            fitting.push(tensor);
        }
        Ok(fitting)
    }
}

impl Model for Remote {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let inputs = self.signature.admit(inputs)?;
        let asked = speech::questions(&self.server.protocol, &self.server.model, &inputs)?;
        self.admitted()?;
        self.started()?;
        self.answered(asked, rows_of(&inputs))
    }

    fn answer(&self, question: Question, listener: &mut dyn Listener) -> Result<()> {
        let inputs = self.signature.admit(question.inputs)?;
        let rows = rows_of(&inputs);
        let Server { protocol, model, .. } = &self.server;
        let mut asked = speech::questions(protocol, model, &inputs)?;
        // Several rows have no order that their parts could come in.
        let parts = question.in_parts && self.has_parts() && asked.len() == 1;
        for asked in &mut asked {
            asked.body = openai::in_parts(std::mem::take(&mut asked.body), question.params.clone(), parts);
        }
        self.admitted()?;
        self.started()?;
        if !parts {
            listener.hear(self.answered(asked, rows)?);
            return Ok(());
        }
        let told = self.told_on(asked.swap_remove(0), listener);
        self.note_of(&told);
        told
    }

    fn has_parts(&self) -> bool {
        self.takes_params()
    }

    fn takes_params(&self) -> bool {
        matches!(self.server.protocol, Protocol::Chat | Protocol::Completions)
    }

    fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
        Err(Error::conflict("not-explainable", "a model that answers elsewhere is explained by trial alone"))
    }

    fn bytes(&self) -> usize {
        0
    }

    fn waits(&self) -> bool {
        true
    }
}

fn rows_of(inputs: &[Tensor]) -> usize {
    inputs.first().and_then(|it| it.shape.first().copied()).unwrap_or(0)
}

#[cfg(test)]
mod tests;
