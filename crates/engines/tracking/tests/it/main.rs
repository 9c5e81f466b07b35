//! Every engine behaves alike: one suite, on SQLite and on PostgreSQL.

use std::sync::Arc;

use engine_tracking::Engine;

mod files;
mod histories;
mod kill;
mod logging;
mod made;
mod searches;
mod traces;

/// Runs everything on an engine that is empty.
async fn suite(engine: Arc<Engine>) {
    logging::what_is_logged_is_found(&*engine).await;
    logging::a_batch_is_whole_or_nothing(&*engine).await;
    logging::a_hundred_clients_log_to_one_run(&engine).await;
    logging::a_run_is_forgotten_with_everything(&*engine).await;
    histories::every_point_is_kept_once_and_in_order(&*engine).await;
    histories::a_sample_is_even_and_holds_the_ends(&*engine).await;
    histories::what_was_measured_of_a_model_is_found_by_it(&*engine).await;
    searches::a_search_finds_what_a_plain_one_does(&*engine).await;
    searches::pages_meet_without_gap_or_twin(&*engine).await;
    searches::a_token_of_another_search_is_refused(&*engine).await;
    searches::organizations_do_not_see_each_other(&*engine).await;
    files::a_tree_is_listed_and_cleared(&*engine).await;
    traces::traces_are_told_and_changed(&*engine).await;
    traces::traces_are_found(&*engine).await;
    traces::traces_are_measured(&*engine).await;
    traces::one_to_move(&*engine).await;
}

/// What one engine exports, another takes in, and then exports the same.
async fn moves(from: Arc<Engine>, to: Arc<Engine>) {
    histories::a_copy_is_the_same(&*from, &*to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_behaves_like_every_engine() {
    let [one, two] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let open =
        |at: &tempfile::TempDir| engine_tracking::open(at.path(), engine_tracking::COLUMNS_BYTES).unwrap();
    suite(open(&one)).await;
    // It is all there when it is opened again.
    moves(open(&one), open(&two)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_that_may_keep_nothing_finds_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine_tracking::open(directory.path(), 0).unwrap();
    searches::a_search_finds_what_a_plain_one_does(&*engine).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_behaves_like_every_engine() {
    let server = match testing::postgres::Server::start() {
        Ok(server) => server,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let directory = tempfile::tempdir().unwrap();
    let url = server.database();
    let open = || engine_tracking::open_url(&url, engine_tracking::COLUMNS_BYTES);
    suite(open().await.unwrap()).await;
    let one = open().await.unwrap();
    let sqlite = engine_tracking::open(directory.path(), 0).unwrap();
    moves(Arc::clone(&one), Arc::clone(&sqlite)).await;
    // And from the one engine to the other.
    let other = server.database();
    moves(sqlite, engine_tracking::open_url(&other, 0).await.unwrap()).await;
    // Two processes on one database see each other's writes, and count them in order.
    searches::two_see_each_other(&one, &open().await.unwrap()).await;
}
