//! Transcripts: a request, the answer it must give, one comment that says why.
//!
//! ```text
//! as ada                                  # who asks from here on; `as nobody` asks without a login
//! POST /models {"metadata": {"name": "churn"}}
//! => 201 {"metadata": {"uid": "mdl_0001"}}
//! advance 60                              # the clock moves on by seconds
//! ```
//!
//! A path without `/api` is of the service under test. An answer names only what matters: an object
//! fits when every field named in it fits, a list when it has as many elements and each fits,
//! `"*"` fits anything that is there, and `"-"` a field that is not. `"$name"` keeps a value for later
//! lines. Work that a request sets off is done before the next line is read.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    http::{Method, Request},
};
use base::Entropy;
use face_web::{Settings, Web, metrics::Metrics};
use kernel::{
    blob::Blobs,
    domain::Domain,
    platform::{Parts, Platform, Ports},
    store::Store,
};
use ports::measure::Traffic;
use serde_json::Value;

use crate::{FrozenClock, SeededEntropy, guard};

/// What a transcript runs on.
pub struct Stage {
    service: &'static str,
    domains: Vec<Domain>,
    ports: Ports,
    files: BTreeMap<String, Vec<u8>>,
    prepare: Option<Prepare>,
}

/// What is done to the empty platform before the first line.
type Prepare = Box<dyn FnOnce(Arc<Platform>) -> kernel::Later<'static, ()>>;

impl Stage {
    /// A platform with one service.
    pub fn of(service: &'static str, domain: Domain) -> Self {
        Self {
            service,
            domains: vec![guard::domain(), domain],
            ports: Ports::default(),
            files: BTreeMap::new(),
            prepare: None,
        }
    }

    /// With another domain beside it.
    #[must_use]
    pub fn and(mut self, domain: Domain) -> Self {
        self.domains.push(domain);
        self
    }

    /// With engines behind ports.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// With something done before the first line; nobody is logged in then.
    #[must_use]
    pub fn prepared(
        mut self,
        prepare: impl FnOnce(Arc<Platform>) -> kernel::Later<'static, ()> + 'static,
    ) -> Self {
        self.prepare = Some(Box::new(prepare));
        self
    }

    /// With a file that a line may send as its body: `< name`.
    #[must_use]
    pub fn with_file(mut self, name: &str, bytes: &[u8]) -> Self {
        self.files.insert(name.to_owned(), bytes.to_vec());
        self
    }

    /// Plays a transcript on an empty SQLite store; panics at the first answer that does not fit.
    pub fn play(self, text: &str) {
        let directory = tempfile::tempdir().expect("a directory for the test");
        let store = store_sqlite::open(directory.path()).expect("a store");
        let blobs: Arc<dyn Blobs> = engine_blobs::open(&directory.path().join("blobs")).expect("blobs");
        self.play_on(store, blobs, text);
    }

    /// Plays a transcript on a store.
    pub fn play_on(self, store: Arc<dyn Store>, blobs: Arc<dyn Blobs>, text: &str) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("threads").block_on(async move {
            let metrics = Arc::new(Metrics::default());
            let traffic: Arc<dyn Traffic> = Arc::clone(&metrics) as _;
            let clock = Arc::new(FrozenClock::default());
            let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::default());
            let logged = tempfile::tempdir().expect("a directory for what is logged");
            let tracking = engine_tracking::open(logged.path(), engine_tracking::COLUMNS_BYTES)
                .expect("a tracking engine");
            let tables: Arc<dyn ports::table::Tables> = Arc::new(engine_tables::open());
            let requests =
                engine_requestlog::open(&logged.path().join("requests"), tables).expect("a request log");
            let parts = Parts {
                store,
                blobs,
                clock: Arc::clone(&clock) as _,
                entropy,
                policy: engine_policy::cedar(),
                domains: self.domains,
                ports: engine_tracking::behind(&tracking, self.ports.with(traffic)).with(requests),
                workers: 2,
                blocking: 4,
                holder: "test".to_owned(),
            };
            let platform = Platform::new(parts).expect("the parts fit");
            platform.start();
            let who = if self.prepare.is_none() { Some("admin".to_owned()) } else { None };
            if let Some(prepare) = self.prepare {
                prepare(Arc::clone(&platform)).await.expect("the platform is prepared");
            }
            let web = Web::counting(Arc::clone(&platform), Settings::default(), metrics);
            let mut player = Player {
                web,
                platform,
                clock,
                service: self.service,
                files: self.files,
                who,
                kept: BTreeMap::new(),
            };
            player.play(text).await;
        });
    }
}

/// The engines a platform has by default, for transcripts that train and predict.
pub fn engines() -> Ports {
    let infer: Arc<dyn ports::infer::Infer> = Arc::new(engine_infer::open());
    let learn: Arc<dyn ports::learn::Learn> = Arc::new(engine_learn::open(Arc::clone(&infer)));
    let tables: Arc<dyn ports::table::Tables> = Arc::new(engine_tables::open());
    let here = engine_fetch::Egress::parse("127.0.0.0/8").expect("a network");
    let gateway: Arc<dyn ports::gateway::Gateway> = engine_proxy::Gateway::new(here);
    let tallies = Arc::new(ports::usage::Tallies::default());
    let rules = engine_policy::rules();
    let key = engine_notary::fresh().expect("randomness");
    let notary = engine_notary::open(&key, "aic.example/journal").expect("a key");
    let paper: Arc<dyn ports::document::Paper> = Arc::new(engine_paper::open());
    let ports = Ports::default().with(notary).with(paper);
    let runners: Arc<dyn ports::infer::load::Runners> = Arc::new(engine_batch::open());
    ports.with(runners).with(rules).with(infer).with(learn).with(tables).with(gateway).with(tallies)
}

