//! The pages: written on the server, without a script, and framed by nobody.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base::Error;
use domain_identity::oauth::client::Found;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{Answer, form, words::Voice};

/// A page as an answer: its title and what is on it; forms may lead here and to one other place.
pub fn answer(voice: &Voice, status: u16, (title, body): (&str, Markup), leads_to: Option<&str>) -> Answer {
    let whole = html! {
        (DOCTYPE)
        html lang=(voice.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) " - AIC" }
                link rel="stylesheet" href="/oauth2/style.css";
            }
            body { main { (body) } }
        }
    };
    let mut response = Response::new(Body::from(whole.into_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    // A browser follows a form's redirect only to where the page said that its forms lead.
    let place = leads_to.and_then(origin).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; form-action 'self' {place}; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(value) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, value);
    }
    let fixed = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Scheme, host and port of an address, or the scheme of a program's own.
fn origin(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    match rest.strip_prefix("//") {
        Some(rest) if scheme == "http" || scheme == "https" => {
            Some(format!("{scheme}://{}", rest.split(['/', '?']).next()?))
        }
        _ => Some(format!("{scheme}:")),
    }
}

/// A page that says what went wrong, and what to do.
pub fn problem(voice: &Voice, error: &Error) -> Answer {
    face_web::problem::note(error, "");
    let (words, known) = (voice.words(), voice.language.known(error));
    let body = html! {
        h1 { (words.failed) }
        p.bad { (known.unwrap_or(error.message())) }
        @if let (None, Some(hint)) = (known, error.advice()) { p { (hint) } }
        p { (words.error_code) " " (error.code()) }
    };
    answer(voice, error.status().code(), (words.failed_title, body), None)
}

/// A page with one sentence.
pub fn notice(voice: &Voice, title: &str, text: &str) -> Answer {
    answer(voice, 200, (title, html! { h1 { (title) } p { (text) } }), None)
}

/// The page after a logout that no program asked for.
pub fn logged_out(voice: &Voice) -> Answer {
    let words = voice.words();
    let body = html! {
        h1 { (words.logged_out) }
        p { (words.close) }
        a.other href="/" { (words.again) }
    };
    answer(voice, 200, (words.logged_out, body), None)
}

/// A page that leads on: a form's answer may not, where browsers hold forms to their own site.
pub fn go_on(voice: &Voice, title: &str, to: &str) -> Answer {
    let words = voice.words();
    let body = html! {
        h1 { (words.with) " " (title) }
        p { (words.led_on) }
        a.other href=(to) { (words.go_on) }
    };
    let mut response = answer(voice, 200, (words.log_in, body), None);
    if let Ok(value) = HeaderValue::from_str(&format!("0; url={to}")) {
        response.headers_mut().insert("refresh", value);
    }
    response
}

/// What every form shows: that it is ours, and which languages were asked for.
pub fn ours(voice: &Voice, proof: &str) -> Markup {
    html! {
        (hidden("proof", proof))
        @if !voice.locales.is_empty() { (hidden("ui_locales", &voice.locales)) }
    }
}

/// What was wrong with what a form said.
pub fn wrong(voice: &Voice, error: Option<&Error>) -> Markup {
    html! { @if let Some(error) = error { p.bad role="alert" { (voice.language.told(error)) } } }
}

fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// What the login page shows.
#[derive(Default)]
pub struct Login<'a> {
    /// Where to go on.
    pub then: &'a str,
    /// The form's proof.
    pub proof: &'a str,
    /// The program the person logs in to.
    pub client: Option<&'a str>,
    /// What was typed before.
    pub username: &'a str,
    /// The organization, if it is known.
    pub organization: &'a str,
    /// Whether the organization can be chosen.
    pub chooses: bool,
    /// Whether a code is asked for too.
    pub wants_code: bool,
    /// What went wrong before.
    pub error: Option<&'a Error>,
    /// Where the form leads in the end.
    pub leads_to: Option<&'a str>,
    /// Other providers: title and way.
    pub others: &'a [(String, String)],
    /// The language it speaks.
    pub voice: Voice,
}

