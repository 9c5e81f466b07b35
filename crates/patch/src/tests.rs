//! Any patch is answered, a found patch leads where it was found to lead, and no small patch makes a large document.

use proptest::{
    collection,
    prelude::{Just, Strategy, any},
    prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Map, Value, json};

use super::{apply, between, merge};

/// Documents of a few levels, whose names meet often.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        "[a~/ é\"]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let name = prop_oneof!["[a-c]", "[a~/0-1-]{0,2}"];
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::btree_map(name, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Operations whose pointers often lead somewhere.
fn operation() -> impl Strategy<Value = Value> {
    let pointer = || "(/([a-c0-1-]|~0|~1)){0,3}|[/a~]{0,3}";
    (
        prop_oneof!["add", "remove", "replace", "move", "copy", "test", "[a-z]{0,3}"],
        pointer(),
        pointer(),
        document(),
    )
        .prop_map(|(op, from, path, value)| json!({"op": op, "from": from, "path": path, "value": value}))
}

/// A document without members that are null: a merge patch has no word for those.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

/// The merge patch between two objects.
fn merging(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return after.clone() };
    let gone = old.keys().filter(|name| !new.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let there = new.iter().map(|(name, value)| {
        let before = old.get(name).unwrap_or(&Value::Null);
        let patch =
            if before.is_object() || !value.is_object() { merging(before, value) } else { value.clone() };
        (name.clone(), patch)
    });
    Value::Object(gone.chain(there).collect())
}

proptest! {
    #[test]
    fn the_patch_between_two_documents_leads_from_one_to_the_other(before in document(), after in document()) {
        let patch = serde_json::to_value(between(&before, &after)).unwrap();
        let mut patched = before;
        apply(&mut patched, patch).unwrap();
        prop_assert_eq!(patched, after);
    }

    #[test]
    fn any_patch_is_answered(before in document(), operations in collection::vec(operation(), 0..8)) {
        let mut patched = before;
        let _ = apply(&mut patched, Value::from(operations));
    }

    #[test]
    fn a_merge_patch_leads_from_one_document_to_another(before in document(), after in document()) {
        let (before, after) = (without_nulls(before), without_nulls(after));
        let patch = merging(&before, &after);
        let mut patched = before;
        merge(&mut patched, &patch);
        prop_assert_eq!(&patched, &after);
        // A second time, it changes nothing.
        merge(&mut patched, &patch);
        prop_assert_eq!(&patched, &after);
    }
}

#[test]
fn a_document_cannot_be_doubled_without_end() {
    let copies: Vec<Value> =
        (0..64).map(|number| json!({"op": "copy", "from": "", "path": format!("/x{number}")})).collect();
    let mut document = json!({"text": "x".repeat(1_000)});
    let error = apply(&mut document, Value::from(copies)).unwrap_err();
    assert_eq!(error.code(), "too-many-items");
}

#[test]
fn a_document_cannot_be_nested_without_end() {
    let turn = |number: usize| {
        let (from, to) = if number.is_multiple_of(2) { ("a", "b") } else { ("b", "a") };
        [
            json!({"op": "add", "path": format!("/{to}"), "value": {}}),
            json!({"op": "move", "from": format!("/{from}"), "path": format!("/{to}/x")}),
        ]
    };
    let moves: Vec<Value> = (0..400).flat_map(turn).collect();
    let error = apply(&mut json!({"a": 1}), Value::from(moves)).unwrap_err();
    assert_eq!(error.code(), "too-deep");
}

#[test]
fn a_patch_says_which_operation_does_not_fit() {
    let patch = json!([{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}]);
    let error = apply(&mut json!({"a": 1}), patch).unwrap_err();
    assert_eq!(error.code(), "patch-failed");
    assert!(error.message().contains("operation 1 at `/b`"), "{}", error.message());
    assert_eq!(apply(&mut json!({}), json!({"a": 1})).unwrap_err().code(), "bad-patch");
}
