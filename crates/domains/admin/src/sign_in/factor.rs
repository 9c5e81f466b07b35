//! A second factor: an authenticator app, a passkey, or the recovery codes for when both are lost.

use kernel::{prelude::*, slot};

use super::{attempt::Attempt, confirm_password, own_name, own_name_enrolling, passkey, totp};
use kernel::literal;

/// What factors serve beyond the verbs every kind has: they are made by the user they belong to.
pub fn serve(kind: KindBuilder<Factor>) -> KindBuilder<Factor> {
    let kind = kind
        .without(&["create", "update", "clone", "import"])
        .view_of_all("mine", "The caller's factors.", mine)
        .open_to(OpenTo::Caller)
        .action_on_all(
            "enroll",
            "Begins to enroll an authenticator app; its secret is shown this once.",
            enroll,
        )
        .open_to(OpenTo::Caller)
        .action_on_all("confirm", "Ends the enrolment with a first code of the app.", confirm)
        .open_to(OpenTo::Caller)
        .action_on_all(
            "recovery-codes",
            "Makes new recovery codes, shown this once; the old ones end.",
            renew,
        )
        .open_to(OpenTo::Caller)
        .action_on_all("remove", "Removes one of the caller's factors.", remove)
        .open_to(OpenTo::Caller);
    passkey::serve(kind)
}

/// What a factor is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// An authenticator app (RFC 6238).
    #[default]
    Totp,
    /// A passkey (W3C Web Authentication).
    Passkey,
    /// Recovery codes, each good once.
    Recovery,
}

/// Something a user has.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "factor", prefix = "fac", scope = "organization", status = "Status")]
pub struct Factor {
    /// Whose it is.
    #[field(indexed, immutable)]
    pub user: String,
    /// What it is.
    #[field(immutable)]
    pub sort: Sort,
    /// How the user calls it.
    #[field(max = 100)]
    pub label: String,
    /// What proves it; sealed at rest and never returned.
    pub secret: Secret,
}

/// What is known of a factor.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether it has been shown to work; until then it is not asked for.
    #[serde(default)]
    pub confirmed: bool,
    /// When it was used last.
    pub last_used: Option<Time>,
}

/// The factors of a user.
pub async fn of(cx: &Cx, user: &str) -> Result<Vec<Object<Factor>>> {
    cx.list::<Factor>(&format!("spec.user = {}", literal(user)), 100).await
}

/// Whether a user has a second factor that works; recovery codes alone are none.
pub async fn has_one(cx: &Cx, user: &str) -> Result<bool> {
    let all = of(cx, user).await?;
    Ok(all.iter().any(|factor| factor.status.confirmed && factor.spec.sort != Sort::Recovery))
}

/// Asks for a second factor where the user has one.
///
/// # Errors
/// `second-factor-required` without a code, `wrong-code` with a wrong one.
pub async fn pass(cx: &Cx, user: &str, code: Option<&str>) -> Result<()> {
    let factors: Vec<Object<Factor>> =
        of(cx, user).await?.into_iter().filter(|factor| factor.status.confirmed).collect();
    if !factors.iter().any(|factor| factor.spec.sort != Sort::Recovery) {
        return Ok(());
    }
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else {
        return Err(Error::unauthenticated("second-factor-required", "the account has a second factor")
            .hint(
                "send the code of the authenticator app, or a recovery code, as `code`; or use a passkey",
            ));
    };
    let attempt = Attempt::begin(cx, "code", user).await?;
    for factor in factors {
        if spend(cx, &factor, code).await? {
            return attempt.forgive(cx).await;
        }
    }
    Err(wrong_code())
}

fn wrong_code() -> Error {
    Error::unauthenticated("wrong-code", "the code is wrong, or was used already")
        .at("code")
        .hint("wait for the next code of the app, and look whether its clock is right")
}

/// Whether a code is right for a factor; it is good once.
async fn spend(cx: &Cx, factor: &Object<Factor>, code: &str) -> Result<bool> {
    let uid = factor.metadata.uid.as_str();
    let is_right = match factor.spec.sort {
        Sort::Totp => match totp::step(&factor.spec.secret, code, cx.now())? {
            Some(step) => slot::once(cx, "totp-steps", &format!("{uid}/{step}"), 300).await?,
            None => false,
        },
        Sort::Recovery => return spend_recovery(cx, factor, code).await,
        Sort::Passkey => false,
    };
    if is_right {
        let now = cx.now();
        cx.doing("use").update_status::<Factor>(uid, |status| status.last_used = Some(now)).await?;
    }
    Ok(is_right)
}

