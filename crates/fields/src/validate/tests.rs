//! Whatever is sent is accepted or refused, and what was accepted is accepted again as it is.

use proptest::{
    collection,
    prelude::{Just, ProptestConfig, Strategy, any},
    prop_assert_eq, prop_oneof, proptest,
    sample::select,
};
use serde_json::json;

use super::*;

const fn field(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        doc: "",
        shape,
        required: false,
        min: None,
        max: None,
        default: None,
        example: None,
        personal: false,
        write_only: false,
        immutable: false,
        indexed: false,
        reference: None,
    }
}

const INNER: &[Field] = &[
    Field { default: Some("7"), ..field("n", Shape::Integer(i64::MIN, i64::MAX)) },
    field("t", Shape::Time),
    field("l", Shape::List(&Shape::Any)),
];

/// A field of every shape, with and without defaults and limits.
const TABLE: &[Field] = &[
    field("text", Shape::Text),
    Field { min: Some(1.0), max: Some(3.0), ..field("short", Shape::Text) },
    Field { min: Some(-5.0), max: Some(5.0), ..field("small", Shape::Integer(-100, 100)) },
    field("whole", Shape::Integer(i64::MIN, i64::MAX)),
    Field { default: Some("1.5"), max: Some(1e9), ..field("number", Shape::Number) },
    Field { default: Some("false"), required: true, ..field("yes", Shape::Boolean) },
    field("time", Shape::Time),
    field("name", Shape::Name),
    field("digest", Shape::Digest),
    field("url", Shape::Url),
    field("enum", Shape::Enum(&["red", "green"])),
    Field { max: Some(3.0), ..field("times", Shape::List(&Shape::Time)) },
    field("map", Shape::Map(&Shape::Integer(0, 9))),
    Field { default: Some("{}"), ..field("inner", Shape::Struct(INNER)) },
    field("inners", Shape::List(&Shape::Struct(INNER))),
    field("any", Shape::Any),
];

fn moment() -> impl Strategy<Value = String> {
    let plain = "(0000|1969|2026|9999)-(01|02|12|13)-(01|29|31)T(00|23|24):(00|59):(00|59|60)(\\.[0-9]{1,9})?(Z|[+-](00|14|23):(00|59))";
    prop_oneof![plain, "[0-9TZ:.+-]{0,25}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-6i64..6).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-6i64..6).prop_map(|whole| Value::from(whole as f64)),
        prop_oneof![Just(9.1e15), Just(-0.0), Just(1e308)].prop_map(Value::from),
        moment().prop_map(Value::from),
        "red|green|[a-z.-]{0,4}|https?:[a-z /]{0,5}|[0-9a-f]{64}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let names = prop_oneof!["[ntl]", ".{0,2}"];
        prop_oneof![
            collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            collection::btree_map(names, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Fields> {
    let names: Vec<String> = TABLE.iter().map(|field| field.name.to_owned()).collect();
    collection::btree_map(select(names), value(), 0..3).prop_map(|map| map.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn what_was_accepted_is_accepted_again_as_it_is(sent in object()) {
        let mut once = sent;
        if accept(TABLE, &mut once, "spec").is_ok() {
            let mut twice = once.clone();
            accept(TABLE, &mut twice, "spec").unwrap();
            prop_assert_eq!(&twice, &once);
            // And so it is after it was stored.
            let stored: Fields = serde_json::from_str(&serde_json::to_string(&once).unwrap()).unwrap();
            let mut again = stored.clone();
            accept(TABLE, &mut again, "spec").unwrap();
            prop_assert_eq!(again, stored);
        }
    }
}

#[test]
fn a_default_is_held_against_the_table_of_its_own_struct() {
    let mut fields = Fields::new();
    accept(TABLE, &mut fields, "spec").unwrap();
    assert_eq!(Value::Object(fields), json!({"number": 1.5, "yes": false, "inner": {"n": 7}}));
}

#[test]
fn secrets_and_absent_options_are_found_in_lists_and_maps() {
    const DOOR: &[Field] = &[
        Field { write_only: true, ..field("code", Shape::Secret) },
        field("note", Shape::Text),
        field("any", Shape::Any),
    ];
    const TABLE: &[Field] = &[
        field("doors", Shape::List(&Shape::Struct(DOOR))),
        field("named", Shape::Map(&Shape::Struct(DOOR))),
        field("gone", Shape::Text),
    ];
    let door = json!({"code": "1815", "note": null, "any": {"kept": null}});
    let whole = json!({"doors": [door], "named": {"front": door}, "gone": null});
    let Value::Object(mut fields) = whole else { unreachable!() };
    leave_out_absent(TABLE, &mut fields);
    hide_secrets(TABLE, &mut fields);
    let door = json!({"any": {"kept": null}});
    assert_eq!(Value::Object(fields), json!({"doors": [door], "named": {"front": door}}));
}
