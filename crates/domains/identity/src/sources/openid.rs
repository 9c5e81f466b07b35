//! Logging in by another OpenID provider: authorization code with PKCE, state and nonce (OpenID Connect Core section 3.1).

use kernel::{access::Principal, login::Sessions, prelude::*, slot};
use openid::jws::{self, Verifier};
use ports::{
    fetch::{Fetch, Request},
    site::Site,
};

use super::{
    identity_provider::{IdentityProvider, Protocol, opened},
    linked_identity::{Told, user_of},
};
use crate::oauth::token::{Audience, seconds};

/// Seconds a person may take at the other provider.
const AWAY_S: i64 = 600;
/// Seconds another clock may be off.
const LEEWAY_S: i64 = 60;
/// Seconds a provider's description and keys are kept.
const KEPT_S: i64 = 300;
/// The algorithms ID tokens may be signed by; `none` and those by shared secrets are not among them.
const ALGORITHMS: [&str; 5] = ["EdDSA", "ES256", "ES384", "RS256", "PS256"];

/// A login under way at another provider.
#[derive(Serialize, Deserialize)]
struct Away {
    org: String,
    provider: String,
    then: String,
    nonce: String,
    verifier: String,
    browser: String,
}

fn failed(message: impl Into<String>) -> Error {
    Error::forbidden("upstream-refused", message).hint("try again; if it stays so, ask your administrator")
}

async fn json_of(cx: &Cx, request: Request) -> Result<Value> {
    let url = request.url.clone();
    let answer = cx.port::<dyn Fetch>()?.fetch(request).await?;
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match value {
        Some(value) if answer.status == 200 => Ok(value),
        _ => {
            let told = String::from_utf8_lossy(&answer.body[..answer.body.len().min(500)]).into_owned();
            Err(failed("the identity provider answered with an error")
                .because(format!("{url}: {} {told}", answer.status)))
        }
    }
}

/// A document of a provider, kept for a while; `anew` when what was kept lacks something.
async fn document(cx: &Cx, url: &str, anew: bool) -> Result<Value> {
    let key = slot::digest(url);
    if !anew && let Some(kept) = slot::get::<Value>(cx, "oauth-upstream-document", &key).await? {
        return Ok(kept);
    }
    let request = Request { url: url.to_owned(), ..Request::default() };
    let value = json_of(cx, request).await?;
    slot::put(cx, "oauth-upstream-document", &key, &value, KEPT_S).await?;
    Ok(value)
}

/// What a provider says of itself; it must be who it was asked as (OpenID Connect Discovery section 4.3).
async fn discovered(cx: &Cx, spec: &IdentityProvider) -> Result<Value> {
    let issuer = spec.issuer.as_deref().unwrap_or_default();
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let about = document(cx, &url, false).await?;
    if about["issuer"] != issuer {
        return Err(failed("the identity provider says that it is another one"));
    }
    Ok(about)
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name].as_str().ok_or_else(|| failed(format!("the identity provider tells no `{name}`")))
}

/// What a provider answers when it is asked who it is.
pub(super) async fn describe(cx: &Cx, spec: &IdentityProvider) -> Result<String> {
    let about = discovered(cx, spec).await?;
    let keys = document(cx, text(&about, "jwks_uri")?, true).await?;
    let count = keys["keys"].as_array().map_or(0, Vec::len);
    Ok(format!("the provider answers, and shows {count} keys; people come back to {}", callback(cx)?))
}

fn callback(cx: &Cx) -> Result<String> {
    Ok(format!("{}/oauth2/callback", cx.port::<Site>()?.url()?))
}

async fn provider(inside: &Cx, name: &str) -> Result<Object<IdentityProvider>> {
    let found = inside.get_opt::<IdentityProvider>(name).await?;
    found
        .filter(|it| it.spec.protocol == Protocol::Oidc && !it.spec.disabled)
        .ok_or_else(|| failed("there is no such identity provider"))
}

/// Where a person goes to log in, and how they find back.
pub struct Leave<'a> {
    /// The organization.
    pub org: &'a str,
    /// The provider.
    pub provider: &'a str,
    /// Where to go on afterwards.
    pub then: &'a str,
    /// What this browser alone can show on the way back.
    pub browser: &'a str,
    /// Who it probably is.
    pub hint: &'a str,
}