fn recovery_digest(code: &str) -> String {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Digest::of(plain.to_uppercase().as_bytes()).to_string()
}

async fn spend_recovery(cx: &Cx, factor: &Object<Factor>, code: &str) -> Result<bool> {
    let mut it = factor.clone();
    let wanted = recovery_digest(code);
    let left: Vec<&str> = it.spec.secret.reveal().split(' ').collect();
    if !left.contains(&wanted.as_str()) {
        return Ok(false);
    }
    let left: Vec<&str> = left.into_iter().filter(|digest| *digest != wanted).collect();
    it.spec.secret = Secret::new(left.join(" "));
    it.status.last_used = Some(cx.now());
    // Of two who use a code at once, one saves first; the other's version is stale.
    match cx.doing("use").save(&it).await {
        Err(error) if error.code() == "stale-version" => Ok(false),
        other => other.map(|_| true),
    }
}

/// A factor as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Seen {
    /// Its name.
    name: String,
    /// What it is.
    sort: Sort,
    /// How the user calls it.
    label: String,
    /// Whether it has been shown to work.
    confirmed: bool,
    /// When it was used last.
    last_used: Option<Time>,
    /// How many recovery codes are left.
    codes_left: Option<u64>,
}

/// The caller's factors.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Mine {
    /// One entry a factor.
    items: Vec<Seen>,
}

/// The platform's own context within the caller's organization: users need no permission for what is theirs.
pub(super) fn inside(cx: &Cx) -> Cx {
    let mut inside = cx.platform().cx_of(kernel::access::Principal::clone(&cx.principal), "");
    inside.trace = cx.trace.clone();
    inside
}

async fn mine(cx: Cx, _: Nothing) -> Result<Mine> {
    let user = own_name(&cx)?;
    let seen = |factor: Object<Factor>| Seen {
        codes_left: (factor.spec.sort == Sort::Recovery)
            .then(|| factor.spec.secret.reveal().split_whitespace().count() as u64),
        name: factor.metadata.name,
        sort: factor.spec.sort,
        label: factor.spec.label,
        confirmed: factor.status.confirmed,
        last_used: factor.status.last_used,
    };
    Ok(Mine { items: of(&cx, &user).await?.into_iter().map(seen).collect() })
}

/// What is asked of a new factor.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wanted {
    /// How the user will call it.
    #[field(max = 100, default = "authenticator app")]
    label: String,
    /// The user's password, so that a session left open is not enough.
    #[field(max = 1000)]
    password: Secret,
}

/// What the app needs, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Enrolled {
    /// The factor's name, for confirming it.
    name: String,
    /// The secret in base 32, to type in.
    secret: String,
    /// The same as an address, to scan as a QR code.
    address: String,
}

/// How many factors a user may have.
const FACTORS_MAX: usize = 20;

pub(super) async fn add(cx: &Cx, factor: Factor, confirmed: bool) -> Result<Object<Factor>> {
    if of(cx, &factor.user).await?.len() >= FACTORS_MAX {
        return Err(Error::conflict("too-many-items", format!("a user has {FACTORS_MAX} factors at most"))
            .hint("remove one that is no longer used"));
    }
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let status = Status { confirmed, last_used: None };
    inside(cx).doing("enroll").create(Draft::new(format!("fac-{id}"), factor).with_status(status)).await
}

async fn enroll(cx: Cx, ask: Wanted) -> Result<Enrolled> {
    let user = own_name_enrolling(&cx)?;
    confirm_password(&cx, &user, ask.password.reveal()).await?;
    // An app that was never shown to work makes way for this one.
    for old in of(&cx, &user).await? {
        if old.spec.sort == Sort::Totp && !old.status.confirmed {
            inside(&cx).doing("renew").delete::<Factor>(old.metadata.uid.as_str()).await?;
        }
    }
    let secret = totp::fresh(&cx);
    let address = totp::address(&secret, &cx.org, &user);
    let text = secret.reveal().to_owned();
    let factor = Factor { user, sort: Sort::Totp, label: ask.label, secret };
    Ok(Enrolled { name: add(&cx, factor, false).await?.metadata.name, secret: text, address })
}

