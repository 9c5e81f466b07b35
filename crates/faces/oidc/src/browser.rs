//! What a browser carries: the cookie of its session, and the one that proves that a form is ours.

use axum::http::{HeaderMap, HeaderValue, header};
use base::{Digest, Error, Result};
use domain_identity::oauth::{authorize, device::Person};
use face_web::{Web, caller};
use kernel::cx::Cx;
use ports::site::Site;

use crate::{Answer, form::Params, told};

/// Seconds the cookie of a form is kept.
const FORM_S: u32 = 3600;

fn is_secure(cx: &Cx) -> bool {
    cx.port::<Site>().is_ok_and(|site| site.url().is_ok_and(|url| url.starts_with("https://")))
}

fn name(cx: &Cx, what: &str) -> String {
    // A cookie of this name cannot be set by a neighbour, nor sent in the clear (RFC 6265bis section 4.1.3.2).
    if is_secure(cx) { format!("__Host-aic_{what}") } else { format!("aic_{what}") }
}

fn set(answer: &mut Answer, cx: &Cx, what: &str, value: &str, seconds: Option<u32>) {
    let mut text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax", name(cx, what));
    if let Some(seconds) = seconds {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    if is_secure(cx) {
        text.push_str("; Secure");
    }
    if let Ok(value) = HeaderValue::from_str(&text) {
        answer.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// The session's token a browser shows, if it shows one.
pub fn session<'a>(cx: &Cx, headers: &'a HeaderMap) -> Option<&'a str> {
    caller::cookie(headers, &name(cx, "session"))
}

/// Gives a browser its session; it forgets it when it is closed.
pub fn remember(answer: &mut Answer, cx: &Cx, token: &str) {
    set(answer, cx, "session", token, None);
}

/// Takes a browser's session away.
pub fn forget(answer: &mut Answer, cx: &Cx) {
    set(answer, cx, "session", "", Some(0));
}

/// Who has logged in with this browser.
pub async fn person(cx: &Cx, headers: &HeaderMap) -> Result<Option<Person>> {
    match session(cx, headers) {
        Some(token) => authorize::person(cx, token).await,
        None => Ok(None),
    }
}

/// What goes with a form: the browser's cookie, made if it has none, and what the form must show for it.
pub struct Proof {
    cookie: Option<String>,
    /// The hidden field's value.
    pub field: String,
}

fn field(secret: &str) -> String {
    Digest::of(format!("form {secret}").as_bytes()).to_string()
}

impl Proof {
    /// For a page with a form.
    pub fn of(web: &Web, cx: &Cx, headers: &HeaderMap) -> Self {
        match caller::cookie(headers, &name(cx, "form")).filter(|text| text.len() == 64) {
            Some(secret) => Self { cookie: None, field: field(secret) },
            None => {
                let mut bytes = [0; 32];
                web.platform.entropy().fill(&mut bytes);
                let secret = Digest::new(bytes).to_string();
                Self { field: field(&secret), cookie: Some(secret) }
            }
        }
    }

    /// Sends the cookie along.
    pub fn with(&self, mut answer: Answer, cx: &Cx) -> Answer {
        if let Some(secret) = &self.cookie {
            set(&mut answer, cx, "form", secret, Some(FORM_S));
        }
        answer
    }
}

/// Refuses a form that was not shown to this browser by us.
pub fn check(cx: &Cx, headers: &HeaderMap, params: &Params) -> Result<()> {
    let shown = crate::form::one(params, "proof")?;
    let fits = caller::cookie(headers, &name(cx, "form")).is_some_and(|secret| field(secret) == shown);
    let foreign = !matches!(told(headers, "sec-fetch-site"), "" | "same-origin" | "none");
    if fits && !foreign {
        return Ok(());
    }
    Err(Error::forbidden("form-expired", "this form is too old, or was not shown by us")
        .hint("go back, reload the page, and try again; cookies must be allowed"))
}
