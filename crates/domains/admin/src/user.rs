//! A user: a person of an organization.

use kernel::{prelude::*, store::ChangeQuery};

use crate::{
    access::{grant::Grant, lockout, role},
    password,
    sign_in::{attempt::Attempt, impersonation},
};

/// What users serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<User>) -> KindBuilder<User> {
    kind.without(&["clone"])
        .admit(keep_no_password)
        .leave(lockout::leave_user)
        .action(
            "impersonate",
            "Opens a session in the user's name, with a reason.",
            impersonation::impersonate,
        )
        .view("roles", "The roles the user was granted, and where.", roles)
        .action("roles", "Grants the user a role.", add_role)
        .action("revoke-role", "Takes a role from the user.", revoke_role)
        .needs("roles")
        .view("permissions", "The permission patterns the user has, and where.", permissions)
        .view("projects", "The projects the user was granted a role in.", projects)
        .view("activities", "What the user did, newest first.", activities)
}

/// A person of an organization.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "user", prefix = "usr", scope = "organization", status = "Status")]
pub struct User {
    /// How people call the user.
    #[field(max = 200, personal)]
    pub display_name: Option<String>,
    /// The address to write to.
    #[field(max = 320, indexed, personal, example = "ada@example.org")]
    pub email: Option<String>,
    /// Further addresses.
    #[field(max = 20, personal)]
    #[serde(default)]
    pub more_emails: Vec<String>,
    /// What the user types to log in, where it is not the name.
    #[field(max = 320, indexed, personal)]
    pub login: Option<String>,
    /// The given name.
    #[field(max = 200, personal)]
    pub given_name: Option<String>,
    /// The family name.
    #[field(max = 200, personal)]
    pub family_name: Option<String>,
    /// What the user does.
    #[field(max = 200, personal)]
    pub title: Option<String>,
    /// What the directory the user comes from calls them (SCIM's `externalId`, RFC 7643 section 3.1).
    #[field(max = 400, indexed)]
    pub external_id: Option<String>,
    /// What the user logs in with; kept as an Argon2id hash only.
    #[field(max = 300)]
    pub password: Option<Secret>,
    /// The groups the user is in.
    #[field(max = 100)]
    pub groups: Vec<String>,
    /// Whether the user may not log in.
    #[field(default = false)]
    pub disabled: bool,
}

impl User {
    /// A user of whom only the password is told.
    pub fn with_password(password: Secret) -> Self {
        Self {
            display_name: None,
            email: None,
            more_emails: Vec::new(),
            login: None,
            given_name: None,
            family_name: None,
            title: None,
            external_id: None,
            password: Some(password),
            groups: Vec::new(),
            disabled: false,
        }
    }

    /// The words that name a user called so, which their password should not be.
    pub fn words<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let told = [&self.display_name, &self.email, &self.login, &self.given_name, &self.family_name];
        told.into_iter().filter_map(Option::as_deref).chain([name]).collect()
    }
}

/// What is known of a user.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When the password was last set.
    pub password_set_at: Option<Time>,
}

/// A password becomes its hash before anything is written.
async fn keep_no_password(cx: Cx, mut it: Object<User>, old: Option<Object<User>>) -> Result<Object<User>> {
    if it.spec.disabled && old.as_ref().is_some_and(|old| !old.spec.disabled) {
        lockout::without(&cx, it.name()).await?;
    }
    let before = old.and_then(|old| old.spec.password);
    // What a rollback brings back was a hash already.
    let is_kept = &*cx.verb == "rollback";
    if let Some(given) = &it.spec.password
        && before.as_ref() != Some(given)
        && !is_kept
    {
        it.spec.password = Some(password::hash(&cx, given, &it.spec.words(it.name())).await?);
        it.status.password_set_at = Some(cx.now());
        // Who guessed at the old one does not keep the user from the new one.
        if !cx.dry_run {
            Attempt::forgive_all(&cx, "password", it.name()).await?;
        }
    }
    if let Some(email) = &it.spec.email
        && !email.contains('@')
    {
        return Err(Error::invalid("invalid-email", "an e-mail address has an `@`").at("spec.email"));
    }
    Ok(it)
}

