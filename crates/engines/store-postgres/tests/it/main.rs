//! The PostgreSQL store shows the behaviour every store must.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use kernel::{Later, store::Store};
use testing::{Home, postgres::Server};

struct Database {
    server: Arc<Mutex<Server>>,
    url: String,
}

type Opening<'a> = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send + 'a>>;

fn fresh(server: &Arc<Mutex<Server>>) -> Database {
    let url = server.lock().unwrap().database();
    let server = Arc::clone(server);
    Database { server, url }
}

impl Home for Database {
    fn open(&self) -> Later<'_, Arc<dyn Store>> {
        Box::pin(store_postgres::open(&self.url))
    }

    fn another(&self) -> Opening<'_> {
        let other = fresh(&self.server);
        Box::pin(async move { other.open().await.unwrap() })
    }

    fn shared(&self) -> bool {
        true
    }
}

/// A server, unless the machine has none: then the test says so and is over.
fn server() -> Option<Arc<Mutex<Server>>> {
    match Server::start() {
        Ok(server) => Some(Arc::new(Mutex::new(server))),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_behaves_like_every_store() {
    let Some(server) = server() else { return };
    testing::store_suite(|| async { Arc::new(fresh(&server)) as Arc<dyn Home> }).await;
}
