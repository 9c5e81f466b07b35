//! Device codes (RFC 8628): a program without a browser waits while its person says yes elsewhere.

use kernel::{prelude::*, slot};
use ports::site::Site;

use super::{
    Provider,
    client::{self, Found, GrantType},
    consent, refresh,
    token::{self, Issued, Wanted},
};

/// Seconds a code is good.
const GOOD_S: i64 = 600;
/// Seconds between two questions of a device.
const EVERY_S: i64 = 5;
/// Letters that neither look alike nor spell words (RFC 8628 section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// What a device shows its person (RFC 8628 section 3.2).
#[derive(Clone, Debug, Serialize)]
pub struct Begun {
    /// What the device asks with.
    pub device_code: String,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: String,
    /// Seconds until both end.
    pub expires_in: i64,
    /// Seconds between two questions.
    pub interval: i64,
}

/// What a device asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The client.
    pub client: String,
    /// The scopes.
    pub scopes: Vec<String>,
    /// The resources.
    pub resources: Vec<String>,
    /// What the device asks with, as a digest.
    device: String,
}

/// What the person said.
#[derive(Serialize, Deserialize)]
struct Said {
    allowed: bool,
    org: String,
    user: String,
    auth_time: i64,
    sid: String,
}

/// Begins.
pub async fn begin(cx: &Cx, client: &Found, scope: &str, resources: &[String]) -> Result<Begun> {
    client.spec.must(GrantType::DeviceCode)?;
    let issuer = cx.port::<Site>()?.url()?.to_owned();
    let scopes = client.spec.scopes_of(scope)?;
    client.spec.resources_of(resources, &issuer)?;
    let device_code = slot::secret(cx);
    let letters: String =
        cx.random::<8>().iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect();
    let device = slot::digest(&device_code);
    let asked =
        Asked { client: client.id.clone(), scopes, resources: resources.to_vec(), device: device.clone() };
    slot::put(cx, "oauth-device", &device, &asked, GOOD_S).await?;
    slot::put(cx, "oauth-user-code", &letters, &device, GOOD_S).await?;
    let user_code = format!("{}-{}", &letters[..4], &letters[4..]);
    let verification_uri = format!("{issuer}/oauth2/device");
    Ok(Begun {
        device_code,
        verification_uri_complete: format!("{verification_uri}?user_code={user_code}"),
        verification_uri,
        user_code,
        expires_in: GOOD_S,
        interval: EVERY_S,
    })
}

fn unknown() -> Error {
    Error::not_found("unknown-user-code", "this code is unknown, used or too old")
        .hint("look at the device again; a code is good for ten minutes")
}

/// What the device of a typed code asked for, and the client it is.
pub async fn asked(cx: &Cx, user_code: &str) -> Result<(Asked, Found)> {
    let letters: String =
        user_code.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_uppercase();
    if letters.len() != 8 {
        return Err(unknown());
    }
    let device = slot::get::<String>(cx, "oauth-user-code", &letters).await?.ok_or_else(unknown)?;
    if slot::get::<Said>(cx, "oauth-device-said", &device).await?.is_some() {
        return Err(unknown());
    }
    let asked = slot::get::<Asked>(cx, "oauth-device", &device).await?.ok_or_else(unknown)?;
    let client = client::find(cx, &asked.client).await.map_err(|_| unknown())?;
    Ok((asked, client))
}

/// Somebody who has logged in with a browser.
#[derive(Clone, Debug)]
pub struct Person {
    /// The organization.
    pub org: String,
    /// The user's uid.
    pub user: String,
    /// The user's name.
    pub name: String,
    /// When they logged in.
    pub auth_time: i64,
    /// The session.
    pub sid: String,
}

/// The person says yes or no.
pub async fn say(cx: &Cx, user_code: &str, person: &Person, allowed: bool) -> Result<()> {
    let (asked, client) = asked(cx, user_code).await?;
    if !client.serves(&person.org) {
        return Err(Error::forbidden("access-denied", "this program is not for people of your organization"));
    }
    if allowed {
        consent::give(cx, &client, (&person.org, &person.name), &asked.scopes).await?;
    }
    let said = Said {
        allowed,
        org: person.org.clone(),
        user: person.user.clone(),
        auth_time: person.auth_time,
        sid: person.sid.clone(),
    };
    if !slot::once(cx, "oauth-device-decided", &asked.device, GOOD_S).await? {
        return Err(unknown());
    }
    slot::put(cx, "oauth-device-said", &asked.device, &said, GOOD_S).await
}

/// Answers a device that asks whether its person has said yes.
pub async fn redeem(cx: &Cx, client: &Found, device_code: &str) -> Result<Issued> {
    client.spec.must(GrantType::DeviceCode)?;
    let device = slot::digest(device_code);
    let ended = || {
        Error::bad_request("expired-token", "the device code is unknown, used or too old").hint("begin again")
    };
    let asked = slot::get::<Asked>(cx, "oauth-device", &device).await?.ok_or_else(ended)?;
    if asked.client != client.id {
        return Err(ended());
    }
    let provider = cx.port::<Provider>()?;
    let too_fast = provider.polls_too_fast(&device, cx.now(), EVERY_S);
    let Some(said) = slot::get::<Said>(cx, "oauth-device-said", &device).await? else {
        if too_fast {
            return Err(Error::bad_request("slow-down", format!("ask every {EVERY_S} seconds")));
        }
        return Err(Error::bad_request("authorization-pending", "the person has not said yes yet"));
    };
    if !slot::once(cx, "oauth-device-used", &device, GOOD_S).await? {
        return Err(ended());
    }
    if !said.allowed {
        return Err(Error::bad_request("access-denied", "the person said no"));
    }
    let offline = asked.scopes.iter().any(|scope| scope == "offline_access");
    let wanted = Wanted {
        org: said.org,
        sub: said.user,
        service: false,
        scopes: asked.scopes,
        resources: client.spec.resources_of(&asked.resources, cx.port::<Site>()?.url()?)?,
        auth_time: Some(said.auth_time),
        sid: (!offline).then_some(said.sid),
        family: Some(device[..32].to_owned()),
        traded: None,
    };
    let mut issued = token::for_person(cx, client, wanted.clone(), None).await?;
    if client.spec.may(GrantType::RefreshToken) {
        issued.refresh_token = Some(refresh::begin(cx, client, &wanted).await?);
    }
    Ok(issued)
}
