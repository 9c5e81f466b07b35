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
};

/// A page with a form, and what its answer does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    Forgot,
    Password,
    Invitation,
}

impl Page {
    fn title(self) -> &'static str {
        match self {
            Self::Forgot => "Forgot your password?",
            Self::Password => "Choose a new password",
            Self::Invitation => "Welcome to AIC",
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::Forgot => "/oauth2/forgot",
            Self::Password => "/oauth2/password",
            Self::Invitation => "/oauth2/invitation",
        }
    }

    fn fields(self, params: &Params) -> Markup {
        let typed = |name: &str| form::one(params, name).unwrap_or_default();
        let password = html! {
            label { "New password"
                input name="password" type="password" autocomplete="new-password" required minlength="8" maxlength="200";
            }
        };
        match self {
            Self::Forgot => html! {
                p { "A link for a new password is sent to the address of the account." }
                label { "Name or e-mail address"
                    input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="320" value=(typed("username"));
                }
                label { "Organization"
                    input name="organization" autocomplete="organization" autocapitalize="none" spellcheck="false" maxlength="253" placeholder="default" value=(typed("organization"));
                }
            },
            Self::Password => password,
            Self::Invitation => html! {
                p { "Choose how you want to log in." }
                label { "Name"
                    input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required maxlength="253" pattern="[a-z0-9]([-a-z0-9.]*[a-z0-9])?" value=(typed("username"));
                }
                label { "How people call you"
                    input name="displayName" autocomplete="name" maxlength="200" value=(typed("displayName"));
                }
                (password)
            },
        }
    }

    fn shown(self, proof: &str, params: &Params, error: Option<&Error>) -> Answer {
        let body = html! {
            h1 { (self.title()) }
            @if let Some(error) = error {
                p.bad role="alert" { (error.message()) @if let Some(hint) = error.advice() { "; " (hint) } }
            }
            form method="post" action=(self.action()) {
                input type="hidden" name="proof" value=(proof);
                @if self != Self::Forgot {
                    input type="hidden" name="token" value=(form::one(params, "token").unwrap_or_default());
                }
                (self.fields(params))
                button { "Go on" }
            }
        };
        page::answer(error.map_or(200, |error| error.status().code()), self.title(), body, None)
    }

    async fn done(self, cx: &Cx, params: &Params) -> Result<Answer> {
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
        Ok(match self {
            Self::Forgot => page::notice(
                "Look at your mail",
                "If there is such an account and it has an address, a link is on its way. It is good for an hour.",
            ),
            Self::Password => {
                page::notice("That is your new password", "Log in with it; all other sessions have ended.")
            }
            Self::Invitation => {
                page::notice("You are in", "Log in with the name and the password you chose.")
            }
        })
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
    proof.with(page.shown(&proof.field, params, error), cx)
}

async fn show(State(web): Shared, request: Request, page: Page) -> Answer {
    match taken(request).await {
        Ok((head, params)) => told(&web, &cx_of(&web, &head), &head, (page, &params, None)),
        Err(error) => page::problem(&error),
    }
}

async fn act(State(web): Shared, request: Request, page: Page) -> Answer {
    // Links are long, but nobody may try many, nor fill mailboxes.
    if let Err(error) = one_try(&web, Head::of(&request).origin) {
        return page::problem(&error);
    }
    let (head, params) = match taken(request).await {
        Ok(taken) => taken,
        Err(error) => return page::problem(&error),
    };
    let cx = cx_of(&web, &head);
    if let Err(error) = browser::check(&cx, &head, &params) {
        return page::problem(&error);
    }
    match page.done(&cx, &params).await {
        Ok(answer) => answer,
        Err(error) => told(&web, &cx, &head, (page, &params, Some(&error))),
    }
}
