//! The audit: by user and object, as a file, signed, and sent elsewhere.

use std::sync::{Arc, Mutex};

use kernel::platform::Ports;
use ports::{Later, notary::Notary, syslog::Syslog};

use super::{PEOPLE, prepared, stage};

/// A collector that keeps what it takes, and is away the first time.
#[derive(Default)]
struct Collector(Mutex<(u32, Vec<String>)>);

impl Syslog for Collector {
    fn send<'a>(&'a self, _: &'a str, messages: Vec<String>) -> Later<'a, ()> {
        let mut taken = self.0.lock().unwrap();
        taken.0 += 1;
        let away = taken.0 == 1;
        if !away {
            taken.1.extend(messages);
        }
        let error = base::Error::unavailable("upstream-unreachable", "nobody is there");
        Box::pin(std::future::ready(if away { Err(error) } else { Ok(()) }))
    }
}

const STORY: &str = r#"
        GET /users/ada
        => 200 {"metadata": {"uid": "$uid"}}
        PATCH /users/ada {"spec": {"displayName": "Ada"}}
        => 200
        GET /audit/user/admin
        => 200 {"items": [{"verb": "patch", "name": "ada"}, {"verb": "create", "name": "ada"}]}
        GET /audit/user/admin?limit=1
        => 200 {"items": ["*"], "metadata": {"nextPageToken": "*"}}
        GET /audit/resource/$uid
        => 200 {"items": [{"verb": "patch"}, {"verb": "create"}]}
        GET /audit/resource/usr_nobody
        => 200 {"items": []}
        GET /audit/export?format=csv
        => 200 "*"
        GET /audit/export?all=true
        => 200 "*"
        GET /audit/export?format=pdf
        => 422 {"code": "unknown-value"}
        POST /audit/verify {}
        => 200 {"firstBad": null}

        POST /audit-checkpoints/sign {}
        => 200 {"position": "$at", "note": "*"}
        GET /audit-checkpoints/latest
        => 200 {"position": $at_again}
        GET /audit-checkpoints/key
        => 200 {"name": "aic.test/journal", "publicKey": "*"}
        POST /audit-checkpoints {"metadata": {"name": "forged"}, "spec": {"position": 1, "head": "00", "note": "x"}}
        => 405 {"code": "verb-not-served"}

        POST /audit-sinks {"metadata": {"name": "logs"}, "spec": {"form": "syslog", "address": "logs"}}
        => 422 {"code": "bad-url", "field": "spec.address"}
        POST /audit-sinks {"metadata": {"name": "logs"}, "spec": {"form": "syslog", "address": "udp://127.0.0.1:514"}}
        => 201 {"spec": {"address": null}}
        PATCH /users/ada {"spec": {"displayName": "Countess \"Ada\"]"}}
        => 200
        # The collector is away: nothing is lost, and the position stays.
        POST /audit-sinks/logs/flush {}
        => 503 {"code": "upstream-unreachable"}
        POST /audit-sinks/logs/flush {}
        => 200 {"position": "*"}
        POST /audit-sinks/logs/flush {}
        => 200
        as $ada
        GET /audit/export
        => 403
        GET /audit-checkpoints/key
        => 200
        POST /audit-checkpoints/sign {}
        => 403
        GET /audit-sinks
        => 403
"#;

#[test]
fn the_audit_is_told_signed_and_sent() {
    let notary: Arc<dyn Notary> =
        engine_notary::open(&engine_notary::fresh().unwrap(), "aic.test/journal").unwrap();
    let collector = Arc::new(Collector::default());
    let syslog: Arc<dyn Syslog> = Arc::clone(&collector) as _;
    let story = STORY.replace("$at_again", "\"*\"");
    prepared(Ports::default().with(notary).with(syslog)).play(&format!("{PEOPLE}{story}"));
    let taken = collector.0.lock().unwrap().1.clone();
    let about: Vec<&String> = taken.iter().filter(|it| it.contains("verb=\"patch\"")).collect();
    assert_eq!(about.len(), 1, "what was taken is sent once: {taken:#?}");
    assert!(
        about[0].starts_with("<109>1 2026-01-01T00:00:00.000000Z - aic - patch [audit@32473 position=\"")
    );
    assert!(about[0].contains("actor=\"user:admin\""));
}

/// With a key the journal's beginning is signed as soon as the hourly turn sees it, so only here there surely is nothing.
#[test]
fn without_a_key_nothing_is_signed() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        GET /audit-checkpoints/latest
        => 404 {"code": "not-found"}
        POST /audit-checkpoints/sign {}
        => 503 {"code": "engine-missing"}
        GET /audit-checkpoints/latest
        => 404 {"code": "not-found"}
        "#,
    );
}

#[test]
fn what_objects_once_were_goes_when_the_policy_says_so_and_holds_keep_theirs() {
    stage().play(
        r#"
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$admin"}
        as $admin
        POST /users {"metadata": {"name": "ada"}, "spec": {"password": "long enough", "displayName": "Ada"}}
        => 201 {"metadata": {"resourceVersion": "$ada"}}
        PATCH /users/ada {"spec": {"displayName": "Ada L."}}
        => 200
        POST /users {"metadata": {"name": "bob"}, "spec": {"password": "long enough", "displayName": "Bob"}}
        => 201 {"metadata": {"resourceVersion": "$bob"}}
        PATCH /users/bob {"spec": {"displayName": "Bob B."}}
        => 200
        POST /legal-holds {"metadata": {"name": "case-1"}, "spec": {"reason": "case 1 of the court", "users": ["ada"]}}
        => 201
        POST /audit-policies {"metadata": {"name": "strict"}, "spec": {"keepDays": 1}}
        => 422 {"code": "invalid-name"}
        POST /audit-policies {"metadata": {"name": "default"}, "spec": {"keepDays": 1}}
        => 201
        # Nothing is old enough yet.
        POST /audit-policies/default/apply
        => 200 {"emptied": 0}
        advance 90000
        as nobody
        POST /auth/login {"username": "admin", "password": "correct horse"}
        => 200 {"accessToken": "$again"}
        as $again
        POST /audit-policies/default/apply
        => 200
        # That changed the policy's own status, whose first version is old, too.
        POST /audit-policies/default/apply
        => 200 {"emptied": 1}
        POST /audit-policies/default/apply
        => 200 {"emptied": 0}
        # Who did what when is still told, and proven.
        GET /users/bob/history
        => 200 {"items": [{"verb": "patch", "actor": "user:admin"}, {"verb": "create", "actor": "user:admin", "emptied": true}]}
        POST /users/bob/rollback {"to": "$bob"}
        => 410 {"code": "version-emptied"}
        GET /users/bob
        => 200 {"spec": {"displayName": "Bob B."}}
        POST /audit/verify
        => 200 {"firstBad": null}
        # A hold keeps what it concerns.
        POST /users/ada/rollback {"to": "$ada"}
        => 200 {"spec": {"displayName": "Ada"}}
        "#,
    );
}
