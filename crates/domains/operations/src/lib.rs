//! The part of the service `admin` that runs the platform: what happens, what is measured, what is announced.

use kernel::prelude::*;

mod activity;
mod alert;
mod alert_channel;
mod audit_checkpoint;
mod audit_policy;
mod audit_sink;
mod backup;
mod backup_schedule;
mod budget;
mod environment;
mod erasure;
mod feature;
mod legal_hold;
mod license;
pub mod maintenance;
mod menu;
mod menu_assignment;
mod menu_icon;
mod menu_item;
mod metric;
mod personal_data;
mod platform;
mod quota;
mod reading;

pub use reading::History;

/// Everything this part of the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("admin")
        .kind(environment::serve)
        .kind(quota::serve)
        .kind(budget::serve)
        .kind(activity::serve)
        .kind(metric::serve)
        .kind(platform::serve)
        .kind(maintenance::serve)
        .kind(backup::serve)
        .kind(backup_schedule::serve)
        .kind(audit_checkpoint::serve)
        .kind(audit_policy::serve)
        .kind(audit_sink::serve)
        .kind(personal_data::serve)
        .kind(erasure::serve)
        .kind(legal_hold::serve)
        .kind(alert::serve)
        .kind(alert_channel::serve)
        .kind(feature::serve)
        .kind(license::serve)
        .kind(menu::serve)
        .kind(menu_item::serve)
        .kind(menu_icon::serve)
        .kind(menu_assignment::serve)
        .workflow(backup::taking())
        .every("backups", 30, backup_schedule::follow)
        .every("checkpoints", 3600, audit_checkpoint::now_and_then)
        .every("audit-policies", 3600, audit_policy::apply_all)
        .every("audit-sinks", 5, audit_sink::send_all)
        .every("alerts", 5, alert::evaluate_all)
        .every("readings", 5, |cx| async move { reading::record(&cx) })
}
