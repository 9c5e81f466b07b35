//! Getting certificates from their issuers: when they are declared, and again before they end.

use kernel::{Later, access::Principal, journal::Change, prelude::*, slot};
use ports::acme::{Acme, Challenges, Issued, Order};

use crate::{certificate::Certificate, issuer::Issuer};

/// How long nobody else orders the same: longer than an authority may take.
const ORDERING_S: i64 = 600;
/// The answers to challenges, by their tokens.
const ANSWERS: &str = "acme-answers";
/// How long an answer can be asked for.
const ANSWERED_S: i64 = 3_600;
/// After a refusal the issuer is left alone for so long: authorities count failures by the hour.
const REFUSED_S: i64 = 3_600;

/// Where the authority looks for answers: in the store, so that every process has them.
struct Answers(Cx);

impl Challenges for Answers {
    fn publish(&self, token: String, answer: String) -> Later<'_, ()> {
        Box::pin(async move { slot::put(&self.0, ANSWERS, &token, &answer, ANSWERED_S).await })
    }
}

/// What `/.well-known/acme-challenge/{token}` answers (RFC 8555 section 8.3).
pub async fn answer(cx: &Cx, token: &str) -> Result<Option<String>> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if token.is_empty() || token.len() > 200 || !token.bytes().all(fits) {
        return Ok(None);
    }
    slot::get(cx, ANSWERS, token).await
}

/// A certificate was declared or changed.
pub async fn declared(cx: Cx, change: Change) -> Result<()> {
    if change.deleted {
        return Ok(());
    }
    match cx.get_opt::<Certificate>(change.uid.as_str()).await? {
        Some(it) => tend(&cx, it).await,
        None => Ok(()),
    }
}

/// Looks after all of them: what is done again and again.
pub async fn tend_all(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<Certificate>().await? {
        tend(&cx, it).await?;
    }
    Ok(())
}

/// Orders a certificate where it is time to; a refusal is told by its status, and is no failure of the platform.
async fn tend(cx: &Cx, it: Object<Certificate>) -> Result<()> {
    let cx = cx.platform().cx_of(Principal::system("certificates", ""), "").doing("issue");
    let Some(issuer) = it.spec.issuer.clone() else { return Ok(()) };
    let is_current = it.spec.key.is_some()
        && it.spec.issued_for == it.spec.hosts
        && it.spec.renew_after.is_some_and(|after| cx.now() < after);
    let tries = format!("{}/{}", it.metadata.uid, it.metadata.generation);
    if is_current || slot::get::<bool>(&cx, "acme-refused", &tries).await?.is_some() {
        return Ok(());
    }
    // Another process may be at it, and the rounds overlap with the declarations.
    if !slot::once(&cx, "acme-ordering", &tries, ORDERING_S).await? {
        return Ok(());
    }
    let name = it.name().to_owned();
    if let Err(error) = issue(&cx, it, &issuer).await {
        tracing::warn!(certificate = name, ?error, "a certificate was not issued; trying again in an hour");
        slot::put(&cx, "acme-refused", &tries, &true, REFUSED_S).await?;
        slot::put(&cx, "acme-said", &name, &error.message(), 30 * 24 * 3_600).await?;
    }
    Ok(())
}

/// What the issuer of a certificate said when it refused last.
pub async fn said(cx: &Cx, name: &str) -> Result<Option<String>> {
    slot::get(cx, "acme-said", name).await
}

async fn issue(cx: &Cx, it: Object<Certificate>, issuer: &str) -> Result<()> {
    let authority = cx.get::<Issuer>(issuer).await?;
    if !authority.spec.terms_agreed {
        return Err(Error::conflict(
            "terms-not-agreed",
            format!("`issuer/{issuer}` has not agreed to the terms"),
        )
        .at("spec.termsAgreed"));
    }
    let order = Order {
        directory: authority.spec.directory.to_string(),
        email: authority.spec.email.clone(),
        account: authority.spec.account.as_ref().map(|it| it.reveal().to_owned()),
        hosts: it.spec.hosts.clone(),
    };
    let had = order.account.clone();
    let Issued { account, chain, key, not_before, not_after } =
        cx.port::<dyn Acme>()?.issue(order, &Answers(cx.clone())).await?;
    if had.as_ref() != Some(&account) {
        let mut authority = cx.get::<Issuer>(issuer).await?;
        authority.spec.account = Some(Secret::new(account));
        cx.save(&authority).await?;
    }
    // It may have been changed while the authority looked; then its next version is ordered anew.
    let mut now = cx.get::<Certificate>(it.metadata.uid.as_str()).await?;
    now.spec.issued_for = it.spec.hosts;
    now.spec.chain = Some(chain);
    now.spec.key = Some(Secret::new(key));
    // A third of its life is left for renewing, as authorities advise.
    let life_s = not_after.seconds_since(not_before);
    now.spec.renew_after = Some(not_before.plus_s((life_s * 2.0 / 3.0) as i64));
    cx.save(&now).await?;
    Ok(())
}
