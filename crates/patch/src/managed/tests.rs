//! Managers that own different fields do not disturb each other, in whatever order they come.

use proptest::{
    collection,
    prelude::{Just, Strategy},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
};

use super::*;

/// A document, and who owns what of it.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    it: Value,
    managed: Vec<Value>,
}

fn object(spec: &Value) -> Owned {
    let it = json!({"metadata": {"labels": {}, "annotations": {}}, "spec": spec});
    Owned { it, managed: Vec::new() }
}

/// What one manager's apply makes of it.
fn applied(old: &Owned, manager: &str, body: &Value, force: bool) -> Result<Owned> {
    let ask = Ask { manager, force, now: Time::from_micros(0), api_version: "demo.aic.dev/v1" };
    let Merged { object, managed } = ask.merge(&old.managed, &old.it, old.it.clone(), body)?;
    Ok(Owned { it: object, managed })
}

fn owned(it: &Owned, manager: &str) -> BTreeSet<Path> {
    let mine = entries(&it.managed).into_iter().filter(|entry| entry.manager == manager);
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
            prop_assert_eq!(&first.it, &other.it);
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
                    let (wanted, there) = (at(&a, &path), at(&both.it, &path));
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
            let owners: BTreeSet<Path> = entries(&first.managed).into_iter().flat_map(|entry| entry.paths).collect();
            for path in leaves(&first.it) {
                // What is left of a map whose members were all taken away is nobody's.
                prop_assert!(owners.contains(&path) || at(&first.it, &path) == Some(&json!({})), "{path:?}");
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
    assert_eq!(beside.it["spec"]["any"], json!({"x": 1}));
    let without = applied(&beside, "c", &json!({"spec": {}}), false).unwrap();
    assert_eq!(without.it["spec"]["any"], json!({"x": 1}));
}
