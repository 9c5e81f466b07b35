//! The pages links in mails lead to: a forgotten password, a new one, an invitation.

use axum::extract::{Request, State};
use base::{Error, Result};
use face_web::Web;
use kernel::cx::Cx;
use maud::{Markup, html};
use serde_json::json;

use crate::{
    Answer, Head, Shared, browser, cx_of,
    form::{self, Params},
    one_try, page, taken,
    words::{Voice, Words},
};

/// A page with a form, and what its answer does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    Forgot,
    Password,
    Invitation,
}

impl Page {
    fn title(self, words: &Words) -> &'static str {
        match self {
            Self::Forgot => words.forgot,
            Self::Password => words.choose,
            Self::Invitation => words.welcome,
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Forgot => "/oauth2/forgot",
            Self::Password => "/oauth2/password",
            Self::Invitation => "/oauth2/invitation",
        }
    }

    fn fields(self, words: &Words, params: &Params) -> Markup {
        let typed = |name: &str| form::one(params, name).unwrap_or_default();
        let password = html! {
            label { (words.new_password)
                input name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="200";
            }
        };
        match self {
            Self::Forgot => html! {
                p { (words.forgot_hint) }
                label { (words.username)
                    input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="320" value=(typed("username"));
                }
                label { (words.organization)
                    input name="organization" autocomplete="organization" autocapitalize="none" spellcheck="false" maxlength="253" placeholder="default" value=(typed("organization"));
                }
            },
            Self::Password => password,
            Self::Invitation => html! {
                p { (words.welcome_hint) }
                label { (words.name)
                    input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="253" pattern="[a-z0-9]([-a-z0-9.]*[a-z0-9])?" value=(typed("username"));
                }
                label { (words.called)
                    input name="displayName" autocomplete="name" maxlength="200" value=(typed("displayName"));
                }
                (password)
            },
        }
    }

    fn shown(self, voice: &Voice, proof: &str, (params, error): (&Params, Option<&Error>)) -> Answer {
        let words = voice.words();
        let body = html! {
            h1 { (self.title(words)) }
            (page::wrong(voice, error))
            form method="post" action=(self.action()) {
                (page::ours(voice, proof))
                @if self != Self::Forgot {
                    input type="hidden" name="token" value=(form::one(params, "token").unwrap_or_default());
                }
                (self.fields(words, params))
                button { (words.go_on) }
            }
        };
        page::answer(voice, error.map_or(200, |error| error.status().code()), (self.title(words), body), None)
    }

    async fn done(self, cx: &Cx, voice: &Voice, params: &Params) -> Result<Answer> {
        let typed = |name: &str| form::one(params, name).map(str::trim);
        let mut ask = json!({});
        let (kind, action, names): (_, _, &[&str]) = match self {
            Self::Forgot => ("admin.sessions", "forgot-password", &["username", "organization"]),
            Self::Password => ("admin.sessions", "reset-password", &["token", "password"]),
            Self::Invitation => {
                ("admin.invitations", "accept", &["token", "username", "password", "displayName"])
            }
        };
        for name in names {
            let value = if *name == "password" { form::one(params, name)? } else { typed(name)? };
            if !value.is_empty() {
                ask[*name] = value.into();
            }
        }
        cx.call_action(kind, None, action, ask).await?;
        let words = voice.words();
        let (title, text) = match self {
            Self::Forgot => (words.mail, words.mail_hint),
            Self::Password => (words.chosen, words.chosen_hint),
            Self::Invitation => (words.inside, words.inside_hint),
        };
        Ok(page::notice(voice, title, text))
    }
}

/// `GET /oauth2/forgot`
pub async fn show_forgot(state: Shared, request: Request) -> Answer {
    show(state, request, Page::Forgot).await
}

/// `POST /oauth2/forgot`
pub async fn forgot(state: Shared, request: Request) -> Answer {
    act(state, request, Page::Forgot).await
}

/// `GET /oauth2/password?token=`
pub async fn show_password(state: Shared, request: Request) -> Answer {
    show(state, request, Page::Password).await
}

/// `POST /oauth2/password`
pub async fn password(state: Shared, request: Request) -> Answer {
    act(state, request, Page::Password).await
}

/// `GET /oauth2/invitation?token=`
pub async fn show_invitation(state: Shared, request: Request) -> Answer {
    show(state, request, Page::Invitation).await
}

/// `POST /oauth2/invitation`
pub async fn invitation(state: Shared, request: Request) -> Answer {
    act(state, request, Page::Invitation).await
}

fn told(web: &Web, cx: &Cx, head: &Head, (page, params, error): (Page, &Params, Option<&Error>)) -> Answer {
    let proof = browser::Proof::of(web, cx, head);
    proof.with(page.shown(&head.voice, &proof.field, (params, error)), cx)
}

async fn show(State(web): Shared, request: Request, page: Page) -> Answer {
    let voice = Head::of(&request).voice;
    match taken(request).await {
        Ok((head, params)) => told(&web, &cx_of(&web, &head), &head, (page, &params, None)),
        Err(error) => page::problem(&voice, &error),
    }
}

async fn act(State(web): Shared, request: Request, page: Page) -> Answer {
    // Links are long, but nobody may try many, nor fill mailboxes.
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
    match page.done(&cx, &head.voice, &params).await {
        Ok(answer) => answer,
        Err(error) => told(&web, &cx, &head, (page, &params, Some(&error))),
    }
}
