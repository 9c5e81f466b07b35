//! The provider as clients and administrators meet it, with a clock that stands until it is moved.

use std::sync::Arc;

use domain_admin::{Administrator, bootstrap};
use domain_identity::oauth::{
    Provider, authorize, client, code, device::Person, logout, refresh, signing_key, token,
};
use kernel::{
    access::{Credential, Principal},
    platform::Ports,
    prelude::*,
    slot,
};
use ports::site::Site;
use testing::Stage;

const ISSUER: &str = "https://aic.example";
const BACK: &str = "https://rp.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A platform with a provider; what `more` makes is there before the first line.
fn stage(more: impl FnOnce(Cx) -> kernel::Later<'static, ()> + Send + 'static) -> Stage {
    let fetch: Arc<dyn ports::fetch::Fetch> = Arc::new(ports::fetch::Nowhere);
    let ports = Ports::default()
        .with(Arc::new(Site::at(ISSUER)))
        .with(Arc::new(Provider::default()))
        .with(domain_admin::sessions())
        .with(domain_identity::identities())
        .with(fetch);
    let stage = Stage::of("admin", domain_admin::domain()).and(domain_identity::domain());
    stage.with_ports(ports).prepared(|platform| {
        Box::pin(async move {
            let password = Secret::new("correct horse");
            let who = Administrator { username: "admin".to_owned(), password, platform: true };
            bootstrap(&platform, &who).await?;
            more(platform.cx_of(Principal::system("test", "default"), "")).await
        })
    })
}

fn nothing_more(_: Cx) -> kernel::Later<'static, ()> {
    Box::pin(std::future::ready(Ok(())))
}

#[test]
fn clients_keys_and_consents_are_kinds_like_others() {
    stage(nothing_more).play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /oauth-clients {"metadata": {"name": "wiki"}, "spec": {"redirectUris": ["https://wiki.example/cb"], "scopes": ["openid"]}}
        => 201 {"spec": {"tokenSeconds": 900, "signingAlgorithm": "EdDSA", "secrets": null}}
        POST /oauth-clients/wiki/secret {}
        => 200 {"clientId": "*", "clientSecret": "*"}
        GET /oauth-clients/wiki
        => 200 {"spec": {"secrets": null}}

        # Where people are sent must be a place nobody else can listen at.
        PATCH /oauth-clients/wiki {"spec": {"redirectUris": ["http://wiki.example/cb"]}}
        => 422 {"code": "invalid-client-metadata", "field": "spec.redirectUris"}
        PATCH /oauth-clients/wiki {"spec": {"scopes": ["everything"]}}
        => 400 {"code": "invalid-scope", "field": "spec.scopes"}
        PATCH /oauth-clients/wiki {"spec": {"serviceAccount": "nobody"}}
        => 422 {"code": "bad-reference"}
        POST /oauth-clients {"metadata": {"name": "app"}, "spec": {"public": true, "grantTypes": ["client_credentials"]}}
        => 422 {"code": "invalid-client-metadata", "field": "spec.grantTypes"}
        POST /oauth-clients {"metadata": {"name": "app"}, "spec": {"public": true}}
        => 201
        POST /oauth-clients/app/secret {}
        => 409 {"code": "client-is-public"}

        POST /signing-keys/rotate {}
        => 200 {"name": "$first"}
        advance 60
        POST /signing-keys/rotate {"algorithm": "EdDSA"}
        => 200 {"name": "$second"}
        GET /signing-keys/$first
        => 200 {"spec": {"privateKey": null, "publicKey": {"crv": "Ed25519"}, "signsUntil": "$ended"}}
        GET /signing-keys/$second
        => 200 {"spec": {"signsFrom": "$ended"}}
        POST /signing-keys {"metadata": {"name": "mine"}}
        => 405 {"code": "verb-not-served"}

        GET /consents/mine
        => 200 {"items": []}
        POST /consents/withdraw {"client": "aic"}
        => 200
        GET /revocations
        => 200 {"items": []}
        "#,
    );
}

