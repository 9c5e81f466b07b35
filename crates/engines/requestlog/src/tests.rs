//! What the request log promises, on real files.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use base::{Time, Uid};
use ports::{
    infer::{Elements, Explanation, Tensor},
    requestlog::{Entry, Policy, RequestLog, Span, Truth, shown},
};
use serde_json::{Value, json};

fn at(seconds: i64) -> Time {
    Time::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

fn log(directory: &Path) -> Arc<dyn RequestLog> {
    crate::open(directory, Arc::new(engine_tables::open())).unwrap()
}

fn endpoint() -> Uid {
    Uid::known("ept_1")
}

fn entry(number: i64, rows: usize) -> Entry {
    let tensor = |name: &str, shape: &[usize], elements| Tensor {
        name: name.to_owned(),
        shape: shape.to_vec(),
        elements,
    };
    let x = (0..rows).map(|row| if row == 1 { f64::NAN } else { number as f64 + row as f64 / 2.0 });
    Entry {
        endpoint: endpoint(),
        id: Uid::known(format!("prd_{number:08}")),
        at: at(number),
        caller: "user:ada".to_owned(),
        version: 3,
        revision: 2,
        seconds: 0.0015,
        inputs: vec![
            tensor("x", &[rows, 1], Elements::Fp64(x.collect())),
            tensor("sex", &[rows, 1], Elements::Bytes(vec!["female".to_owned(); rows])),
            tensor("wide", &[rows, 2], Elements::Fp32(vec![0.5; 2 * rows])),
        ],
        outputs: vec![
            tensor("label", &[rows], Elements::Bytes(vec!["yes".to_owned(); rows])),
            tensor("probabilities", &[rows, 2], Elements::Fp32([0.25, 0.75].repeat(rows))),
        ],
        classes: ["no".to_owned(), "yes".to_owned()].into(),
        explanations: Vec::new(),
        policy: Arc::new(Policy { redact: vec!["sex".to_owned()], days: 7, bytes: 1 << 30 }),
    }
}

fn all(log: &dyn RequestLog, span: Span) -> Vec<Value> {
    let mut rows = Vec::new();
    log.scan(&endpoint(), span, &mut |table| {
        rows.extend((0..table.rows).map(|row| shown(&table, row)));
        Ok(true)
    })
    .unwrap();
    rows
}

fn numbers(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(|row| row["number"].as_u64().unwrap()).collect()
}

#[test]
fn a_request_is_read_back_as_it_was_without_what_is_redacted() {
    let directory = tempfile::tempdir().unwrap();
    let log = log(directory.path());
    assert!(log.offer(entry(1, 2)));
    let rows = all(&*log, Span::default());
    let first = json!({
        "number": 0, "id": "prd_00000001", "row": 0, "at": at(1), "caller": "user:ada", "version": 3, "revision": 2, "ms": 1.5,
        "inputs": {"x": 1.0, "wide[0]": 0.5, "wide[1]": 0.5},
        "outputs": {"label": "yes", "probabilities.no": 0.25, "probabilities.yes": 0.75},
    });
    assert_eq!(rows[0], first);
    assert_eq!((&rows[1]["row"], &rows[1]["inputs"]["x"]), (&json!(1), &Value::Null));
    for file in fs::read_dir(directory.path().join("ept_1")).unwrap() {
        assert!(!fs::read_to_string(file.unwrap().path()).unwrap().contains("female"));
    }
}

#[test]
fn rows_survive_a_restart_and_a_line_that_was_cut() {
    let directory = tempfile::tempdir().unwrap();
    let first = log(directory.path());
    for number in 0..5 {
        assert!(first.offer(entry(number, 1)));
    }
    let before = all(&*first, Span::default());
    drop(first);
    let open = fs::read_dir(directory.path().join("ept_1")).unwrap().next().unwrap().unwrap().path();
    let mut text = fs::read_to_string(&open).unwrap();
    text.push_str("[5,\"prd_0000");
    fs::write(&open, text).unwrap();
    let again = log(directory.path());
    assert_eq!(all(&*again, Span::default()), before);
    assert!(again.offer(entry(5, 1)));
    let now = all(&*again, Span::default());
    assert_eq!(numbers(&now), [0, 1, 2, 3, 4, 5]);
    drop(again);
    assert_eq!(all(&*log(directory.path()), Span::default()), now);
}

#[test]
fn columns_may_come_later_and_a_column_of_another_type_begins_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let log = log(directory.path());
    assert!(log.offer(entry(0, 1)));
    let contributions = BTreeMap::from([("x".to_owned(), 0.5), ("sex".to_owned(), 1.0)]);
    let why =
        Explanation { class: None, base: 0.1, contributions, margin: 1.6, method: "tree-shap".to_owned() };
    assert!(log.offer(Entry { explanations: vec![why], ..entry(1, 1) }));
    let mut other = entry(2, 1);
    other.inputs[0].elements = Elements::Bytes(vec!["high".to_owned()]);
    assert!(log.offer(other));
    let rows = all(&*log, Span::default());
    assert_eq!(rows[0].get("contributions"), None);
    assert_eq!((&rows[1]["contributions"], &rows[1]["base"]), (&json!({"x": 0.5}), &json!(0.1)));
    assert_eq!((&rows[2]["inputs"]["x"], rows[1]["inputs"]["x"].as_f64()), (&json!("high"), Some(1.0)));
    assert_eq!(log.extent(&endpoint()).unwrap().files, 2);
}

