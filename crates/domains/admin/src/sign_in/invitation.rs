//! An invitation: a place for somebody who is no user yet, sent by mail and good once.

use kernel::{prelude::*, slot};
use ports::mail::{Mail, Message};

use crate::{
    access::{grant::Grant, role::Role},
    user::User,
};

/// What invitations serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Invitation>) -> KindBuilder<Invitation> {
    kind.without(&["update", "clone", "import"])
        .admit(prepare)
        .action("send", "Sends the invitation again, with a new link; the old one ends.", send)
        .action_on_all("accept", "Makes the user an invitation was for; it is good once.", accept)
        .open_to(OpenTo::Anyone)
}

/// Seconds an invitation lasts.
const LASTS_S: i64 = 7 * 24 * 3600;

/// A place for somebody who is no user yet.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "invitation", prefix = "inv", scope = "organization", status = "Status")]
pub struct Invitation {
    /// Where it is sent to.
    #[field(max = 320, immutable, personal, example = "ada@example.org")]
    pub email: Option<String>,
    /// The role the user will have.
    #[field(reference = "admin.roles", immutable)]
    pub role: Option<Ref>,
    /// In which project; everywhere in the organization when absent.
    #[field(reference = "admin.projects", immutable)]
    pub project: Option<Ref>,
    /// The groups the user will be in.
    #[field(reference = "admin.groups", max = 100, immutable)]
    #[serde(default)]
    pub groups: Vec<Ref>,
}

/// What became of an invitation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it was sent last.
    pub sent_at: Option<Time>,
    /// When it ends.
    pub expires: Option<Time>,
    /// The digest of the link's token.
    #[field(write_only)]
    pub digest: Option<Digest>,
    /// The user it became.
    pub user: Option<String>,
}

/// Whoever invites must be able to grant what the invitation promises.
async fn prepare(
    cx: Cx,
    it: Object<Invitation>,
    old: Option<Object<Invitation>>,
) -> Result<Object<Invitation>> {
    if old.is_some() {
        return Ok(it);
    }
    if !it.spec.email.as_ref().is_some_and(|email| email.contains('@')) {
        return Err(Error::invalid("invalid-email", "an e-mail address has an `@`").at("spec.email"));
    }
    if it.spec.role.is_some() {
        cx.authorize("admin.grants.create", it.spec.project.as_deref().unwrap_or_default()).await?;
    }
    if !it.spec.groups.is_empty() {
        cx.authorize("admin.groups.update", "").await?;
    }
    Ok(it)
}

fn renewed(cx: &Cx, mut it: Object<Invitation>, email: &str) -> Result<(Object<Invitation>, Message)> {
    let secret = slot::secret(cx);
    let token = format!("{}.{}.{secret}", cx.org, it.name());
    it.status.digest = Some(Digest::of(token.as_bytes()));
    it.status.sent_at = Some(cx.now());
    it.status.expires = Some(cx.now().plus_s(LASTS_S));
    let link = super::reset::link("invitation", &token, cx)?;
    let text = format!(
        "You are invited to AIC, organization {}.\n\nChoose a name and a password here, within seven days:\n\n{link}\n\n\
         If you did not expect this, do nothing.\n",
        cx.org
    );
    let subject = format!("Your invitation to {} on AIC", cx.org);
    Ok((it, Message { to: email.to_owned(), subject, text }))
}

/// Sends what has not been sent yet.
pub async fn deliver(cx: Cx, change: kernel::journal::Change) -> Result<()> {
    let Some(it) = cx.get_opt::<Invitation>(change.uid.as_str()).await? else { return Ok(()) };
    if change.deleted || it.status.sent_at.is_some() {
        return Ok(());
    }
    send(cx.doing("send"), it, Nothing {}).await.map(|_| ())
}

/// Sends the invitation again.
async fn send(cx: Cx, it: Object<Invitation>, _: Nothing) -> Result<Nothing> {
    if it.status.user.is_some() {
        return Err(Error::conflict("invitation-ended", "the invitation was accepted already"));
    }
    let email = it.spec.email.clone().unwrap_or_default();
    let (it, message) = renewed(&cx, it, &email)?;
    cx.save(&it).await?;
    cx.port::<dyn Mail>()?.send(message).await?;
    Ok(Nothing {})
}

/// Who accepts, and how they want to be called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    /// The token of the link.
    #[field(max = 1000)]
    token: Secret,
    /// The name to log in with.
    username: Name,
    /// The password to log in with.
    #[field(max = 1000)]
    password: Secret,
    /// How people call the user.
    #[field(max = 200)]
    display_name: Option<String>,
}

/// The user that was made.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Made {
    /// The organization.
    organization: String,
    /// The user's name.
    username: String,
}

fn ended() -> Error {
    Error::not_found("invitation-ended", "the invitation was accepted, has ended, or never was")
        .hint("ask whoever invited you to send it again")
}

async fn accept(cx: Cx, ask: Accepted) -> Result<Made> {
    let token = ask.token.reveal();
    let mut parts = token.splitn(3, '.');
    let (Some(org), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(ended());
    };
    let inside = super::reset::inside(&cx, org, "invitation").ok_or_else(ended)?;
    let found = match Name::new(name) {
        Ok(name) => inside.get_opt::<Invitation>(name.as_str()).await?,
        Err(_) => None,
    };
    let is_good = |it: &Object<Invitation>| {
        it.status.digest == Some(Digest::of(token.as_bytes()))
            && it.status.user.is_none()
            && it.status.expires.is_some_and(|expires| inside.now() < expires)
    };
    let mut it = found.filter(is_good).ok_or_else(ended)?;
    it.status.user = Some(ask.username.to_string());
    it.status.digest = None;
    // Of two who accept at once, one saves first. The name is taken after it, so it is given back if it was not free.
    let saved = inside.doing("accept").save(&it).await.map_err(|_| ended())?;
    let spec = User {
        display_name: ask.display_name,
        email: it.spec.email.clone(),
        groups: it.spec.groups.iter().map(ToString::to_string).collect(),
        ..User::with_password(ask.password)
    };
    if let Err(error) = inside.doing("accept").create(Draft::new(ask.username.to_string(), spec)).await {
        it.metadata.version = saved.metadata.version;
        it.status.user = None;
        it.status.digest = Some(Digest::of(token.as_bytes()));
        inside.doing("release").save(&it).await?;
        return Err(error);
    }
    grant(&inside, &it.spec, ask.username.as_str()).await?;
    Ok(Made { organization: org.to_owned(), username: ask.username.to_string() })
}

async fn grant(cx: &Cx, it: &Invitation, user: &str) -> Result<()> {
    let Some(role) = &it.role else { return Ok(()) };
    // The role may have gone since.
    if cx.get_opt::<Role>(role).await?.is_none() {
        return Ok(());
    }
    let spec = Grant {
        role: role.clone(),
        subject: format!("user:{user}"),
        project: it.project.clone(),
        objects: Vec::new(),
    };
    cx.doing("accept").create(Draft::new(format!("{user}-{role}-invited"), spec)).await.map(|_| ())
}
