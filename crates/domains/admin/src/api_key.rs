//! An API key: what a program shows instead of a password. Kept as a digest only; shown once.

use kernel::prelude::*;

use crate::token;

/// What keys serve beyond the verbs every kind has: they are made through their owner.
pub fn serve(kind: KindBuilder<ApiKey>) -> KindBuilder<ApiKey> {
    kind.without(&["create", "update", "clone", "import"]).action(
        "rotate",
        "Makes a new key like this one, shown this once; this one goes on for a while.",
        rotate,
    )
}

/// What a program shows instead of a password.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "api-key", prefix = "key", scope = "organization", status = "Status")]
pub struct ApiKey {
    /// Whose it is, as `service:ci`.
    #[field(indexed, immutable)]
    pub owner: String,
    /// The digest of the token.
    #[field(write_only, immutable)]
    pub digest: Digest,
    /// Permission patterns it is narrowed to; none is not narrowed.
    pub scopes: Vec<String>,
    /// When it stops being good.
    pub expires: Option<Time>,
}

/// What is known of a key.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// When it was used last, to the hour.
    pub last_used: Option<Time>,
    /// The key that takes its place.
    pub replaced_by: Option<String>,
}

/// What is asked of a new key.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Wanted {
    /// Permission patterns to narrow it to; none is not narrowed.
    #[field(example = "catalog.endpoints.predict")]
    scopes: Vec<String>,
    /// Seconds it shall be good for; forever when absent.
    #[field(min = 60, max = 315360000)]
    expires_in: Option<u64>,
}

/// A new key, shown once.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// The key's name, for revoking it.
    name: String,
    /// The token to show as `Authorization: Bearer`.
    token: String,
    /// When it stops being good.
    expires: Option<Time>,
}

/// How long the old key goes on.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Rotation {
    /// Seconds the old key goes on, so that its programs can change over.
    #[field(min = 0, max = 2592000, default = 86400)]
    overlap: u64,
    /// Seconds the new key shall be good for; as long as the old one was when absent.
    #[field(min = 60, max = 315360000)]
    expires_in: Option<u64>,
}

/// Makes a new key like this one, and lets this one end.
async fn rotate(cx: Cx, mut it: Object<ApiKey>, ask: Rotation) -> Result<Shown> {
    if let Some(other) = &it.status.replaced_by {
        return Err(Error::conflict("key-replaced", format!("`{other}` took the place of this key already"))
            .hint(format!("rotate `{other}` instead")));
    }
    let made = it.metadata.creation_timestamp;
    let lasted = |expires: &Time| ((expires.micros() - made.micros()) / 1_000_000).max(60) as u64;
    let expires_in = ask.expires_in.or_else(|| it.spec.expires.as_ref().map(lasted));
    let wanted = Wanted { scopes: it.spec.scopes.clone(), expires_in };
    let shown = issue(&cx, it.spec.owner.clone(), wanted).await?;
    let ends = cx.now().plus_s(ask.overlap as i64);
    it.spec.expires = Some(it.spec.expires.map_or(ends, |expires| expires.min(ends)));
    it.status.replaced_by = Some(shown.name.clone());
    cx.save(&it).await?;
    Ok(shown)
}

/// Notes that keys were used; `names` are those of one organization.
pub async fn note_used(cx: &Cx, names: &[String]) -> Result<()> {
    let now = cx.now();
    for name in names {
        let done = cx.doing("use").update_status::<ApiKey>(name, |status| status.last_used = Some(now)).await;
        // A key may have been revoked since.
        if let Err(error) = done
            && error.code() != "not-found"
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Makes a key.
pub async fn issue(cx: &Cx, owner: String, ask: Wanted) -> Result<Shown> {
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let name = format!("key-{id}");
    let (token, digest) = token::fresh(cx, token::Sort::Key, &cx.org, &name);
    let expires = ask.expires_in.map(|seconds| cx.now().plus_s(seconds as i64));
    let spec = ApiKey { owner, digest, scopes: ask.scopes, expires };
    cx.doing("create").create(Draft::new(name.clone(), spec)).await?;
    Ok(Shown { name, token, expires })
}
