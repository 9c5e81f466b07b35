//! What the provider says of itself: OpenID Connect Discovery 1.0, RFC 8414 and RFC 9728.

use serde_json::{Value, json};

use crate::scope;

/// The document of the authorization server, which is the OpenID provider's too.
pub fn of_server(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}/oauth2/{path}");
    let grants = [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ];
    let secret = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
    let scopes: Vec<&str> = scope::ABOUT.into_iter().chain([scope::ALL]).collect();
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "pushed_authorization_request_endpoint": at("par"),
        "device_authorization_endpoint": at("device_authorization"),
        "introspection_endpoint": at("introspect"),
        "revocation_endpoint": at("revoke"),
        "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("logout"),
        "registration_endpoint": at("register"),
        "jwks_uri": at("jwks"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grants,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA", "RS256"],
        "token_endpoint_auth_methods_supported": [secret[0], secret[1], secret[2], "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "ES256", "ES384", "RS256", "PS256"],
        "introspection_endpoint_auth_methods_supported": secret,
        "revocation_endpoint_auth_methods_supported": [secret[0], secret[1], secret[2], "none"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "organization", "preferred_username", "name", "email", "groups", "auth_time", "sid", "nonce", "at_hash"],
        "ui_locales_supported": ["en", "es", "zh"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "require_pushed_authorization_requests": false,
    })
}

/// The document of the platform as a resource (RFC 9728).
pub fn of_resource(issuer: &str) -> Value {
    json!({
        "resource": issuer,
        "authorization_servers": [issuer],
        "scopes_supported": [scope::ALL],
        "bearer_methods_supported": ["header"],
        "resource_documentation": format!("{issuer}/docs"),
    })
}
