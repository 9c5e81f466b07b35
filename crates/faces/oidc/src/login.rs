//! Logging in on a page: the form, its answer, and the way on.

use axum::{
    extract::{Request, State},
    http::HeaderMap,
};
use base::{Error, Result};
use domain_identity::oauth::authorize::{self, Refusal};
use domain_identity::{people, sources};
use kernel::{access::Principal, cx::Cx};
use serde_json::json;

use crate::{
    Answer, Head, Shared, browser, cx_of,
    form::{self, Params},
    one_try, page, second_factor, see_other, taken, told,
    words::Voice,
};

/// Whether people may be sent on there: a page of ours, and no other place.
pub fn is_ours(then: &str) -> bool {
    let plain = then.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain && then.starts_with('/') && !then.starts_with("//") && then.len() < 16 << 10
}

/// What a login page must know of the request behind it.
#[derive(Default)]
pub struct Behind {
    client: Option<String>,
    organization: String,
    chooses: bool,
    hint: String,
    leads_to: Option<String>,
    locales: String,
}

impl Behind {
    /// Of a request of a client.
    pub fn of(request: &authorize::Request) -> Self {
        let own = (!request.client.spec.every_organization).then(|| request.client.org.clone());
        Self {
            client: Some(request.client.title().to_owned()),
            chooses: own.is_none(),
            organization: own.or_else(|| request.organization.clone()).unwrap_or_default(),
            hint: request.login_hint.clone().unwrap_or_default(),
            leads_to: Some(request.redirect_uri.clone()),
            locales: request.ui_locales.clone().unwrap_or_default(),
        }
    }

    /// What the page speaks.
    pub fn voice(&self, headers: &HeaderMap) -> Voice {
        Voice::of(&self.locales, told(headers, "accept-language"))
    }

    /// Of a device, which people of every organization may connect.
    pub fn anyone(voice: &Voice) -> Self {
        let client = Some(voice.words().a_device.to_owned());
        Self { client, chooses: true, locales: voice.locales.clone(), ..Self::default() }
    }

    /// Of the address a person goes on to; the languages of that request, or else those of the page's own address.
    async fn at(cx: &Cx, then: &str, params: &Params) -> Self {
        let mut behind = Self::request(cx, then).await;
        if behind.locales.is_empty() {
            behind.locales = form::one(params, "ui_locales").unwrap_or_default().to_owned();
        }
        behind
    }

    async fn request(cx: &Cx, then: &str) -> Self {
        let none = Self { chooses: true, ..Self::default() };
        let Some(query) = then.strip_prefix("/oauth2/authorize?") else { return none };
        let Ok(params) = form::parse(query) else { return none };
        match authorize::read(cx, &params).await {
            Ok(request) => Self::of(&request),
            Err(Refusal::Shown(_) | Refusal::Sent(_)) => none,
        }
    }
}

/// The page, for whoever must log in before going on.
pub async fn ask(cx: &Cx, (headers, then): (&HeaderMap, &str), proof: &str, behind: &Behind) -> Answer {
    let org = if behind.organization.is_empty() { "default" } else { behind.organization.as_str() };
    // A page without them is better than none.
    let others = sources::openid_providers(cx, org).await.unwrap_or_default();
    let others: Vec<(String, String)> =
        others.into_iter().map(|(name, title, _)| (title, way(org, &name, then, &behind.hint))).collect();
    page::login(&page::Login {
        then,
        proof,
        client: behind.client.as_deref(),
        username: &behind.hint,
        organization: &behind.organization,
        chooses: behind.chooses,
        leads_to: behind.leads_to.as_deref(),
        others: &others,
        voice: behind.voice(headers),
        ..page::Login::default()
    })
}

/// `GET /oauth2/login?then=`
pub async fn show(State(web): Shared, request: Request) -> Answer {
    let voice = Head::of(&request).voice;
    let (headers, params) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&voice, &error),
    };
    let cx = cx_of(&web, &headers);
    let then = form::one(&params, "then").ok().filter(|then| is_ours(then)).unwrap_or("/");
    let proof = browser::Proof::of(&web, &cx, &headers);
    let behind = Behind::at(&cx, then, &params).await;
    proof.with(ask(&cx, (&headers, then), &proof.field, &behind).await, &cx)
}