/// The address to send a person to.
pub async fn begin(cx: &Cx, it: Leave<'_>) -> Result<String> {
    let inside = cx.platform().cx_of(Principal::system("login", it.org), "");
    let provider = provider(&inside, it.provider).await?;
    let spec = &provider.spec;
    let about = discovered(cx, spec).await?;
    let (state, nonce, verifier) = (slot::secret(cx), slot::secret(cx), slot::secret(cx));
    let challenge = jws::sha256(&verifier);
    let away = Away {
        org: it.org.to_owned(),
        provider: it.provider.to_owned(),
        then: it.then.to_owned(),
        nonce: nonce.clone(),
        verifier,
        browser: slot::digest(it.browser),
    };
    slot::put(cx, "oauth-upstream", &slot::digest(&state), &away, AWAY_S).await?;
    let scope =
        if spec.scopes.is_empty() { "openid profile email".to_owned() } else { spec.scopes.join(" ") };
    let callback = callback(cx)?;
    let mut params = vec![
        ("response_type", "code"),
        ("client_id", spec.client_id.as_deref().unwrap_or_default()),
        ("redirect_uri", &callback),
        ("scope", &scope),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if !it.hint.is_empty() {
        params.push(("login_hint", it.hint));
    }
    let endpoint = text(&about, "authorization_endpoint")?;
    let joint = if endpoint.contains('?') { '&' } else { '?' };
    Ok(format!("{endpoint}{joint}{}", form(&params)))
}

/// Pairs as a form (URL Standard section 5.2).
fn form(pairs: &[(&str, &str)]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |text: &str| -> String {
        text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
    };
    pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
}

/// What a person comes back with.
pub struct Back<'a> {
    /// The state we gave along.
    pub state: &'a str,
    /// The provider's code.
    pub code: &'a str,
    /// Which provider says it is (RFC 9207), if it says so.
    pub issuer: &'a str,
    /// What this browser alone can show.
    pub browser: &'a str,
}

/// A session for who comes back, and where they go on.
pub async fn finish(cx: &Cx, back: Back<'_>) -> Result<(String, String)> {
    let key = slot::digest(back.state);
    let away = slot::get::<Away>(cx, "oauth-upstream", &key).await?;
    let stale = || failed("this login was begun in another browser, or too long ago");
    let away = away.filter(|away| away.browser == slot::digest(back.browser)).ok_or_else(stale)?;
    if !slot::once(cx, "oauth-upstream-used", &key, AWAY_S).await? {
        return Err(stale());
    }
    let mut inside = cx.platform().cx_of(Principal::system("login", &away.org), "").doing("login");
    inside.origin = cx.origin;
    let provider = provider(&inside, &away.provider).await?;
    if !back.issuer.is_empty() && provider.spec.issuer.as_deref() != Some(back.issuer) {
        return Err(failed("another identity provider answered than was asked"));
    }
    let about = discovered(cx, &provider.spec).await?;
    let answer = redeem(cx, &provider.spec, &about, &away, back.code).await?;
    let mut claims = id_token(cx, &provider.spec, &about, text(&answer, "id_token")?, &away.nonce).await?;
    add_userinfo(cx, &about, &answer, &mut claims).await?;
    let told = read(&provider.spec, &claims)?;
    let user = user_of(&inside, &provider, told).await?;
    let token = inside.port::<dyn Sessions>()?.open(inside, user).await?;
    Ok((token, away.then))
}

async fn redeem(cx: &Cx, spec: &IdentityProvider, about: &Value, away: &Away, code: &str) -> Result<Value> {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let (callback, id) = (callback(cx)?, spec.client_id.as_deref().unwrap_or_default());
    let mut params = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", callback.as_str()),
        ("code_verifier", away.verifier.as_str()),
    ];
    let mut headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    let knows_basic = about["token_endpoint_auth_methods_supported"]
        .as_array()
        .is_none_or(|all| all.iter().any(|it| it == "client_secret_basic"));
    match opened(spec.client_secret.as_ref()) {
        Some(secret) if knows_basic => {
            let pair = form(&[("", id), ("", secret)]).replacen('=', "", 1).replacen("&=", ":", 1);
            headers.push(("authorization".to_owned(), format!("Basic {}", BASE64_STANDARD.encode(pair))));
        }
        Some(secret) => params.extend([("client_id", id), ("client_secret", secret)]),
        None => params.push(("client_id", id)),
    }
    let request = Request {
        method: "POST".to_owned(),
        url: text(about, "token_endpoint")?.to_owned(),
        headers,
        body: form(&params).into_bytes(),
        ..Request::default()
    };
    json_of(cx, request).await
}

