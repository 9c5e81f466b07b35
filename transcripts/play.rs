//! Plays every scenario on SQLite, and on a PostgreSQL of the test's own.

use std::sync::Arc;

use testing::{Stage, postgres::Server};

fn stage() -> Stage {
    let ports = testing::engines().with(Arc::new(domain_serving::Serving::default()));
    Stage::of("catalog", domain_catalog::domain())
        .and(domain_serving::domain())
        .and(domain_pipelines::domain())
        .with_ports(ports)
        .with_file("people.csv", b"id,age,class\n1,36,a\n2,,b\n3,51,a\n4,19,b\n4,19,b\n")
}

/// Plays on an empty database of a private server.
fn on_postgres(text: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let server = Server::start().unwrap_or_else(|why| panic!("PostgreSQL cannot be started: {why}"));
    let url = server.database();
    let directory = tempfile::tempdir().expect("a directory");
    let blobs = engine_blobs::open(directory.path()).expect("blobs");
    let store = runtime.block_on(store_postgres::open(&url)).expect("a store");
    stage().play_on(store, blobs, text);
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::stage().play(include_str!(concat!(stringify!($name), ".txt"))); })*
        }
        mod postgres {
            $(#[test] fn $name() { super::on_postgres(include_str!(concat!(stringify!($name), ".txt"))); })*
        }
    };
}

scenarios!(verbs, apply, lists, trash, pipelines);
