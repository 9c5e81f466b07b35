//! `kubectl auth can-i`: a `SelfSubjectAccessReview`, as JSON or in the protobuf that `kubectl` prefers.

use base::{Error, Result};
use face_web::body;
use kernel::{cx::Cx, platform::Platform};
use serde_json::{Map, Value, json};

use crate::path::DOMAIN;

/// What stands in front of Kubernetes' protobuf messages.
const MAGIC: &[u8] = b"k8s\0";
/// What `*` asks for among verbs.
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "update", "delete"];
/// The fields of `ResourceAttributes` by their number.
const ATTRIBUTES: [(u64, &str); 7] = [
    (1, "namespace"),
    (2, "verb"),
    (3, "group"),
    (4, "version"),
    (5, "resource"),
    (6, "subresource"),
    (7, "name"),
];

/// Reads a review in either form.
pub fn read(bytes: &[u8]) -> Result<Value> {
    match bytes.strip_prefix(MAGIC) {
        Some(message) => read_message(message).ok_or_else(|| bad("the message is cut or no review")),
        None => body::parse(bytes),
    }
}

fn bad(message: &str) -> Error {
    Error::invalid("bad-review", message).at("spec.resourceAttributes")
}

/// The review inside the envelope: field 2 is the review, its 2 the spec, its 1 what is asked for.
fn read_message(message: &[u8]) -> Option<Value> {
    let spec = inside(inside(message, 2)?, 2)?;
    let mut attributes = Map::new();
    for (number, value) in texts(inside(spec, 1)?)? {
        if let Some((_, name)) = ATTRIBUTES.iter().find(|(known, _)| *known == number) {
            attributes.insert((*name).to_owned(), std::str::from_utf8(value).ok()?.into());
        }
    }
    Some(json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }))
}

fn inside(message: &[u8], wanted: u64) -> Option<&[u8]> {
    texts(message)?.into_iter().find(|(number, _)| *number == wanted).map(|(_, value)| value)
}

/// The fields of a message that have a length: number and bytes. Others are stepped over.
fn texts(mut rest: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let key = number(&mut rest)?;
        match key & 7 {
            0 => {
                number(&mut rest)?;
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                found.push((key >> 3, rest.get(..length)?));
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(found)
}

/// A number of seven bits a byte.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Answers a review. What the platform does not know is denied, not an error, as in Kubernetes.
pub async fn decide(platform: &Platform, cx: &Cx, mut review: Value) -> Result<Value> {
    let asked = review.pointer("/spec/resourceAttributes").cloned().unwrap_or_default();
    if !asked.is_object() {
        return Err(bad("only resources can be asked for"));
    }
    let text = |name: &str| asked[name].as_str().unwrap_or_default();
    let mut reasons = Vec::new();
    let mut allowed = false;
    for permission in permissions(platform, text("group"), text("resource"), text("verb")) {
        let decision = cx.decide(&permission, text("namespace")).await?;
        allowed = decision.allowed;
        reasons = decision.reasons;
        if !allowed {
            break;
        }
    }
    review["status"] = json!({"allowed": allowed, "reason": reasons.join(", ")});
    Ok(review)
}

/// Everything a question asks for; `*` asks for all there are.
fn permissions(platform: &Platform, group: &str, resource: &str, verb: &str) -> Vec<String> {
    let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    // `kubectl auth can-i '*' '*'` names no group at all.
    let group = if resource == "*" && group.is_empty() { "*" } else { group };
    let kinds = platform
        .kinds()
        .iter()
        .filter(|kind| fits(group, &format!("{}{DOMAIN}", kind.service)) && fits(resource, kind.plural));
    kinds
        .flat_map(|kind| match verb {
            "*" => VERBS.iter().map(|verb| kind.permission(verb)).collect(),
            "patch" => vec![kind.permission("update")],
            "deletecollection" => vec![kind.permission("delete")],
            verb => vec![kind.permission(verb)],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, value.len() as u8], value].concat()
    }

    #[test]
    fn a_message_is_read_and_a_cut_one_refused() {
        let attributes = [field(1, b"default"), field(2, b"get"), field(5, b"models")].concat();
        let review = [field(1, b""), field(2, &field(1, &attributes))].concat();
        let whole = [MAGIC, &field(1, b"x"), &field(2, &review)].concat();
        let asked = read(&whole).expect("it is whole");
        assert_eq!(
            asked["spec"]["resourceAttributes"],
            json!({"namespace": "default", "verb": "get", "resource": "models"})
        );
        for length in MAGIC.len()..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut at {length}");
        }
    }
}
