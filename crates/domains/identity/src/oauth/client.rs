//! A client: a program that lets people log in here, or that gets tokens of its own (RFC 6749 section 2).

use kernel::{access::Principal, prelude::*, slot};
use openid::{
    jws::{self, Algorithm, Verifier},
    redirect, scope,
};
use ports::site::Site;

use super::Provider;

/// What clients serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<OauthClient>) -> KindBuilder<OauthClient> {
    kind.without(&["clone"])
        .admit(well_formed)
        .action("secret", "Makes a secret for the client; it is shown this once.", secret)
        .needs("update")
}

/// The client of the command line, which every platform knows.
pub const COMMAND_LINE: &str = "aic";

/// How a client gets a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A person logs in with a browser (RFC 6749 section 4.1), always with PKCE (RFC 7636).
    AuthorizationCode,
    /// A token is renewed (RFC 6749 section 6).
    RefreshToken,
    /// The client itself is who asks (RFC 6749 section 4.4).
    ClientCredentials,
    /// A person logs in on another device (RFC 8628).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// A token is traded for a narrower one (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

/// A program that lets people log in here, or that gets tokens of its own.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "oauth-client", prefix = "ocl", scope = "organization")]
pub struct OauthClient {
    /// How people call it; the page that asks for consent shows it.
    #[field(max = 200, example = "Grafana")]
    pub display_name: Option<String>,
    /// Whether it can keep no secret: a program on a phone, in a browser or on a command line.
    #[field(default = false)]
    pub public: bool,
    /// Where people are sent back to after a login, compared letter by letter (RFC 9700 section 4.1).
    #[field(max = 20, example = "https://grafana.example/login/generic_oauth")]
    pub redirect_uris: Vec<String>,
    /// Where people may be sent to after a logout, compared letter by letter.
    #[field(max = 20)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the client is told that somebody's session has ended (OpenID Connect Back-Channel Logout).
    #[field(max = 2000, example = "https://grafana.example/logout/back-channel")]
    pub backchannel_logout_uri: Option<String>,
    /// How it gets tokens; `authorization_code` and `refresh_token` when none is named.
    #[field(max = 5)]
    pub grant_types: Vec<GrantType>,
    /// The scopes it may ask for: `openid`, `profile`, `email`, `groups`, `offline_access`, `aic` and permission patterns.
    #[field(max = 50, example = "openid")]
    pub scopes: Vec<String>,
    /// The resources it may ask tokens for (RFC 8707), beside the platform itself.
    #[field(max = 20, example = "https://api.example")]
    pub resources: Vec<String>,
    /// Whose permissions it has under `client_credentials`.
    #[field(reference = "admin.service-accounts", indexed)]
    pub service_account: Option<Ref>,
    /// Seconds an access token lives.
    #[field(min = 30, max = 86400, default = 900)]
    pub token_seconds: u32,
    /// Seconds a refresh token lives without being used.
    #[field(min = 60, max = 7776000, default = 1209600)]
    pub refresh_seconds: u32,
    /// How its tokens are signed.
    #[field(default = "EdDSA")]
    pub signing_algorithm: Algorithm,
    /// Whether people are not asked for consent, because the client is the organization's own.
    #[field(default = false)]
    pub trusted: bool,
    /// Whether people of every organization may log in to it; for administrators of the platform to say.
    #[field(default = false)]
    pub every_organization: bool,
    /// The client's public keys (RFC 7517 section 5), for logging itself in by `private_key_jwt`.
    #[serde(default)]
    pub jwks: Value,
    /// Whether it gets no tokens, and those it has are refused.
    #[field(default = false)]
    pub disabled: bool,
    /// Digests of its secrets, the newest first.
    #[field(write_only, max = 2)]
    pub secrets: Vec<Digest>,
}

impl OauthClient {
    /// Whether it may get tokens this way.
    pub fn may(&self, grant: GrantType) -> bool {
        if self.grant_types.is_empty() {
            return matches!(grant, GrantType::AuthorizationCode | GrantType::RefreshToken);
        }
        self.grant_types.contains(&grant)
    }

    /// Refuses a way to get tokens that is not the client's.
    pub fn must(&self, grant: GrantType) -> Result<()> {
        if self.may(grant) {
            return Ok(());
        }
        Err(Error::bad_request("unauthorized-client", "this client may not get tokens this way")
            .hint("add the way to the client's `grantTypes`"))
    }

    /// The scopes it may have of those it asks for; all it may have when it asks for none.
    pub fn scopes_of(&self, asked: &str) -> Result<Vec<String>> {
        let wanted = scope::parse(asked)?;
        if wanted.is_empty() {
            return Ok(self.scopes.clone());
        }
        let allowed = scope::within(&wanted, &self.scopes);
        if allowed.len() < wanted.len() {
            return Err(Error::bad_request(
                "invalid-scope",
                "the client may not ask for all of these scopes",
            )
            .at("scope")
            .hint("add them to the client's `scopes`"));
        }
        Ok(allowed)
    }

