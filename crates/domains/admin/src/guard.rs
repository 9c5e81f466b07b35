//! Says who shows a credential and which rules they have.

use std::sync::Arc;

use kernel::{
    Later,
    access::{Asked, Credential, Grant as Rule, Guard as KernelGuard, Known, Principal, Sort},
    prelude::*,
};

use crate::{
    access::{rehearsal, world::World},
    api_key::ApiKey,
    oauth, password,
    service_account::ServiceAccount,
    session::Session,
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

    fn asked(&self, cx: Cx, asked: Vec<Asked>) -> Later<'_, ()> {
        Box::pin(async move { rehearsal::keep(&cx, asked).await })
    }

    fn sources(&self) -> &'static [&'static str] {
        &[
            "admin.users",
            "admin.service-accounts",
            "admin.api-keys",
            "admin.sessions",
            "admin.roles",
            "admin.permission-groups",
            "admin.grants",
            "admin.oauth-clients",
            "admin.signing-keys",
            oauth::REVOCATIONS,
            "admin.policies",
        ]
    }
}

fn refused() -> Error {
    Error::unauthenticated("unauthenticated", "the token is unknown, expired or revoked")
        .hint("log in again: `aic login`")
}

async fn by_token(cx: &Cx, text: &str) -> Result<Known> {
    let Some((sort, org, name)) = token::parse(text) else {
        // What is none of our own forms may be a signed token.
        return if text.contains('.') { oauth::token::authenticate(cx, text).await } else { Err(refused()) };
    };
    let inside = cx.platform().cx_of(Principal::system("guard", org), "");
    match sort {
        token::Sort::Session => {
            let session = inside.get_opt::<Session>(name).await?.ok_or_else(refused)?;
            if !token::fits(text, &session.spec.digest) || inside.now() >= session.spec.expires {
                return Err(refused());
            }
            let user = inside.get_opt::<User>(&session.spec.user).await?.ok_or_else(refused)?;
            Ok(Known { principal: of_user(&user, org)?, expires: Some(session.spec.expires) })
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
    let (name, org) = name.split_once('@').unwrap_or((name, "default"));
    let inside = cx.platform().cx_of(Principal::system("guard", org), "");
    let user = match Name::new(name) {
        Ok(name) => inside.get_opt::<User>(name.as_str()).await?,
        Err(_) => None,
    };
    let hash = user.as_ref().and_then(|user| user.spec.password.as_ref());
    if !password::verify(&inside, password, hash).await? {
        return Err(Error::unauthenticated("wrong-password", "the name or the password is wrong"));
    }
    let user = user.ok_or_else(refused)?;
    Ok(Known { principal: of_user(&user, org)?, expires: Some(inside.now().plus_s(BASIC_S)) })
}

pub(crate) fn of_user(user: &Object<User>, org: &str) -> Result<Arc<Principal>> {
    if user.spec.disabled {
        return Err(refused());
    }
    Ok(Arc::new(Principal {
        sort: Sort::User,
        name: user.name().to_owned(),
        org: org.to_owned(),
        groups: user.spec.groups.clone(),
        scopes: Vec::new(),
    }))
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
            let (name, org) = (account.name().to_owned(), org.to_owned());
            Principal { sort: Sort::Service, name, org, groups: Vec::new(), scopes: Vec::new() }
        }
    };
    principal.scopes.clone_from(&key.spec.scopes);
    Ok(Arc::new(principal))
}
