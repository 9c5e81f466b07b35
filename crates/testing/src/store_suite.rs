//! The behaviour every store must show, whatever engine it stands on.
//!
//! Each behaviour is a function that gets an empty store of its own; the list below is all of them.

use std::{fmt::Write, pin::Pin, sync::Arc};

use kernel::{Later, store::Store};

mod commits;
mod draft;
mod journals;
mod keeping;
mod leases;
mod oracle;
mod order;
mod paging;
mod questions;
mod together;

pub use draft::{Draft, fill, terms};

/// A place where a store lives: opening it again shows what was written.
pub trait Home: Send + Sync {
    /// Opens the store. One that cannot be shared is opened again only after it was dropped.
    fn open(&self) -> Later<'_, Arc<dyn Store>>;

    /// An empty store elsewhere.
    fn another(&self) -> Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send + '_>>;

    /// Whether several processes may have it open at once.
    fn shared(&self) -> bool;
}

type Place = Arc<dyn Home>;
type Behaviour = (&'static str, fn(Place) -> Later<'static, ()>);

/// Names a behaviour by its function.
macro_rules! behaviours {
    ($($module:ident::$name:ident,)*) => {
        &[$((stringify!($name), |home| Box::pin(async move { $module::$name(home).await; Ok(()) })),)*]
    };
}

const BEHAVIOURS: &[Behaviour] = behaviours![
    commits::a_commit_happens_whole_or_not_at_all,
    commits::a_name_is_free_again_once_its_object_is_in_the_trash,
    commits::a_purged_object_is_gone_but_its_history_stays,
    commits::a_stale_write_is_refused,
    commits::of_64_writers_of_one_object_each_version_is_won_once,
    commits::a_refused_write_does_not_disturb_its_neighbours,
    commits::of_64_writers_no_more_than_the_ceiling_get_in,
    commits::a_store_opened_again_shows_what_was_written,
    questions::every_question_is_answered_as_plainly_evaluated,
    paging::pages_lose_and_double_nothing_while_others_write,
    paging::a_list_ends_at_its_limit,
    keeping::a_kept_value_lasts_until_it_expires,
    keeping::a_kept_value_can_be_a_condition,
    keeping::a_stream_numbers_its_entries,
    keeping::a_commit_that_is_too_large_is_refused,
    leases::a_lease_has_one_holder,
    leases::a_stale_holder_is_fenced_off,
    journals::history_is_found_by_every_mark,
    journals::a_journal_builds_the_store_again,
    journals::a_tampered_journal_is_refused,
    journals::what_is_outdated_is_emptied_and_still_proven,
    together::what_one_process_writes_the_others_hear_of,
    together::processes_that_write_at_once_leave_no_gaps,
    order::positions_have_no_gaps_for_whoever_reads_along,
];

/// Runs every behaviour, each in a home of its own, and fails with the list of those that broke.
///
/// # Panics
/// When a behaviour does not hold.
pub async fn store_suite<F: Future<Output = Place>>(make: impl Fn() -> F) {
    let mut broken = String::new();
    for (name, behaviour) in BEHAVIOURS {
        let home = make().await;
        if let Err(error) = tokio::spawn(behaviour(home)).await {
            let why = match error.try_into_panic() {
                Ok(panic) => panic
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
                    .unwrap_or_default(),
                Err(error) => error.to_string(),
            };
            let _ = writeln!(broken, "- {name}: {why}");
        }
    }
    assert!(broken.is_empty(), "the store does not behave:\n{broken}");
}
