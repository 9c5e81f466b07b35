//! A server that speaks MLflow's REST API: a stock one, or the platform's own face.

use std::io::{BufReader, Cursor, Read};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use ureq::http::{Request, header};
use ureq::{Agent, Body, SendBody};

use crate::cli::follow::pause;
use crate::client::{self, encoded};
use crate::config::{self, Settings};
use crate::failure::{Exit, Failure, Result};

/// How often something that does no harm twice is asked again.
const TRIES: u32 = 5;
/// The largest answer that is no file.
const LARGEST: u64 = 256 << 20;
/// How many things a page has.
pub const PAGE: usize = 500;

/// A server, and who we are to it.
pub struct Server {
    agent: Agent,
    /// Its address, without a slash at the end and without a login.
    pub url: String,
    authorization: Option<String>,
    workspace: Option<String>,
}

/// What a request carries.
struct Sent<'a> {
    body: SendBody<'static>,
    /// Its media type and its length.
    head: Option<(&'a str, u64)>,
    /// The experiment that spans are told of.
    experiment: Option<&'a str>,
}

impl Default for Sent<'_> {
    fn default() -> Self {
        Self { body: SendBody::none(), head: None, experiment: None }
    }
}

/// Bytes to put somewhere; whoever asks again wants them from the start.
pub trait Bytes {
    /// How many.
    fn length(&self) -> u64;
    /// From the start.
    fn open(&self) -> Result<Box<dyn Read>>;
}

impl Server {
    /// The platform's own face, as whoever is logged in.
    pub fn ours(settings: &Settings) -> Result<Self> {
        Ok(Self {
            agent: client::agent(&settings.url, settings.ca_file.as_deref())?,
            url: settings.url.clone(),
            authorization: settings.token.as_ref().map(|token| format!("Bearer {token}")),
            workspace: settings.project.clone(),
        })
    }

    /// Another one: its login stands in the address, or where MLflow's clients look for it.
    pub fn other(url: &str, settings: &Settings, workspace: Option<String>) -> Result<Self> {
        let wrong = || {
            Failure::usage(format!("`{url}` is no address of a server"))
                .hint("write `http://HOST:PORT` or `https://USER:PASSWORD@HOST`")
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let rest = rest.trim_end_matches('/');
        let (login, host) = match rest.rsplit_once('@') {
            Some((login, host)) => (Some(decoded(login)), host),
            None => (None, rest),
        };
        if host.is_empty() || !matches!(scheme, "http" | "https") {
            return Err(wrong());
        }
        let url = format!("{scheme}://{host}");
        let told = config::mlflow_login();
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let authorization = match (login, told.user, told.password, told.token) {
            (Some(login), ..) => Some(basic(&login)),
            (None, Some(user), Some(password), _) => Some(basic(&format!("{user}:{password}"))),
            (None, _, _, Some(token)) => Some(format!("Bearer {token}")),
            (None, _, _, None) => None,
        };
        Ok(Self { agent: client::agent(&url, settings.ca_file.as_deref())?, url, authorization, workspace })
    }

    /// Reads by fields.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.patiently(|| self.asked("GET", &format!("{path}?{}", query.join("&")), None))
    }

