//! What a client asks of a person's browser (RFC 6749 section 4.1.1), read and judged before anybody is asked anything.

use std::collections::BTreeMap;

use base::Status;
use kernel::{access::Credential, prelude::*, slot};
use openid::{redirect, scope};
use ports::site::Site;

use super::{
    client::{self, Found, GrantType},
    consent,
    device::Person,
    token,
};
use crate::neighbours::{Session, User};

/// Parameters by name; a name may come several times for `resource` alone.
pub type Params = BTreeMap<String, Vec<String>>;

/// Seconds a pushed request is good (RFC 9126 section 2.2).
const PUSHED_S: i64 = 600;
/// Seconds within which a login counts as just made: the way back from the login page takes some.
const JUST_NOW_S: i64 = 30;
const PUSHED: &str = "urn:ietf:params:oauth:request_uri:";

/// A request that may be put before a person.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub client: Found,
    /// Where the person is sent back to.
    pub redirect_uri: String,
    /// What the client wants back.
    pub state: Option<String>,
    /// What it wants to be good for.
    pub scopes: Vec<String>,
    /// The resources it wants tokens for.
    pub resources: Vec<String>,
    /// Its own word, for the ID token.
    pub nonce: Option<String>,
    /// PKCE's challenge.
    pub challenge: String,
    /// Whether the person must log in again, must be asked again, or must not be asked at all.
    pub prompts: Vec<String>,
    /// How many seconds ago the login may have been.
    pub max_age: Option<i64>,
    /// Who the client thinks it is.
    pub login_hint: Option<String>,
    /// The languages the person would like, the best first (OpenID Connect Core 1.0 section 3.1.2.1).
    pub ui_locales: Option<String>,
    /// The organization the client thinks it is.
    pub organization: Option<String>,
    /// The pushed request it came by, good for one code.
    pushed: Option<String>,
}

/// Why a request goes no further.
pub enum Refusal {
    /// Told to the person: nobody knows where to send them.
    Shown(Error),
    /// Told to the client, by sending the person back.
    Sent(Box<Back>),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Shown(error)
    }
}

/// A way back to the client, with an error.
pub struct Back {
    /// Where to.
    pub redirect_uri: String,
    /// What the client wants back.
    pub state: Option<String>,
    /// The error.
    pub error: Error,
}

fn one<'a>(params: &'a Params, name: &str) -> Result<Option<&'a str>> {
    match params.get(name).map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([text]) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(Error::bad_request("invalid-request", format!("`{name}` is given twice")).at(name)),
    }
}

/// Reads a request.
pub async fn read(cx: &Cx, params: &Params) -> Result<Request, Refusal> {
    if let Some(uri) = one(params, "request_uri")? {
        let kept = match uri.strip_prefix(PUSHED) {
            Some(secret) => slot::get::<Params>(cx, "oauth-pushed", &slot::digest(secret)).await?,
            None => None,
        };
        let kept = kept.ok_or_else(|| {
            Error::bad_request("invalid-request", "`request_uri` is unknown, used or too old")
                .at("request_uri")
        })?;
        if one(params, "client_id")? != one(&kept, "client_id")? {
            return Err(Error::bad_request("invalid-request", "`request_uri` is another client's")
                .at("client_id")
                .into());
        }
        let mut request = judge(cx, &kept).await?;
        request.pushed = Some(uri.to_owned());
        return Ok(request);
    }
    judge(cx, params).await
}

async fn judge(cx: &Cx, params: &Params) -> Result<Request, Refusal> {
    let missing = |name: &str| Error::bad_request("invalid-request", format!("`{name}` is missing")).at(name);
    let id = one(params, "client_id")?.ok_or_else(|| missing("client_id"))?;
    let client = client::find(cx, id)
        .await
        .map_err(|_| Error::bad_request("invalid-request", "the client is unknown").at("client_id"))?;
    let redirect_uri = one(params, "redirect_uri")?.ok_or_else(|| missing("redirect_uri"))?.to_owned();
    if !redirect::is_registered(&client.spec.redirect_uris, client.spec.public, &redirect_uri) {
        let message = "`redirect_uri` is not one of the client's";
        let hint = "it is compared letter by letter with the client's `redirectUris`";
        return Err(Error::bad_request("invalid-request", message).at("redirect_uri").hint(hint).into());
    }
    // From here on the client is told, not the person.
    let state = one(params, "state").ok().flatten().map(str::to_owned);
    match details(cx, params, &client, &redirect_uri) {
        Ok(request) => Ok(Request { state, ..request }),
        Err(error) => Err(Refusal::Sent(Box::new(Back { redirect_uri, state, error }))),
    }
}

