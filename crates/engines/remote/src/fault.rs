//! What can be wrong with a server.

use std::fmt::Display;

use base::{Error, Result};

use crate::link::Answer;

/// It does not answer.
pub fn unreachable(name: &str, why: impl Display) -> Error {
    Error::unavailable("server-unreachable", format!("the model's server `{name}` does not answer"))
        .because(why)
        .hint("look at the server; `POST /api/v1/catalog/model-servers/NAME/check` asks it again")
        .retry_after(5)
}

/// It answers, but does not fit what was said of it.
pub fn unfit(name: &str, why: impl Display) -> Error {
    Error::conflict("server-unfit", format!("the model's server `{name}` cannot be used: {why}"))
}

/// The answer of a question that must succeed; what the server says of its refusal is told on.
pub fn succeeded(name: &str, answer: Answer) -> Result<Answer> {
    match answer.status {
        200..300 => Ok(answer),
        0 => Err(Error::unavailable("server-unreachable", format!("`{name}` answered too much"))),
        429 | 503 => Err(Error::unavailable("server-busy", format!("the model's server `{name}` is busy"))
            .because(said(&answer))
            .retry_after(1)),
        400..500 => Err(Error::invalid(
            "model-failed",
            format!("the model's server `{name}` refused with {}: {}", answer.status, said(&answer)),
        )),
        status => Err(unreachable(name, format!("it answered {status}: {}", said(&answer)))),
    }
}

/// The first of what a server said, in one line.
fn said(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(300).collect()
}
