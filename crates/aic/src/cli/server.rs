//! A server for tests: it answers as it was told, in order, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

/// One request that came.
pub struct Asked {
    /// Method and path with its query.
    pub line: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Asked {
    /// The body as JSON; the order of its fields means nothing.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header's value, empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// The server; dropping it waits for its thread.
pub struct Server {
    pub url: String,
    asked: Receiver<Asked>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers so many requests, each with the next status, headers and body, then goes away.
    pub fn answering(answers: &[(u16, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Vec<(u16, String)> =
            answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
        let (send, asked) = channel();
        let thread = std::thread::spawn(move || {
            for (status, body) in answers {
                let Ok((stream, _)) = listener.accept() else {
                    return;
                };
                let _ = send.send(answer(stream, status, &body));
            }
        });
        Self { url, asked, thread: Some(thread) }
    }

    /// What came, in order, once all answers were given.
    pub fn asked(mut self) -> Vec<Asked> {
        self.thread.take().unwrap().join().unwrap();
        self.asked.try_iter().collect()
    }
}

fn answer(stream: TcpStream, status: u16, body: &str) -> Asked {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let mut asked = Asked {
        line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(),
        headers,
        body: String::new(),
    };
    if asked.header("expect") == "100-continue" {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    }
    let length: u64 = asked.header("content-length").parse().unwrap_or(0);
    let mut bytes = Vec::new();
    (&mut reader).take(length).read_to_end(&mut bytes).unwrap();
    asked.body = String::from_utf8_lossy(&bytes).into_owned();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nX-Request-Id: req-1\r\nConnection: close\r\n\r\n",
        body.len()
    );
    reader.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
    asked
}
