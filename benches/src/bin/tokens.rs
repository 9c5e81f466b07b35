//! What a signed token costs: to give one to a client, to check one for the first time, and every time after.

#![allow(clippy::print_stdout)]

use std::{
    io::{Error, Result},
    time::Duration,
};

use benches::{
    client::request,
    figures::{at_least, at_most, tell},
    load::Load,
    server::Server,
};
use serde_json::{Value, json};

/// How many connections ask for tokens.
const CONNECTIONS: usize = 8;
/// How long the load lasts.
const LASTING: Duration = Duration::from_secs(8);
/// How many tokens are shown.
const TOKENS: usize = 3_000;

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    let token = server.login()?;
    for algorithm in ["EdDSA", "RS256"] {
        let ask = client(&server, &token, algorithm)?;
        let asks = [ask];
        let load =
            Load { address: server.address, requests: &asks, connections: CONNECTIONS, lasting: LASTING };
        Load { lasting: Duration::from_secs(1), ..load }.saturate()?;
        let before = server.cpu_s()?;
        let most = load.saturate()?;
        let cpu_s = server.cpu_s()? - before;
        tell(&format!("client credentials, {algorithm}, saturated"), most.per_second, "/s");
        let each = most.answers as f64 / cpu_s;
        let name = format!("client credentials, {algorithm}, a core of the server");
        if algorithm == "EdDSA" {
            at_least(&name, each, 2_000.0, "/s");
        } else {
            tell(&name, each, "/s");
        }
        shown(&server, &asks[0], algorithm)?;
    }
    Ok(())
}

/// A request for a token of a new client.
fn client(server: &Server, token: &str, algorithm: &str) -> Result<Vec<u8>> {
    let name = format!("robot-{}", algorithm.to_lowercase());
    let account = json!({"metadata": {"name": name}});
    server.create(token, "/api/v1/admin/service-accounts", &account)?;
    let spec = json!({
        "grantTypes": ["client_credentials"], "serviceAccount": name, "scopes": ["aic"], "signingAlgorithm": algorithm,
    });
    let made = json!({"metadata": {"name": name}, "spec": spec});
    let clients = "/api/v1/admin/oauth-clients";
    server.create(token, clients, &made)?;
    let secret = server.create(token, &format!("{clients}/{name}/secret"), &json!({}))?;
    let text = |key: &str| secret[key].as_str().map(str::to_owned).ok_or_else(|| Error::other("no secret"));
    let (id, secret) = (text("clientId")?, text("clientSecret")?);
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    Ok(format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .into_bytes())
}

/// Shows many tokens, each for the first time, then one of them as often.
fn shown(server: &Server, ask: &[u8], algorithm: &str) -> Result<()> {
    let mut connection = server.client()?;
    let mut asks = Vec::new();
    for _ in 0..TOKENS {
        connection.exchange(ask)?;
        let told: Value = serde_json::from_slice(connection.body())?;
        let token = told["access_token"].as_str().ok_or_else(|| Error::other("no token was given"))?;
        asks.push(request("GET", "/api/v1/admin/auth/me", token, None));
    }
    let mut spend = |asks: &mut dyn Iterator<Item = &Vec<u8>>| -> Result<f64> {
        let before = server.cpu_s()?;
        for ask in asks {
            let status = connection.exchange(ask)?;
            if status != 200 {
                return Err(Error::other(format!("a token was answered with {status}")));
            }
        }
        Ok((server.cpu_s()? - before) / TOKENS as f64 * 1e6)
    };
    let first_us = spend(&mut asks.iter())?;
    let again_us = spend(&mut asks.iter().take(1).cycle().take(TOKENS))?;
    tell(&format!("a request with a token seen before, {algorithm}"), again_us, "us");
    tell(&format!("a request with a token never seen, {algorithm}"), first_us, "us");
    at_most(&format!("the first check of a token, {algorithm}"), first_us - again_us, 50.0, "us");
    Ok(())
}
