//! Says who shows a credential and which rules they have.

use std::{collections::BTreeMap, sync::Arc};

use kernel::{
    Later,
    access::{Asked, Credential, Grant as Rule, Guard as KernelGuard, Known, Principal, Sort},
    login::Identities,
    prelude::*,
    store::Ceiling,
};

use crate::{
    access::{rehearsal, world::World},
    api_key::{self, ApiKey},
    service_account::ServiceAccount,
    session::Session,
    sign_in::{self, Said, policy},
    token,
    user::User,
};

/// Seconds a name and password that were right are taken as right.
const BASIC_S: i64 = 300;

/// The guard over this domain's users, keys, sessions, roles and grants.
pub struct Guard;

impl KernelGuard for Guard {
    fn authenticate(&self, cx: Cx, credential: Credential) -> Later<'_, Known> {
        Box::pin(async move {
            match credential {
                Credential::Bearer(text) => by_token(&cx, &text).await,
                Credential::Basic(name, password) => by_password(&cx, &name, &password).await,
            }
        })
    }

    fn grants(&self, cx: Cx, principal: Principal) -> Later<'_, Vec<Rule>> {
        Box::pin(async move { Ok(World::around(&cx, &principal).await?.rules(&principal)) })
    }

    fn ceilings(&self, cx: Cx) -> Later<'_, Vec<Ceiling>> {
        Box::pin(async move { ceilings(&cx).await })
    }

    fn asked(&self, cx: Cx, asked: Vec<Asked>) -> Later<'_, ()> {
        Box::pin(async move {
            for (org, names) in keys_in(&asked) {
                let inside = cx.platform().cx_of(Principal::system("guard", &org), "");
                api_key::note_used(&inside, &names).await?;
            }
            rehearsal::keep(&cx, asked).await
        })
    }

    fn sources(&self) -> &'static [&'static str] {
        &[
            "admin.users",
            "admin.service-accounts",
            "admin.api-keys",
            "admin.sessions",
            "admin.sign-in-policies",
            "admin.roles",
            "admin.permission-groups",
            "admin.grants",
            "admin.oauth-clients",
            "admin.signing-keys",
            "admin.revocations",
            "admin.policies",
            QUOTAS,
        ]
    }
}

/// The kind that says how much may live in a project; a platform without it has no quotas.
const QUOTAS: &str = "admin.quotas";

/// What of a quota is counted against.
#[derive(Deserialize)]
struct Limits {
    limits: BTreeMap<String, u64>,
}

/// How much may live in the project of a context: its quota has its name.
async fn ceilings(cx: &Cx) -> Result<Vec<Ceiling>> {
    let quota = match cx.read(QUOTAS, &cx.project).await {
        Ok(quota) => quota.spec_as::<Limits>()?,
        Err(error) if matches!(error.code(), "not-found" | "unknown-kind") => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let ceiling = |(kind, max): (String, u64)| Ceiling {
        org: cx.org.to_string(),
        rule: format!("quota/{}", cx.project),
        project: cx.project.to_string(),
        kind,
        max,
    };
    Ok(quota.limits.into_iter().map(ceiling).collect())
}

/// The keys that were used, by organization.
fn keys_in(asked: &[Asked]) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Asked { principal, .. } in asked {
        if let Some(name) = principal.credential.as_deref().and_then(|it| it.strip_prefix("key:")) {
            let names = keys.entry(principal.org.clone()).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    keys
}

fn refused() -> Error {
    Error::unauthenticated("unauthenticated", "the token is unknown, expired or revoked")
        .hint("log in again: `aic login`")
}

async fn by_token(cx: &Cx, text: &str) -> Result<Known> {
    let Some((sort, org, name)) = token::parse(text) else {
        // What is none of our own forms may be a signed token, where somebody knows those.
        let identities = cx.port::<dyn Identities>().ok().filter(|_| text.contains('.'));
        return identities.ok_or_else(refused)?.bearer(cx.clone(), text.to_owned()).await;
    };
    let inside = cx.platform().cx_of(Principal::system("guard", org), "");
    match sort {
        token::Sort::Session => {
            let session = inside.get_opt::<Session>(name).await?.ok_or_else(refused)?;
            if !token::fits(text, &session.spec.digest) || inside.now() >= session.spec.expires {
                return Err(refused());
            }
            let again = policy::used(&inside, &session).await?.ok_or_else(refused)?;
            let user = inside.get_opt::<User>(&session.spec.user).await?.ok_or_else(refused)?;
            let mut principal = Principal::clone(&*of_user(&user, org)?);
            principal.credential = Some(format!("session:{name}"));
            principal.impersonator = session.spec.impersonator;
            if session.spec.enrolling {
                principal.scopes = vec![sign_in::ENROLLING.to_owned()];
            }
            Ok(Known { principal: Arc::new(principal), expires: Some(session.spec.expires.min(again)) })
        }
        token::Sort::Key => {
            let key = inside.get_opt::<ApiKey>(name).await?.ok_or_else(refused)?;
            let expired = key.spec.expires.is_some_and(|expires| inside.now() >= expires);
            if !token::fits(text, &key.spec.digest) || expired {
                return Err(refused());
            }
            let principal = of_owner(&inside, &key, org).await?;
            Ok(Known { principal, expires: key.spec.expires })
        }
    }
}

async fn by_password(cx: &Cx, name: &str, password: &str) -> Result<Known> {
    // Programs that only know Basic send a token as the password.
    if token::parse(password).is_some() {
        return by_token(cx, password).await;
    }
    let (name, org) = name.rsplit_once('@').unwrap_or((name, "default"));
    let inside = cx.platform().cx_of(Principal::system("guard", org), "");
    let user = sign_in::sign_in(&inside, &Said { username: name, password, code: None }).await?;
    if policy::must_enroll(&inside, user.name()).await? {
        return Err(Error::unauthenticated(
            "second-factor-required",
            "the organization asks for a second factor",
        )
        .hint("log in with `aic login` or on the login page and add one, then use an API key here"));
    }
    Ok(Known { principal: of_user(&user, org)?, expires: Some(inside.now().plus_s(BASIC_S)) })
}

pub(crate) fn of_user(user: &Object<User>, org: &str) -> Result<Arc<Principal>> {
    if user.spec.disabled {
        return Err(refused());
    }
    let groups = user.spec.groups.clone();
    Ok(Arc::new(Principal { groups, ..Principal::of(Sort::User, user.name(), org) }))
}

async fn of_owner(cx: &Cx, key: &Object<ApiKey>, org: &str) -> Result<Arc<Principal>> {
    let (sort, name) = key.spec.owner.split_once(':').ok_or_else(refused)?;
    let mut principal = match sort {
        "user" => Principal::clone(&*of_user(&cx.get_opt::<User>(name).await?.ok_or_else(refused)?, org)?),
        _ => {
            let account = cx.get_opt::<ServiceAccount>(name).await?.ok_or_else(refused)?;
            if account.spec.disabled {
                return Err(refused());
            }
            Principal::of(Sort::Service, account.name(), org)
        }
    };
    principal.scopes.clone_from(&key.spec.scopes);
    principal.credential = Some(format!("key:{}", key.name()));
    Ok(Arc::new(principal))
}
