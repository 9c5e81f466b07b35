//! The page between a password and the way on, where an organization asks for a second factor and there is none yet.

use axum::extract::{Request, State};
use base::{Error, Result};
use kernel::{access::Credential, cx::Cx};
use maud::{PreEscaped, html};
use qrcode::{QrCode, render::svg};
use serde_json::json;

use crate::{
    Answer, Head, Shared, browser, cx_of,
    form::{self, Params},
    one_try, page, taken,
    words::Voice,
};

/// What the app needs, and where the form goes on to.
struct Enrolment<'a> {
    name: &'a str,
    secret: &'a str,
    address: &'a str,
    then: &'a str,
}

impl Enrolment<'_> {
    fn shown(&self, voice: &Voice, proof: &str, error: Option<&Error>) -> Answer {
        let words = voice.words();
        // An address too long for a code is typed by hand.
        let code = QrCode::new(self.address).ok();
        let code = code.map(|code| code.render::<svg::Color>().min_dimensions(220, 220).build());
        let body = html! {
            h1 { (words.factor) }
            p { (words.factor_hint) }
            @if let Some(code) = code { (PreEscaped(code.split_once("?>").map_or(code.as_str(), |(_, svg)| svg))) }
            p { strong { (self.secret) } }
            (page::wrong(voice, error))
            form method="post" action="/oauth2/second-factor" {
                (page::ours(voice, proof))
                @for (name, value) in [("name", self.name), ("secret", self.secret), ("address", self.address), ("then", self.then)] {
                    input type="hidden" name=(name) value=(value);
                }
                label { (words.device_code)
                    input.code name="code" inputmode="numeric" autocomplete="one-time-code" required maxlength="20" autofocus;
                }
                button { (words.go_on) }
            }
        };
        page::answer(voice, error.map_or(200, |error| error.status().code()), (words.factor, body), None)
    }
}

/// A context of who has a session.
async fn own(cx: &Cx, token: &str) -> Result<Cx> {
    let principal = cx.platform().authenticate(Credential::Bearer(token.to_owned())).await?;
    let mut own = cx.platform().cx(principal, "");
    own.trace = cx.trace.clone();
    own.origin = cx.origin;
    Ok(own)
}

/// Begins to add an app, for who has just shown the password.
pub async fn begin(
    cx: &Cx,
    (token, password): (&str, &str),
    then: &str,
    (voice, proof): (&Voice, &str),
) -> Result<Answer> {
    let ask = json!({"password": password});
    let made = own(cx, token).await?.call_action("admin.factors", None, "enroll", ask).await?;
    let text = |name: &str| made[name].as_str().unwrap_or_default();
    let (name, secret, address) = (text("name"), text("secret"), text("address"));
    Ok(Enrolment { name, secret, address, then }.shown(voice, proof, None))
}

/// `POST /oauth2/second-factor`
pub async fn confirm(State(web): Shared, request: Request) -> Answer {
    let Head { origin, voice, .. } = Head::of(&request);
    if let Err(error) = one_try(&web, origin) {
        return page::problem(&voice, &error);
    }
    let (head, params) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&voice, &error),
    };
    let cx = cx_of(&web, &head);
    if let Err(error) = browser::check(&cx, &head, &params) {
        return page::problem(&head.voice, &error);
    }
    match confirmed(&cx, &head, &params).await {
        Ok(answer) => answer,
        Err(error) => {
            let text = |name: &str| form::one(&params, name).unwrap_or_default();
            let (name, secret, address) = (text("name"), text("secret"), text("address"));
            let proof = browser::Proof::of(&web, &cx, &head);
            let enrolment = Enrolment { name, secret, address, then: text("then") };
            let shown = enrolment.shown(&head.voice, &proof.field, Some(&error));
            proof.with(shown, &cx)
        }
    }
}

async fn confirmed(cx: &Cx, head: &Head, params: &Params) -> Result<Answer> {
    let ended = || Error::unauthenticated("unauthenticated", "the login has ended; log in again");
    let own = own(cx, browser::session(cx, head).ok_or_else(ended)?).await?;
    let ask = json!({"name": form::needed(params, "name")?, "code": form::needed(params, "code")?.trim()});
    let made = own.call_action("admin.factors", None, "confirm", ask).await?;
    let then = form::one(params, "then").ok().filter(|then| super::login::is_ours(then)).unwrap_or("/");
    let codes = made["recoveryCodes"].as_array().cloned().unwrap_or_default();
    let words = head.voice.words();
    let body = html! {
        h1 { (words.factor_added) }
        @if !codes.is_empty() {
            p { (words.recovery) }
            ul { @for code in codes.iter().filter_map(|it| it.as_str()) { li { (code) } } }
        }
        a.other href={ "/oauth2/login?then=" (form::encoded(then)) } { (words.log_in) }
    };
    let mut answer = page::answer(&head.voice, 200, (words.factor_added, body), None);
    browser::forget(&mut answer, cx);
    Ok(answer)
}
