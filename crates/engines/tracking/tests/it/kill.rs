//! A process killed at any moment loses nothing it acknowledged, and keeps no half of a batch.

use std::{
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use ports::tracking::{Batch, Pair, Series, Tracking};
use tokio::task::JoinSet;

use crate::made::{id, metric, run};

const WRITERS: i64 = 8;
const ROUNDS: i64 = 10;

/// The process that gets killed: started by the test below, which tells it the directory and round.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes until it is killed"]
async fn victim() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let (round, directory) = line.trim_end().split_once(' ').unwrap();
    let engine = engine_tracking::open(Path::new(directory), 0).unwrap();
    engine.put(run("kill", "victim")).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (engine, round) = (Arc::clone(&engine), round.parse::<i64>().unwrap());
        writers.spawn(async move {
            for number in 0.. {
                let step = (number * WRITERS + writer) * ROUNDS + round;
                let params = vec![Pair::new(format!("p{step}"), "1")];
                // The point and the parameter, which must be there both or not at all.
                let batch = Batch { metrics: vec![metric("m", 1.0, step)], params, ..Batch::default() };
                engine.log("acme", &id("victim"), batch).await.unwrap();
                writeln!(std::io::stdout(), "did {step}.").unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// Lets it write, kills it after so many answers, and collects every answer that came out.
fn acknowledged(directory: &Path, round: i64) -> Vec<i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::victim", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{round} {}", directory.display()).unwrap();
    let mut steps = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        // The harness writes lines of its own, and the last one may be cut.
        let line = line.unwrap();
        let told = line.split("did ").nth(1).and_then(|it| it.strip_suffix('.'));
        steps.extend(told.and_then(|it| it.parse::<i64>().ok()));
        if steps.len() as i64 == 20 + round * 13 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    steps
}

#[tokio::test]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..ROUNDS {
        expected.extend(acknowledged(directory.path(), round));
        let engine = engine_tracking::open(directory.path(), 0).unwrap();
        let victim = id("victim");
        let series = Series { run: &victim, key: "m" };
        let points = engine.history("acme", series, None, 25_000).await.unwrap().points;
        let params = engine.run("acme", &victim).await.unwrap().unwrap().params;
        assert_eq!(points.len(), params.len(), "half of a batch was kept");
        for step in &expected {
            assert!(points.iter().any(|it| it.step == *step), "{step} was acknowledged and lost");
        }
    }
    assert!(expected.len() >= 200);
}
