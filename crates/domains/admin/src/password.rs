//! Passwords: Argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), on the blocking pool.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use kernel::prelude::*;

/// The shortest password, in characters.
pub const SHORTEST: usize = 8;

fn argon() -> Argon2<'static> {
    // The parameters are within the crate's limits; its defaults are the same ones.
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Whether a text is a hash made here, not a password.
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$")
}

/// The hash of a new password.
pub async fn hash(cx: &Cx, password: &Secret) -> Result<Secret> {
    let length = password.reveal().chars().count();
    if !(SHORTEST..=200).contains(&length) {
        return Err(Error::invalid("weak-password", format!("a password has {SHORTEST} to 200 characters"))
            .at("spec.password")
            .hint("a sentence of a few words is easy to remember and hard to guess"));
    }
    if is_hash(password.reveal()) {
        return Err(Error::invalid("weak-password", "this is a hash, not a password").at("spec.password"));
    }
    let salt = cx.random::<16>();
    let password = password.clone();
    cx.blocking(move || {
        let salt = SaltString::encode_b64(&salt).map_err(Error::internal)?;
        let hash = argon().hash_password(password.reveal().as_bytes(), &salt).map_err(Error::internal)?;
        Ok(Secret::new(hash.to_string()))
    })
    .await
}

/// Whether a password is the one behind a hash; takes its time also when there is no hash.
pub async fn verify(cx: &Cx, password: &str, hash: Option<&Secret>) -> Result<bool> {
    // So that a missing user takes as long as a wrong password.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let known = hash.is_some();
    let hash = hash.map_or(NOBODY, Secret::reveal).to_owned();
    let password = password.to_owned();
    let fits = cx
        .blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            Ok(argon().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await?;
    Ok(known && fits)
}