fn details(cx: &Cx, params: &Params, client: &Found, redirect_uri: &str) -> Result<Request> {
    let bad = |message: &str, field: &str| Error::bad_request("invalid-request", message).at(field);
    client.spec.must(GrantType::AuthorizationCode)?;
    for (name, text) in params.iter().flat_map(|(name, all)| all.iter().map(move |text| (name, text))) {
        if text.len() > 2000 {
            return Err(bad("a parameter is longer than 2000 bytes", name));
        }
    }
    if one(params, "request")?.is_some() {
        return Err(Error::bad_request(
            "request-not-supported",
            "a request object is not taken; push the request instead",
        ));
    }
    if one(params, "response_type")? != Some("code") {
        return Err(
            Error::bad_request("unsupported-response-type", "only `code` is served").at("response_type")
        );
    }
    if !matches!(one(params, "response_mode")?, None | Some("query")) {
        return Err(bad("only `query` is served", "response_mode"));
    }
    let challenge = one(params, "code_challenge")?.ok_or_else(|| {
        bad("`code_challenge` is missing", "code_challenge")
            .hint("PKCE is asked of every client (RFC 9700 section 2.1.1)")
    })?;
    if one(params, "code_challenge_method")? != Some("S256") || challenge.len() != 43 {
        return Err(bad("only PKCE by `S256` is served", "code_challenge_method"));
    }
    let prompts: Vec<String> = one(params, "prompt")?
        .unwrap_or_default()
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if prompts.len() > 1 && prompts.iter().any(|word| word == "none") {
        return Err(bad("`none` stands alone", "prompt"));
    }
    let max_age = one(params, "max_age")?.map(str::parse::<u32>).transpose();
    let resources = params.get("resource").cloned().unwrap_or_default();
    client.spec.resources_of(&resources, cx.port::<Site>()?.url()?)?;
    Ok(Request {
        scopes: client.spec.scopes_of(one(params, "scope")?.unwrap_or_default())?,
        client: client.clone(),
        redirect_uri: redirect_uri.to_owned(),
        state: one(params, "state")?.map(str::to_owned),
        resources,
        nonce: one(params, "nonce")?.map(str::to_owned),
        challenge: challenge.to_owned(),
        prompts,
        max_age: max_age.map_err(|_| bad("`max_age` is a number of seconds", "max_age"))?.map(i64::from),
        login_hint: one(params, "login_hint")?.map(str::to_owned),
        ui_locales: one(params, "ui_locales")?.map(str::to_owned),
        organization: one(params, "organization")?.map(str::to_owned),
        pushed: None,
    })
}

/// What the person has to do next.
pub enum Next {
    /// Log in.
    Login,
    /// Say yes or no.
    Consent,
    /// Nothing: the code is made.
    Code(String),
}