#[test]
fn spans_are_of_time_and_of_numbers_and_may_be_read_from_behind() {
    let directory = tempfile::tempdir().unwrap();
    let log = log(directory.path());
    // A file ends after an hour of requests.
    for hour in 0..4 {
        for number in 0..3 {
            assert!(log.offer(entry(hour * 4_000 + number, 1)));
        }
    }
    assert_eq!(log.extent(&endpoint()).unwrap().files, 4);
    let newest = all(&*log, Span { newest_first: true, ..Span::default() });
    assert_eq!(numbers(&newest)[..3], [9, 10, 11]);
    let some = Span { since: Some(at(4_001)), until: Some(at(8_001)), ..Span::default() };
    assert_eq!(numbers(&all(&*log, some)), [4, 5, 6]);
    assert_eq!(numbers(&all(&*log, Span { after: Some(9), ..Span::default() })), [10, 11]);
    assert_eq!(numbers(&all(&*log, Span { before: Some(2), ..Span::default() })), [0, 1]);
}

#[test]
fn what_is_too_old_or_too_much_goes_with_its_truth() {
    let directory = tempfile::tempdir().unwrap();
    let log = log(directory.path());
    for day in 0..4 {
        assert!(log.offer(entry(day * 86_400, 1)));
    }
    let truth = |day: i64, value: Value| Truth { id: format!("prd_{:08}", day * 86_400), row: 0, value };
    let heard =
        log.hear(&endpoint(), &[truth(0, json!("no")), truth(3, json!("yes")), truth(9, json!("yes"))]);
    let heard = heard.unwrap();
    assert_eq!((heard.accepted, heard.unknown), (2, vec!["prd_00777600/0".to_owned()]));
    let policy = Policy { redact: Vec::new(), days: 2, bytes: 1 << 30 };
    assert_eq!(log.trim(&endpoint(), &policy, at(3 * 86_400)).unwrap(), 1);
    assert_eq!(log.truths(&endpoint()).unwrap().len(), 1);
    assert_eq!(log.trim(&endpoint(), &Policy { bytes: 1, ..policy }, at(3 * 86_400)).unwrap(), 2);
    assert_eq!(numbers(&all(&*log, Span::default())), [3]);
    log.forget(&endpoint()).unwrap();
    assert_eq!(log.extent(&endpoint()).unwrap().rows, 0);
}

#[test]
fn truth_is_told_once_however_often_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let first = log(directory.path());
    assert!(first.offer(entry(1, 2)));
    let truth = |row, value: &str| Truth { id: "prd_00000001".to_owned(), row, value: json!(value) };
    let counts = |log: &dyn RequestLog, truths: &[Truth]| {
        let heard = log.hear(&endpoint(), truths).unwrap();
        (heard.accepted, heard.repeated, heard.changed, heard.unknown.len())
    };
    assert_eq!(counts(&*first, &[truth(0, "no"), truth(1, "yes"), truth(2, "no")]), (2, 0, 0, 1));
    assert_eq!(counts(&*first, &[truth(0, "no"), truth(1, "no")]), (0, 1, 1, 0));
    drop(first);
    let again = log(directory.path());
    assert_eq!(counts(&*again, &[truth(1, "no"), truth(1, "no")]), (0, 2, 0, 0));
    assert_eq!(again.truths(&endpoint()).unwrap().len(), 2);
}

#[test]
fn a_full_queue_drops_and_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let log = log(directory.path());
    let large = |number| {
        let mut entry = entry(number, 1);
        entry.inputs[0].elements = Elements::Fp64(vec![0.0; 1_500_000]);
        entry
    };
    let taken = (0..50).filter(|number| log.offer(large(*number))).count();
    assert!((1..50).contains(&taken), "{taken}");
}
