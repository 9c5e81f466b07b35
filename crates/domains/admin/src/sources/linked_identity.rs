//! A linked identity: who somebody at a provider is here. By it a login finds its user, whatever they are called there.

use kernel::prelude::*;

use super::identity_provider::IdentityProvider;
use crate::user::User;

/// What linked identities serve: they are made by logging in, and deleted to cut the link.
pub fn serve(kind: KindBuilder<LinkedIdentity>) -> KindBuilder<LinkedIdentity> {
    kind.without(&["create", "update", "clone", "import"])
}

/// Who somebody at a provider is here.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "linked-identity", prefix = "lid", scope = "organization", plural = "linked-identities")]
pub struct LinkedIdentity {
    /// The provider.
    #[field(reference = "admin.identity-providers", indexed, immutable)]
    pub provider: Ref,
    /// Who it is there.
    #[field(max = 1000, immutable)]
    pub subject: String,
    /// Who it is here.
    #[field(indexed, immutable)]
    pub user: String,
}

/// Somebody as a provider tells of them.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What never changes.
    pub subject: String,
    /// What they are called.
    pub username: String,
    /// What to show.
    pub display_name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the provider vouches for the address.
    pub verified: bool,
    /// Their groups there.
    pub groups: Vec<String>,
}

/// The user somebody is, made or brought up to date as the provider's settings say.
pub(super) async fn user_of(
    inside: &Cx,
    provider: &Object<IdentityProvider>,
    told: Told,
) -> Result<Object<User>> {
    let key = Digest::of(format!("{} {}", provider.metadata.uid, told.subject).as_bytes()).to_string();
    let name = format!("id-{}", &key[..40]);
    let linked = inside.get_opt::<LinkedIdentity>(&name).await?;
    let known = match &linked {
        Some(link) => inside.get_opt::<User>(&link.spec.user).await?,
        None => adopted(inside, &provider.spec, &told).await?,
    };
    let user = match known {
        Some(user) if user.spec.disabled => return Err(not_let_in("this user may not log in")),
        Some(user) => refreshed(inside, &provider.spec, user, &told).await?,
        None => made(inside, &provider.spec, &told).await?,
    };
    let is_linked = linked.as_ref().is_some_and(|link| link.spec.user == user.metadata.name);
    if !is_linked {
        if let Some(stale) = linked {
            inside.delete::<LinkedIdentity>(stale.metadata.uid.as_str()).await?;
        }
        let link = LinkedIdentity {
            provider: Ref::to(provider.metadata.name.clone()),
            subject: told.subject,
            user: user.metadata.name.clone(),
        };
        match inside.doing("link").create(Draft::new(name, link)).await {
            Err(error) if error.code() == "already-exists" => {}
            other => drop(other?),
        }
    }
    Ok(user)
}

fn not_let_in(message: &str) -> Error {
    Error::forbidden("identity-not-let-in", message).hint("ask an administrator of your organization")
}

async fn adopted(inside: &Cx, spec: &IdentityProvider, told: &Told) -> Result<Option<Object<User>>> {
    let Some(email) = told.email.as_ref().filter(|_| spec.adopt_users && told.verified) else {
        return Ok(None);
    };
    let quoted = email.replace('\\', "\\\\").replace('"', "\\\"");
    let found = inside.list::<User>(&format!("spec.email = \"{quoted}\""), 2).await?;
    Ok(<[Object<User>; 1]>::try_from(found).ok().map(|[user]| user))
}

async fn refreshed(
    inside: &Cx,
    spec: &IdentityProvider,
    mut user: Object<User>,
    told: &Told,
) -> Result<Object<User>> {
    // Groups the provider gives come and go with it; those given here stay.
    let given: Vec<&String> = spec.groups.values().collect();
    let mut groups: Vec<String> = user.spec.groups.iter().filter(|it| !given.contains(it)).cloned().collect();
    groups.extend(spec.our_groups(&told.groups));
    let before = (user.spec.groups.clone(), user.spec.display_name.clone(), user.spec.email.clone());
    user.spec.groups = groups;
    user.spec.display_name = told.display_name.clone().or(user.spec.display_name);
    user.spec.email = told.email.clone().or(user.spec.email);
    if before == (user.spec.groups.clone(), user.spec.display_name.clone(), user.spec.email.clone()) {
        return Ok(user);
    }
    inside.doing("login").save(&user).await
}

async fn made(inside: &Cx, spec: &IdentityProvider, told: &Told) -> Result<Object<User>> {
    if !spec.create_users {
        return Err(not_let_in("nobody here has this identity"));
    }
    let title = told.username.split('@').next().unwrap_or_default();
    let name = Name::new(title.to_lowercase()).ok().or_else(|| Name::from_title(title));
    let name = name.ok_or_else(|| not_let_in("the provider told no name to go by"))?;
    if inside.get_opt::<User>(name.as_str()).await?.is_some() {
        // Somebody else may have the name there than here.
        return Err(Error::conflict("identity-taken", format!("there is a user `{name}` already")).hint(
            "an administrator renames the user, or lets the provider adopt users of the same e-mail address",
        ));
    }
    let made = json!({
        "displayName": told.display_name, "email": told.email, "password": null,
        "groups": spec.our_groups(&told.groups), "disabled": false,
    });
    let user: User = serde_json::from_value(made).map_err(Error::internal)?;
    inside.doing("login").create(Draft::new(name.to_string(), user)).await
}