    /// Asks for something that does no harm twice.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.patiently(|| self.asked("POST", path, Some(body)))
    }

    /// Makes something: asked once only, because the answer may be lost and the thing be there.
    pub fn make(&self, path: &str, body: &Value) -> Result<Value> {
        self.asked("POST", path, Some(body))
    }

    /// Tells spans of an experiment by OTLP; whoever tells them twice has told them once.
    pub fn spans(&self, experiment: &str, spans: &[Value]) -> Result<()> {
        let told = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string().into_bytes();
        self.patiently(|| {
            let body = Sent {
                body: SendBody::from_owned_reader(Cursor::new(told.clone())),
                head: Some(("application/json", told.len() as u64)),
                experiment: Some(experiment),
            };
            self.send("POST", "/v1/traces", body).map(|_| ())
        })
    }

    /// Changes part of something.
    pub fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.patiently(|| self.asked("PATCH", path, Some(body)))
    }

    /// Deletes.
    pub fn delete(&self, path: &str, body: &Value) -> Result<Value> {
        self.patiently(|| self.asked("DELETE", path, Some(body)))
    }

    /// All pages of a search, in pieces as they come.
    pub fn search(
        &self,
        path: &str,
        (body, field): (&Value, &str),
        each: &mut dyn FnMut(Vec<Value>) -> Result<()>,
    ) -> Result<()> {
        let mut body = body.clone();
        loop {
            let mut answer = self.post(path, &body)?;
            each(taken(&mut answer, field))?;
            match answer.get("next_page_token").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => body["page_token"] = json!(token),
                None => return Ok(()),
            }
        }
    }

    /// All pages of a list that is asked for by a query.
    pub fn list(&self, path: &str, query: &[(&str, &str)], field: &str) -> Result<Vec<Value>> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let mut query = query.to_vec();
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let mut answer = self.get(path, &query)?;
            all.extend(taken(&mut answer, field));
            match answer.get("next_page_token").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(next) => token = next.to_owned(),
                None => return Ok(all),
            }
        }
    }

    /// A file's bytes as they come.
    pub fn fetch(&self, path: &str) -> Result<Box<dyn Read>> {
        self.patiently(|| {
            let answer = self.send("GET", path, Sent::default())?;
            Ok(Box::new(BufReader::new(answer.into_body().into_reader())) as Box<dyn Read>)
        })
    }

    /// Puts a file.
    pub fn put(&self, path: &str, bytes: &dyn Bytes) -> Result<()> {
        self.patiently(|| {
            let body = SendBody::from_owned_reader(bytes.open()?);
            let head = Some(("application/octet-stream", bytes.length()));
            self.send("PUT", path, Sent { body, head, experiment: None }).map(|_| ())
        })
    }

    fn asked(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let sent = match body {
            None => Sent::default(),
            Some(body) => {
                let bytes = body.to_string().into_bytes();
                let head = Some(("application/json", bytes.len() as u64));
                Sent { body: SendBody::from_owned_reader(Cursor::new(bytes)), head, experiment: None }
            }
        };
        let answer = self.send(method, path, sent)?;
        let mut text = String::new();
        let mut reader = answer.into_body().into_reader().take(LARGEST);
        reader.read_to_string(&mut text).map_err(|error| client::broken(&error))?;
        if text.trim().is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_str(&text).map_err(|_| {
            Failure::failed(format!("`{}` answered `{path}` with something that is no JSON", self.url))
                .hint("is it the address of an MLflow server?")
        })
    }

    fn send(&self, method: &str, path: &str, sent: Sent<'_>) -> Result<ureq::http::Response<Body>> {
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.url, full(path)));
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        if let Some(workspace) = &self.workspace {
            request = request.header("X-MLFLOW-WORKSPACE", workspace);
        }
        if let Some(experiment) = sent.experiment {
            request = request.header("x-mlflow-experiment-id", experiment);
        }
        if let Some((kind, length)) = sent.head {
            request = request.header(header::CONTENT_TYPE, kind).header(header::CONTENT_LENGTH, length);
        }
        let request = request
            .body(sent.body)
            .map_err(|error| Failure::usage(format!("that cannot be sent: {error}")))?;
        let answer = self.agent.run(request).map_err(|error| client::unreached(&self.url, &error))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        Err(client::refused(status, answer).while_doing(format!("{method} {}{}", self.url, full(path))))
    }

    /// Asks again for a while when the server is away or in trouble.
    fn patiently<T>(&self, ask: impl Fn() -> Result<T>) -> Result<T> {
        let mut tries = 1;
        loop {
            match ask() {
                Err(failure) if tries < TRIES && is_passing(&failure) => {
                    pause(Duration::from_millis(100 << (2 * tries).min(6)));
                    tries += 1;
                }
                done => return done,
            }
        }
    }
}

fn is_passing(failure: &Failure) -> bool {
    failure.exit == Exit::Unavailable || failure.status.is_some_and(|status| status >= 500)
}

/// A path of the API, `2.0 runs/get` for short.
fn full(path: &str) -> String {
    match path.split_once(' ') {
        Some((version, rest)) => format!("/api/{version}/mlflow/{rest}"),
        None => path.to_owned(),
    }
}

/// A list taken out of an answer; what is not there is empty.
pub fn taken(answer: &mut Value, field: &str) -> Vec<Value> {
    match answer.get_mut(field).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// A list of `{"key", "value"}` as a map.
pub fn pairs(list: Option<&Value>) -> Map<String, Value> {
    let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let pair = |item: &Value| {
        Some((item.get("key")?.as_str()?.to_owned(), item.get("value").cloned().unwrap_or_else(|| json!(""))))
    };
    items.iter().filter_map(pair).collect()
}

/// A map as such a list.
pub fn listed(map: &Map<String, Value>) -> Vec<Value> {
    map.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// A text of an answer; nothing is empty.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number of an answer, which may stand there as a text.
pub fn whole(value: &Value, field: &str) -> Option<i64> {
    let value = value.get(field)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A path of several parts, as one of an address.
pub fn address(path: &str) -> String {
    path.split('/').map(encoded).collect::<Vec<_>>().join("/")
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let ahead = rest.clone().take(2).collect::<Vec<u8>>();
        let code = std::str::from_utf8(&ahead).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) if ahead.len() == 2 => {
                bytes.push(code);
                rest.nth(1);
            }
            (byte, _) => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_an_address_is_no_part_of_it() {
        let settings = Settings::of("https://aic.example");
        let server = Server::other("https://ada:a%40b@mlflow.example/", &settings, None).unwrap();
        assert_eq!(server.url, "https://mlflow.example");
        let shown = BASE64_STANDARD.encode("ada:a@b");
        assert_eq!(server.authorization, Some(format!("Basic {shown}")));
        assert!(Server::other("mlflow.example", &settings, None).is_err());
        assert!(Server::other("ftp://mlflow.example", &settings, None).is_err());
    }

    #[test]
    fn paths_are_written_for_short() {
        assert_eq!(full("2.0 runs/get?run_id=1"), "/api/2.0/mlflow/runs/get?run_id=1");
        assert_eq!(full("/get-artifact"), "/get-artifact");
        assert_eq!(address("a b/ü"), "a%20b/%C3%BC");
    }
}
