//! The way to another provider's login page, and back.

use axum::extract::{Path, Request, State};
use base::{Error, Result};
use domain_identity::sources::openid::{self, Back, Leave};

use crate::{Answer, Head, Shared, browser, cx_of, form, login, page, see_other, taken};

/// `GET /oauth2/upstream/{org}/{provider}`
pub async fn leave(
    State(web): Shared,
    Path((org, provider)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let voice = Head::of(&request).voice;
    let left = async {
        let (head, params) = taken(request).await?;
        let cx = cx_of(&web, &head);
        let then = form::one(&params, "then").ok().filter(|then| login::is_ours(then)).unwrap_or("/");
        let proof = browser::Proof::of(&web, &cx, &head);
        let hint = form::one(&params, "login_hint")?;
        let leave = Leave { org: &org, provider: &provider, then, browser: &proof.field, hint };
        let to = openid::begin(&cx, leave).await?;
        Ok(proof.with(see_other(&to), &cx))
    };
    left.await.unwrap_or_else(|error: Error| page::problem(&voice, &error))
}

/// `GET /oauth2/callback`
pub async fn come_back(State(web): Shared, request: Request) -> Answer {
    let voice = Head::of(&request).voice;
    let back = async {
        let (head, params) = taken(request).await?;
        let cx = cx_of(&web, &head);
        let told = form::one(&params, "error")?;
        if !told.is_empty() {
            let shown: String = told.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
            return Err(Error::forbidden(
                "upstream-refused",
                format!("the identity provider said `{shown}`"),
            )
            .hint("try again; if it stays so, ask your administrator"));
        }
        let proof = browser::Proof::of(&web, &cx, &head);
        let back = Back {
            state: form::needed(&params, "state")?,
            code: form::needed(&params, "code")?,
            issuer: form::one(&params, "iss")?,
            browser: &proof.field,
        };
        let (token, then) = openid::finish(&cx, back).await?;
        let mut answer = see_other(&then);
        browser::remember(&mut answer, &cx, &token);
        Ok(answer)
    };
    let done: Result<Answer> = back.await;
    done.unwrap_or_else(|error| page::problem(&voice, &error))
}
