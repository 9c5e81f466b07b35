//! Alerts, their channels, and who is told.

use std::sync::{Arc, Mutex};

use kernel::platform::Ports;
use ports::{
    Later,
    fetch::{Fetch, Request, Response},
    mail::Mail,
};

use super::{PEOPLE, prepared};

/// A server that keeps what is posted, and is away for the first request of each address.
#[derive(Default)]
struct Listening(Mutex<Vec<Request>>);

impl Fetch for Listening {
    fn fetch(&self, request: Request) -> Later<'_, Response> {
        let mut heard = self.0.lock().unwrap();
        let is_first = !heard.iter().any(|it| it.url == request.url);
        heard.push(request);
        let status = if is_first { 502 } else { 204 };
        Box::pin(std::future::ready(Ok(Response { status, headers: Vec::new(), body: Vec::new() })))
    }
}

const STORY: &str = r#"
        POST /alert-channels {"metadata": {"name": "post"}, "spec": {"form": "mail", "recipients": ["ops@example.org"]}}
        => 201
        POST /alert-channels {"metadata": {"name": "odd"}, "spec": {"form": "mail"}}
        => 422 {"code": "missing-field", "field": "spec.recipients"}
        POST /alert-channels {"metadata": {"name": "odd"}, "spec": {"form": "mail", "recipients": ["ops"]}}
        => 422 {"code": "invalid-email", "field": "spec.recipients[0]"}
        POST /alert-channels {"metadata": {"name": "odd"}, "spec": {"form": "slack"}}
        => 422 {"code": "missing-field", "field": "spec.url"}
        POST /alert-channels {"metadata": {"name": "odd"}, "spec": {"form": "slack", "url": "slack"}}
        => 422 {"code": "bad-url", "field": "spec.url"}
        POST /alert-channels {"metadata": {"name": "chat"}, "spec": {"form": "slack", "url": "https://chat.example/T0/s3cret"}}
        => 201 {"spec": {"url": null}}
        POST /alert-channels {"metadata": {"name": "hook"}, "spec": {"form": "webhook", "url": "https://hook.example/in", "token": "t0ken"}}
        => 201 {"spec": {"token": null}}
        POST /alert-channels/post/test {}
        => 200
        POST /alert-channels/chat/test {}
        => 503 {"code": "webhook-refused"}
        POST /alerts {"metadata": {"name": "crowd"}, "spec": {"count": {"kind": "admin.users"}, "comparison": "above", "threshold": 2, "forSeconds": 60, "severity": "critical", "channels": ["post", "chat", "hook"]}}
        => 201 {"status": {"state": "ok"}}
        POST /alerts {"metadata": {"name": "odd"}, "spec": {"metric": "luck", "comparison": "above", "threshold": 2}}
        => 422 {"code": "unknown-metric"}
        POST /alerts/evaluate {}
        => 200 {"items": [{"alert": "crowd", "state": "ok"}]}
        POST /alerts/crowd/acknowledge {}
        => 409 {"code": "alert-not-firing"}

        # It holds from now on, and fires after a minute.
        POST /users {"metadata": {"name": "eve"}}
        => 201
        GET /alerts/crowd/value
        => 200 {"value": 3, "holds": true}
        POST /alerts/evaluate {}
        => 200 {"items": [{"state": "pending"}]}
        advance 59
        POST /alerts/evaluate {}
        => 200 {"items": [{"state": "pending"}]}
        advance 1
        POST /alerts/evaluate {}
        => 200 {"items": [{"state": "firing"}]}
        # The webhook was away; it is told at the next turn, and nobody is told twice.
        GET /alerts/crowd
        => 200 {"status": {"notices": [{"channel": "post", "attempts": 1, "delivered": "*"}, {"channel": "chat", "delivered": "*"}, {"channel": "hook", "delivered": null, "error": "the other side answered 502"}]}}
        POST /alerts/evaluate {}
        => 200
        GET /alerts/crowd
        => 200 {"status": {"notices": [{"attempts": 1}, {"attempts": 1}, {"attempts": 2, "delivered": "*", "error": null}]}}
        POST /alerts/evaluate {}
        => 200
        PATCH /alerts/crowd/acknowledge {"note": "looking"}
        => 200 {"state": "acknowledged", "acknowledgedBy": "user:admin", "note": "looking"}
        POST /alerts/evaluate {}
        => 200 {"items": [{"state": "acknowledged"}]}
        DELETE /users/eve
        => 200
        POST /alerts/evaluate {}
        => 200 {"items": [{"state": "ok"}]}

        # A silenced alert fires without being told.
        POST /alerts/crowd/silence {"seconds": 600}
        => 200 {"silencedUntil": "*"}
        PUT /alerts/crowd {"spec": {"count": {"kind": "admin.users"}, "comparison": "above", "threshold": 1, "channels": ["post"]}}
        => 200
        POST /alerts/evaluate {}
        => 200 {"items": [{"state": "firing"}]}
        GET /alerts/crowd
        => 200 {"status": {"notices": ["*", "*", "*", "*", "*", "*"]}}
        POST /alerts/crowd/silence {"seconds": 0}
        => 200 {"silencedUntil": null}
        POST /alerts/crowd/resolve {}
        => 200 {"state": "ok"}
        POST /alerts/crowd/test {}
        => 200 {"items": [{"channel": "post", "delivered": true}]}
        DELETE /alerts/crowd
        => 200
        as $ada
        GET /alerts
        => 403
        POST /alerts/evaluate {}
        => 403
"#;

#[test]
fn an_alert_fires_is_told_and_is_resolved() {
    let letters = tempfile::tempdir().unwrap();
    let mail: Arc<dyn Mail> = engine_mail::files(letters.path(), "aic@localhost").unwrap();
    let heard = Arc::new(Listening::default());
    let fetch: Arc<dyn Fetch> = Arc::clone(&heard) as _;
    prepared(Ports::default().with(mail).with(fetch)).play(&format!("{PEOPLE}{STORY}"));
    let letters: Vec<String> = std::fs::read_dir(letters.path())
        .unwrap()
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let about =
        |subject: &str| letters.iter().filter(|it| it.contains(&format!("Subject: {subject}\r\n"))).count();
    assert_eq!((about("[critical] crowd: firing"), about("[critical] crowd: resolved")), (1, 1));
    let heard = heard.0.lock().unwrap();
    let of = |url: &str| heard.iter().filter(|it| it.url == url).collect::<Vec<_>>();
    let chat = of("https://chat.example/T0/s3cret");
    let told: serde_json::Value = serde_json::from_slice(&chat[1].body).unwrap();
    assert_eq!(told["attachments"][0]["color"], "danger");
    assert!(told["text"].as_str().unwrap().contains("the number of admin.users is above 2"));
    let hook = of("https://hook.example/in");
    assert_eq!(hook.len(), 3, "firing, firing again because it was away, resolved");
    assert!(hook[0].headers.contains(&("authorization".to_owned(), "Bearer t0ken".to_owned())));
    let told: serde_json::Value = serde_json::from_slice(&hook[2].body).unwrap();
    assert_eq!((told["event"].as_str(), told["value"].as_f64()), (Some("resolved"), Some(2.0)));
}