struct Player {
    web: Web,
    platform: Arc<Platform>,
    clock: Arc<FrozenClock>,
    service: &'static str,
    files: BTreeMap<String, Vec<u8>>,
    who: Option<String>,
    kept: BTreeMap<String, String>,
}

impl Player {
    async fn play(&mut self, text: &str) {
        let mut answer: Option<(String, u16, Value)> = None;
        for line in joined(text) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(expected) = line.strip_prefix("=>") {
                let (asked, status, body) = answer.as_ref().expect("an answer stands behind a request");
                self.compare(asked, (*status, body), expected.trim());
            } else if let Some(seconds) = line.strip_prefix("advance ") {
                self.clock.advance_s(seconds.trim().parse().expect("a number of seconds"));
            } else if let Some(who) = line.strip_prefix("as ") {
                self.who = Some(self.filled(who.trim())).filter(|who| who != "nobody");
            } else {
                let line = self.filled(line);
                let (status, body) = self.ask(&line).await;
                answer = Some((line, status, body));
                self.platform.settle().await.expect("the platform settles");
            }
        }
    }

    /// A text with every kept value in its place.
    fn filled(&self, text: &str) -> String {
        self.kept.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("${name}"), value))
    }

    async fn ask(&self, line: &str) -> (u16, Value) {
        let mut parts = line.splitn(3, ' ');
        let method = parts.next().unwrap_or_default();
        let path = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default().trim();
        let uri = if path.starts_with("/api/") || path.starts_with("/v2") {
            path.to_owned()
        } else {
            format!("/api/v1/{}{path}", self.service)
        };
        let mut request =
            Request::builder().method(Method::from_bytes(method.as_bytes()).expect("a method")).uri(&uri);
        if let Some(who) = &self.who {
            request = request.header("authorization", format!("Bearer {who}"));
        }
        let mut body = rest;
        while let Some((name, value, after)) = header(body) {
            request = request.header(name, value);
            body = after;
        }
        let bytes = match body.strip_prefix("< ") {
            Some(name) => self.files.get(name.trim()).unwrap_or_else(|| panic!("no file `{name}`")).clone(),
            None => {
                if !body.is_empty()
                    && request.headers_ref().is_some_and(|headers| !headers.contains_key("content-type"))
                {
                    request = request.header("content-type", "application/json");
                }
                body.as_bytes().to_vec()
            }
        };
        let request = request.body(Body::from(bytes)).expect("a request");
        let response = face_rest::handle(&self.web, request).await;
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn compare(&mut self, asked: &str, (status, body): (u16, &Value), expected: &str) {
        let (code, wanted) = expected.split_once(' ').unwrap_or((expected, ""));
        assert_eq!(code, status.to_string(), "\n{asked}\nanswered {body:#}");
        if wanted.trim().is_empty() {
            return;
        }
        let wanted: Value = serde_json::from_str(wanted)
            .unwrap_or_else(|error| panic!("the expected answer is no JSON ({error}): {wanted}"));
        if let Err(where_) = fits(&wanted, body, "", &mut self.kept) {
            panic!("\n{asked}\n{where_}\nanswered {body:#}");
        }
    }
}

/// A header in front of the body, as `[name: value]`, and what stands behind it.
fn header(text: &str) -> Option<(&str, &str, &str)> {
    let (inside, after) = text.strip_prefix('[')?.split_once(']')?;
    let (name, value) = inside.split_once(": ")?;
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    plain.then(|| (name, value, after.trim()))
}

/// Lines that are indented go on with the line before.
fn joined(text: &str) -> Vec<String> {
    let base = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let deeper = indent(line) > base && !line.trim().is_empty();
        match lines.last_mut() {
            Some(last) if deeper && !last.trim().is_empty() && !last.trim().starts_with('#') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether an answer has all that is named.
fn fits(
    wanted: &Value,
    found: &Value,
    path: &str,
    kept: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    match (wanted, found) {
        (Value::String(text), found) if text.starts_with('$') && text.len() > 1 => {
            let value = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            kept.insert(text[1..].to_owned(), value);
            Ok(())
        }
        (Value::String(text), found) if text == "*" && !found.is_null() => Ok(()),
        (Value::Object(wanted), Value::Object(found)) => {
            for (name, value) in wanted {
                let path = format!("{path}.{name}");
                match found.get(name) {
                    None if value == "-" => {}
                    Some(inner) if value == "-" => {
                        return Err(format!("at `{path}`: wanted nothing, found {inner}"));
                    }
                    inner => fits(value, inner.unwrap_or(&Value::Null), &path, kept)?,
                }
            }
            Ok(())
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (i, (value, inner)) in wanted.iter().zip(found).enumerate() {
                fits(value, inner, &format!("{path}[{i}]"), kept)?;
            }
            Ok(())
        }
        (wanted, found) if wanted == found => Ok(()),
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
        (wanted, found) => Err(format!("at `{path}`: wanted {wanted}, found {found}")),
    }
}
