//! Users, service accounts and sessions: another domain's objects, read by their kinds' names as far as is needed here.

use kernel::{
    access::{Principal, Sort},
    journal::Change,
    lifecycle::{self, Propagation},
    prelude::*,
    write,
};

const USERS: &str = "admin.users";
const SESSIONS: &str = "admin.sessions";
const ACCOUNTS: &str = "admin.service-accounts";

/// The organization and the project an empty platform starts with.
pub const FIRST: &str = "default";

async fn read(inside: &Cx, kind: &str, id: &str) -> Result<Option<Raw>> {
    match inside.read(kind, id).await {
        Err(error) if error.code() == "not-found" => Ok(None),
        found => found.map(Some),
    }
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// What is told about them.
    pub told: About,
    raw: Raw,
}

/// What is told about a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// How people call the user.
    pub display_name: Option<String>,
    /// The address to write to.
    pub email: Option<String>,
    /// The groups the user is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether the user may not log in.
    #[serde(default)]
    pub disabled: bool,
}

impl User {
    fn of(raw: Raw) -> Result<Self> {
        Ok(Self { told: raw.spec_as()?, raw })
    }

    /// A user by name or uid.
    pub async fn find(inside: &Cx, id: &str) -> Result<Option<Self>> {
        read(inside, USERS, id).await?.map(Self::of).transpose()
    }

    /// A user who may log in.
    pub async fn let_in(inside: &Cx, id: &str) -> Result<Option<Self>> {
        Ok(Self::find(inside, id).await?.filter(|user| !user.told.disabled))
    }

    /// The user with an e-mail address nobody else in the organization has.
    pub async fn by_email(inside: &Cx, email: &str) -> Result<Option<Self>> {
        let found = inside.list_raw(USERS, &format!("spec.email = {}", kernel::literal(email)), 2).await?;
        match <[Raw; 1]>::try_from(found) {
            Ok([raw]) => Self::of(raw).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Makes a user.
    pub async fn make(inside: &Cx, name: &Name, told: &About) -> Result<Self> {
        let kind = inside.platform().kind(USERS)?;
        let mut new = inside.blank(&kind, name.to_string());
        put(&mut new, told)?;
        Self::of(write::put(inside, &kind, None, new).await?)
    }

    /// Writes what is told about the user, if nobody else has in between.
    pub async fn tell(self, inside: &Cx, told: &About) -> Result<Self> {
        let kind = inside.platform().kind(USERS)?;
        let mut new = self.raw.clone();
        put(&mut new, told)?;
        Self::of(write::put(inside, &kind, Some(self.raw), new).await?)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.raw.metadata.name
    }

    /// The uid, which others know the user by.
    pub fn uid(&self) -> String {
        self.raw.metadata.uid.to_string()
    }

    /// The organization.
    pub fn org(&self) -> &str {
        &self.raw.org
    }

    /// Whom the user is to the policy.
    pub fn principal(&self) -> Principal {
        let groups = self.told.groups.clone();
        Principal { groups, ..Principal::of(Sort::User, self.name(), self.org()) }
    }
}

fn put(new: &mut Raw, told: &About) -> Result<()> {
    let Value::Object(told) = serde_json::to_value(told).map_err(Error::internal)? else {
        return Err(Error::internal("what is told about a user is an object"));
    };
    new.spec.extend(told);
    Ok(())
}

#[derive(Deserialize)]
struct Account {
    #[serde(default)]
    disabled: bool,
}

/// The name and uid of a service account that is not disabled.
pub async fn account(inside: &Cx, id: &str) -> Result<Option<(String, String)>> {
    let Some(raw) = read(inside, ACCOUNTS, id).await? else { return Ok(None) };
    let is_disabled = raw.spec_as::<Account>()?.disabled;
    Ok((!is_disabled).then(|| (raw.metadata.name, raw.metadata.uid.to_string())))
}

/// A session.
#[derive(Clone, Debug, Deserialize)]
pub struct Session {
    /// Who logged in.
    pub user: String,
    /// When it ends.
    expires: Time,
}

impl Session {
    /// What a session was at a change.
    pub fn at(cx: &Cx, change: &Change) -> Result<Self> {
        kernel::read::raw_at(&*cx.platform().kind(SESSIONS)?, change)?.spec_as()
    }

    /// When a session was opened, if it has neither ended nor been ended.
    pub async fn opened(inside: &Cx, sid: &str) -> Result<Option<Time>> {
        let Some(raw) = read(inside, SESSIONS, sid).await? else { return Ok(None) };
        let lives = raw.spec_as::<Self>()?.expires > inside.now();
        Ok(lives.then_some(raw.metadata.creation_timestamp))
    }

    /// Ends a session, if there is one.
    pub async fn end(inside: &Cx, sid: &str) -> Result<()> {
        let Some(raw) = read(inside, SESSIONS, sid).await? else { return Ok(()) };
        let kind = inside.platform().kind(SESSIONS)?;
        lifecycle::delete(inside, &kind, raw, Propagation::Background).await.map(|_| ())
    }
}
