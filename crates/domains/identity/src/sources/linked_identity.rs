//! A linked identity: who somebody at a provider is here. By it a login finds its user, whatever they are called there.

use kernel::prelude::*;

use super::identity_provider::IdentityProvider;
use crate::neighbours::{About, User};

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
    #[field(max = 1000, immutable, personal)]
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

/// The name of the user somebody is, made or brought up to date as the provider's settings say.
pub(super) async fn user_of(inside: &Cx, provider: &Object<IdentityProvider>, told: Told) -> Result<String> {
    let key = Digest::of(format!("{} {}", provider.metadata.uid, told.subject).as_bytes()).to_string();
    let name = format!("id-{}", &key[..40]);
    let linked = inside.get_opt::<LinkedIdentity>(&name).await?;
    let known = match &linked {
        Some(link) => User::find(inside, &link.spec.user).await?,
        None => adopted(inside, &provider.spec, &told).await?,
    };
    let user = match known {
        Some(user) if user.told.disabled => return Err(not_let_in("this user may not log in")),
        Some(user) => refreshed(inside, &provider.spec, user, &told).await?,
        None => made(inside, &provider.spec, &told).await?,
    };
    let is_linked = linked.as_ref().is_some_and(|link| link.spec.user == user.name());
    if !is_linked {
        if let Some(stale) = linked {
            inside.delete::<LinkedIdentity>(stale.metadata.uid.as_str()).await?;
        }
        let link = LinkedIdentity {
            provider: Ref::to(provider.metadata.name.clone()),
            subject: told.subject,
            user: user.name().to_owned(),
        };
        match inside.doing("link").create(Draft::new(name, link)).await {
            Err(error) if error.code() == "already-exists" => {}
            other => drop(other?),
        }
    }
    Ok(user.name().to_owned())
}

fn not_let_in(message: &str) -> Error {
    Error::forbidden("identity-not-let-in", message).hint("ask an administrator of your organization")
}

async fn adopted(inside: &Cx, spec: &IdentityProvider, told: &Told) -> Result<Option<User>> {
    match told.email.as_ref().filter(|_| spec.adopt_users && told.verified) {
        Some(email) => User::by_email(inside, email).await,
        None => Ok(None),
    }
}

async fn refreshed(inside: &Cx, spec: &IdentityProvider, user: User, told: &Told) -> Result<User> {
    // Groups the provider gives come and go with it; those given here stay.
    let given: Vec<&String> = spec.groups.values().collect();
    let mut about = user.told.clone();
    about.groups.retain(|it| !given.contains(&it));
    about.groups.extend(spec.our_groups(&told.groups));
    about.display_name = told.display_name.clone().or(about.display_name);
    about.email = told.email.clone().or(about.email);
    if about == user.told {
        return Ok(user);
    }
    user.tell(&inside.doing("login"), &about).await
}

async fn made(inside: &Cx, spec: &IdentityProvider, told: &Told) -> Result<User> {
    if !spec.create_users {
        return Err(not_let_in("nobody here has this identity"));
    }
    let title = told.username.split('@').next().unwrap_or_default();
    let name = Name::new(title.to_lowercase()).ok().or_else(|| Name::from_title(title));
    let name = name.ok_or_else(|| not_let_in("the provider told no name to go by"))?;
    if User::find(inside, name.as_str()).await?.is_some() {
        // Somebody else may have the name there than here.
        return Err(Error::conflict("identity-taken", format!("there is a user `{name}` already")).hint(
            "an administrator renames the user, or lets the provider adopt users of the same e-mail address",
        ));
    }
    let about = About {
        display_name: told.display_name.clone(),
        email: told.email.clone(),
        groups: spec.our_groups(&told.groups),
        disabled: false,
    };
    User::make(&inside.doing("login"), &name, &about).await
}