/// The claims of an ID token, after everything OpenID Connect Core section 3.1.3.7 asks for.
async fn id_token(
    cx: &Cx,
    spec: &IdentityProvider,
    about: &Value,
    token: &str,
    nonce: &str,
) -> Result<Value> {
    let wrong = |why: &str| failed("the identity provider's word cannot be believed").because(why);
    let parts = jws::parts(token).ok_or_else(|| wrong("no token"))?;
    if !ALGORITHMS.contains(&parts.header.alg.as_str()) {
        return Err(wrong("its algorithm"));
    }
    let uri = text(about, "jwks_uri")?;
    let mut proven = None;
    for anew in [false, true] {
        let keys = document(cx, uri, anew).await?;
        let keys = keys["keys"].as_array().cloned().unwrap_or_default();
        let named = |key: &&Value| parts.header.kid.is_empty() || key["kid"] == parts.header.kid.as_str();
        let verifiers = keys.iter().filter(named).filter_map(|key| Verifier::of(key, &parts.header.alg));
        proven = verifiers.into_iter().find_map(|verifier| parts.claims::<Value>(&verifier));
        if proven.is_some() {
            break;
        }
    }
    let claims = proven.ok_or_else(|| wrong("its signature"))?;
    let client = spec.client_id.as_deref().unwrap_or_default();
    let audience: Audience =
        serde_json::from_value(claims["aud"].clone()).map_err(|_| wrong("its audience"))?;
    let other_party = claims.get("azp").is_some_and(|azp| azp != client);
    if claims["iss"].as_str() != spec.issuer.as_deref() || !audience.names(client) || other_party {
        return Err(wrong("its issuer or audience"));
    }
    let now = seconds(cx.now());
    let at = |name: &str| claims[name].as_i64();
    let early =
        at("iat").is_none_or(|at| at > now + LEEWAY_S) || at("nbf").is_some_and(|at| at > now + LEEWAY_S);
    if early || at("exp").is_none_or(|at| at <= now - LEEWAY_S) {
        return Err(wrong("its time"));
    }
    if claims["nonce"] != nonce {
        return Err(wrong("its nonce"));
    }
    Ok(claims)
}

/// What the ID token does not say, the provider may say when it is asked; only of the same person (section 5.3.2).
async fn add_userinfo(cx: &Cx, about: &Value, answer: &Value, claims: &mut Value) -> Result<()> {
    let known = ["preferred_username", "email"].iter().all(|name| claims.get(*name).is_some());
    let (Some(endpoint), Some(token)) =
        (about["userinfo_endpoint"].as_str(), answer["access_token"].as_str())
    else {
        return Ok(());
    };
    if known {
        return Ok(());
    }
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    let request = Request { url: endpoint.to_owned(), headers, ..Request::default() };
    let more = json_of(cx, request).await?;
    if more["sub"] != claims["sub"] {
        return Err(failed("the identity provider tells of another person"));
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        if claims.get(name).is_none() {
            claims[name] = value.clone();
        }
    }
    Ok(())
}

fn read(spec: &IdentityProvider, claims: &Value) -> Result<Told> {
    let one = |name: &str| {
        claims[name].as_str().map(str::to_owned).filter(|text| !text.is_empty() && text.len() <= 300)
    };
    let email = one(spec.claim(&spec.email_claim, "email", ""));
    let username = one(spec.claim(&spec.username_claim, "preferred_username", "")).or_else(|| email.clone());
    let groups = claims[spec.claim(&spec.groups_claim, "groups", "")].as_array();
    let groups = groups.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).take(1000);
    Ok(Told {
        subject: one(spec.claim(&spec.id_claim, "sub", ""))
            .ok_or_else(|| failed("the identity provider tells no `sub`"))?,
        username: username.unwrap_or_default(),
        display_name: one(spec.claim(&spec.name_claim, "name", "")),
        verified: claims["email_verified"] == true,
        email,
        groups: groups.collect(),
    })
}
