//! A login that was refused: to whom, from where and why, kept for a month (ASVS 5.0, 16.3.1).
//!
//! What was typed is never kept: people type passwords where names belong. Names that nobody has are one to whoever
//! reads, and are noted once an hour for each address; those of users are bounded by the tries they have.

use kernel::{prelude::*, slot};

use crate::daily::{self, Sort};

/// The most entries that are looked at.
const LOOKED_AT_MAX: usize = 50_000;
const HOUR_S: i64 = 3_600;

/// A login that was refused.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Refusal {
    /// When.
    time: Time,
    /// The user; absent when the name is nobody's.
    user: Option<String>,
    /// The address it came from, where one was told.
    origin: Option<String>,
    /// Why: the code of the error.
    reason: String,
}

/// Notes a refusal; answers the error it was refused with.
pub async fn note(cx: &Cx, user: Option<&str>, error: Error) -> Error {
    match write(cx, user, &error).await {
        Ok(()) => error,
        // Nobody is let in because a note could not be taken.
        Err(failed) => failed,
    }
}

async fn write(cx: &Cx, user: Option<&str>, error: &Error) -> Result<()> {
    if error.status().code() >= 500 {
        return Ok(());
    }
    let now = cx.now();
    let (origin, reason) = (cx.origin.map(|it| it.to_string()), error.code().to_owned());
    tracing::info!(org = %cx.org, user, origin, reason, "a login was refused");
    if user.is_none() || reason == "too-many-attempts" {
        let hour = now.micros().div_euclid(HOUR_S * 1_000_000);
        let key = format!("{}\0{user:?}\0{origin:?}\0{reason}\0{hour}", cx.org);
        if !slot::once(cx, "refusals", &Digest::of(key.as_bytes()).to_string(), HOUR_S).await? {
            return Ok(());
        }
    }
    let refusal = Refusal { time: now, user: user.map(str::to_owned), origin, reason };
    daily::append(cx, Sort::Refused, (&cx.org, daily::day_of(now)), &[refusal]).await
}

/// Which refusals.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Only those of this user.
    #[field(max = 253)]
    user: Option<String>,
    /// Only those from this address.
    #[field(max = 45)]
    origin: Option<String>,
    /// How many days are looked back.
    #[field(min = 1, max = 30, default = 7)]
    days: u32,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: u32,
}

/// Refused logins.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Found {
    /// One entry a refusal, newest first.
    items: Vec<Refusal>,
}

/// Logins that were refused, newest first.
pub async fn list(cx: Cx, ask: Which) -> Result<Found> {
    let today = daily::day_of(cx.now());
    let mut items: Vec<Refusal> = Vec::new();
    let mut looked_at = 0;
    for day in (today - i64::from(ask.days) + 1..=today).rev() {
        let mut of_day = Vec::new();
        let mut next = Some(0);
        while let Some(from) = next.filter(|_| looked_at < LOOKED_AT_MAX) {
            let page = daily::page::<Refusal>(&cx, Sort::Refused, day, from).await?;
            looked_at += page.entries.len();
            next = page.next;
            of_day.extend(page.entries);
        }
        let wanted = |it: &Refusal| {
            ask.user.as_ref().is_none_or(|user| it.user.as_ref() == Some(user))
                && ask.origin.as_ref().is_none_or(|origin| it.origin.as_ref() == Some(origin))
        };
        items.extend(of_day.into_iter().rev().filter(wanted));
        if items.len() >= ask.limit as usize {
            break;
        }
    }
    items.truncate(ask.limit as usize);
    Ok(Found { items })
}
