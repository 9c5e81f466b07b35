//! Logging out, asked for by a client or by the person (OpenID Connect RP-Initiated Logout 1.0).

use axum::extract::{Request, State};
use base::{Error, Result};
use domain_identity::oauth::{client, logout};
use face_web::Web;
use kernel::cx::Cx;

use crate::{
    Answer, Head, Shared,
    authorize::with_params,
    browser, cx_of,
    form::{self, Params},
    page, see_other, taken,
};

/// `GET` and `POST /oauth2/logout`
pub async fn begin(State(web): Shared, request: Request) -> Answer {
    let voice = Head::of(&request).voice;
    let done = async {
        let (headers, params) = taken(request).await?;
        let cx = cx_of(&web, &headers);
        ended(&web, &cx, (&headers, &params)).await
    };
    done.await.unwrap_or_else(|error| page::problem(&voice, &error))
}

async fn ended(web: &Web, cx: &Cx, (headers, params): (&Head, &Params)) -> Result<Answer> {
    let hint = match form::one(params, "id_token_hint")? {
        "" => None,
        text => logout::hint(cx, text).await?,
    };
    let way_back = way_back(cx, params, hint.as_ref()).await?;
    let person = browser::person(cx, headers).await?;
    if let Some(person) = &person {
        // A hint of this very session proves that the client is one of it; without one the person is asked.
        let is_sure = hint.as_ref().is_some_and(|hint| hint.sid.as_ref() == Some(&person.sid));
        let has_said = params.contains_key("decision");
        if has_said {
            browser::check(cx, headers, params)?;
        } else if !is_sure {
            let proof = browser::Proof::of(web, cx, headers);
            let names = ["id_token_hint", "post_logout_redirect_uri", "client_id", "state"];
            let given: Vec<(&str, &str)> = names
                .into_iter()
                .filter_map(|name| Some((name, form::one(params, name).ok()?)))
                .filter(|(_, value)| !value.is_empty())
                .collect();
            let answer =
                page::logout(&headers.voice, &proof.field, &page::along(&given), way_back.as_deref());
            return Ok(proof.with(answer, cx));
        }
        logout::end(cx, &person.org, &person.sid).await?;
    }
    let mut answer = match way_back {
        Some(uri) => see_other(&uri),
        None => page::logged_out(&headers.voice),
    };
    browser::forget(&mut answer, cx);
    Ok(answer)
}

/// Where the person goes afterwards: only where the client said beforehand.
async fn way_back(cx: &Cx, params: &Params, hint: Option<&logout::Hint>) -> Result<Option<String>> {
    let uri = form::one(params, "post_logout_redirect_uri")?;
    if uri.is_empty() {
        return Ok(None);
    }
    let said = form::one(params, "client_id")?;
    let id = hint.map_or(said, |hint| hint.aud.as_str());
    let unknown = || {
        Error::bad_request("invalid-request", "`post_logout_redirect_uri` is not one of the client's")
            .at("post_logout_redirect_uri")
            .hint("send `client_id` or `id_token_hint` along, and compare the client's `postLogoutRedirectUris`")
    };
    if !said.is_empty() && said != id {
        return Err(unknown());
    }
    let client = client::find(cx, id).await.map_err(|_| unknown())?;
    if !client.spec.post_logout_redirect_uris.iter().any(|known| known == uri) {
        return Err(unknown());
    }
    let state = form::one(params, "state")?;
    Ok(Some(if state.is_empty() { uri.to_owned() } else { with_params(uri, &[("state", state)]) }))
}
