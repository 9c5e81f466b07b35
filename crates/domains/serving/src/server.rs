//! A model server: where models answer that do not run here, and what is spoken there.
//!
//! What is said of a server does not change but for who asks and how long one waits: a version that names it stays what it
//! was. One that is at an address is asked now and then how it is.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt, stream};
use kernel::{access::Principal, journal::Change, platform::Platform, prelude::*};
use ports::{
    fetch,
    infer::{
        Signature,
        remote::{self, Place, Servers},
    },
};

use crate::Serving;

/// What model servers serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ModelServer>) -> KindBuilder<ModelServer> {
    kind.check(whole)
        .without(&["clone"])
        .action("check", "Asks the server how it is, now.", check)
        .needs("update")
}

/// A server whose models answer as versions here: an address, or a program that is started with the model that needs it.
/// A version names one as its source, `model-servers:/NAME/MODEL`.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "model-server", prefix = "msv", short = "ms", status = "Status")]
pub struct ModelServer {
    /// What it speaks.
    #[field(indexed, immutable)]
    pub protocol: Protocol,
    /// Where it is, with `http` or `https`; paths of the protocol are added. For OpenAI's API it ends with `/v1` as a rule.
    #[field(max = 2000, immutable, example = "http://triton.example:8000")]
    pub url: Option<String>,
    /// The program that is it, and its arguments, where it has no address: `{port}` is where it has to listen, `{model}` the
    /// directory with `files`. It runs confined; the owner of the platform says which programs may be.
    #[field(max = 200, immutable)]
    pub command: Vec<String>,
    /// What is added to the program's environment.
    #[field(immutable)]
    pub environment: BTreeMap<String, String>,
    /// What stands before the protocol's paths at the program's address, such as `/v1`.
    #[field(max = 200, immutable)]
    pub prefix: Option<String>,
    /// How many seconds the program may take until it answers.
    #[field(min = 1, max = 1800, default = 120, immutable)]
    pub startup_seconds: u32,
    /// Where the program's files are, such as `models:/m-…` or `mlflow-artifacts:/…`: what `{model}` has in it.
    #[field(max = 5000, immutable)]
    pub files: Option<String>,
    /// How rows become requests and answers become outputs, for the protocol `Template`.
    #[field(immutable)]
    pub template: Option<Template>,
    /// A path that answers with success while the server is well; that of the protocol when left out.
    #[field(max = 500, immutable)]
    pub health_path: Option<String>,
    /// What it is shown as `Authorization: Bearer`.
    #[field(write_only, max = 10000)]
    pub token: Option<Secret>,
    /// Other header fields it is sent.
    pub headers: BTreeMap<String, String>,
    /// How many milliseconds an answer may take.
    #[field(min = 10, max = 600_000, default = 60_000)]
    pub timeout_ms: u32,
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Protocol {
    /// The Open Inference Protocol v2 over REST: Triton, KServe, MLServer, OpenVINO, and this platform.
    OpenInference,
    /// OpenAI's chat completions: vLLM, llama.cpp's server and many others. The input is `prompt`, the output `text`.
    ChatCompletions,
    /// OpenAI's completions.
    Completions,
    /// OpenAI's embeddings: the input is `input`, the output `embedding`.
    Embeddings,
    /// JSON of its own, as `template` describes it; a version says in `signature` what it takes and gives.
    Template,
}

/// JSON of a server's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Template {
    /// What is added to the address; `{model}` and `{COLUMN}` stand for their values.
    #[field(max = 2000, example = "/score/{model}")]
    pub path: String,
    /// The body: a text that is `{COLUMN}` becomes a row's value; `{rows}` becomes all rows as objects and `{instances}` as
    /// lists. Without those two, each row is a request of its own.
    #[serde(default)]
    pub body: Value,
    /// Where each output's values are in the answer: JSON pointers (RFC 6901), in which `*` is every item of a list.
    pub outputs: BTreeMap<String, String>,
}

