//! What is let go again: of endpoints that nobody asks, and of servers that became others.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use kernel::prelude::*;

use super::{Loaded, Plan, Serving};

impl Serving {
    /// Lets go of what nobody has asked for long enough; answers how many endpoints rest now that did not before.
    pub fn rest(&self, now: Time) -> usize {
        // A plan that is held answers a request.
        let gone = self.without_plans(|plan| {
            let idle = (now.micros() - plan.asked.load(Ordering::Relaxed)) / 1_000_000;
            Arc::strong_count(plan) == 1 && plan.idle_s.is_some_and(|seconds| idle >= i64::from(seconds))
        });
        let names: Vec<String> =
            gone.iter().flat_map(|plan| &plan.targets).map(|target| target.loaded.version.clone()).collect();
        let count = gone.len();
        drop(gone);
        if count > 0 {
            let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
            models.retain(|_, cell| {
                cell.get().is_none_or(|it| Arc::strong_count(it) > 1 || !names.contains(&it.version))
            });
        }
        count
    }

    /// Lets go of what a server answers for; whoever asks next loads it anew, as the server is then.
    pub fn reload(&self, org: &str, project: &str, server: &str) {
        let name = format!("{org}/{project}/{server}");
        self.let_go(|loaded| loaded.servers.contains(&name));
    }

    /// Lets go of whatever servers answer for.
    pub fn reload_all(&self) {
        self.let_go(|loaded| !loaded.servers.is_empty());
    }

    fn let_go(&self, fits: impl Fn(&Loaded) -> bool) {
        self.without_plans(|plan| plan.targets.iter().any(|target| fits(&target.loaded)));
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        models.retain(|_, cell| !cell.get().is_some_and(|it| fits(it)));
    }

    /// Takes plans away, and what their revisions run behind.
    fn without_plans(&self, is_meant: impl Fn(&Arc<Plan>) -> bool) -> Vec<Arc<Plan>> {
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<Arc<Plan>> = plans.extract_if(|_, plan| is_meant(plan)).map(|(_, plan)| plan).collect();
        drop(plans);
        let mut runners = self.runners.write().unwrap_or_else(PoisonError::into_inner);
        for target in gone.iter().flat_map(|plan| &plan.targets) {
            runners.remove(&target.uid);
        }
        gone
    }
}
