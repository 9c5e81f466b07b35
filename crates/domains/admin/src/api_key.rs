//! An API key: what a program shows instead of a password. Kept as a digest only; shown once.

use kernel::prelude::*;

use crate::token;

/// What keys serve beyond the verbs every kind has: they are made through their owner.
pub fn serve(kind: KindBuilder<ApiKey>) -> KindBuilder<ApiKey> {
    kind.without(&["create", "update", "clone", "import"])
}

/// What a program shows instead of a password.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "api-key", prefix = "key", scope = "organization")]
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