#[test]
fn where_people_come_from_is_declared_and_tried() {
    stage(nothing_more).play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /identity-providers {"metadata": {"name": "far"}, "spec": {"protocol": "oidc", "clientId": "x"}}
        => 422 {"code": "missing-field", "field": "spec.issuer"}
        POST /identity-providers {"metadata": {"name": "far"}, "spec": {"protocol": "oidc", "clientId": "x", "issuer": "ftp://far.example"}}
        => 422 {"code": "invalid-url", "field": "spec.issuer"}
        POST /identity-providers {"metadata": {"name": "far"}, "spec": {"protocol": "oidc", "clientId": "x", "clientSecret": "s3", "issuer": "https://far.example", "emailDomains": ["Far.Example"]}}
        => 201 {"spec": {"clientSecret": null, "emailDomains": ["far.example"], "createUsers": true, "adoptUsers": false}}
        # This platform calls nobody.
        POST /identity-providers/far/test {}
        => 403 {"code": "egress-refused"}
        POST /identity-providers {"metadata": {"name": "near"}, "spec": {"protocol": "ldap", "url": "ldap://near.example", "baseDn": "dc=near", "userFilter": "(uid=ada)"}}
        => 422 {"code": "bad-filter", "field": "spec.userFilter"}
        POST /identity-providers {"metadata": {"name": "near"}, "spec": {"protocol": "ldap", "url": "http://near.example", "baseDn": "dc=near"}}
        => 422 {"code": "invalid-url", "field": "spec.url"}
        GET /linked-identities
        => 200 {"items": []}
        POST /linked-identities {"metadata": {"name": "x"}}
        => 405 {"code": "verb-not-served"}

        # A domain is one organization's, or nobody could say whose login page its people see.
        POST /organizations {"metadata": {"name": "acme"}}
        => 201
        POST /organizations/acme/administrators {"username": "eve", "password": "another horse"}
        => 200
        as nobody
        POST /auth/login {"username": "eve", "password": "another horse", "organization": "acme"}
        => 200 {"accessToken": "$eve"}
        as $eve
        POST /identity-providers {"metadata": {"name": "mine"}, "spec": {"protocol": "oidc", "clientId": "x", "issuer": "https://evil.example", "emailDomains": ["far.example"]}}
        => 409 {"code": "domain-taken", "field": "spec.emailDomains"}
        "#,
    );
}

/// A user, a client, and who has logged in with a browser.
async fn people(cx: &Cx) -> Result<(client::Found, Person)> {
    let spec = json!({
        "displayName": null, "public": false, "redirectUris": [BACK], "postLogoutRedirectUris": [], "grantTypes": [],
        "scopes": ["openid", "offline_access", "aic"], "resources": [], "tokenSeconds": 900, "refreshSeconds": 1_209_600,
        "signingAlgorithm": "EdDSA", "trusted": true, "everyOrganization": false, "disabled": false, "secrets": [],
    });
    let spec: client::OauthClient = serde_json::from_value(spec).map_err(Error::internal)?;
    let (made, _) = client::register(cx, "web".to_owned(), spec).await?;
    let client = client::find(cx, made.metadata.uid.as_str()).await?;
    let ask = json!({"username": "admin", "password": "correct horse", "organization": "default"});
    let told = cx.call_action("admin.sessions", None, "login", ask).await?;
    let session = told["accessToken"].as_str().unwrap_or_default();
    let person = authorize::person(cx, session).await?.ok_or_else(|| Error::internal("nobody"))?;
    Ok((client, person))
}

async fn tokens(cx: &Cx, client: &client::Found, person: &Person, scopes: &[&str]) -> Result<token::Issued> {
    let code = code::issue(cx, &asked(client, person, scopes)).await?;
    code::redeem(cx, client, shown(&code)).await
}

fn asked(client: &client::Found, person: &Person, scopes: &[&str]) -> code::Code {
    code::Code {
        client: client.id.clone(),
        org: person.org.clone(),
        user: person.user.clone(),
        redirect_uri: BACK.to_owned(),
        challenge: CHALLENGE.to_owned(),
        nonce: None,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        resources: Vec::new(),
        auth_time: person.auth_time,
        sid: person.sid.clone(),
    }
}

fn shown(code: &str) -> code::Shown<'_> {
    code::Shown { code, redirect_uri: BACK, verifier: VERIFIER, resources: &[] }
}

fn refused<T>(result: Result<T>, code: &str) {
    match result {
        Ok(_) => panic!("was not refused with {code}"),
        Err(error) => assert_eq!(error.code(), code, "{error:?}"),
    }
}

/// Runs a test on a platform of its own; the clock stands.
fn on_a_platform(test: impl FnOnce(Cx) -> kernel::Later<'static, ()> + Send + 'static) {
    stage(test).play("");
}

