//! The SQLite store shows the behaviour every store must.

use std::{pin::Pin, sync::Arc};

use kernel::{Later, store::Store};
use testing::Home;

mod disk;
mod faulty;
mod kill;
mod layout;

struct Directory(tempfile::TempDir);

type Opening<'a> = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send + 'a>>;

impl Directory {
    fn fresh() -> Arc<dyn Home> {
        Arc::new(Self(tempfile::tempdir().unwrap()))
    }
}

impl Home for Directory {
    fn open(&self) -> Later<'_, Arc<dyn Store>> {
        Box::pin(async { store_sqlite::open(self.0.path()) })
    }

    fn another(&self) -> Opening<'_> {
        // A directory inside, which goes when the outer one does.
        let inner = tempfile::tempdir_in(self.0.path()).unwrap().keep();
        Box::pin(async move { store_sqlite::open(&inner).unwrap() })
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
