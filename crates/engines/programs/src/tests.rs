//! Programs that talk, print without end, or end by themselves.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
    process::Command,
    sync::mpsc,
    time::{Duration, Instant},
};

use base::Error;

use crate::{Kept, Scratch, lay_out};

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

fn until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it did not become so");
        std::thread::yield_now();
    }
}

#[test]
fn it_is_talked_to_and_ends_when_nobody_talks_any_more() {
    let (tell, told) = mpsc::channel();
    let talk = move |mut stdin: std::process::ChildStdin, mut stdout: std::process::ChildStdout| {
        stdin.write_all(b"hello").unwrap();
        let mut heard = [0; 5];
        stdout.read_exact(&mut heard).unwrap();
        tell.send(heard).unwrap();
    };
    let kept = Kept::start(shell("cat; sleep 60"), "test", Some(Box::new(talk))).unwrap();
    assert_eq!(&told.recv_timeout(Duration::from_secs(20)).unwrap(), b"hello");
    until(|| !kept.lives());
}

#[test]
fn its_last_words_are_kept_and_a_line_without_an_end_takes_no_room() {
    let script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo >&2; echo; echo last; sleep 0.1";
    let kept = Kept::start(shell(script), "test", None).unwrap();
    until(|| !kept.lives());
    until(|| kept.last_words().contains(&"last".to_owned()));
    let words = kept.last_words();
    assert!(words.len() <= 50 && words.iter().all(|it| it.len() <= 500), "{words:?}");
}

#[test]
fn one_that_nobody_talks_to_may_close_what_it_prints_to() {
    let kept =
        Kept::start(shell("exec >&-; sleep 0.2; echo later >&2; exec sleep 600"), "test", None).unwrap();
    until(|| kept.last_words().contains(&"later".to_owned()));
    assert!(kept.lives());
}

#[test]
fn it_ends_with_its_value() {
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("pid");
    let script = format!("echo $$ > {}; exec sleep 600", told.display());
    let kept = Kept::start(shell(&script), "test", None).unwrap();
    until(|| fs::read_to_string(&told).is_ok_and(|it| it.ends_with('\n')));
    let process = Path::new("/proc").join(fs::read_to_string(&told).unwrap().trim());
    assert!(process.exists());
    drop(kept);
    assert!(!process.exists(), "it still runs");
}

#[test]
fn files_are_laid_out_where_they_belong_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    let blob = directory.path().join("blob");
    fs::write(&blob, b"b").unwrap();
    let scratch = Scratch::new(directory.path()).unwrap();
    let refused = |why: &str| Error::conflict("unfit", why);
    let target = scratch.path().join("model");
    lay_out(&[("data/a.bin".to_owned(), blob.clone())], &target, refused).unwrap();
    assert_eq!(fs::read(target.join("data/a.bin")).unwrap(), b"b");
    for odd in ["../a", "/a", "a//b", "a/./b"] {
        let error = lay_out(&[(odd.to_owned(), blob.clone())], &target, refused).unwrap_err();
        assert_eq!(error.code(), "unfit", "{odd}");
    }
    let path = scratch.path().to_owned();
    drop(scratch);
    assert!(!path.exists());
}
