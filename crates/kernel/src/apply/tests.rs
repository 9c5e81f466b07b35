//! Managers that own different fields do not disturb each other, in whatever order they come.

use std::any::TypeId;

use base::Uid;
use proptest::{
    collection,
    prelude::{Just, Strategy},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;
use crate::{kind::Scope, object::Metadata};

fn kind() -> KindDef {
    KindDef {
        service: "demo",
        name: "thing",
        plural: "things",
        prefix: "thg",
        short: "",
        doc: "",
        scope: Scope::Project,
        version: 1,
        fields: &[],
        status: &[],
        parent: None,
        aliases: Vec::new(),
        without: &[],
        actions: Vec::new(),
        upgrade: None,
        admits: Vec::new(),
        leaves: Vec::new(),
        type_id: TypeId::of::<()>(),
    }
}

fn object(spec: &Value) -> Raw {
    let metadata = Metadata {
        name: "it".to_owned(),
        namespace: "p".to_owned(),
        uid: Uid::known("thg_1"),
        version: 1,
        generation: 1,
        creation_timestamp: Time::from_micros(0),
        deletion_timestamp: None,
        labels: Default::default(),
        annotations: Default::default(),
        owner_references: Vec::new(),
        finalizers: Vec::new(),
        managed_fields: Vec::new(),
    };
    let spec = spec.as_object().cloned().unwrap_or_default();
    let (kind, org) = ("demo.things".to_owned(), "acme".to_owned());
    Raw { kind, org, metadata, spec, status: crate::object::Fields::new() }
}

/// What one manager's apply makes of an object.
fn applied(old: &Raw, manager: &str, body: &Value, force: bool) -> Result<Raw> {
    let merged = merge(&Ask { manager, force, now: Time::from_micros(0) }, &kind(), old, body)?;
    let mut new = object(&merged.object["spec"]);
    new.metadata.labels =
        serde_json::from_value(merged.object["metadata"]["labels"].clone()).unwrap_or_default();
    new.metadata.managed_fields = merged.managed;
    Ok(new)
}

fn owned(it: &Raw, manager: &str) -> BTreeSet<Path> {
    let mine = entries(it).into_iter().filter(|entry| entry.manager == manager);
    mine.flat_map(|entry| entry.paths).collect()
}

/// Specs whose paths often meet, one inside the other too.
fn spec() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![(0..2).prop_map(Value::from), Just(json!([1])), Just(json!({})), Just(Value::Null)];
    let value = leaf.prop_recursive(2, 6, 2, |inner| {
        collection::btree_map("[xy]", inner, 0..3).prop_map(|map| Value::Object(map.into_iter().collect()))
    });
    collection::btree_map("[a-c]", value, 0..4).prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn body() -> impl Strategy<Value = Value> {
    let labels = collection::btree_map("[l-n]", "[uv]", 0..3);
    (spec(), labels).prop_map(|(spec, labels)| json!({"metadata": {"labels": labels}, "spec": spec}))
}

proptest! {
    #[test]
    fn the_order_of_two_managers_does_not_matter(live in spec(), a in body(), b in body()) {
        let old = object(&live);
        let first = applied(&old, "a", &a, false).and_then(|it| applied(&it, "b", &b, false));
        let other = applied(&old, "b", &b, false).and_then(|it| applied(&it, "a", &a, false));
        prop_assert_eq!(first.is_ok(), other.is_ok());
        if let (Ok(first), Ok(other)) = (first, other) {
            prop_assert_eq!(whole(&first), whole(&other));
            for manager in ["a", "b"] {
                prop_assert_eq!(owned(&first, manager), owned(&other, manager));
            }
        }
    }

    #[test]
    fn what_a_manager_owns_stays_its_own_and_as_it_wanted(live in spec(), a in body(), b in body()) {
        if let Ok(first) = applied(&object(&live), "a", &a, true) {
            prop_assert_eq!(owned(&first, "a"), leaves(&a));
            if let Ok(both) = applied(&first, "b", &b, false) {
                prop_assert_eq!(owned(&both, "a"), leaves(&a));
                for path in leaves(&a) {
                    let (wanted, there) = (at(&a, &path), whole(&both));
                    let there = at(&there, &path);
                    prop_assert!(wanted == there || wanted.is_some_and(|it| is_there(it, there)));
                }
            }
        }
    }

    #[test]
    fn applying_the_same_again_changes_nothing(live in spec(), a in body(), b in body()) {
        let first = applied(&object(&live), "a", &a, true).and_then(|it| applied(&it, "b", &b, true));
        if let Ok(first) = first {
            prop_assert_eq!(&applied(&first, "b", &b, false).unwrap(), &first);
        }
    }

    #[test]
    fn everything_there_has_an_owner(live in spec(), a in body(), b in body()) {
        let first = applied(&object(&live), "a", &a, true).and_then(|it| applied(&it, "b", &b, true));
        if let Ok(first) = first {
            let owners: BTreeSet<Path> = entries(&first).into_iter().flat_map(|entry| entry.paths).collect();
            for path in leaves(&whole(&first)) {
                // What is left of a map whose members were all taken away is nobody's.
                prop_assert!(owners.contains(&path) || at(&whole(&first), &path) == Some(&json!({})), "{path:?}");
            }
        }
    }

    #[test]
    fn paths_are_read_as_they_were_written(body in body()) {
        let mut paths = leaves(&body);
        paths.extend(paths.clone().into_iter().filter(|path| path.len() > 2).map(|path| path[..2].to_vec()));
        prop_assert_eq!(of_fields_v1(&to_fields_v1(&paths)), paths);
    }
}

#[test]
fn a_value_is_not_taken_from_its_owner_by_writing_into_it() {
    let first = applied(&object(&json!({})), "a", &json!({"spec": {"any": 5}}), false).unwrap();
    let into = json!({"spec": {"any": {"x": 1}}});
    assert_eq!(applied(&first, "b", &into, false).unwrap_err().code(), "apply-conflict");
    let taken = applied(&first, "b", &into, true).unwrap();
    assert!(owned(&taken, "a").is_empty());
    assert_eq!(
        applied(&taken, "a", &json!({"spec": {"any": 5}}), false).unwrap_err().code(),
        "apply-conflict"
    );
    // An empty object asks for nothing that is not there.
    let beside = applied(&taken, "c", &json!({"spec": {"any": {}}}), false).unwrap();
    assert_eq!(beside.spec["any"], json!({"x": 1}));
    let without = applied(&beside, "c", &json!({"spec": {}}), false).unwrap();
    assert_eq!(without.spec["any"], json!({"x": 1}));
}
