//! Small values that end by themselves: read as often as wanted, or taken by exactly one.

use base::{Digest, Error, Result};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    cx::Cx,
    store::{Commit, Kept},
};

/// Keeps a value until so many seconds are over.
pub async fn put<T: Serialize>(cx: &Cx, space: &str, key: &str, value: &T, seconds: i64) -> Result<()> {
    let value = serde_json::to_string(value).map_err(Error::internal)?;
    let expires = Some(cx.now().plus_s(seconds));
    let kept = Kept { space: space.to_owned(), key: key.to_owned(), value, expires, unless_kept: None };
    cx.platform().store.commit(Commit { keep: vec![kept], ..Commit::default() }).await.map(|_| ())
}

/// A value that has not ended.
pub async fn get<T: DeserializeOwned>(cx: &Cx, space: &str, key: &str) -> Result<Option<T>> {
    let kept = cx.platform().store.kept(space, key, cx.now()).await?;
    kept.map(|text| serde_json::from_str(&text).map_err(Error::internal)).transpose()
}

/// Marks something as used: true for the first who does within so many seconds, on any replica.
pub async fn once(cx: &Cx, space: &str, key: &str, seconds: i64) -> Result<bool> {
    let now = cx.now();
    let kept = Kept {
        space: space.to_owned(),
        key: key.to_owned(),
        value: "true".to_owned(),
        expires: Some(now.plus_s(seconds)),
        unless_kept: Some(now),
    };
    match cx.platform().store.commit(Commit { keep: vec![kept], ..Commit::default() }).await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == "already-kept" => Ok(false),
        Err(error) => Err(error),
    }
}

/// 32 random bytes as text that fits into an address.
pub fn secret(cx: &Cx) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(cx.random::<32>())
}

/// What a secret is kept under: whoever reads the store learns none.
pub fn digest(secret: &str) -> String {
    Digest::of(secret.as_bytes()).to_string()
}