/// The page people log in on.
pub fn login(it: &Login<'_>) -> Answer {
    let words = it.voice.words();
    let forgot = match it.voice.locales.as_str() {
        "" => "/oauth2/forgot".to_owned(),
        locales => format!("/oauth2/forgot?ui_locales={}", form::encoded(locales)),
    };
    let body = html! {
        h1 { (words.log_in) }
        p { @if let Some(client) = it.client { (words.to_client) " " (client) } @else { (words.to_platform) } }
        (wrong(&it.voice, it.error))
        form method="post" action="/oauth2/login" {
            (hidden("then", it.then)) (ours(&it.voice, it.proof))
            label { (words.username)
                input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="320" autofocus[it.username.is_empty()] value=(it.username);
            }
            label { (words.password)
                input name="password" type="password" autocomplete="current-password" maxlength="1000" autofocus[!it.username.is_empty()];
            }
            @if it.wants_code {
                label { (words.code)
                    input name="code" autocomplete="one-time-code" inputmode="numeric" required maxlength="64";
                }
            }
            @if it.chooses {
                label { (words.organization)
                    input name="organization" autocomplete="organization" autocapitalize="none" spellcheck="false" maxlength="253" placeholder="default" value=(it.organization);
                }
            } @else { (hidden("organization", it.organization)) }
            button { (words.log_in) }
        }
        p { a href=(forgot) { (words.forgot) } }
        @for (title, way) in it.others { a.other href=(way) { (words.with) " " (title) } }
    };
    let status = it.error.map_or(200, |error| error.status().code());
    answer(&it.voice, status, (words.log_in, body), it.leads_to)
}

/// What the consent page shows.
pub struct Consent<'a> {
    /// The program.
    pub client: &'a Found,
    /// Who has logged in.
    pub person: &'a str,
    /// What it asks for.
    pub scopes: &'a [String],
    /// The form's proof.
    pub proof: &'a str,
    /// Where the answer goes.
    pub action: &'a str,
    /// What goes along with it.
    pub along: (&'a str, &'a str),
    /// The code of a device, to be compared with what it shows.
    pub code: Option<&'a str>,
    /// Where the form leads in the end.
    pub leads_to: Option<&'a str>,
}

/// The page that asks whether a program may.
pub fn consent(voice: &Voice, it: &Consent<'_>) -> Answer {
    let words = voice.words();
    let named = |sentence: &str| sentence.replace("{}", it.client.title());
    let body = html! {
        h1 { (named(words.let_in)) }
        p { (words.logged_in_as) " " (it.person) ". " (named(words.asks_to)) }
        ul { @for scope in it.scopes { li { (voice.language.scope(scope)) } } }
        @if let Some(code) = it.code {
            // Somebody else may have sent the address (RFC 8628 section 5.4).
            p.bad { (words.only_if) " " strong { (code) } "." }
        }
        form method="post" action=(it.action) {
            (ours(voice, it.proof)) (hidden(it.along.0, it.along.1))
            button name="decision" value="allow" { (words.allow) }
            button.no name="decision" value="deny" { (words.deny) }
        }
    };
    answer(voice, 200, (words.allow, body), it.leads_to)
}

/// The page a device's code is typed on.
pub fn device(voice: &Voice, proof: &str, typed: &str, error: Option<&Error>) -> Answer {
    let words = voice.words();
    let body = html! {
        h1 { (words.device) }
        p { (words.device_hint) }
        (wrong(voice, error))
        form method="post" action="/oauth2/device" {
            (ours(voice, proof))
            label { (words.device_code)
                input.code name="user_code" required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false" value=(typed) autofocus;
            }
            button { (words.go_on) }
        }
    };
    answer(voice, error.map_or(200, |error| error.status().code()), (words.device, body), None)
}

/// The page that asks whether to log out.
pub fn logout(voice: &Voice, proof: &str, along: &str, leads_to: Option<&str>) -> Answer {
    let words = voice.words();
    let body = html! {
        h1 { (words.log_out_asked) }
        p { (words.log_out_hint) }
        form method="post" action="/oauth2/logout" {
            (ours(voice, proof)) (PreEscaped(along))
            button name="decision" value="allow" { (words.log_out) }
        }
    };
    answer(voice, 200, (words.log_out, body), leads_to)
}

/// Hidden fields for parameters that go along.
pub fn along(params: &[(&str, &str)]) -> String {
    html! { @for (name, value) in params { (hidden(name, value)) } }.into_string()
}
