//! Passwords: Argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), on the blocking pool.
//!
//! A hash keeps a core busy for some 20 ms. Half of the cores do that at most, so that a storm of logins leaves the
//! other half to everybody else; whoever comes when too many wait is told to come again.

use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use kernel::prelude::*;
use tokio::sync::Semaphore;

/// The shortest password, in characters.
pub const SHORTEST: usize = 8;

/// Turns to hash: one for each second core, and one at least.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Semaphore::new((cores / 2).max(1))
});
/// How many wait for a turn.
static WAITING: AtomicUsize = AtomicUsize::new(0);
/// How many may: some five seconds of work for one core.
const WAITING_MAX: usize = 250;

/// One that waits, until it does not any more.
struct Waiting;

impl Waiting {
    fn begin() -> Result<Self> {
        if WAITING.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            WAITING.fetch_sub(1, Ordering::Relaxed);
            return Err(Error::unavailable("too-busy", "too many people log in at this moment")
                .hint("try again in a few seconds")
                .retry_after(5));
        }
        Ok(Self)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hashes when it is its turn.
async fn in_turn<T, F>(cx: &Cx, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    let waiting = Waiting::begin()?;
    let _turn = TURNS.acquire().await.map_err(Error::internal)?;
    drop(waiting);
    cx.blocking(work).await
}

fn argon() -> Argon2<'static> {
    // The parameters are within the crate's limits; its defaults are the same ones.
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Whether a text is a hash made here, not a password.
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$")
}

/// The hash of a new password of somebody whom these words name: nobody else should think of it soon.
pub async fn hash(cx: &Cx, password: &Secret, words: &[&str]) -> Result<Secret> {
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
    let words: Vec<String> = words.iter().chain(&["aic", &*cx.org]).map(|word| (*word).to_owned()).collect();
    in_turn(cx, move || {
        refuse_guessable(password.reveal(), &words)?;
        let salt = SaltString::encode_b64(&salt).map_err(Error::internal)?;
        let hash = argon().hash_password(password.reveal().as_bytes(), &salt).map_err(Error::internal)?;
        Ok(Secret::new(hash.to_string()))
    })
    .await
}

/// Refuses what is among the first million guesses: common passwords, names, dates, rows of keys, and the words that
/// name the user and the place (NIST SP 800-63B-4, section 3.1.1.2).
fn refuse_guessable(password: &str, words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().flat_map(|word| word.split(['@', '.', ' '])).collect();
    let estimate = zxcvbn::zxcvbn(password, &words);
    if estimate.score() >= zxcvbn::Score::Two {
        return Ok(());
    }
    let why = estimate.feedback().and_then(|it| it.warning());
    let why = why.map_or_else(|| "it is among the first guesses".to_owned(), |why| why.to_string());
    Err(Error::invalid("weak-password", format!("the password is easily guessed: {why}"))
        .at("spec.password")
        .hint("a sentence of a few words is easy to remember and hard to guess"))
}

/// Whether a password is the one behind a hash; takes its time also when there is no hash.
pub async fn verify(cx: &Cx, password: &str, hash: Option<&Secret>) -> Result<bool> {
    // So that a missing user takes as long as a wrong password.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let known = hash.is_some();
    let hash = hash.map_or(NOBODY, Secret::reveal).to_owned();
    let password = password.to_owned();
    let fits = in_turn(cx, move || {
        let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
        Ok(argon().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await?;
    Ok(known && fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_choose_and_what_names_the_user_is_refused() {
        let words = ["ada".to_owned(), "ada.lovelace@example.com".to_owned(), "acme".to_owned()];
        for guessed in [
            "password",
            "password1",
            "12345678",
            "qwertyuiop",
            "iloveyou1",
            "lovelace1",
            "acmeacme",
            "P@ssw0rd",
        ] {
            assert_eq!(refuse_guessable(guessed, &words).unwrap_err().code(), "weak-password", "{guessed}");
        }
        for good in ["correct horse", "long enough", "another-long-password", "another horse", "zq7-Kp2w"] {
            assert!(refuse_guessable(good, &words).is_ok(), "{good}");
        }
    }
}