/// A first code.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct First {
    /// The factor.
    name: Name,
    /// The code the app shows.
    #[field(max = 20, example = "287082")]
    code: String,
}

/// Recovery codes, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Codes {
    /// Each good once, instead of a code of the app; none where there were some already.
    recovery_codes: Vec<String>,
}

async fn confirm(cx: Cx, ask: First) -> Result<Codes> {
    let user = own_name_enrolling(&cx)?;
    let factor = owned(&cx, &user, ask.name.as_str()).await?;
    let attempt = Attempt::begin(&cx, "code", &user).await?;
    if factor.spec.sort != Sort::Totp || !spend(&inside(&cx), &factor, ask.code.trim()).await? {
        return Err(Error::invalid("wrong-code", "this is not the code the app shows now")
            .at("code")
            .hint("wait for the next code, and look whether the app's clock is right"));
    }
    attempt.forgive(&cx).await?;
    let uid = factor.metadata.uid.as_str();
    inside(&cx).doing("confirm").update_status::<Factor>(uid, |status| status.confirmed = true).await?;
    first_codes(&cx, &user).await
}

/// Recovery codes for a user who has none.
pub(super) async fn first_codes(cx: &Cx, user: &str) -> Result<Codes> {
    let has_some = of(cx, user).await?.iter().any(|factor| factor.spec.sort == Sort::Recovery);
    if has_some { Ok(Codes { recovery_codes: Vec::new() }) } else { new_codes(cx, user).await }
}

/// How many recovery codes there are.
const CODES: usize = 10;

async fn new_codes(cx: &Cx, user: &str) -> Result<Codes> {
    for old in of(cx, user).await?.into_iter().filter(|factor| factor.spec.sort == Sort::Recovery) {
        inside(cx).doing("renew").delete::<Factor>(old.metadata.uid.as_str()).await?;
    }
    let recovery_codes: Vec<String> = (0..CODES).map(|_| code(cx)).collect();
    let digests: Vec<String> = recovery_codes.iter().map(|code| recovery_digest(code)).collect();
    let label = "recovery codes".to_owned();
    let (user, secret) = (user.to_owned(), Secret::new(digests.join(" ")));
    add(cx, Factor { user, sort: Sort::Recovery, label, secret }, true).await?;
    Ok(Codes { recovery_codes })
}

/// 120 random bits in Crockford's base 32, in groups of four: more than anybody tries, so that a plain digest may be
/// kept of them (ASVS 6.5.2).
fn code(cx: &Cx) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let digits: Vec<char> =
        cx.random::<24>().iter().map(|byte| DIGITS[usize::from(byte % 32)] as char).collect();
    let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// The user's password.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Confirmed {
    /// The user's password.
    #[field(max = 1000)]
    password: Secret,
}

async fn renew(cx: Cx, ask: Confirmed) -> Result<Codes> {
    let user = own_name(&cx)?;
    confirm_password(&cx, &user, ask.password.reveal()).await?;
    new_codes(&cx, &user).await
}

/// A factor to remove.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Removed {
    /// The factor.
    name: Name,
    /// The user's password.
    #[field(max = 1000)]
    password: Secret,
}

async fn remove(cx: Cx, ask: Removed) -> Result<Mine> {
    let user = own_name(&cx)?;
    confirm_password(&cx, &user, ask.password.reveal()).await?;
    let factor = owned(&cx, &user, ask.name.as_str()).await?;
    inside(&cx).doing("remove").delete::<Factor>(factor.metadata.uid.as_str()).await?;
    mine(cx, Nothing {}).await
}

async fn owned(cx: &Cx, user: &str, name: &str) -> Result<Object<Factor>> {
    let found = cx.get_opt::<Factor>(name).await?.filter(|factor| factor.spec.user == user);
    found.ok_or_else(|| {
        Error::not_found("not-found", format!("you have no factor `{name}`"))
            .hint("`GET /api/v1/admin/factors/mine` lists yours")
    })
}