#[test]
fn a_token_is_good_for_this_issuer_this_time_and_this_audience() {
    on_a_platform(|cx| {
        Box::pin(async move {
            let (client, person) = people(&cx).await?;
            let issued = tokens(&cx, &client, &person, &["openid", "aic"]).await?;
            let access = token::verify(&cx, &issued.access_token).await?;
            let now = cx.now().micros().div_euclid(1_000_000);
            assert_eq!((access.iat, access.exp), (now, now + 900));
            let bearer = Credential::Bearer(issued.access_token.clone());
            assert_eq!(cx.platform().authenticate(bearer).await?.name, "admin");
            refused(token::verify(&cx, &issued.id_token.clone().unwrap_or_default()).await, "invalid-token");

            let signing = signing_key::signing(&cx, openid::jws::Algorithm::EdDSA).await?;
            let sign = |change: &dyn Fn(&mut token::Access)| {
                let mut access = access.clone();
                change(&mut access);
                signing.signer.sign(&signing.kid, token::TYPE, &access)
            };
            for (why, text) in [
                ("expired", sign(&|it| it.exp = it.iat)?),
                ("issued in the future", sign(&|it| it.iat += 3600)?),
                ("not yet good", sign(&|it| it.nbf = Some(it.iat + 3600))?),
                ("another issuer", sign(&|it| it.iss = "https://evil.example".to_owned())?),
                ("another session", sign(&|it| it.sid = Some("ses-none".to_owned()))?),
                ("another client", sign(&|it| it.client_id = "ocl_none".to_owned())?),
            ] {
                let Err(error) = token::verify(&cx, &text).await else { panic!("{why} was taken") };
                assert_eq!(error.code(), "invalid-token", "{why}");
            }
            let away = sign(&|it| it.aud = token::Audience::One("https://api.example".to_owned()))?;
            token::verify(&cx, &away).await?;
            refused(cx.platform().authenticate(Credential::Bearer(away)).await, "invalid-token");
            let typed = signing.signer.sign(&signing.kid, "JWT", &access)?;
            refused(token::verify(&cx, &typed).await, "invalid-token");
            // A little is forgiven: replicas' clocks differ.
            token::verify(&cx, &sign(&|it| it.iat += 3)?).await?;
            Ok(())
        })
    });
}

#[test]
fn a_code_is_good_for_a_minute_and_a_family_ends_with_a_copy() {
    on_a_platform(|cx| {
        Box::pin(async move {
            let (client, person) = people(&cx).await?;
            let code = code::issue(&cx, &asked(&client, &person, &["aic"])).await?;
            let first = code::redeem(&cx, &client, shown(&code)).await?;
            refused(code::redeem(&cx, &client, shown(&code)).await, "invalid-grant");
            refused(token::verify(&cx, &first.access_token).await, "invalid-token");

            let first = tokens(&cx, &client, &person, &["aic", "offline_access"]).await?;
            let old = first.refresh_token.clone().unwrap_or_default();
            let second = refresh::renew(&cx, &client, &old, "", &[]).await?;
            token::verify(&cx, &second.access_token).await?;
            refused(refresh::renew(&cx, &client, &old, "", &[]).await, "invalid-grant");
            refused(token::verify(&cx, &second.access_token).await, "invalid-token");
            let new = second.refresh_token.unwrap_or_default();
            refused(refresh::renew(&cx, &client, &new, "", &[]).await, "invalid-grant");
            Ok(())
        })
    });
}

#[test]
fn of_many_who_use_one_refresh_token_at_once_one_succeeds() {
    on_a_platform(|cx| {
        Box::pin(async move {
            let (client, person) = people(&cx).await?;
            let first = tokens(&cx, &client, &person, &["aic"]).await?;
            let old = first.refresh_token.unwrap_or_default();
            let tries = (0..8).map(|_| refresh::renew(&cx, &client, &old, "", &[]));
            let done = futures::future::join_all(tries).await;
            assert_eq!(done.iter().filter(|it| it.is_ok()).count(), 1);
            Ok(())
        })
    });
}

#[test]
fn what_hangs_on_a_session_ends_with_it_and_what_does_not_stays() {
    on_a_platform(|cx| {
        Box::pin(async move {
            let (client, person) = people(&cx).await?;
            let bound = tokens(&cx, &client, &person, &["aic"]).await?;
            let free = tokens(&cx, &client, &person, &["aic", "offline_access"]).await?;
            logout::end(&cx, &person.org, &person.sid).await?;
            refused(token::verify(&cx, &bound.access_token).await, "invalid-token");
            let renewed =
                refresh::renew(&cx, &client, &bound.refresh_token.unwrap_or_default(), "", &[]).await;
            refused(renewed, "invalid-grant");
            token::verify(&cx, &free.access_token).await?;
            refresh::renew(&cx, &client, &free.refresh_token.unwrap_or_default(), "", &[]).await?;
            Ok(())
        })
    });
}

#[test]
fn many_who_need_the_first_key_at_once_all_sign() {
    on_a_platform(|cx| {
        Box::pin(async move {
            let tries = (0..8).map(|_| signing_key::signing(&cx, openid::jws::Algorithm::EdDSA));
            let kids = futures::future::try_join_all(tries).await?;
            assert!(kids.iter().all(|it| it.kid == kids[0].kid));
            Ok(())
        })
    });
}

#[test]
fn something_kept_for_once_is_taken_once() {
    on_a_platform(|cx| {
        Box::pin(async move {
            let tries = (0..8).map(|_| slot::once(&cx, "test", "k", 60));
            let done = futures::future::try_join_all(tries).await?;
            assert_eq!(done.into_iter().filter(|first| *first).count(), 1);
            Ok(())
        })
    });
}
