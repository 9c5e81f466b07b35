//! Kept values and streams.

use base::Time;
use kernel::store::{Append, Commit, Kept};

use super::{
    Draft, Place,
    draft::{START, commit},
};

fn at(second: i64) -> Time {
    Time::from_micros(START).plus_s(second)
}

fn kept(key: &str, value: &str, expires: Option<i64>) -> Kept {
    Kept {
        space: "cursor".into(),
        key: key.into(),
        value: value.into(),
        expires: expires.map(at),
        unless_kept: None,
    }
}

fn keep(values: impl IntoIterator<Item = Kept>) -> Commit {
    Commit { keep: values.into_iter().collect(), ..Commit::default() }
}

fn append(stream: &str, entries: &[&str]) -> Append {
    Append { stream: stream.into(), entries: entries.iter().map(|entry| (*entry).to_string()).collect() }
}

pub async fn a_kept_value_lasts_until_it_expires(home: Place) {
    let store = home.open().await.unwrap();
    let values = [kept("short", "1", Some(10)), kept("long", "2", None), kept("nul", "a\0b", None)];
    store.commit(keep(values)).await.unwrap();
    let value = async |key: &str, second| store.kept("cursor", key, at(second)).await.unwrap();
    assert_eq!(value("short", 9).await.as_deref(), Some("1"));
    assert_eq!(value("short", 10).await, None);
    assert_eq!(value("long", 9_999).await.as_deref(), Some("2"));
    assert_eq!(value("nul", 0).await.as_deref(), Some("a\0b"));
    assert_eq!(value("none", 0).await, None);
    store.commit(keep([kept("long", "3", Some(20))])).await.unwrap();
    let all = store.kept_all(Some("cursor")).await.unwrap();
    assert_eq!(all, [kept("long", "3", Some(20)), kept("nul", "a\0b", None), kept("short", "1", Some(10))]);
    store.sweep(at(10)).await.unwrap();
    assert_eq!(store.kept_all(None).await.unwrap().len(), 2);
    assert_eq!(store.kept_all(Some("other")).await.unwrap(), []);
}

pub async fn a_kept_value_can_be_a_condition(home: Place) {
    let store = home.open().await.unwrap();
    let once = |second| Kept { unless_kept: Some(at(second)), ..kept("once", "x", Some(second + 10)) };
    let with =
        |name: &str, second| Commit { keep: vec![once(second)], ..commit([Draft::new(name).create()]) };
    store.commit(with("a", 0)).await.unwrap();
    // What comes too soon takes its object with it.
    let error = store.commit(with("b", 9)).await.unwrap_err();
    assert_eq!((error.code(), error.status().code()), ("already-kept", 409));
    assert_eq!(store.changes(0, 9).await.unwrap().len(), 1);
    store.commit(with("b", 10)).await.unwrap();
    assert_eq!(store.changes(0, 9).await.unwrap().len(), 2);
}

pub async fn a_stream_numbers_its_entries(home: Place) {
    let store = home.open().await.unwrap();
    let commit_of = |appends| Commit { appends, ..Commit::default() };
    let first = vec![
        append("log/run_1", &["a", "b"]),
        append("log/run_2", &["x"]),
        append("log/run_1", &["c\0\u{10ffff}"]),
        append("mark", &[]),
    ];
    store.commit(commit_of(first)).await.unwrap();
    store.commit(commit_of(vec![append("log/run_1", &["d"])])).await.unwrap();
    let read = async |from, limit| store.stream("log/run_1", from, limit).await.unwrap();
    let entries: Vec<(u64, String)> = ["a", "b", "c\0\u{10ffff}", "d"]
        .iter()
        .zip(0..)
        .map(|(entry, number)| (number, (*entry).to_string()))
        .collect();
    assert_eq!(read(0, 99).await, entries);
    assert_eq!(read(1, 2).await, entries[1..3]);
    assert_eq!(read(4, 9).await, []);
    assert_eq!(store.streams("log/", "", 9).await.unwrap(), ["log/run_1", "log/run_2"]);
    assert_eq!(store.streams("log/", "log/run_1", 9).await.unwrap(), ["log/run_2"]);
    assert_eq!(store.streams("", "", 1).await.unwrap(), ["log/run_1"]);
    assert_eq!(store.streams("nothing/", "", 9).await.unwrap(), Vec::<String>::new());
    store.drop_stream("log/run_1").await.unwrap();
    assert_eq!(read(0, 9).await, []);
    assert_eq!(store.streams("", "", 9).await.unwrap(), ["log/run_2"]);
    store.commit(commit_of(vec![append("log/run_1", &["again"])])).await.unwrap();
    assert_eq!(read(0, 9).await, [(0, "again".to_string())]);
}

pub async fn a_commit_that_is_too_large_is_refused(home: Place) {
    let store = home.open().await.unwrap();
    let entry = "x".repeat(1 << 20);
    let many = Commit { appends: vec![append("log", &[entry.as_str(); 65])], ..Commit::default() };
    let error = store.commit(many).await.unwrap_err();
    assert_eq!((error.code(), error.status().code()), ("commit-too-large", 413));
    assert_eq!(store.stream("log", 0, 9).await.unwrap(), []);
    let fine = Commit { appends: vec![append("log", &[entry.as_str(); 8])], ..Commit::default() };
    store.commit(fine).await.unwrap();
    assert_eq!(store.stream("log", 7, 9).await.unwrap(), [(7, entry)]);
}
