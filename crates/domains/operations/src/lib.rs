//! The part of the service `admin` that runs the platform: what happens, what is measured, what is announced.

use std::sync::Arc;

use kernel::{access::Principal, prelude::*};

mod activity;
mod dashboard;
mod dashboard_layout;
mod dashboard_widget;
mod feature;
mod license;
pub mod maintenance;
mod menu;
mod menu_assignment;
mod menu_icon;
mod menu_item;
mod metric;
mod platform;
mod reading;

pub use reading::History;

/// Everything this part of the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("admin")
        .kind(activity::serve)
        .kind(metric::serve)
        .kind(platform::serve)
        .kind(maintenance::serve)
        .kind(feature::serve)
        .kind(license::serve)
        .kind(menu::serve)
        .kind(menu_item::serve)
        .kind(menu_icon::serve)
        .kind(menu_assignment::serve)
        .kind(dashboard::serve)
        .kind(dashboard_layout::serve)
        .kind(dashboard_widget::serve)
}

/// What is done every few seconds: a reading is kept, so that rates can be told.
pub async fn tick(platform: &Arc<kernel::platform::Platform>, holder: &str) -> Result<()> {
    let cx = platform.cx_of(Principal::system("operations", ""), "");
    reading::record(&cx)?;
    // Of several processes on one store, one does the rest.
    let lease = platform.store.lease("operations/tick", holder, cx.now(), LEASE_S).await?;
    if lease.is_none() {
        return Ok(());
    }
    Ok(())
}

/// Seconds the right to do so lasts.
const LEASE_S: u32 = 60;