    /// The resources a token shall be for; the platform itself when none is named.
    pub fn resources_of(&self, asked: &[String], issuer: &str) -> Result<Vec<String>> {
        if asked.is_empty() {
            return Ok(vec![issuer.to_owned()]);
        }
        let known = |resource: &&String| resource.as_str() == issuer || self.resources.contains(resource);
        if asked.iter().all(|resource| known(&resource)) {
            return Ok(asked.to_vec());
        }
        Err(Error::bad_request("invalid-target", "the client may not ask for tokens for this resource")
            .at("resource")
            .hint("add it to the client's `resources`"))
    }
}

fn bad_client(field: &str, message: &str) -> Error {
    Error::invalid("invalid-client-metadata", message).at(format!("spec.{field}"))
}

/// Addresses, scopes and resources are what they are for; only the platform's people reach for every organization.
async fn well_formed(
    cx: Cx,
    it: Object<OauthClient>,
    old: Option<Object<OauthClient>>,
) -> Result<Object<OauthClient>> {
    let spec = &it.spec;
    for (field, uris) in
        [("redirectUris", &spec.redirect_uris), ("postLogoutRedirectUris", &spec.post_logout_redirect_uris)]
    {
        if !uris.iter().all(|uri| redirect::is_redirect(uri)) {
            return Err(bad_client(
                field,
                "an address is `https`, `http` on this machine only, or a scheme of the program's own",
            )
            .hint("write it whole, without a fragment, a user or a wildcard"));
        }
    }
    if spec
        .backchannel_logout_uri
        .as_ref()
        .is_some_and(|uri| !uri.starts_with("https://") && !uri.starts_with("http://"))
    {
        return Err(bad_client("backchannelLogoutUri", "the address begins with `https://` or `http://`"));
    }
    scope::parse(&spec.scopes.join(" ")).map_err(|error| error.at("spec.scopes"))?;
    if spec.resources.iter().any(|it| !it.contains(':') || it.contains(['#', ' '])) {
        return Err(bad_client("resources", "a resource is an absolute address without a fragment"));
    }
    if spec.public && (spec.may(GrantType::ClientCredentials) || spec.may(GrantType::TokenExchange)) {
        return Err(bad_client("grantTypes", "who keeps no secret gets no token in its own name"));
    }
    if spec.every_organization && !old.is_some_and(|old| old.spec.every_organization) {
        let question = kernel::access::Question::new("admin.organizations.create", "", "");
        if !cx.platform().decide(&cx.principal, &question).await?.allowed {
            return Err(Error::forbidden(
                "forbidden",
                "only administrators of the platform make clients for everybody",
            )
            .at("spec.everyOrganization"));
        }
    }
    Ok(it)
}

/// What is asked of a new secret.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    /// Whether the secret before it stays good until the next one is made.
    #[field(default = false)]
    keep_old: bool,
}

/// A secret, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// What the client calls itself.
    pub client_id: String,
    /// The secret.
    pub client_secret: String,
}

async fn secret(cx: Cx, it: Object<OauthClient>, ask: Wanted) -> Result<Shown> {
    fresh_secret(&cx, it, ask.keep_old).await
}

async fn fresh_secret(cx: &Cx, mut it: Object<OauthClient>, keep_old: bool) -> Result<Shown> {
    if it.spec.public {
        return Err(Error::conflict("client-is-public", "a public client has no secret"));
    }
    let secret = slot::secret(cx);
    it.spec.secrets.truncate(usize::from(keep_old));
    it.spec.secrets.insert(0, Digest::of(secret.as_bytes()));
    let client_id = it.metadata.uid.to_string();
    cx.save(&it).await?;
    Ok(Shown { client_id, client_secret: secret })
}

/// Makes a client for a caller who may; with a secret unless it is public.
pub async fn register(
    cx: &Cx,
    name: String,
    spec: OauthClient,
) -> Result<(Object<OauthClient>, Option<Shown>)> {
    cx.authorize("admin.oauth-clients.create", "").await?;
    let made = cx.doing("create").create(Draft::new(name, spec)).await?;
    if made.spec.public || made.spec.jwks.is_object() {
        return Ok((made, None));
    }
    let shown = fresh_secret(&cx.doing("secret"), made.clone(), false).await?;
    Ok((made, Some(shown)))
}

/// A client that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it calls itself.
    pub id: String,
    /// The organization it belongs to; empty for the command line's.
    pub org: String,
    /// What it may.
    pub spec: OauthClient,
}

impl Found {
    /// Whether people of an organization may log in to it.
    pub fn serves(&self, org: &str) -> bool {
        self.spec.every_organization || self.org == org
    }

    /// How people call it.
    pub fn title(&self) -> &str {
        self.spec.display_name.as_deref().unwrap_or(&self.id)
    }
}