/// Where a server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Phase {
    /// Nobody has asked it yet; a program is started with its model.
    #[default]
    Unknown,
    /// It said that it is well.
    Ready,
    /// It does not answer, or is not well.
    Failing,
}

/// How a server is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How it is.
    #[field(indexed, default = "Unknown")]
    pub phase: Phase,
    /// Why it is not well.
    pub message: Option<String>,
    /// Milliseconds it took to say so, when it was asked for this.
    pub latency_ms: Option<f64>,
    /// Since when it is like that.
    pub since: Option<Time>,
}

/// It is at an address or a program, and says all that its protocol needs.
fn whole(it: &Object<ModelServer>) -> Result<()> {
    let it = &it.spec;
    match (&it.url, it.command.is_empty()) {
        (Some(url), true) => fetch::check_url(url).map_err(|error| error.at("spec.url"))?,
        (None, false) => {}
        (Some(_), false) | (None, true) => {
            let message = "a server is at an address (`url`) or a program (`command`), one of both";
            return Err(Error::invalid("bad-server", message).at("spec.url"));
        }
    }
    if (it.protocol == Protocol::Template) != it.template.is_some() {
        let message = "`template` belongs to the protocol `Template`, and to no other";
        return Err(Error::invalid("bad-server", message).at("spec.template"));
    }
    if it.template.as_ref().is_some_and(|template| template.body.is_null()) {
        let message = "a template says what is sent: an object, a list or a text that stands for the rows";
        return Err(Error::invalid("bad-server", message).at("spec.template.body"));
    }
    let paths = [
        ("spec.template.path", it.template.as_ref().map(|it| &it.path)),
        ("spec.healthPath", it.health_path.as_ref()),
        ("spec.prefix", it.prefix.as_ref()),
    ];
    for (at, path) in paths {
        if path.is_some_and(|path| {
            !path.starts_with('/') || path.chars().any(|c| c.is_whitespace() || c.is_control())
        }) {
            return Err(Error::invalid("bad-server", "a path begins with `/` and has no blanks").at(at));
        }
    }
    let is_token = |name: &String| {
        !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
    };
    let is_plain = |value: &String| !value.chars().any(char::is_control);
    if !it.headers.iter().all(|(name, value)| is_token(name) && is_plain(value)) {
        return Err(Error::invalid("bad-server", "these are no header fields").at("spec.headers"));
    }
    if !it.environment.iter().all(|(name, value)| is_token(name) && !value.contains('\0')) {
        return Err(Error::invalid("bad-server", "this is no environment").at("spec.environment"));
    }
    Ok(())
}

/// What a version says of the model it means.
pub struct Meant {
    /// What the model is called there.
    pub model: String,
    /// What it takes and gives, where the version says so.
    pub signature: Option<Signature>,
    /// The files of its program.
    pub files: Vec<(String, std::path::PathBuf)>,
}

/// A server in the engine's words.
pub fn meant(it: &Object<ModelServer>, meant: Meant) -> remote::Server {
    let spec = &it.spec;
    let mut headers: Vec<(String, String)> = spec.headers.clone().into_iter().collect();
    headers
        .extend(spec.token.iter().map(|it| ("authorization".to_owned(), format!("Bearer {}", it.reveal()))));
    let place = match &spec.url {
        Some(url) => Place::At(url.clone()),
        None => Place::Here(
            Box::new(remote::Program {
                command: spec.command.clone(),
                environment: spec.environment.clone(),
                files: meant.files,
                startup_s: u64::from(spec.startup_seconds),
            }),
            spec.prefix.clone().unwrap_or_default(),
        ),
    };
    let protocol = match (spec.protocol, &spec.template) {
        (Protocol::Template, Some(it)) => remote::Protocol::Template(remote::Template {
            path: it.path.clone(),
            body: it.body.clone(),
            outputs: it.outputs.clone(),
        }),
        (Protocol::OpenInference | Protocol::Template, _) => remote::Protocol::OpenInference,
        (Protocol::ChatCompletions, _) => remote::Protocol::Chat,
        (Protocol::Completions, _) => remote::Protocol::Completions,
        (Protocol::Embeddings, _) => remote::Protocol::Embeddings,
    };
    remote::Server {
        name: it.name().to_owned(),
        protocol,
        place,
        headers,
        health: spec.health_path.clone(),
        timeout_ms: u64::from(spec.timeout_ms),
        model: meant.model,
        signature: meant.signature,
    }
}

