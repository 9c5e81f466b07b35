//! What the service says of itself: its features, its resource types and their schemas (RFC 7643 sections 5 to 7).

use serde_json::{Value, json};

use crate::{bulk::OPERATIONS_MAX, list::COUNT_MAX};

/// A user.
pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// A group.
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// A list.
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// An error.
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// The answer to many operations.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";

/// The features.
pub fn config() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true},
        "bulk": {"supported": true, "maxOperations": OPERATIONS_MAX, "maxPayloadSize": crate::BODY_MAX},
        "filter": {"supported": true, "maxResults": COUNT_MAX},
        "changePassword": {"supported": true},
        "sort": {"supported": true},
        "etag": {"supported": true},
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "An API key or an access token of a service account that may change users and groups.",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "meta": {"resourceType": "ServiceProviderConfig", "location": "/scim/v2/ServiceProviderConfig"},
    })
}

/// The resource types.
pub fn resource_types() -> Vec<Value> {
    [("User", "/Users", USER, "A person."), ("Group", "/Groups", GROUP, "People together.")]
        .map(|(name, endpoint, schema, description)| {
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
                "id": name,
                "name": name,
                "endpoint": endpoint,
                "description": description,
                "schema": schema,
                "meta": {"resourceType": "ResourceType", "location": format!("/scim/v2/ResourceTypes/{name}")},
            })
        })
        .to_vec()
}

/// An attribute's description; `more` is what differs from the usual.
fn attribute(name: &str, kind: &str, description: &str, more: &Value) -> Value {
    let mut told = json!({
        "name": name,
        "type": kind,
        "multiValued": false,
        "description": description,
        "required": false,
        "mutability": "readWrite",
        "returned": "default",
    });
    if kind == "string" {
        told["caseExact"] = false.into();
        told["uniqueness"] = "none".into();
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        told[key] = value.clone();
    }
    told
}

fn text(name: &str, description: &str) -> Value {
    attribute(name, "string", description, &json!({}))
}

/// The attributes of a user.
fn user_attributes() -> Vec<Value> {
    let read_only = json!({"mutability": "readOnly"});
    vec![
        attribute(
            "userName",
            "string",
            "What the person logs in with.",
            &json!({"required": true, "uniqueness": "server"}),
        ),
        attribute(
            "name",
            "complex",
            "The parts of the name.",
            &json!({"subAttributes": [
                    text("familyName", "The family name."),
                text("givenName", "The given name."),
            ]}),
        ),
        text("displayName", "How people call the person."),
        text("title", "What the person does."),
        attribute("active", "boolean", "Whether the person may log in.", &json!({"required": true})),
        attribute(
            "password",
            "string",
            "A new password.",
            &json!({"mutability": "writeOnly", "returned": "never", "caseExact": true}),
        ),
        attribute(
            "emails",
            "complex",
            "Addresses to write to.",
            &json!({"multiValued": true, "subAttributes": [
                attribute("value", "string", "The address.", &json!({"required": true})),
                attribute("primary", "boolean", "Whether it is the one to write to.", &json!({})),
            ]}),
        ),
        attribute(
            "groups",
            "complex",
            "The groups the person is in.",
            &json!({
                "multiValued": true, "mutability": "readOnly", "subAttributes": [
                    attribute("value", "string", "The group's id.", &read_only),
                    attribute("display", "string", "The group's name.", &read_only),
                ],
            }),
        ),
        attribute(
            "externalId",
            "string",
            "What the directory calls the person.",
            &json!({"caseExact": true}),
        ),
    ]
}

/// The attributes of a group.
fn group_attributes() -> Vec<Value> {
    vec![
        attribute("displayName", "string", "How people call the group.", &json!({"required": true})),
        attribute(
            "members",
            "complex",
            "Who is in the group.",
            &json!({"multiValued": true, "subAttributes": [
                attribute("value", "string", "The user's id.", &json!({"mutability": "immutable", "required": true, "caseExact": true})),
                attribute("$ref", "reference", "The user.", &json!({"mutability": "immutable", "referenceTypes": ["User"]})),
            ]}),
        ),
        attribute("externalId", "string", "What the directory calls the group.", &json!({"caseExact": true})),
    ]
}

/// The schemas.
pub fn schemas() -> Vec<Value> {
    [(USER, "User", "A person.", user_attributes()), (GROUP, "Group", "People together.", group_attributes())]
        .map(|(id, name, description, attributes)| {
            json!({
                "schemas": [SCHEMA],
                "id": id,
                "name": name,
                "description": description,
                "attributes": attributes,
                "meta": {"resourceType": "Schema", "location": format!("/scim/v2/Schemas/{id}")},
            })
        })
        .to_vec()
}
