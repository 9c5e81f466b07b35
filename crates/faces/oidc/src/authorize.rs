//! The authorization endpoint: from a client's request to a code, by way of the pages it takes.

use axum::extract::{Request, State};
use base::{Error, Result};
use domain_identity::oauth::authorize::{self, Back, Next, Refusal};
use face_web::Web;
use kernel::cx::Cx;
use ports::site::Site;

use crate::{
    Answer, Head, Shared, browser, cx_of,
    form::{self, Params},
    login::{self, Behind},
    page, reply, see_other, taken,
    words::Voice,
};

/// An address with parameters added to those it has.
pub fn with_params(uri: &str, params: &[(&str, &str)]) -> String {
    let mut text = uri.to_owned();
    for (name, value) in params {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(&format!("{name}={}", form::encoded(value)));
    }
    text
}

fn send_back(cx: &Cx, back: &Back) -> Answer {
    face_web::problem::note(&back.error, "");
    let (word, description) = (reply::word(&back.error), reply::description(&back.error));
    let mut params = vec![("error", word.as_str()), ("error_description", description.as_str())];
    params.extend(back.state.as_deref().map(|state| ("state", state)));
    let site = cx.port::<Site>();
    let issuer = site.as_ref().ok().and_then(|site| site.url().ok());
    params.extend(issuer.map(|issuer| ("iss", issuer)));
    see_other(&with_params(&back.redirect_uri, &params))
}

fn refuse(cx: &Cx, voice: &Voice, refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Shown(error) => page::problem(voice, &error),
        Refusal::Sent(back) => send_back(cx, &back),
    }
}

fn send_code(cx: &Cx, request: &authorize::Request, code: &str) -> Result<Answer> {
    let site = cx.port::<Site>()?;
    let mut params = vec![("code", code)];
    params.extend(request.state.as_deref().map(|state| ("state", state)));
    // So that a client of several providers knows which one answered (RFC 9207).
    params.push(("iss", site.url()?));
    Ok(see_other(&with_params(&request.redirect_uri, &params)))
}

/// `GET` and `POST /oauth2/authorize`
pub async fn begin(State(web): Shared, request: Request) -> Answer {
    let voice = Head::of(&request).voice;
    let (headers, params) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&voice, &error),
    };
    let cx = cx_of(&web, &headers);
    go_on(&web, &cx, (&headers, &params), false)
        .await
        .unwrap_or_else(|refusal| refuse(&cx, &headers.voice, refusal))
}

async fn go_on(
    web: &Web,
    cx: &Cx,
    (headers, params): (&Head, &Params),
    asked: bool,
) -> Result<Answer, Refusal> {
    let request = authorize::read(cx, params).await?;
    let person = browser::person(cx, headers).await?;
    match authorize::advance(cx, &request, person.as_ref(), asked).await? {
        Next::Code(code) => Ok(send_code(cx, &request, &code)?),
        Next::Login => {
            let proof = browser::Proof::of(web, cx, headers);
            let then = format!("/oauth2/authorize?{}", form::text(params));
            Ok(proof.with(login::ask(cx, (headers, &then), &proof.field, &Behind::of(&request)).await, cx))
        }
        Next::Consent => {
            let proof = browser::Proof::of(web, cx, headers);
            let person = person.map(|person| person.name).unwrap_or_default();
            let consent = page::Consent {
                client: &request.client,
                person: &person,
                scopes: &request.scopes,
                proof: &proof.field,
                action: "/oauth2/consent",
                along: ("request", &form::text(params)),
                code: None,
                leads_to: Some(&request.redirect_uri),
            };
            Ok(proof.with(page::consent(&Behind::of(&request).voice(headers), &consent), cx))
        }
    }
}

/// `POST /oauth2/consent`
pub async fn decide(State(web): Shared, request: Request) -> Answer {
    let voice = Head::of(&request).voice;
    let (headers, form) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&voice, &error),
    };
    let cx = cx_of(&web, &headers);
    let read = browser::check(&cx, &headers, &form)
        .and_then(|()| form::needed(&form, "request"))
        .and_then(form::parse);
    let params = match read {
        Ok(params) => params,
        Err(error) => return page::problem(&headers.voice, &error),
    };
    let answer = match form::one(&form, "decision") {
        Ok("allow") => go_on(&web, &cx, (&headers, &params), true).await,
        _ => denied(&cx, &params).await,
    };
    answer.unwrap_or_else(|refusal| refuse(&cx, &headers.voice, refusal))
}

async fn denied(cx: &Cx, params: &Params) -> Result<Answer, Refusal> {
    let request = authorize::read(cx, params).await?;
    let error = Error::forbidden("access-denied", "the person said no");
    Ok(send_back(cx, &Back { redirect_uri: request.redirect_uri, state: request.state, error }))
}
