//! Logging in by an LDAP directory: the entry is searched for, then bound with the password that was typed (RFC 4513).

use kernel::prelude::*;
use ports::directory::{Directory, Entry, Server, escaped};

use super::{
    identity_provider::{IdentityProvider, all, opened},
    linked_identity::{Told, user_of},
};

/// Milliseconds a directory is waited for.
const TIMEOUT_MS: u64 = 5000;

fn server(spec: &IdentityProvider) -> Server {
    Server {
        url: spec.url.clone().unwrap_or_default(),
        start_tls: spec.start_tls,
        bind_dn: spec.bind_dn.clone().unwrap_or_default(),
        bind_password: Secret::new(opened(spec.bind_password.as_ref()).unwrap_or_default()),
        base_dn: spec.base_dn.clone().unwrap_or_default(),
        timeout_ms: TIMEOUT_MS,
    }
}

/// The user whose name and password a directory of the organization knows; nothing when none does.
///
/// A directory that is away is an error only when no other knows the person.
pub async fn login(inside: &Cx, username: &str, password: &Secret) -> Result<Option<String>> {
    let mut away = None;
    for provider in all(inside, "ldap").await? {
        match told(inside, &provider.spec, username, password).await {
            Ok(Some(told)) => return user_of(inside, &provider, told).await.map(Some),
            Ok(None) => {}
            Err(error) => away = Some(error),
        }
    }
    away.map_or(Ok(None), Err)
}

async fn told(cx: &Cx, spec: &IdentityProvider, username: &str, password: &Secret) -> Result<Option<Told>> {
    if username.is_empty() || password.reveal().is_empty() {
        return Ok(None);
    }
    let (directory, server) = (cx.port::<dyn Directory>()?, server(spec));
    let filter = spec.user_filter.replace("{username}", &escaped(username));
    let found = directory.search(&server, &filter, 2).await?;
    // Of two it cannot be said who was meant.
    let Ok([entry]) = <[Entry; 1]>::try_from(found) else { return Ok(None) };
    if !directory.verify(&server, &entry.dn, password).await? {
        return Ok(None);
    }
    Ok(Some(read(spec, &entry, username)))
}

fn read(spec: &IdentityProvider, entry: &Entry, typed: &str) -> Told {
    let values = |name: &str| entry.attributes.get(&name.to_lowercase()).cloned().unwrap_or_default();
    let first = |name: &str| values(name).into_iter().next();
    Told {
        subject: first(spec.claim(&spec.id_claim, "sub", "entryUUID"))
            .unwrap_or_else(|| entry.dn.to_lowercase()),
        username: first(spec.claim(&spec.username_claim, "", "uid")).unwrap_or_else(|| typed.to_owned()),
        display_name: first(spec.claim(&spec.name_claim, "", "cn")),
        email: first(spec.claim(&spec.email_claim, "", "mail")),
        verified: true,
        groups: values(spec.claim(&spec.groups_claim, "", "memberOf")),
    }
}

/// What a directory answers to a search for nobody.
pub async fn describe(cx: &Cx, spec: &IdentityProvider) -> Result<String> {
    let directory = cx.port::<dyn Directory>()?;
    let found = directory.search(&server(spec), "(objectClass=*)", 1).await?;
    let first = found.first().map_or("nothing", |entry| entry.dn.as_str());
    Ok(format!("the directory answers; the first entry below `baseDn` is `{first}`"))
}