/// Where to ask a server itself, without a model of it.
fn itself(it: &Object<ModelServer>) -> remote::Server {
    let meant_itself = Meant { model: String::new(), signature: None, files: Vec::new() };
    let mut server = meant(it, meant_itself);
    if it.spec.protocol == Protocol::OpenInference && server.health.is_none() {
        server.health = Some("/v2/health/ready".to_owned());
    }
    server
}

/// Asks the server how it is, now.
async fn check(cx: Cx, it: Object<ModelServer>, _: Nothing) -> Result<Status> {
    if it.spec.url.is_none() {
        return Err(Error::conflict(
            "server-unfit",
            "a program is started with the model that needs it, and tells there",
        )
        .hint("look at the endpoint's health"));
    }
    let asked = seen(&cx, &it).await?;
    let noted = cx.doing("checked");
    let noted =
        noted.update_status::<ModelServer>(it.metadata.uid.as_str(), |status| status.clone_from(&asked));
    Ok(noted.await?.status)
}

/// How a server is now.
async fn seen(cx: &Cx, it: &Object<ModelServer>) -> Result<Status> {
    let servers = cx.port::<dyn Servers>()?;
    let (phase, message, latency_ms) = match servers.ping(&itself(it)).await {
        Ok(ms) => (Phase::Ready, None, Some(ms)),
        Err(error) => (Phase::Failing, Some(error.to_string()), None),
    };
    let since = if phase == it.status.phase { it.status.since } else { Some(cx.now()) };
    Ok(Status { phase, message, latency_ms, since })
}

/// Asks all servers how they are; what has not changed is not written down again.
pub async fn check_all(cx: Cx) -> Result<()> {
    /// How many are asked at once.
    const AT_ONCE: usize = 8;
    let platform = cx.platform();
    let all = platform.everywhere::<ModelServer>().await?;
    let asked = stream::iter(all.into_iter().filter(|it| it.spec.url.is_some())).map(|it| async move {
        let cx = platform.cx_of(Principal::system("model-servers", &it.org), &it.metadata.namespace);
        let now = seen(&cx, &it).await?;
        if now.phase == it.status.phase {
            return Ok(());
        }
        let noted = cx.doing("checked");
        let uid = it.metadata.uid.as_str();
        noted.update_status::<ModelServer>(uid, |status| status.clone_from(&now)).await.map(|_| ())
    });
    let mut asked = asked.buffer_unordered(AT_ONCE);
    while let Some(done) = asked.next().await {
        let done: Result<()> = done;
        if let Err(error) = done {
            tracing::warn!(?error, "how a model's server is could not be noted");
        }
    }
    Ok(())
}

/// Follows the journal: what was loaded of a server that has changed is let go, in every process.
pub async fn follow(platform: Arc<Platform>) {
    use tokio::sync::broadcast::error::RecvError::{Closed, Lagged};
    let Ok(serving) = platform.port::<Serving>() else { return };
    let mut changes = platform.follow();
    let is_meant = |change: &Change| change.kind == "catalog.model-servers" && change.verb != "checked";
    loop {
        match changes.recv().await {
            Ok(change) if is_meant(&change) => serving.reload(&change.org, &change.project, &change.name),
            Ok(_) => {}
            // Which ones is not known.
            Err(Lagged(_)) => serving.reload_all(),
            Err(Closed) => return,
        }
    }
}