/// `POST /oauth2/login`
pub async fn login(State(web): Shared, request: Request) -> Answer {
    let Head { origin, voice, .. } = Head::of(&request);
    if let Err(error) = one_try(&web, origin) {
        return page::problem(&voice, &error);
    }
    let (headers, params) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&voice, &error),
    };
    let cx = cx_of(&web, &headers);
    if let Err(error) = browser::check(&cx, &headers, &params) {
        return page::problem(&headers.voice, &error);
    }
    let then = form::one(&params, "then").ok().filter(|then| is_ours(then)).unwrap_or("/");
    let behind = Behind::at(&cx, then, &params).await;
    let voice = behind.voice(&headers);
    if let Some(answer) = elsewhere(&cx, (&voice, &params), &behind, then).await {
        return answer;
    }
    match session(&cx, &params, &behind).await {
        Ok(Opened { token, enrolling }) => {
            let mut answer = if enrolling {
                let proof = browser::Proof::of(&web, &cx, &headers);
                let password = form::one(&params, "password").unwrap_or_default();
                match second_factor::begin(&cx, (&token, password), then, (&voice, &proof.field)).await {
                    Ok(answer) => proof.with(answer, &cx),
                    Err(error) => return page::problem(&voice, &error),
                }
            } else {
                see_other(then)
            };
            browser::remember(&mut answer, &cx, &token);
            answer
        }
        Err(error) => {
            let proof = browser::Proof::of(&web, &cx, &headers);
            page::login(&page::Login {
                then,
                proof: &proof.field,
                client: behind.client.as_deref(),
                username: form::one(&params, "username").unwrap_or_default(),
                organization: form::one(&params, "organization").unwrap_or_default(),
                chooses: behind.chooses,
                wants_code: error.code() == "second-factor-required" || params.contains_key("code"),
                error: Some(&error),
                leads_to: behind.leads_to.as_deref(),
                others: &[],
                voice,
            })
        }
    }
}

/// The way to another provider, for a person whose e-mail address it knows and who typed no password.
async fn elsewhere(
    cx: &Cx,
    (voice, params): (&Voice, &Params),
    behind: &Behind,
    then: &str,
) -> Option<Answer> {
    let typed = form::one(params, "username").ok()?.trim();
    let (_, domain) = typed.rsplit_once('@')?;
    if !form::one(params, "password").ok()?.is_empty() {
        return None;
    }
    let said =
        if behind.chooses { form::one(params, "organization").ok()?.trim() } else { &behind.organization };
    let org = people::home(cx, said, typed).await.ok()?;
    let providers = sources::openid_providers(cx, &org).await.ok()?;
    let known = |domains: &[String]| domains.iter().any(|it| it.eq_ignore_ascii_case(domain));
    let (name, title, _) = providers.into_iter().find(|(_, _, domains)| known(domains))?;
    Some(page::go_on(voice, &title, &way(&org, &name, then, typed)))
}

fn way(org: &str, provider: &str, then: &str, hint: &str) -> String {
    let hint = if hint.is_empty() { String::new() } else { format!("&login_hint={}", form::encoded(hint)) };
    let (org, provider) = (form::encoded(org), form::encoded(provider));
    format!("/oauth2/upstream/{org}/{provider}?then={}{hint}", form::encoded(then))
}

/// A session that was opened.
struct Opened {
    token: String,
    /// Whether it is only good for adding a second factor.
    enrolling: bool,
}

/// A session for what was typed.
async fn session(cx: &Cx, params: &Params, behind: &Behind) -> Result<Opened> {
    let typed = form::needed(params, "username")?.trim();
    let said = match behind.chooses {
        true => form::one(params, "organization")?.trim(),
        false => behind.organization.as_str(),
    };
    let organization = people::home(cx, said, typed).await?;
    let mut ask = json!({
        "username": typed, "organization": organization, "password": form::needed(params, "password")?,
    });
    let code = form::one(params, "code")?.trim();
    if !code.is_empty() {
        ask["code"] = code.into();
    }
    let mut inside = cx.platform().cx_of(Principal::system("login", &organization), "").doing("login");
    inside.trace = cx.trace.clone();
    inside.origin = cx.origin;
    let answer = inside.call_action("admin.sessions", None, "login", ask).await?;
    let token = answer["accessToken"].as_str().map(str::to_owned);
    let token = token.ok_or_else(|| Error::internal("a login answered no token"))?;
    Ok(Opened { token, enrolling: answer["enrolling"] == true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere_after_a_login() {
        for then in ["/", "/oauth2/authorize?x=y", "/docs"] {
            assert!(is_ours(then), "{then}");
        }
        for then in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "/x\r\ny", "javascript:x"]
        {
            assert!(!is_ours(then), "{then}");
        }
    }
}
