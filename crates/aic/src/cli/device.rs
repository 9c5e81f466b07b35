//! Logging in by a browser anywhere (RFC 8628), tokens that renew themselves, and the credential `kubectl` asks for.

use std::time::Duration;

use base::Clock;
use serde_json::{Value, json};

use super::{Cx, follow};
use crate::client::{Ask, Client};
use crate::config::{Kept, Settings};
use crate::failure::{Failure, Result};
use crate::output::text;
use crate::server::Ambient;

/// What the command line calls itself to every server.
const CLIENT: &str = "aic";
/// What it asks for: everything its person may, also tomorrow.
const SCOPE: &str = "openid profile offline_access aic";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const TOKEN: &str = "/oauth2/token";
/// Seconds before its end from which a token is renewed.
const AHEAD_S: i64 = 60;

fn now() -> i64 {
    Ambient.now().millis() / 1000
}

/// A token and what renews it, from an answer of the server.
fn kept(answer: &Value) -> Result<Kept> {
    let token = text(answer, "access_token");
    if token.is_empty() {
        return Err(Failure::failed("the server's answer has no token in it"));
    }
    let refresh = Some(text(answer, "refresh_token")).filter(|it| !it.is_empty());
    let expires = answer.get("expires_in").and_then(Value::as_i64).map(|seconds| now() + seconds);
    Ok(Kept { token, refresh, expires })
}

/// Shows a code and an address, and waits until the person has said yes there.
pub fn login(cx: &mut Cx) -> Result<Kept> {
    cx.settings.token = None;
    let client = Client::new(&cx.settings)?;
    let ask = Ask::call("/oauth2/device_authorization").form(&[("client_id", CLIENT), ("scope", SCOPE)]);
    let begun = client.json(ask)?;
    let code = text(&begun, "device_code");
    cx.out.note(&format!(
        "open this address in any browser, and compare the code {}: {}",
        text(&begun, "user_code"),
        text(&begun, "verification_uri_complete")
    ));
    let seconds = |name: &str, usual: u64| begun.get(name).and_then(Value::as_u64).unwrap_or(usual);
    let (mut every, mut left) = (seconds("interval", 5).max(1), seconds("expires_in", 600));
    while left > every {
        follow::pause(Duration::from_secs(every));
        left -= every;
        let form = [("grant_type", DEVICE), ("client_id", CLIENT), ("device_code", &code)];
        match client.json(Ask::call(TOKEN).form(&form)) {
            Ok(answer) => return kept(&answer),
            Err(failure) if failure.code() == Some("authorization_pending") => {}
            Err(failure) if failure.code() == Some("slow_down") => every += 5,
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::unavailable("nobody said yes in time").hint("run `aic login` again"))
}

/// Renews the kept token when it ends soon; nothing happens to one that was given otherwise.
pub fn renew(settings: &mut Settings) -> Result<()> {
    if !settings.ends_before(now() + AHEAD_S) {
        return Ok(());
    }
    // A refresh token is good once: two commands at the same time must not both use it.
    let _lock = settings.lock()?;
    let Some(kept_now) = settings.kept()? else { return Ok(()) };
    settings.token = Some(kept_now.token.clone());
    let Some(refresh) =
        kept_now.refresh.filter(|_| kept_now.expires.is_some_and(|end| end < now() + AHEAD_S))
    else {
        return Ok(());
    };
    let token = settings.token.take();
    let form = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", refresh.as_str())];
    match Client::new(settings)?.json(Ask::call(TOKEN).form(&form)) {
        Ok(answer) => {
            let fresh = kept(&answer)?;
            settings.keep(&fresh)?;
            settings.token = Some(fresh.token);
        }
        Err(failure) if failure.code() == Some("invalid_grant") => {
            return Err(Failure::not_allowed("the login has ended").hint("run `aic login` again"));
        }
        // The server may be away for this and not for the command, or the command may need no login.
        Err(_) => settings.token = token,
    }
    Ok(())
}

/// Prints what `kubectl` takes from an exec plugin (client.authentication.k8s.io/v1).
pub fn kube_credential(cx: &mut Cx) -> Result<()> {
    let Some(token) = cx.settings.token.clone() else {
        return Err(Failure::not_allowed("nobody is logged in").hint("run `aic login` first"));
    };
    let mut status = json!({"token": token});
    if let Some(end) = cx.settings.kept()?.filter(|kept| kept.token == token).and_then(|kept| kept.expires) {
        let end = base::Time::from_micros(end.saturating_sub(AHEAD_S).saturating_mul(1_000_000));
        // Kubernetes reads whole seconds.
        status["expirationTimestamp"] = format!("{}Z", &end.to_string()[..19]).into();
    }
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status,
    });
    cx.out.bytes(format!("{credential}\n").as_bytes())
}
