//! A session: a login, until it expires or is revoked by deleting it.

use std::sync::Arc;

use kernel::{Later, access::Principal, login::Sessions, prelude::*};

use crate::{
    sign_in::{self, Said, passkey, policy, refusal, reset},
    token,
};

/// What sessions serve beyond the verbs every kind has: they are made by logging in.
pub fn serve(kind: KindBuilder<Session>) -> KindBuilder<Session> {
    let kind = kind
        .without(&["create", "update", "clone", "import"])
        .action_on_all("login", "Trades a name and password for a bearer token.", login)
        .open_to(OpenTo::Anyone)
        .action_on_all("logout", "Ends the sessions of the caller.", logout)
        .open_to(OpenTo::Caller)
        .view_of_all("me", "Who is asking.", me)
        .open_to(OpenTo::Caller)
        .view_of_all("mine", "The caller's sessions.", mine)
        .open_to(OpenTo::Caller)
        .action_on_all(
            "change-password",
            "Changes the caller's password, and ends their other sessions.",
            reset::change,
        )
        .open_to(OpenTo::Caller)
        .action_on_all("forgot-password", "Sends the user a link for a new password.", reset::forgot)
        .open_to(OpenTo::Anyone)
        .action_on_all(
            "reset-password",
            "Sets a new password with such a link, and ends the user's sessions.",
            reset::reset,
        )
        .open_to(OpenTo::Anyone)
        .view_of_all("refused", "Logins of the last month that were refused, newest first.", refusal::list)
        .needs("list");
    passkey::sessions(kind)
}

/// Seconds a session lasts here.
pub async fn lasts_s(inside: &Cx) -> Result<u64> {
    Ok(u64::from(policy::of(inside).await?.session_hours) * 3600)
}

/// Seconds a session lasts that is there for adding a second factor.
const ENROLLING_S: u64 = 15 * 60;

/// A login.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "session", prefix = "ses", scope = "organization")]
pub struct Session {
    /// Who logged in.
    #[field(indexed, immutable)]
    pub user: String,
    /// The digest of the token.
    #[field(write_only, immutable)]
    pub digest: Digest,
    /// When it ends.
    #[field(indexed, immutable)]
    pub expires: Time,
    /// The address it was opened from.
    #[field(immutable)]
    pub origin: Option<String>,
    /// Who really acts, where an administrator acts as the user.
    #[field(immutable, indexed)]
    pub impersonator: Option<String>,
    /// Why.
    #[field(immutable, max = 500)]
    pub reason: Option<String>,
    /// Whether it is only good for adding the second factor the organization asks for.
    #[field(immutable, default = false)]
    #[serde(default)]
    pub enrolling: bool,
}

impl Session {
    /// A session of a user, before it has a token and an end.
    pub fn of(user: &str, cx: &Cx) -> Self {
        Self {
            user: user.to_owned(),
            digest: Digest::ZERO,
            expires: cx.now(),
            origin: cx.origin.map(|origin| origin.to_string()),
            impersonator: None,
            reason: None,
            enrolling: false,
        }
    }
}

/// Who wants to log in.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Login {
    /// The user's name or e-mail address.
    #[field(max = 320)]
    username: String,
    /// The user's password.
    #[field(max = 1000)]
    password: Secret,
    /// The code of an authenticator app, or a recovery code, where the user has a second factor.
    #[field(max = 50)]
    code: Option<String>,
    /// The user's organization.
    #[field(default = "default", max = 253)]
    organization: String,
}

/// A bearer token (RFC 6750), in the shape of OAuth 2.0's answer (RFC 6749 section 5.1).
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// The token to show as `Authorization: Bearer`.
    pub access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds until it ends.
    expires_in: u64,
    /// Whether it is only good for adding the second factor the organization asks for: with `factors/enroll` and
    /// `factors/confirm`, or a passkey. Then log in again.
    enrolling: bool,
}

/// Trades a name and password for a token.
async fn login(cx: Cx, ask: Login) -> Result<Token> {
    let mut inside = cx.platform().cx_of(Principal::system("login", &ask.organization), "").doing("login");
    inside.origin = cx.origin;
    inside.trace = cx.trace.clone();
    let said = Said { username: &ask.username, password: ask.password.reveal(), code: ask.code.as_deref() };
    let user = sign_in::sign_in(&inside, &said).await?;
    let session = Session::of(user.name(), &inside);
    if policy::must_enroll(&inside, user.name()).await? {
        return open(&inside, Session { enrolling: true, ..session }, ENROLLING_S).await;
    }
    open(&inside, session, lasts_s(&inside).await?).await
}

