//! A revocation: a token, or a family of them, that is refused though its signature is good and its time not over.
//!
//! It is an object, so that the journal tells every replica at once, and an auditor who did it.

use kernel::prelude::*;

use super::signing_key::TOKEN_MAX_S;

/// What revocations serve: they are made by revoking.
pub fn serve(kind: KindBuilder<Revocation>) -> KindBuilder<Revocation> {
    kind.without(&["create", "update", "clone", "import", "delete"])
}

/// A token, or a family of them, that is refused.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "revocation", prefix = "rvk", scope = "organization")]
pub struct Revocation {
    /// Whose it was: the uid of a user or a service account.
    #[field(indexed, immutable)]
    pub owner: String,
    /// The client it was issued to.
    #[field(indexed, immutable)]
    pub client: String,
    /// Why.
    #[field(max = 300, immutable)]
    pub reason: String,
    /// When the last token it is about has ended by itself.
    #[field(indexed, immutable)]
    pub until: Time,
}

/// What is revoked.
pub(crate) struct Revoke<'a> {
    /// `token` or `family`.
    pub sort: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Whose it was.
    pub owner: &'a str,
    /// The client it was issued to.
    pub client: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Seconds until the last token of it has ended.
    pub seconds: i64,
}

/// Revokes; what was revoked before stays so.
pub(crate) async fn revoke(inside: &Cx, it: Revoke<'_>) -> Result<()> {
    let inside = inside.doing("revoke");
    forget_ended(&inside).await?;
    let spec = Revocation {
        owner: it.owner.to_owned(),
        client: it.client.to_owned(),
        reason: it.reason.to_owned(),
        until: inside.now().plus_s(it.seconds.clamp(1, TOKEN_MAX_S * 400)),
    };
    match inside.create(Draft::new(format!("{}-{}", it.sort, it.name), spec)).await {
        Err(error) if error.code() == "already-exists" => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Some of those that mean nothing any more leave, at each new one.
async fn forget_ended(inside: &Cx) -> Result<()> {
    let ended = inside.list::<Revocation>(&format!("spec.until < \"{}\"", inside.now()), 20).await?;
    for it in ended {
        inside.doing("expire").delete::<Revocation>(it.metadata.uid.as_str()).await?;
    }
    Ok(())
}

/// Whether something was revoked.
pub(crate) async fn is_revoked(inside: &Cx, sort: &str, name: &str) -> Result<bool> {
    let name = format!("{sort}-{name}");
    // What cannot be a name was never revoked, and never issued.
    if Name::new(name.as_str()).is_err() || inside.has_none::<Revocation>().await? {
        return Ok(false);
    }
    Ok(inside.get_opt::<Revocation>(&name).await?.is_some())
}
