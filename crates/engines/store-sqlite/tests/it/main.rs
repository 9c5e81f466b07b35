//! The SQLite store shows the behaviour every store must.

use std::sync::Arc;

use kernel::{Later, store::Store};
use testing::Home;

struct Directory(tempfile::TempDir);

impl Directory {
    fn fresh() -> Arc<dyn Home> {
        Arc::new(Self(tempfile::tempdir().unwrap()))
    }
}

impl Home for Directory {
    fn open(&self) -> Later<'_, Arc<dyn Store>> {
        Box::pin(async { store_sqlite::open(self.0.path()) })
    }

    fn shared(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_behaves_like_every_store() {
    testing::store_suite(|| async { Directory::fresh() }).await;
}

#[test]
fn a_directory_has_one_store_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = store_sqlite::open(directory.path()).unwrap();
    let error = store_sqlite::open(directory.path()).map(drop).unwrap_err();
    assert_eq!(error.code(), "data-dir-in-use");
    drop(store);
    store_sqlite::open(directory.path()).unwrap();
}
