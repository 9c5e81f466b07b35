//! Passkeys: registered by their users, and enough to sign in with, because the device has asked for its owner.

use kernel::{access::Principal, prelude::*, slot};
use ports::{
    passkey::{self, Passkeys, Person},
    site::Site,
};

use super::{
    attempt::Attempt,
    confirm_password,
    factor::{self, Factor, Sort},
    own_name_enrolling,
};
use crate::{
    session::{self, Session, Token},
    user::User,
};

/// What factors serve for passkeys.
pub fn serve(kind: KindBuilder<Factor>) -> KindBuilder<Factor> {
    kind.action_on_all("begin-passkey", "Begins to register a passkey.", begin)
        .open_to(OpenTo::Caller)
        .action_on_all("finish-passkey", "Registers a passkey with an authenticator's answer.", finish)
        .open_to(OpenTo::Caller)
}

/// What sessions serve for passkeys.
pub fn sessions(kind: KindBuilder<Session>) -> KindBuilder<Session> {
    kind.action_on_all("begin-passkey", "Begins a login with a passkey.", begin_login)
        .open_to(OpenTo::Anyone)
        .action_on_all("finish-passkey", "Trades an authenticator's answer for a bearer token.", finish_login)
        .open_to(OpenTo::Anyone)
}

/// Seconds a question to an authenticator is good for.
const LASTS_S: i64 = 300;
/// Where questions wait for their answers.
const ASKED: &str = "passkeys-asked";

/// What is remembered of a question.
#[derive(Serialize, Deserialize)]
struct Asked {
    org: String,
    user: String,
    label: String,
    state: String,
}

/// What is asked of a new passkey.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wanted {
    /// How the user will call it.
    #[field(max = 100, default = "passkey")]
    label: String,
    /// The user's password, so that a session left open is not enough.
    #[field(max = 1000)]
    password: Secret,
}

/// A question to an authenticator.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Question {
    /// What to send back with the answer.
    state: String,
    /// The options for `navigator.credentials` (W3C Web Authentication sections 5.4 and 5.5).
    options: Value,
}

/// An authenticator's answer.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Answered {
    /// The state of the question.
    #[field(max = 200)]
    state: Secret,
    /// The credential, as `PublicKeyCredential.toJSON` writes it.
    credential: Value,
}

async fn passkeys(cx: &Cx, user: &str) -> Result<Vec<Object<Factor>>> {
    let mut all = factor::of(cx, user).await?;
    all.retain(|factor| factor.spec.sort == Sort::Passkey);
    Ok(all)
}

fn texts(factors: &[Object<Factor>]) -> Vec<String> {
    factors.iter().map(|factor| factor.spec.secret.reveal().to_owned()).collect()
}

async fn remember(cx: &Cx, asked: &Asked) -> Result<String> {
    let name = slot::secret(cx);
    slot::put(cx, ASKED, &slot::digest(&name), asked, LASTS_S).await?;
    Ok(name)
}

/// What was asked, for the first who answers.
async fn recall(cx: &Cx, name: &Secret) -> Result<Asked> {
    let digest = slot::digest(name.reveal());
    let refused =
        || Error::unauthenticated("passkey-refused", "this was not asked, or too long ago").at("state");
    let asked = slot::get(cx, ASKED, &digest).await?.ok_or_else(refused)?;
    if slot::once(cx, "passkeys-answered", &digest, LASTS_S).await? { Ok(asked) } else { Err(refused()) }
}