/// A role somebody has somewhere.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Held {
    /// The role.
    role: String,
    /// The project; everywhere in the organization when absent.
    project: Option<String>,
}

/// The roles of a user.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct HeldRoles {
    /// One entry a grant.
    items: Vec<Held>,
}

async fn held(cx: &Cx, user: &str) -> Result<Vec<Object<Grant>>> {
    cx.list::<Grant>(&format!("spec.subject = \"user:{user}\""), 1000).await
}

/// The roles the user was granted, and where.
async fn roles(cx: Cx, it: Object<User>, _: Nothing) -> Result<HeldRoles> {
    let grants = held(&cx, it.name()).await?;
    let one = |grant: Object<Grant>| Held {
        role: grant.spec.role.to_string(),
        project: grant.spec.project.map(|project| project.to_string()),
    };
    Ok(HeldRoles { items: grants.into_iter().map(one).collect() })
}

/// Grants the user a role.
async fn add_role(cx: Cx, it: Object<User>, ask: Held) -> Result<Held> {
    cx.authorize("admin.grants.create", ask.project.as_deref().unwrap_or_default()).await?;
    let subject = format!("user:{}", it.name());
    let place = ask.project.clone().unwrap_or_else(|| "organization".to_owned());
    let name = Name::from_title(&format!("{subject} {} {place}", ask.role))
        .ok_or_else(|| Error::invalid("invalid-name", "this is not the name of a role").at("role"))?;
    let spec = Grant {
        role: Ref::to(ask.role.clone()),
        subject,
        project: ask.project.clone().map(Ref::to),
        objects: Vec::new(),
    };
    cx.doing("create").create(Draft::new(name.to_string(), spec)).await?;
    Ok(ask)
}

/// Takes a role from the user: in one project, or in the whole organization.
async fn revoke_role(cx: Cx, it: Object<User>, ask: Held) -> Result<HeldRoles> {
    cx.authorize("admin.grants.delete", ask.project.as_deref().unwrap_or_default()).await?;
    let mut taken = 0;
    for grant in held(&cx, it.name()).await? {
        if *grant.spec.role == *ask.role && grant.spec.project.as_deref() == ask.project.as_deref() {
            cx.doing("delete").delete::<Grant>(grant.metadata.uid.as_str()).await?;
            taken += 1;
        }
    }
    if taken == 0 {
        return Err(Error::not_found("not-found", format!("the user was not granted `{}` there", ask.role))
            .hint("`GET /users/NAME/roles` lists what was granted, and where"));
    }
    roles(cx, it, Nothing {}).await
}

/// Patterns that hold somewhere.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct HeldPermissions {
    /// The patterns, for example `catalog.*.get`.
    permissions: Vec<String>,
    /// The role they come from.
    role: String,
    /// The project; everywhere in the organization when absent.
    project: Option<String>,
}

/// All patterns a user has.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct AllPermissions {
    /// One entry a grant.
    items: Vec<HeldPermissions>,
}

/// The permission patterns the user has, and where.
async fn permissions(cx: Cx, it: Object<User>, _: Nothing) -> Result<AllPermissions> {
    let mut items = Vec::new();
    for grant in held(&cx, it.name()).await? {
        let resolved = role::resolve(&cx, &grant.spec.role).await?;
        items.push(HeldPermissions {
            permissions: resolved.permissions,
            role: grant.spec.role.to_string(),
            project: grant.spec.project.map(|project| project.to_string()),
        });
    }
    Ok(AllPermissions { items })
}

/// Names of projects.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Projects {
    /// The names.
    items: Vec<String>,
}

/// The projects the user was granted a role in.
async fn projects(cx: Cx, it: Object<User>, _: Nothing) -> Result<Projects> {
    let grants = held(&cx, it.name()).await?;
    let mut items: Vec<String> =
        grants.into_iter().filter_map(|grant| Some(grant.spec.project?.to_string())).collect();
    items.sort();
    items.dedup();
    Ok(Projects { items })
}

/// What the user did, newest first.
async fn activities(cx: Cx, it: Object<User>, page: crate::audit::Page) -> Result<Value> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        actor: Some(format!("user:{}", it.name())),
        ..ChangeQuery::default()
    };
    crate::audit::entries(&cx, query, &page).await
}
