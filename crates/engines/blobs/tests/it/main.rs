//! What blobs promise, in a directory and in an object store alike.

use std::{collections::HashSet, fs, path::Path, sync::Arc};

use base::{Digest, Time};
use engine_blobs::Collected;
use object_store::memory::InMemory;

type Opened = (Arc<dyn Collected>, tempfile::TempDir);

fn local() -> Opened {
    let directory = tempfile::tempdir().unwrap();
    (engine_blobs::open(directory.path()).unwrap(), directory)
}

fn remote() -> Opened {
    let cache = tempfile::tempdir().unwrap();
    let store = Arc::new(InMemory::new());
    (engine_blobs::over(store, "some/prefix", cache.path()).unwrap(), cache)
}

fn file_of(directory: &Path, digest: Digest) -> std::path::PathBuf {
    let name = digest.to_string();
    directory.join(&name[..2]).join(&name[2..4]).join(&name)
}

/// A moment after everything that happens in these tests.
fn later() -> Time {
    Time::from_micros(i64::MAX)
}

#[tokio::test]
async fn bytes_come_back_by_their_digest() {
    for (blobs, _directory) in [local(), remote()] {
        let stored = blobs.put(b"hello".to_vec()).await.unwrap();
        assert_eq!((stored.digest, stored.bytes), (Digest::of(b"hello"), 5));
        assert_eq!(blobs.get(stored.digest, 5).await.unwrap(), b"hello");
        assert_eq!(blobs.range(stored.digest, 1, 3).await.unwrap(), b"ell");
        assert_eq!(blobs.range(stored.digest, 3, 99).await.unwrap(), b"lo");
        assert_eq!(blobs.range(stored.digest, 9, 1).await.unwrap(), b"");
        assert_eq!(blobs.length(stored.digest).await.unwrap(), 5);
        assert_eq!(blobs.list().await.unwrap(), [stored]);
        let path = blobs.local(stored.digest).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), b"hello");
        // Twice is once.
        blobs.put(b"hello".to_vec()).await.unwrap();
        assert_eq!(blobs.list().await.unwrap().len(), 1);
        let error = blobs.get(stored.digest, 4).await.unwrap_err();
        assert_eq!(error.code(), "blob-too-large");
        blobs.delete(stored.digest).await.unwrap();
        blobs.delete(stored.digest).await.unwrap();
        for code in [
            blobs.get(stored.digest, 9).await.map(drop),
            blobs.range(stored.digest, 0, 9).await.map(drop),
            blobs.length(stored.digest).await.map(drop),
            blobs.local(stored.digest).await.map(drop),
        ] {
            assert_eq!(code.unwrap_err().code(), "blob-not-found");
        }
    }
}

#[tokio::test]
async fn a_long_upload_streams_and_is_visible_only_when_finished() {
    for (blobs, directory) in [local(), remote()] {
        let mut upload = blobs.create().await.unwrap();
        let mut hasher = blake3::Hasher::new();
        for number in 0..40_u8 {
            let chunk = vec![number; 500_000];
            hasher.update(&chunk);
            upload.write(chunk).await.unwrap();
        }
        assert_eq!(blobs.list().await.unwrap(), []);
        let stored = upload.finish().await.unwrap();
        assert_eq!(stored.bytes, 20_000_000);
        assert_eq!(stored.digest.bytes(), hasher.finalize().as_bytes());
        let path = blobs.local(stored.digest).await.unwrap();
        let copy = blobs.put_file(&path).await.unwrap();
        assert_eq!(copy, stored);
        // An upload given up leaves nothing.
        let mut lost = blobs.create().await.unwrap();
        lost.write(b"lost".to_vec()).await.unwrap();
        drop(lost);
        assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
        assert_eq!(blobs.list().await.unwrap(), [stored]);
    }
}

#[tokio::test]
async fn damaged_bytes_are_never_served() {
    let (blobs, directory) = local();
    let stored = blobs.put(b"hello".to_vec()).await.unwrap();
    blobs.local(stored.digest).await.unwrap();
    fs::write(file_of(directory.path(), stored.digest), b"jello!").unwrap();
    let error = blobs.get(stored.digest, 9).await.unwrap_err();
    assert_eq!(error.code(), "blob-damaged");
    let error = blobs.local(stored.digest).await.unwrap_err();
    assert_eq!(error.code(), "blob-damaged");
    // Uploading it again heals it.
    blobs.put(b"hello".to_vec()).await.unwrap();
    assert_eq!(blobs.get(stored.digest, 9).await.unwrap(), b"hello");
}

#[tokio::test]
async fn what_the_cache_lost_is_fetched_again() {
    let (blobs, cache) = remote();
    let stored = blobs.put(b"hello".to_vec()).await.unwrap();
    fs::remove_file(file_of(cache.path(), stored.digest)).unwrap();
    assert_eq!(blobs.get(stored.digest, 5).await.unwrap(), b"hello");
    assert_eq!(blobs.range(stored.digest, 0, 2).await.unwrap(), b"he");
    assert!(!file_of(cache.path(), stored.digest).exists());
    let path = blobs.local(stored.digest).await.unwrap();
    assert_eq!(path, file_of(cache.path(), stored.digest));
}

#[tokio::test]
async fn a_sweep_takes_what_is_old_and_not_referenced() {
    for (blobs, directory) in [local(), remote()] {
        let kept = blobs.put(b"kept".to_vec()).await.unwrap();
        let loose = blobs.put(b"loose".to_vec()).await.unwrap();
        let referenced = HashSet::from([kept.digest]);
        // Both were put after 1970, so nothing is old enough.
        let swept = blobs.sweep(&referenced, Time::from_micros(0)).await.unwrap();
        assert_eq!(swept.blobs, 0);
        assert_eq!(blobs.list().await.unwrap().len(), 2);
        fs::write(directory.path().join("tmp/left-behind"), b"x").unwrap();
        let swept = blobs.sweep(&referenced, later()).await.unwrap();
        assert_eq!((swept.blobs, swept.bytes), (1, 5));
        assert_eq!(blobs.list().await.unwrap(), [kept]);
        assert_eq!(blobs.get(kept.digest, 4).await.unwrap(), b"kept");
        assert!(blobs.get(loose.digest, 9).await.is_err());
        assert!(!directory.path().join("tmp/left-behind").exists());
    }
}