async fn begin(cx: Cx, ask: Wanted) -> Result<Question> {
    let user = own_name_enrolling(&cx)?;
    confirm_password(&cx, &user, ask.password.reveal()).await?;
    let it = cx.get::<User>(&user).await?;
    let handle = *Digest::of(it.metadata.uid.as_str().as_bytes()).bytes();
    let person = Person {
        handle: std::array::from_fn(|i| handle[i]),
        name: &user,
        display_name: it.spec.display_name.as_deref().unwrap_or(&user),
    };
    let has = texts(&passkeys(&cx, &user).await?);
    let site = cx.port::<Site>()?;
    let asked = cx.port::<dyn Passkeys>()?.register(passkey::Site { origin: site.url()? }, person, &has)?;
    let (org, label, options) = (cx.org.to_string(), ask.label, asked.options);
    let state = remember(&cx, &Asked { org, user: user.clone(), label, state: asked.state }).await?;
    Ok(Question { state, options })
}

async fn finish(cx: Cx, ask: Answered) -> Result<factor::Codes> {
    let user = own_name_enrolling(&cx)?;
    let asked = recall(&cx, &ask.state).await?;
    if (asked.org.as_str(), asked.user.as_str()) != (&*cx.org, user.as_str()) {
        return Err(Error::forbidden("passkey-refused", "this was asked of somebody else"));
    }
    let site = cx.port::<Site>()?;
    let site = passkey::Site { origin: site.url()? };
    let passkey = cx.port::<dyn Passkeys>()?.registered(site, &asked.state, &ask.credential)?;
    let (label, secret) = (asked.label, Secret::new(passkey));
    factor::add(&cx, Factor { user: user.clone(), sort: Sort::Passkey, label, secret }, true).await?;
    factor::first_codes(&cx, &user).await
}

/// Who wants to log in.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Login {
    /// The user's name or e-mail address.
    #[field(max = 320)]
    username: String,
    /// The user's organization.
    #[field(default = "default", max = 253)]
    organization: String,
}

async fn begin_login(cx: Cx, ask: Login) -> Result<Question> {
    let refused = || Error::unauthenticated("passkey-refused", "there is no passkey for this name");
    let inside = super::reset::inside(&cx, &ask.organization, "login").ok_or_else(refused)?;
    let _counted = Attempt::begin(&inside, "passkey", &ask.username).await?;
    let user = super::named(&inside, &ask.username).await?.filter(|user| !user.spec.disabled);
    let user = user.ok_or_else(refused)?;
    let has = texts(&passkeys(&inside, user.name()).await?);
    if has.is_empty() {
        return Err(refused());
    }
    let site = cx.port::<Site>()?;
    let asked = cx.port::<dyn Passkeys>()?.ask(passkey::Site { origin: site.url()? }, &has)?;
    let (org, user, label) = (ask.organization, user.metadata.name, ask.username);
    let state = remember(&cx, &Asked { org, user, label, state: asked.state }).await?;
    Ok(Question { state, options: asked.options })
}

async fn finish_login(cx: Cx, ask: Answered) -> Result<Token> {
    let asked = recall(&cx, &ask.state).await?;
    let mut inside = cx.platform().cx_of(Principal::system("login", &asked.org), "").doing("login");
    inside.origin = cx.origin;
    let factors = passkeys(&inside, &asked.user).await?;
    let site = cx.port::<Site>()?;
    let site = passkey::Site { origin: site.url()? };
    let has = texts(&factors);
    let answered = cx.port::<dyn Passkeys>()?.answered(site, &asked.state, (&ask.credential, &has));
    let (i, kept) = match answered {
        Ok(answered) => answered,
        Err(error) => return Err(super::refusal::note(&inside, Some(&asked.user), error).await),
    };
    let user = inside.get::<User>(&asked.user).await?;
    if user.spec.disabled {
        return Err(Error::unauthenticated("passkey-refused", "the user may not log in"));
    }
    if let Some(mut factor) = factors.into_iter().nth(i) {
        factor.spec.secret = Secret::new(kept);
        factor.status.last_used = Some(inside.now());
        inside.doing("use").save(&factor).await?;
    }
    Attempt::begin(&inside, "passkey", &asked.label).await?.forgive(&inside).await?;
    session::open(&inside, Session::of(user.name(), &inside), session::lasts_s(&inside).await?).await
}
