//! A process killed at any moment loses nothing it acknowledged, and keeps nothing half.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use kernel::{
    journal,
    store::{Append, Commit, Store},
};
use testing::store_suite::Draft;
use tokio::task::JoinSet;

const WRITERS: usize = 16;

/// The process that gets killed: started by the tests below, which tell it the directory and round.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes until it is killed"]
async fn victim() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let (round, directory) = line.trim_end().split_once(' ').unwrap();
    let store = store_sqlite::open(Path::new(directory)).unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, round) = (Arc::clone(&store), round.to_string());
        writers.spawn(async move {
            for number in 0.. {
                let name = format!("r{round}-w{writer}-{number}");
                store.commit(both(&name)).await.unwrap();
                // Only what the store has acknowledged is said.
                writeln!(std::io::stdout(), "did {name}").unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// An object and an entry of a stream, which must be there both or not at all.
fn both(name: &str) -> Commit {
    Commit {
        writes: vec![Draft::new(name).create()],
        appends: vec![Append { stream: "log".into(), entries: vec![name.into()] }],
        ..Commit::default()
    }
}

fn start(directory: &Path, round: usize) -> Child {
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new(this)
        .args(["--exact", "kill::victim", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{round} {}", directory.display()).unwrap();
    child
}

/// Lets it write, kills it after so many answers, and collects every answer that came out.
fn acknowledged(directory: &Path, round: usize, answers: usize) -> BTreeSet<String> {
    let mut child = start(directory, round);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut names = BTreeSet::new();
    let mut name_of = |line: String| {
        // The harness may write a line of its own, and the last one may be cut.
        if let Some(name) = line.split("did ").nth(1) {
            names.insert(name.to_string());
        }
        names.len()
    };
    for line in lines.by_ref() {
        if name_of(line.unwrap()) >= answers {
            break;
        }
    }
    child.kill().unwrap();
    for line in lines {
        name_of(line.unwrap());
    }
    child.wait().unwrap();
    names
}

async fn survives(kills: usize) {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = BTreeSet::new();
    for round in 0..kills {
        let answers = 1 + round * 97 % 400;
        expected.extend(acknowledged(directory.path(), round, answers));
        let store = store_sqlite::open(directory.path()).unwrap();
        check(&*store, &expected).await;
    }
}

async fn check(store: &dyn Store, expected: &BTreeSet<String>) {
    let verdict = journal::verify(store).await.unwrap();
    assert_eq!(verdict.first_bad, None);
    let mut journal: BTreeMap<String, u32> = BTreeMap::new();
    let mut position = 0;
    while position < verdict.entries {
        for change in store.changes(position, 10_000).await.unwrap() {
            *journal.entry(change.name).or_default() += 1;
            position = change.position;
        }
    }
    let mut stream: BTreeMap<String, u32> = BTreeMap::new();
    let mut number = 0;
    loop {
        let entries = store.stream("log", number, 10_000).await.unwrap();
        let Some((last, _)) = entries.last() else {
            break;
        };
        number = last + 1;
        for (_, name) in entries {
            *stream.entry(name).or_default() += 1;
        }
    }
    assert_eq!(journal, stream, "an object without its entry, or an entry without its object");
    assert!(journal.values().all(|times| *times == 1), "a write was doubled");
    for name in expected {
        assert!(journal.contains_key(name), "`{name}` was acknowledged and lost");
        let found = store.by_name("acme", "demo.things", "default", name).await.unwrap();
        assert!(found.is_some(), "`{name}` is in the journal only");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    survives(20).await;
}

#[tokio::test]
#[ignore = "two hundred kills take minutes"]
async fn two_hundred_killed_processes_lose_nothing_they_acknowledged() {
    survives(200).await;
}
