//! The pages: written on the server, without a script, and framed by nobody.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use base::Error;
use domain_identity::oauth::client::Found;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use openid::scope;

use crate::{Answer, words::Language};

/// A page in English as an answer; forms may lead here and to one other place.
pub fn answer(status: u16, title: &str, body: Markup, leads_to: Option<&str>) -> Answer {
    answer_in(Language::English, status, (title, body), leads_to)
}

/// A page as an answer: its title and what is on it.
fn answer_in(
    language: Language,
    status: u16,
    (title, body): (&str, Markup),
    leads_to: Option<&str>,
) -> Answer {
    let whole = html! {
        (DOCTYPE)
        html lang=(language.tag()) {
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
pub fn problem(error: &Error) -> Answer {
    face_web::problem::note(error, "");
    let body = html! {
        h1 { "That did not work" }
        p.bad { (error.message()) }
        @if let Some(hint) = error.advice() { p { (hint) } }
        p { "Code: " (error.code()) }
    };
    answer(error.status().code(), "Error", body, None)
}

/// A page with one sentence.
pub fn notice(title: &str, text: &str) -> Answer {
    answer(200, title, html! { h1 { (title) } p { (text) } }, None)
}

/// The page after a logout that no program asked for.
pub fn logged_out() -> Answer {
    let body = html! {
        h1 { "You are logged out" }
        p { "You can close this page." }
        a.other href="/" { "Log in again" }
    };
    answer(200, "Logged out", body, None)
}

/// A page that leads on: a form's answer may not, where browsers hold forms to their own site.
pub fn go_on(title: &str, to: &str) -> Answer {
    let body = html! {
        h1 { "Log in with " (title) }
        p { "You are led on." }
        a.other href=(to) { "Go on" }
    };
    let mut response = answer(200, "Log in", body, None);
    if let Ok(value) = HeaderValue::from_str(&format!("0; url={to}")) {
        response.headers_mut().insert("refresh", value);
    }
    response
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
    pub language: Language,
    /// The languages that the address asked for; the form asks for them again.
    pub locales: &'a str,
}

/// The page people log in on.
pub fn login(it: &Login<'_>) -> Answer {
    let words = it.language.words();
    let body = html! {
        h1 { (words.log_in) }
        p { @if let Some(client) = it.client { (words.to_client) " " (client) } @else { (words.to_platform) } }
        @if let Some(error) = it.error {
            p.bad role="alert" { (it.language.told(error)) }
        }
        form method="post" action="/oauth2/login" {
            (hidden("then", it.then)) (hidden("proof", it.proof))
            @if !it.locales.is_empty() { (hidden("ui_locales", it.locales)) }
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
        p { a href="/oauth2/forgot" { (words.forgot) } }
        @for (title, way) in it.others { a.other href=(way) { (words.with) " " (title) } }
    };
    let status = it.error.map_or(200, |error| error.status().code());
    answer_in(it.language, status, (words.log_in, body), it.leads_to)
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
pub fn consent(it: &Consent<'_>) -> Answer {
    let body = html! {
        h1 { "Let " (it.client.title()) " in?" }
        p { "You are logged in as " (it.person) ". " (it.client.title()) " asks to:" }
        ul { @for scope in it.scopes { li { (scope::words(scope)) } } }
        @if let Some(code) = it.code {
            // Somebody else may have sent the address (RFC 8628 section 5.4).
            p.bad { "Allow it only if you started this yourself, and the device shows the code " strong { (code) } "." }
        }
        form method="post" action=(it.action) {
            (hidden("proof", it.proof)) (hidden(it.along.0, it.along.1))
            button name="decision" value="allow" { "Allow" }
            button.no name="decision" value="deny" { "Do not allow" }
        }
    };
    answer(200, "Allow", body, it.leads_to)
}

/// The page a device's code is typed on.
pub fn device(proof: &str, typed: &str, error: Option<&Error>) -> Answer {
    let body = html! {
        h1 { "Connect a device" }
        p { "Type the code the device shows. Go on only if you started this yourself." }
        @if let Some(error) = error { p.bad role="alert" { (error.message()) } }
        form method="post" action="/oauth2/device" {
            (hidden("proof", proof))
            label { "Code"
                input.code name="user_code" required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false" value=(typed) autofocus;
            }
            button { "Go on" }
        }
    };
    answer(error.map_or(200, |error| error.status().code()), "Connect a device", body, None)
}

/// The page that asks whether to log out.
pub fn logout(proof: &str, along: &str, leads_to: Option<&str>) -> Answer {
    let body = html! {
        h1 { "Log out?" }
        p { "You will be logged out here, and of the programs you logged in to from here." }
        form method="post" action="/oauth2/logout" {
            (hidden("proof", proof)) (PreEscaped(along))
            button name="decision" value="allow" { "Log out" }
        }
    };
    answer(200, "Log out", body, leads_to)
}

/// Hidden fields for parameters that go along.
pub fn along(params: &[(&str, &str)]) -> String {
    html! { @for (name, value) in params { (hidden(name, value)) } }.into_string()
}