/// Goes as far as it can without asking; `asked` says that the person has just said yes.
pub async fn advance(
    cx: &Cx,
    request: &Request,
    person: Option<&Person>,
    asked: bool,
) -> Result<Next, Refusal> {
    let back = |error: Error| {
        let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
        Refusal::Sent(Box::new(Back { redirect_uri, state, error }))
    };
    let silent = request.prompts.iter().any(|word| word == "none");
    let now = token::seconds(cx.now());
    let fresh = |person: &&Person| {
        let age = now - person.auth_time;
        // Who was just sent back from the login page comes with a new session.
        let again = request.prompts.iter().any(|word| word == "login" || word == "select_account");
        request.max_age.is_none_or(|most| age <= most.max(JUST_NOW_S))
            && !(again && !asked && age > JUST_NOW_S)
    };
    let Some(person) = person.filter(fresh) else {
        if silent {
            return Err(back(Error::bad_request(
                "login-required",
                "nobody is logged in, and nobody may be asked",
            )));
        }
        return Ok(Next::Login);
    };
    if !request.client.serves(&person.org) {
        let message = "this program is not for people of your organization";
        return Err(Error::forbidden("access-denied", message)
            .hint("log out, and log in with another account")
            .into());
    }
    let who = (person.org.as_str(), person.name.as_str());
    if asked {
        consent::give(cx, &request.client, who, &request.scopes).await?;
    } else {
        let ask = request.prompts.iter().any(|word| word == "consent");
        if ask || !consent::covers(cx, &request.client, who, &request.scopes).await? {
            if silent {
                return Err(back(Error::bad_request(
                    "consent-required",
                    "the person has not agreed, and may not be asked",
                )));
            }
            return Ok(Next::Consent);
        }
    }
    let code = super::code::Code {
        client: request.client.id.clone(),
        org: person.org.clone(),
        user: person.user.clone(),
        redirect_uri: request.redirect_uri.clone(),
        challenge: request.challenge.clone(),
        nonce: request.nonce.clone(),
        scopes: request.scopes.clone(),
        resources: request.resources.clone(),
        auth_time: person.auth_time,
        sid: person.sid.clone(),
    };
    if let Some(uri) = &request.pushed {
        // Once answered it is gone (RFC 9126 section 4).
        let key = slot::digest(uri.strip_prefix(PUSHED).unwrap_or_default());
        slot::put(cx, "oauth-pushed", &key, &Params::new(), 0).await?;
    }
    Ok(Next::Code(super::code::issue(cx, &code).await?))
}

/// Keeps a request a client pushes ahead (RFC 9126); answers the name it goes by, and for how many seconds.
pub async fn push(cx: &Cx, client: &Found, params: Params) -> Result<(String, i64)> {
    if params.contains_key("request_uri") {
        return Err(
            Error::bad_request("invalid-request", "a pushed request has no `request_uri`").at("request_uri")
        );
    }
    let mut params = params;
    for name in ["client_secret", "client_assertion", "client_assertion_type"] {
        params.remove(name);
    }
    params.insert("client_id".to_owned(), vec![client.id.clone()]);
    judge(cx, &params).await.map_err(|refusal| match refusal {
        Refusal::Shown(error) => error,
        Refusal::Sent(back) => back.error,
    })?;
    let secret = slot::secret(cx);
    slot::put(cx, "oauth-pushed", &slot::digest(&secret), &params, PUSHED_S).await?;
    Ok((format!("{PUSHED}{secret}"), PUSHED_S))
}

/// Who a browser's session token belongs to, if it is still good.
pub async fn person(cx: &Cx, session_token: &str) -> Result<Option<Person>> {
    let shown = Credential::Bearer(session_token.to_owned());
    let principal = match cx.platform().authenticate(shown).await {
        Ok(principal) => principal,
        Err(error) if matches!(error.status(), Status::Unauthenticated | Status::Forbidden) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // Who acts as another gets no tokens of theirs, which would outlast it; nor who must add a second factor first.
    let is_whole = principal.impersonator.is_none() && principal.scopes.is_empty();
    let own = principal.credential.as_deref().filter(|_| is_whole);
    let Some(sid) = own.and_then(|it| it.strip_prefix("session:")) else { return Ok(None) };
    let inside = token::inside(cx, &principal.org);
    let Some(opened) = Session::opened(&inside, sid).await? else { return Ok(None) };
    let user = User::let_in(&inside, &principal.name).await?;
    Ok(user.map(|user| Person {
        org: principal.org.clone(),
        user: user.uid(),
        name: user.name().to_owned(),
        auth_time: token::seconds(opened),
        sid: sid.to_owned(),
    }))
}

/// The person as others are told of them, for proxies that ask whether somebody is logged in.
pub async fn told(cx: &Cx, person: &Person) -> Result<Value> {
    let scopes = scope::ABOUT.map(str::to_owned);
    let user = User::let_in(&token::inside(cx, &person.org), &person.user).await?;
    let user = user.ok_or_else(token::refused)?;
    Ok(Value::Object(super::claims::of_user(&user, &scopes)))
}
