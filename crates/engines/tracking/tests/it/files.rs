//! Trees of artifacts.

use base::{Digest, Uid};
use ports::tracking::file::{Artifacts, Entry, File, Place};

fn file(path: &str) -> File {
    File {
        tree: Uid::known("xrn_tree"),
        path: path.to_owned(),
        blob: Digest::of(path.as_bytes()),
        bytes: path.len() as u64,
        time_ms: 7,
    }
}

async fn listed(engine: &dyn Artifacts, path: &str, page: u32) -> Vec<String> {
    let (tree, mut after, mut found) = (Uid::known("xrn_tree"), String::new(), Vec::new());
    loop {
        let entries = engine.entries("acme", Place { tree: &tree, path }, &after, page).await.unwrap();
        let more = entries.len() == page as usize;
        for entry in entries {
            let (path, mark) = match entry {
                Entry::Directory(path) => (path, "/"),
                Entry::File(file) => (file.path, ""),
            };
            found.push(format!("{path}{mark}"));
            after = path;
        }
        if !more {
            return found;
        }
    }
}

pub async fn a_tree_is_listed_and_cleared(engine: &dyn Artifacts) {
    let tree = Uid::known("xrn_tree");
    let at = |path| Place { tree: &tree, path };
    let paths = ["model/MLmodel", "model/data/a", "model/data/b", "model-2", "model.txt", "é/ü", "z"];
    engine.place("acme", paths.iter().map(|path| file(path)).collect()).await.unwrap();
    for page in [1, 2, 100] {
        let root = ["model-2", "model.txt", "model/", "z", "é/"];
        assert_eq!(listed(engine, "", page).await, root);
        assert_eq!(listed(engine, "model", page).await, ["model/MLmodel", "model/data/"]);
    }
    assert!(listed(engine, "z", 9).await.is_empty(), "a file is no directory");
    assert_eq!(engine.files("acme", at("model"), "", 9).await.unwrap().len(), 3);
    assert_eq!(engine.file("acme", at("model/data/a")).await.unwrap(), Some(file("model/data/a")));
    assert_eq!(engine.file("acme", at("model/data")).await.unwrap(), None);
    assert_eq!(engine.file("globex", at("z")).await.unwrap(), None);
    let first = engine.blobs(None, 3).await.unwrap();
    assert_eq!((first.len(), engine.blobs(first.last().copied(), 99).await.unwrap().len()), (3, 4));
    assert_eq!(engine.remove("acme", at("model")).await.unwrap(), 3);
    assert_eq!(engine.remove("globex", at("")).await.unwrap(), 0);
    assert_eq!(listed(engine, "", 9).await, ["model-2", "model.txt", "z", "é/"]);
    assert_eq!(engine.remove("acme", at("")).await.unwrap(), 4);
    // For the copy that is made of everything.
    let kept = File { tree: Uid::known("xrn_other"), ..file("kept/model.onnx") };
    engine.place("acme", vec![kept.clone(), kept]).await.unwrap();
}
