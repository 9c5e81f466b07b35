//! The page a person connects a device on (RFC 8628 section 3.3).

use axum::extract::{Request, State};
use base::Result;
use domain_identity::oauth::device::{self, Person};
use face_web::Web;
use kernel::cx::Cx;

use crate::{
    Answer, Head, Shared, browser, cx_of,
    form::{self, Params},
    login::{self, Behind},
    one_try, page, taken,
    words::Voice,
};

/// `GET /oauth2/device`
pub async fn show(State(web): Shared, request: Request) -> Answer {
    answered(web, request, false).await
}

/// `POST /oauth2/device`
pub async fn decide(State(web): Shared, request: Request) -> Answer {
    answered(web, request, true).await
}

async fn answered(web: Web, request: Request, posted: bool) -> Answer {
    // A code is short: nobody may try many.
    let Head { origin, voice, .. } = Head::of(&request);
    if let Err(error) = one_try(&web, origin) {
        return page::problem(&voice, &error);
    }
    let (headers, params) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&voice, &error),
    };
    let cx = cx_of(&web, &headers);
    let checked = if posted { browser::check(&cx, &headers, &params) } else { Ok(()) };
    let person = match (checked, browser::person(&cx, &headers).await) {
        (Ok(()), Ok(person)) => person,
        (Err(error), _) | (_, Err(error)) => return page::problem(&headers.voice, &error),
    };
    let typed = form::one(&params, "user_code").unwrap_or_default();
    let Some(person) = person else {
        let proof = browser::Proof::of(&web, &cx, &headers);
        let then = format!("/oauth2/device?user_code={}", form::encoded(typed));
        let behind = Behind::anyone(&headers.voice);
        return proof.with(login::ask(&cx, (&headers, &then), &proof.field, &behind).await, &cx);
    };
    let decision = if posted { form::one(&params, "decision").unwrap_or_default() } else { "" };
    let done = match decision {
        "allow" | "deny" => said(&cx, (&headers.voice, &params), &person, decision == "allow").await,
        _ => asked(&web, &cx, &headers, (&person, typed)).await,
    };
    done.unwrap_or_else(|error| {
        let proof = browser::Proof::of(&web, &cx, &headers);
        proof.with(page::device(&headers.voice, &proof.field, typed, Some(&error)), &cx)
    })
}

async fn asked(web: &Web, cx: &Cx, headers: &Head, (person, typed): (&Person, &str)) -> Result<Answer> {
    let proof = browser::Proof::of(web, cx, headers);
    if typed.is_empty() {
        return Ok(proof.with(page::device(&headers.voice, &proof.field, "", None), cx));
    }
    let (asked, client) = device::asked(cx, typed).await?;
    let consent = page::Consent {
        client: &client,
        person: &person.name,
        scopes: &asked.scopes,
        proof: &proof.field,
        action: "/oauth2/device",
        along: ("user_code", typed),
        code: Some(typed),
        leads_to: None,
    };
    Ok(proof.with(page::consent(&headers.voice, &consent), cx))
}

async fn said(cx: &Cx, (voice, params): (&Voice, &Params), person: &Person, allowed: bool) -> Result<Answer> {
    device::say(cx, form::needed(params, "user_code")?, person, allowed).await?;
    let words = voice.words();
    let title = if allowed { words.device_connected } else { words.device_refused };
    Ok(page::notice(voice, title, words.close))
}
