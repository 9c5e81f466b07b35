//! Registers and checks passkeys with `webauthn-rs`, which follows W3C Web Authentication Level 3.

use base::{Error, Result};
use ports::passkey::{Challenge, Passkeys, Person, Site};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use webauthn_rs::prelude::{
    Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential,
    Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

/// The engine.
pub fn open() -> impl Passkeys {
    Engine
}

struct Engine;

impl Passkeys for Engine {
    fn register(&self, site: Site<'_>, person: Person<'_>, has: &[String]) -> Result<Challenge> {
        let known: Vec<Passkey> = kept(has)?;
        let exclude = known.iter().map(|passkey| passkey.cred_id().clone()).collect();
        let handle = Uuid::from_bytes(person.handle);
        let (options, state) = relying_party(site)?
            .start_passkey_registration(handle, person.name, person.display_name, Some(exclude))
            .map_err(refused)?;
        challenge(&options, &state)
    }

    fn registered(&self, site: Site<'_>, state: &str, answer: &Value) -> Result<String> {
        let state: PasskeyRegistration = read(state)?;
        let answer: RegisterPublicKeyCredential = told(answer)?;
        let passkey = relying_party(site)?.finish_passkey_registration(&answer, &state).map_err(refused)?;
        written(&passkey)
    }

    fn ask(&self, site: Site<'_>, has: &[String]) -> Result<Challenge> {
        let known: Vec<Passkey> = kept(has)?;
        if known.is_empty() {
            return Err(Error::unauthenticated("passkey-refused", "there is no passkey for this name"));
        }
        let (options, state) = relying_party(site)?.start_passkey_authentication(&known).map_err(refused)?;
        challenge(&options, &state)
    }

    fn answered(
        &self,
        site: Site<'_>,
        state: &str,
        (answer, has): (&Value, &[String]),
    ) -> Result<(usize, String)> {
        let state: PasskeyAuthentication = read(state)?;
        let answer: PublicKeyCredential = told(answer)?;
        let result = relying_party(site)?.finish_passkey_authentication(&answer, &state).map_err(refused)?;
        for (i, mut passkey) in kept(has)?.into_iter().enumerate() {
            if passkey.update_credential(&result).is_some() {
                return written(&passkey).map(|text| (i, text));
            }
        }
        Err(Error::unauthenticated("passkey-refused", "the passkey is none of this account"))
    }
}

fn relying_party(site: Site<'_>) -> Result<Webauthn> {
    let unavailable = |why: &str| {
        Error::unavailable(
            "passkeys-unavailable",
            format!("there are no passkeys for `{}`: {why}", site.origin),
        )
        .hint("open the platform under a name and over TLS, and say it with `aic up --public-url`")
    };
    let origin = Url::parse(site.origin).map_err(|error| unavailable(&error.to_string()))?;
    let Some(name) = origin.domain().map(str::to_owned) else {
        return Err(unavailable("browsers take passkeys for names, not for addresses"));
    };
    let builder = WebauthnBuilder::new(&name, &origin).map_err(|error| unavailable(&error.to_string()))?;
    builder.rp_name("AIC").build().map_err(|error| unavailable(&error.to_string()))
}

fn refused(error: WebauthnError) -> Error {
    Error::unauthenticated("passkey-refused", format!("the passkey was not accepted: {error}"))
        .hint("begin again; a question to an authenticator is good for a few minutes")
}

fn kept(texts: &[String]) -> Result<Vec<Passkey>> {
    texts.iter().map(|text| read(text)).collect()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(Error::internal)
}

fn told<T: DeserializeOwned>(answer: &Value) -> Result<T> {
    T::deserialize(answer).map_err(|error| {
        Error::invalid("passkey-refused", format!("this is no authenticator's answer: {error}"))
            .at("credential")
    })
}

fn written<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(Error::internal)
}

fn challenge<O: Serialize, S: Serialize>(options: &O, state: &S) -> Result<Challenge> {
    let options = serde_json::to_value(options).map_err(Error::internal)?;
    Ok(Challenge { options, state: written(state)? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SITE: Site<'_> = Site { origin: "https://aic.example:8443" };
    const ADA: Person<'_> = Person { handle: [7; 16], name: "ada", display_name: "Ada" };

    #[test]
    fn a_question_names_the_site_and_the_person() {
        let asked = open().register(SITE, ADA, &[]).unwrap();
        assert_eq!(asked.options["publicKey"]["rp"]["id"], "aic.example");
        assert_eq!(asked.options["publicKey"]["user"]["name"], "ada");
        assert!(!asked.options.to_string().contains("state"));
    }

    #[test]
    fn an_address_has_no_passkeys_and_garbage_is_refused() {
        let nowhere = open().register(Site { origin: "http://127.0.0.1:8080" }, ADA, &[]);
        assert_eq!(nowhere.err().unwrap().code(), "passkeys-unavailable");
        let asked = open().register(SITE, ADA, &[]).unwrap();
        let refused = open().registered(SITE, &asked.state, &json!({"id": "x"}));
        assert_eq!(refused.err().unwrap().code(), "passkey-refused");
        assert_eq!(open().ask(SITE, &[]).err().unwrap().code(), "passkey-refused");
    }
}
