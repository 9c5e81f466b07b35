//! Backups and maintenance, as far as they need no server: what is asked, and what is refused.

use std::sync::{Arc, Mutex};

use base::{Error, Result};
use kernel::platform::Ports;
use ports::{
    Later,
    archive::{Archive, Written},
};

use super::{PEOPLE, play, prepared};

/// An archive in memory, of empty files.
#[derive(Default)]
struct Shelf(Mutex<Vec<String>>);

impl Shelf {
    fn found(&self, name: &str) -> Result<Written> {
        if self.0.lock().unwrap().iter().any(|it| it == name) {
            return Ok(Written { bytes: 7, digest: "d".repeat(64), position: 3 });
        }
        Err(Error::not_found("file-not-found", "there is no such file"))
    }
}

impl Archive for Shelf {
    fn write<'a>(&'a self, name: &'a str) -> Later<'a, Written> {
        self.0.lock().unwrap().push(name.to_owned());
        Box::pin(std::future::ready(self.found(name)))
    }

    fn check<'a>(&'a self, name: &'a str) -> Later<'a, Written> {
        Box::pin(std::future::ready(self.found(name)))
    }

    fn remove<'a>(&'a self, name: &'a str) -> Later<'a, ()> {
        self.0.lock().unwrap().retain(|it| it != name);
        Box::pin(std::future::ready(Ok(())))
    }

    fn restore_at_start<'a>(&'a self, _: &'a str) -> Later<'a, ()> {
        Box::pin(std::future::ready(Err(Error::conflict("restore-unsupported", "not from a shelf"))))
    }
}

#[test]
fn a_backup_is_a_run_that_ends_with_a_file() {
    let shelf = Arc::new(Shelf::default());
    let archive: Arc<dyn Archive> = Arc::clone(&shelf) as _;
    prepared(Ports::default().with(archive)).play(&format!(
        "{PEOPLE}{}",
        r#"
        POST /admin/backup {"note": "before the move"}
        => 200 {"backup": "$name", "run": "$run"}
        GET /api/v1/system/runs/$run
        => 200 {"status": {"phase": "Succeeded"}}
        GET /admin/backups
        => 200 {"items": [{"metadata": {"name": "$name"}, "spec": {"note": "before the move"}, "status": {"phase": "Succeeded", "position": 3, "bytes": 7}}]}
        POST /backups/$name/check {}
        => 200 {"position": 3}
        POST /admin/restore/$name {}
        => 409 {"code": "restore-unsupported"}
        POST /admin/restore/nothing {}
        => 404
        DELETE /backups/$name
        => 200
        POST /backup-schedules {"metadata": {"name": "nightly"}, "spec": {"everySeconds": 1}}
        => 422 {"code": "out-of-range", "field": "spec.everySeconds"}
        POST /backup-schedules {"metadata": {"name": "nightly"}, "spec": {"keep": 3}}
        => 201 {"spec": {"everySeconds": 86400}}
        as $ada
        POST /admin/backup {}
        => 403
        GET /admin/backups
        => 403
        "#
    ));
    assert!(shelf.0.lock().unwrap().is_empty(), "a deleted backup takes its file with it");
}

#[test]
fn maintenance_is_announced() {
    play(
        r#"
        GET /admin/maintenance/status
        => 200 {"active": false}
        POST /admin/maintenance/start {"until": "2020-01-01T00:00:00Z"}
        => 422 {"code": "time-passed", "field": "until"}
        POST /admin/maintenance/start {"message": "larger disks", "until": "2030-01-01T00:00:00Z"}
        => 200 {"active": true, "by": "user:admin", "since": "*"}
        as $ada
        GET /admin/maintenance/status
        => 200 {"active": true, "message": "larger disks"}
        POST /admin/maintenance/stop {}
        => 403
        as $admin
        POST /admin/maintenance/stop {}
        => 200 {"active": false, "message": null}
        "#,
    );
}
