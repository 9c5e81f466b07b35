//! Servers of the tests: they answer what the protocols have, or what they do not.

use std::sync::{Arc, Mutex};

use engine_fetch::{Egress, Ways};
use ports::{
    infer::{
        Datatype, Elements, Tensor,
        remote::{Place, Protocol, Server},
    },
    sandbox::{Program as Confined, Sandbox},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Servers, Settings, open};

/// What a server answers by path; the status and the body.
type Says = Arc<dyn Fn(&str, Value) -> (u16, String) + Send + Sync>;

/// Nobody is started by these tests.
struct Nothing;

impl Sandbox for Nothing {
    fn command(&self, _: &Confined) -> base::Result<std::process::Command> {
        Err(base::Error::internal("nothing is started here"))
    }
}

async fn answer(mut stream: TcpStream, says: Says, seen: Arc<Mutex<Vec<String>>>) {
    let mut held = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(at) = held.windows(4).position(|it| it == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&held[..at]).into_owned();
                let length = head.lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok());
                let length: usize = length.unwrap_or(0);
                if held.len() >= at + 4 + length {
                    break (head, (at + 4, length));
                }
            }
            let mut part = [0; 4_096];
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(count) => held.extend_from_slice(&part[..count]),
            }
        };
        let body: Vec<u8> = held.drain(..length.0 + length.1).skip(length.0).collect();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.lock().unwrap().push(head);
        let (status, told) = says(&path, serde_json::from_slice(&body).unwrap_or_default());
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{told}", told.len());
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A server and what it was asked.
async fn serving(
    says: impl Fn(&str, Value) -> (u16, String) + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", listener.local_addr().unwrap());
    let (says, seen): (Says, Arc<Mutex<Vec<String>>>) = (Arc::new(says), Arc::default());
    let heard = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&says), Arc::clone(&heard)));
        }
    });
    (url, seen)
}

fn server(url: &str, protocol: Protocol) -> Server {
    Server {
        name: "there".to_owned(),
        protocol,
        place: Place::At(url.to_owned()),
        headers: vec![("authorization".to_owned(), "Bearer s3".to_owned())],
        health: None,
        timeout_ms: 2_000,
        model: "m".to_owned(),
        signature: None,
    }
}

fn servers(egress: &str) -> Arc<dyn Servers> {
    let ways = Ways::open(Egress::parse(egress).unwrap(), None).unwrap();
    open(ways, Arc::new(Nothing), Settings::default())
}

/// What is synchronous is asked beside the threads that answer.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn texts(name: &str, values: &[&str]) -> Tensor {
    let elements = Elements::Bytes(values.iter().map(|it| (*it).to_owned()).collect());
    Tensor { name: name.to_owned(), shape: vec![values.len()], elements }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_open_inference_protocol_tells_its_signature_and_answers() {
    let says = |path: &str, body: Value| match path {
        "/base/v2/models/m/ready" => (200, String::new()),
        "/base/v2/models/m" => {
            let slot = |name: &str| json!([{"name": name, "datatype": "FP32", "shape": [-1, 2]}]);
            (200, json!({"name": "m", "inputs": slot("x"), "outputs": slot("y")}).to_string())
        }
        _ => {
            let x = &body["inputs"][0];
            let y = json!({"name": "y", "datatype": "FP32", "shape": x["shape"], "data": x["data"]});
            (200, json!({"outputs": [y]}).to_string())
        }
    };
    let (url, seen) = serving(says).await;
    let answered = aside(move || {
        let model = servers("127.0.0.1").open(server(&url, Protocol::OpenInference)).unwrap();
        assert_eq!(model.signature().inputs[0].datatype, Datatype::Fp32);
        let x =
            || Tensor { name: "x".to_owned(), shape: vec![1, 2], elements: Elements::Fp32(vec![1.0, 2.5]) };
        assert_eq!(model.run(vec![texts("x", &["no"])]).unwrap_err().code(), "tensor-wrong-type");
        for _ in 0..2 {
            assert_eq!(model.run(vec![x()]).unwrap()[0].elements, x().elements);
        }
    });
    answered.await;
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|head| head.contains("authorization: Bearer s3")));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_chats_one_a_row() {
    let says = |path: &str, body: Value| match path {
        "/base/models" => (200, json!({"data": [{"id": "m"}]}).to_string()),
        _ => {
            let said = format!("{} {}", body["messages"][0]["content"], body["max_tokens"]);
            let choice = json!({"message": {"content": said}, "finish_reason": "stop"});
            (
                200,
                json!({"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
                    .to_string(),
            )
        }
    };
    let (url, _) = serving(says).await;
    let other = Server { model: "n".to_owned(), ..server(&url, Protocol::Chat) };
    let answered = aside(move || {
        let servers = servers("127.0.0.1");
        assert_eq!(servers.open(other).err().unwrap().code(), "server-unfit");
        let model = servers.open(server(&url, Protocol::Chat)).unwrap();
        let most = Elements::Fp64(vec![7.0, f64::NAN]);
        let most = Tensor { name: "max_tokens".to_owned(), shape: vec![2], elements: most };
        model.run(vec![texts("prompt", &["hello", "there"]), most]).unwrap()
    });
    let answered = answered.await;
    let said = vec!["\"hello\" 7".to_owned(), "\"there\" null".to_owned()];
    assert_eq!(answered[0].elements, Elements::Bytes(said));
    assert_eq!(answered[3].elements, Elements::Int64(vec![2, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_wrong_is_told_and_a_failing_one_left_alone() {
    let says = |path: &str, body: Value| match path {
        "/base/models" => (200, "{}".to_owned()),
        _ => match body["input"][0].as_str().unwrap_or_default() {
            "refused" => (422, "no\nsuch".to_owned()),
            "busy" => (429, String::new()),
            "broken" => (500, String::new()),
            "garbled" => (200, "<html>".to_owned()),
            "ragged" => (200, json!({"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}).to_string()),
            _ => (200, json!({"data": [{"index": 0, "embedding": [1, 2]}]}).to_string()),
        },
    };
    let (url, seen) = serving(says).await;
    let heard = Arc::clone(&seen);
    let asked = aside(move || {
        assert_eq!(
            servers("").open(server(&url, Protocol::Embeddings)).err().unwrap().code(),
            "egress-refused"
        );
        let model = servers("127.0.0.1").open(server(&url, Protocol::Embeddings)).unwrap();
        let code = |text: &str| model.run(vec![texts("input", &[text])]).err().map(|it| it.code().to_owned());
        for (text, wanted) in [
            ("fine", None),
            ("refused", Some("model-failed")),
            ("busy", Some("server-busy")),
            ("garbled", Some("server-garbled")),
            ("ragged", Some("server-garbled")),
            ("fine", None),
        ] {
            assert_eq!(code(text).as_deref(), wanted, "{text}");
        }
        let two = model.run(vec![texts("input", &["fine", "fine"])]).unwrap_err();
        assert_eq!(two.code(), "server-garbled", "an answer for one of two rows");
        for _ in 0..6 {
            assert_eq!(code("broken").as_deref(), Some("server-unreachable"));
        }
        let before = heard.lock().unwrap().len();
        assert_eq!(code("fine").as_deref(), Some("server-unreachable"));
        assert_eq!(heard.lock().unwrap().len(), before, "it was asked while it was left alone");
    });
    asked.await;
}
