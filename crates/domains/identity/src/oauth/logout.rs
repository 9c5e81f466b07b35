//! The end of a session, told to every client that was let in by it (OpenID Connect Back-Channel Logout 1.0).

use kernel::{journal::Change, prelude::*, slot};
use openid::jws;
use ports::{
    fetch::{Fetch, Request},
    site::Site,
};

use super::{client, signing_key, token};
use crate::neighbours::{FIRST, Session, User};

/// Seconds a session's clients are remembered: longer than any session lasts.
const REMEMBERED_S: i64 = 30 * 86_400;
/// How many clients of one session are told.
const CLIENTS_MAX: usize = 100;
/// Seconds a logout token is good (section 2.4 asks for two minutes at most).
const GOOD_S: i64 = 120;
const SPACE: &str = "oauth-session-clients";

/// Remembers that a client was let in by a session.
///
/// Two logins of one session at once may forget one of the clients: it is then not told, and its tokens end all the same.
pub(crate) async fn remember(cx: &Cx, org: &str, sid: &str, client: &str) -> Result<()> {
    let key = format!("{org}/{sid}");
    let mut all: Vec<String> = slot::get(cx, SPACE, &key).await?.unwrap_or_default();
    if all.len() < CLIENTS_MAX && !all.iter().any(|it| it == client) {
        all.push(client.to_owned());
        slot::put(cx, SPACE, &key, &all, REMEMBERED_S).await?;
    }
    Ok(())
}

/// What a run of the workflow is given.
#[derive(Serialize, Deserialize)]
struct Ended {
    org: String,
    sid: String,
    user: String,
    client: String,
}

/// Orders a run for every client of a session that has ended, whoever ended it.
pub async fn session_ended(cx: Cx, change: Change) -> Result<()> {
    if !change.deleted {
        return Ok(());
    }
    let key = format!("{}/{}", change.org, change.name);
    let Some(clients) = slot::get::<Vec<String>>(&cx, SPACE, &key).await? else { return Ok(()) };
    let session = Session::at(&cx, &change)?;
    let inside = cx.in_project(FIRST);
    for id in clients {
        let Ok(found) = client::find(&cx, &id).await else { continue };
        let is_told = found.spec.backchannel_logout_uri.is_some();
        // A change may come twice; a client is told once.
        if is_told && slot::once(&cx, "oauth-logout-told", &format!("{key}/{id}"), REMEMBERED_S).await? {
            let input = Ended {
                org: change.org.clone(),
                sid: change.name.clone(),
                user: session.user.clone(),
                client: id.clone(),
            };
            let mut order = Order::new("admin.logout", serde_json::to_value(input).map_err(Error::internal)?);
            order.subject = Some(format!("admin.oauth-clients/{id}"));
            order.deadline_seconds = 3600;
            inside.order(order).await?;
        }
    }
    Ok(())
}

/// The workflow that tells one client.
pub(crate) fn workflow() -> Workflow {
    Workflow::new("admin.logout").step("tell", tell)
}

async fn tell(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let ended: Ended = step.input()?;
    let Ok(found) = client::find(cx, &ended.client).await else { return Ok(json!({"told": false})) };
    let Some(uri) = found.spec.backchannel_logout_uri.clone() else { return Ok(json!({"told": false})) };
    let user = User::find(&token::inside(cx, &ended.org), &ended.user).await?;
    let sub = user.map(|user| user.uid());
    let now = token::seconds(cx.now());
    let claims = json!({
        "iss": cx.port::<Site>()?.url()?,
        "aud": ended.client,
        "iat": now,
        "exp": now + GOOD_S,
        "jti": slot::secret(cx),
        "sub": sub,
        "sid": ended.sid,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    let signing = signing_key::signing(cx, found.spec.signing_algorithm).await?;
    let text = signing.signer.sign(&signing.kid, "logout+jwt", &claims)?;
    let request = Request {
        method: "POST".to_owned(),
        url: uri,
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: format!("logout_token={text}").into_bytes(),
        timeout_ms: 5000,
        answer_max: 64 << 10,
    };
    let answer = cx.port::<dyn Fetch>()?.fetch(request).await?;
    if !(200..300).contains(&answer.status) {
        return Err(Error::unavailable(
            "upstream-unreachable",
            format!("the client answered {}", answer.status),
        ));
    }
    Ok(json!({"told": true}))
}

/// What an `id_token_hint` says, though it may have expired: the client, the person, the session.
#[derive(Clone, Debug, Deserialize)]
pub struct Hint {
    /// The client it was issued to.
    pub aud: String,
    /// The uid of the person.
    pub sub: String,
    /// The session.
    pub sid: Option<String>,
    iss: String,
}

/// Reads a hint that we signed ourselves.
pub async fn hint(cx: &Cx, text: &str) -> Result<Option<Hint>> {
    let Some(parts) = jws::parts(text) else { return Ok(None) };
    let Some((algorithm, key)) = signing_key::verifier(cx, &parts.header.kid).await? else { return Ok(None) };
    if parts.header.alg != algorithm.word() || parts.header.typ != "JWT" {
        return Ok(None);
    }
    let issuer = cx.port::<Site>()?.url()?.to_owned();
    Ok(parts.claims::<Hint>(&key).filter(|hint| hint.iss == issuer))
}

/// Ends a session; the journal then tells its clients.
pub async fn end(cx: &Cx, org: &str, sid: &str) -> Result<()> {
    Session::end(&token::inside(cx, org).doing("logout"), sid).await
}