/// Opens a session.
pub async fn open(cx: &Cx, session: Session, seconds: u64) -> Result<Token> {
    forget_ended(cx, &session.user).await?;
    let name = format!("ses-{}", cx.uid("x").as_str().trim_start_matches("x_").to_lowercase());
    let (token, digest) = token::fresh(cx, token::Sort::Session, &cx.org, &name);
    let expires = cx.now().plus_s(seconds as i64);
    let enrolling = session.enrolling;
    cx.create(Draft::new(name, Session { digest, expires, ..session })).await?;
    Ok(Token { access_token: token, token_type: "Bearer".to_owned(), expires_in: seconds, enrolling })
}

/// Opening sessions for who has shown elsewhere who they are.
pub fn sessions() -> Arc<dyn Sessions> {
    Arc::new(Opened)
}

struct Opened;

impl Sessions for Opened {
    fn open(&self, cx: Cx, user: String) -> Later<'_, String> {
        Box::pin(
            async move { Ok(open(&cx, Session::of(&user, &cx), lasts_s(&cx).await?).await?.access_token) },
        )
    }
}

async fn of(cx: &Cx, user: &str) -> Result<Vec<Object<Session>>> {
    cx.list::<Session>(&format!("spec.user = {}", kernel::literal(user)), 1_000).await
}

/// Puts a user's sessions that have ended in the trash, some at each login.
async fn forget_ended(cx: &Cx, user: &str) -> Result<()> {
    let user = kernel::literal(user);
    let ended = format!("spec.user = {user} AND spec.expires <= \"{}\"", cx.now());
    for session in cx.list::<Session>(&ended, 20).await? {
        cx.doing("expire").delete::<Session>(session.metadata.uid.as_str()).await?;
    }
    Ok(())
}

/// Ends every session of a user.
pub async fn end_all(cx: &Cx, user: &str) -> Result<()> {
    for session in of(cx, user).await? {
        cx.delete::<Session>(session.metadata.uid.as_str()).await?;
    }
    Ok(())
}

/// Ends the caller's sessions; of somebody who acts as another, that one only.
async fn logout(cx: Cx, _: Nothing) -> Result<Nothing> {
    let own = cx.principal.credential.as_deref().and_then(|it| it.strip_prefix("session:"));
    match (own, &cx.principal.impersonator) {
        (Some(own), Some(_)) => cx.doing("logout").delete::<Session>(own).await?,
        _ => end_all(&cx.doing("logout"), &cx.principal.name).await?,
    }
    Ok(Nothing {})
}

/// Who is asking.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Me {
    /// As the journal names it, for example `user:ada`.
    actor: String,
    /// The organization.
    organization: String,
    /// The groups.
    groups: Vec<String>,
    /// Who really acts, where an administrator acts as the user.
    impersonator: Option<String>,
}

async fn me(cx: Cx, _: Nothing) -> Result<Me> {
    let (groups, impersonator) = (cx.principal.groups.clone(), cx.principal.impersonator.clone());
    Ok(Me { actor: cx.principal.actor(), organization: cx.org.to_string(), groups, impersonator })
}

/// A session as its user sees it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Seen {
    /// Its name.
    name: String,
    /// When it was opened.
    opened: Time,
    /// When it ends.
    expires: Time,
    /// The address it was opened from.
    origin: Option<String>,
    /// Who opened it, where an administrator acts as the user.
    impersonator: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

/// The caller's sessions.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Mine {
    /// One entry a session.
    items: Vec<Seen>,
}

async fn mine(cx: Cx, _: Nothing) -> Result<Mine> {
    let own = cx.principal.credential.clone().unwrap_or_default();
    let now = cx.now();
    let seen = |session: Object<Session>| Seen {
        current: own == format!("session:{}", session.name()),
        opened: session.metadata.creation_timestamp,
        expires: session.spec.expires,
        origin: session.spec.origin,
        impersonator: session.spec.impersonator,
        name: session.metadata.name,
    };
    let sessions = of(&cx, &cx.principal.name).await?;
    Ok(Mine { items: sessions.into_iter().filter(|it| it.spec.expires > now).map(seen).collect() })
}
