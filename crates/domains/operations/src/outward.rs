//! The way out: JSON posted to an address somebody configured, with a secret opened only here.

use kernel::prelude::*;
use ports::fetch::{Fetch, Request};

/// How long another server may take, in milliseconds.
const PATIENCE_MS: u64 = 10_000;

/// The text of a secret field.
pub async fn opened(_: &Cx, secret: &Secret) -> Result<String> {
    Ok(secret.reveal().to_owned())
}

/// Posts a body; anything but a success is an error that is worth another try.
pub async fn post(cx: &Cx, url: &str, token: Option<&Secret>, media: &str, body: Vec<u8>) -> Result<()> {
    let mut headers = vec![("content-type".to_owned(), media.to_owned())];
    if let Some(token) = token {
        headers.push(("authorization".to_owned(), format!("Bearer {}", opened(cx, token).await?)));
    }
    let request = Request {
        method: "POST".to_owned(),
        url: url.to_owned(),
        headers,
        body,
        timeout_ms: PATIENCE_MS,
        answer_max: 64 << 10,
    };
    let answer = cx.port::<dyn Fetch>()?.fetch(request).await?;
    if (200..300).contains(&answer.status) {
        return Ok(());
    }
    Err(Error::unavailable("webhook-refused", format!("the other side answered {}", answer.status)))
}

/// Refuses what is no address that can be posted to.
pub fn check_url(url: &str) -> Result<()> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if rest.is_some_and(plain) {
        return Ok(());
    }
    Err(Error::invalid("bad-url", "an address begins with `https://` or `http://`"))
}