pub(crate) fn command_line() -> Found {
    let spec = OauthClient {
        display_name: Some("AIC command line".to_owned()),
        public: true,
        redirect_uris: vec!["http://127.0.0.1/".to_owned()],
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        grant_types: vec![GrantType::DeviceCode, GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: scope::ABOUT.into_iter().chain([scope::ALL]).map(str::to_owned).collect(),
        resources: Vec::new(),
        service_account: None,
        token_seconds: 900,
        refresh_seconds: 14 * 86_400,
        signing_algorithm: Algorithm::EdDSA,
        trusted: false,
        every_organization: true,
        jwks: Value::Null,
        disabled: false,
        secrets: Vec::new(),
    };
    Found { id: COMMAND_LINE.to_owned(), org: String::new(), spec }
}

fn unknown() -> Error {
    Error::unauthenticated("invalid-client", "the client is unknown, or its secret is wrong")
        .hint("`aic get oauth-clients` lists the clients; their `metadata.uid` is the `client_id`")
}

/// A client by what it calls itself.
pub async fn find(cx: &Cx, id: &str) -> Result<Found> {
    if id == COMMAND_LINE {
        return Ok(command_line());
    }
    let provider = cx.port::<Provider>()?;
    let org = match provider.home_of(id) {
        Some(org) => org,
        None if !id.starts_with("ocl_") || id.len() > 64 => return Err(unknown()),
        None => {
            let record = cx.platform().store.by_uid(&Uid::known(id)).await?;
            let kind = cx.platform().kind_of::<OauthClient>()?.id();
            let record = record.filter(|record| record.kind == kind).ok_or_else(unknown)?;
            provider.remember_home(id, &record.org);
            record.org
        }
    };
    let inside = cx.platform().cx_of(Principal::system("openid-provider", &org), "");
    let it = inside.get_opt::<OauthClient>(id).await?.filter(|it| !it.spec.disabled).ok_or_else(unknown)?;
    Ok(Found { id: id.to_owned(), org, spec: it.spec })
}

/// What a client shows to say who it is.
#[derive(Clone, Debug, Default)]
pub struct Shows {
    /// `client_id`
    pub id: Option<String>,
    /// `client_secret`, from the body or by HTTP Basic
    pub secret: Option<Secret>,
    /// `client_assertion` of the type `jwt-bearer` (RFC 7523 section 2.2)
    pub assertion: Option<String>,
}

/// The client who asks, proven unless it is public.
pub async fn authenticate(cx: &Cx, shows: &Shows) -> Result<Found> {
    if let Some(assertion) = &shows.assertion {
        return by_assertion(cx, shows.id.as_deref(), assertion).await;
    }
    let found = find(cx, shows.id.as_deref().ok_or_else(unknown)?).await?;
    match &shows.secret {
        None if found.spec.public => Ok(found),
        Some(secret) if !found.spec.public => {
            // Digests are compared, so time tells nothing.
            let digest = Digest::of(secret.reveal().as_bytes());
            if found.spec.secrets.contains(&digest) { Ok(found) } else { Err(unknown()) }
        }
        _ => Err(unknown()),
    }
}

/// Seconds an assertion may live; a longer one is refused.
const ASSERTION_S: i64 = 300;

#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: super::token::Audience,
    exp: i64,
    jti: String,
}

async fn by_assertion(cx: &Cx, id: Option<&str>, text: &str) -> Result<Found> {
    let parts = jws::parts(text).ok_or_else(unknown)?;
    let claimed = parts.unproven().and_then(|claims| claims["sub"].as_str().map(str::to_owned));
    let claimed = claimed.ok_or_else(unknown)?;
    if id.is_some_and(|id| id != claimed) {
        return Err(unknown());
    }
    let found = find(cx, &claimed).await?;
    let keys = found.spec.jwks["keys"].as_array().cloned().unwrap_or_default();
    let fits = |key: &&Value| parts.header.kid.is_empty() || key["kid"] == parts.header.kid.as_str();
    let proven = keys.iter().filter(fits).find_map(|key| {
        let verifier = Verifier::of(key, &parts.header.alg)?;
        parts.claims::<Assertion>(&verifier)
    });
    let claims = proven.ok_or_else(unknown)?;
    let issuer = cx.port::<Site>()?.url()?.to_owned();
    let now = cx.now().micros() / 1_000_000;
    let for_us = claims.aud.names(&issuer) || claims.aud.names(&format!("{issuer}/oauth2/token"));
    let in_time = claims.exp > now && claims.exp <= now + ASSERTION_S;
    if claims.iss != claimed || claims.sub != claimed || !for_us || !in_time {
        return Err(unknown());
    }
    let key = slot::digest(&format!("{claimed} {}", claims.jti));
    if !slot::once(cx, "oauth-assertion", &key, ASSERTION_S + 60).await? {
        return Err(unknown());
    }
    Ok(found)
}
