//! A session: a login, until it expires or is revoked by deleting it.

use kernel::{access::Principal, prelude::*};

use crate::{password, sources, token, user::User};

/// What sessions serve beyond the verbs every kind has: they are made by logging in.
pub fn serve(kind: KindBuilder<Session>) -> KindBuilder<Session> {
    kind.without(&["create", "update", "clone", "import"])
        .action_on_all("login", "Trades a name and password for a bearer token.", login)
        .open_to(OpenTo::Anyone)
        .action_on_all("logout", "Ends the sessions of the caller.", logout)
        .open_to(OpenTo::Caller)
        .view_of_all("me", "Who is asking.", me)
        .open_to(OpenTo::Caller)
}

/// Seconds a session lasts.
const LASTS_S: u64 = 12 * 3600;

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
    #[field(immutable)]
    pub expires: Time,
}

/// Who wants to log in.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Login {
    /// The user's name.
    #[field(max = 253)]
    username: String,
    /// The user's password.
    #[field(max = 1000)]
    password: Secret,
    /// The user's organization.
    #[field(default = "default", max = 253)]
    organization: String,
}

/// A bearer token (RFC 6750), in the shape of OAuth 2.0's answer (RFC 6749 section 5.1).
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Token {
    /// The token to show as `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    token_type: String,
    /// Seconds until it ends.
    expires_in: u64,
}

/// Trades a name and password for a token.
async fn login(cx: Cx, ask: Login) -> Result<Token> {
    let inside = cx.platform().cx_of(Principal::system("login", &ask.organization), "").doing("login");
    let user = match Name::new(ask.username.as_str()) {
        Ok(name) => inside.get_opt::<User>(name.as_str()).await?,
        Err(_) => None,
    };
    let hash = user.as_ref().and_then(|user| user.spec.password.as_ref());
    let fits = password::verify(&inside, ask.password.reveal(), hash).await?;
    let known = match user {
        Some(user) if fits => Some(user),
        // Who has a password here is never asked for another one elsewhere.
        Some(user) if user.spec.password.is_some() => None,
        _ => sources::by_directory(&inside, &ask.username, &ask.password).await?,
    };
    let Some(user) = known.filter(|user| !user.spec.disabled) else {
        return Err(Error::unauthenticated("wrong-password", "the name or the password is wrong"));
    };
    let access_token = begin(&inside, &user).await?;
    Ok(Token { access_token, token_type: "Bearer".to_owned(), expires_in: LASTS_S })
}

/// A session for somebody who has proven who they are; answers its token.
pub(crate) async fn begin(inside: &Cx, user: &Object<User>) -> Result<String> {
    forget_ended(inside, user.name()).await?;
    let name = format!("ses-{}", inside.uid("x").as_str().trim_start_matches("x_").to_lowercase());
    let (token, digest) = token::fresh(inside, token::Sort::Session, &inside.org, &name);
    let expires = inside.now().plus_s(LASTS_S as i64);
    let session = Session { user: user.name().to_owned(), digest, expires };
    inside.create(Draft::new(name, session)).await?;
    Ok(token)
}

/// Puts a user's sessions that have ended in the trash, some at each login.
async fn forget_ended(cx: &Cx, user: &str) -> Result<()> {
    for session in cx.list::<Session>(&format!("spec.user = \"{user}\""), 100).await? {
        if session.spec.expires <= cx.now() {
            cx.doing("expire").delete::<Session>(session.metadata.uid.as_str()).await?;
        }
    }
    Ok(())
}

/// Ends the caller's sessions.
async fn logout(cx: Cx, _: Nothing) -> Result<Nothing> {
    for session in cx.list::<Session>(&format!("spec.user = \"{}\"", cx.principal.name), 1000).await? {
        cx.doing("logout").delete::<Session>(session.metadata.uid.as_str()).await?;
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
}

async fn me(cx: Cx, _: Nothing) -> Result<Me> {
    let groups = cx.principal.groups.clone();
    Ok(Me { actor: cx.principal.actor(), organization: cx.org.to_string(), groups })
}
