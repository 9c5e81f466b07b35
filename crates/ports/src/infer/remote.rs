//! Models that answer elsewhere: on a server that speaks one of the field's protocols, or in a program that is started
//! here and speaks one.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use base::Result;
use serde_json::Value;

use super::{Model, Signature};
use crate::Later;

/// What a server speaks.
#[derive(Clone, Debug, PartialEq)]
pub enum Protocol {
    /// The Open Inference Protocol v2 over REST, as Triton, KServe, MLServer and OpenVINO have it.
    OpenInference,
    /// `POST /chat/completions` as OpenAI describes it; a row's `prompt` is the user's message.
    Chat,
    /// `POST /completions` as OpenAI describes it.
    Completions,
    /// `POST /embeddings` as OpenAI describes it.
    Embeddings,
    /// Anything else that takes and gives JSON.
    Template(Template),
}

/// How rows become requests and answers become tensors, where a server speaks no known protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// What stands behind the server's address; `{model}` and `{COLUMN}` stand for their values.
    pub path: String,
    /// The body: a text that is `{COLUMN}` becomes the value of a row, `{rows}` the list of all rows as objects,
    /// `{instances}` as lists in the order of the inputs. Without the last two each row is a request of its own.
    pub body: Value,
    /// Where an output's values are in the answer: a JSON pointer (RFC 6901), in which `*` is every item of a list.
    pub outputs: BTreeMap<String, String>,
}

/// A program that is started here, confined, and listens at a port that it is told.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program's name among those the owner of the platform allows, and its arguments; `{port}` and `{model}` (the
    /// directory of the model's files) stand for their values.
    pub command: Vec<String>,
    /// What is added to its environment.
    pub environment: BTreeMap<String, String>,
    /// The files of the model by path, laid out where it finds them; never written to.
    pub files: Vec<(String, PathBuf)>,
    /// How many seconds it may take until it answers.
    pub startup_s: u64,
}

/// Where a server is.
#[derive(Clone, Debug)]
pub enum Place {
    /// At an address with `http` or `https`, to which paths are added.
    At(String),
    /// Here, in a program of its own; the text is added to its address before paths.
    Here(Box<Program>, String),
}

/// A server and a model of it.
#[derive(Clone, Debug)]
pub struct Server {
    /// What it is called, for messages.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is.
    pub place: Place,
    /// Header fields it is sent, such as what shows who asks.
    pub headers: Vec<(String, String)>,
    /// A path that answers with success while it is well; that of the protocol where there is none.
    pub health: Option<String>,
    /// Milliseconds that an answer may take.
    pub timeout_ms: u64,
    /// What the model is called there.
    pub model: String,
    /// What the model takes and gives, where that was said; needed where the protocol does not tell.
    pub signature: Option<Signature>,
}

/// Speaks to servers.
pub trait Servers: Send + Sync {
    /// A model of a server, asked once how it is; a program is started first, which may take as long as it was given.
    ///
    /// # Errors
    /// `server-unreachable` (503) when it does not answer or is not well; `server-unfit` (409) when it does not have the
    /// model, or what it tells of it cannot be read; `egress-refused` (403); `program-refused` (403) for a program nobody
    /// allowed.
    fn open(&self, server: Server) -> Result<Arc<dyn Model>>;

    /// Milliseconds it took a server at an address to say that it is well.
    ///
    /// # Errors
    /// Those of `open`.
    fn ping<'a>(&'a self, server: &'a Server) -> Later<'a, f64>;
}
