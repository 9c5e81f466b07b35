//! What would be done with a request: the same table, the same rules, and nothing sent anywhere.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Request};
use ports::gateway::{Access, Described};
use serde_json::{Value, json};

use crate::{
    path,
    stats::now_ms,
    table::{self, Hit, Ruled},
};

/// What would be done, as far as an organization may know.
pub fn explain(table: &Ruled, org: &str, described: &Described) -> Value {
    let Some(request) = request(described) else {
        return json!({"understood": false, "answeredBy": "nobody", "status": 400});
    };
    let method = request.method().as_str();
    let own_path = request.uri().path();
    let policies: Vec<&str> = table.policies_for(method, own_path).map(|it| it.place.name.as_str()).collect();
    let base = json!({
        "understood": true,
        "host": path::host(request.uri(), request.headers()),
        "path": own_path,
        "ambiguousPath": path::has_dot_segment(own_path),
        "tablePosition": table.position,
    });
    let more = match table.find(&request) {
        None => json!({
            "answeredBy": "platform",
            "route": null,
            "reserved": table::is_reserved(own_path),
            "servicePolicies": policies,
        }),
        // That there is another organization's route is no secret: its answers show it. What is in it is.
        Some(hit) if hit.rule.route.place.org != org => {
            json!({"answeredBy": "route", "route": null, "another": true})
        }
        Some(hit) => of_hit(&hit, &request, described.address),
    };
    merged(base, more)
}

fn of_hit(hit: &Hit, request: &Request<()>, address: Option<IpAddr>) -> Value {
    let rule = &hit.rule;
    let route = &rule.route;
    let total = rule.targets.last().map_or(0, |(sum, _)| *sum);
    let mut before = 0;
    let now = now_ms();
    let backends: Vec<Value> = rule
        .targets
        .iter()
        .map(|(sum, upstream)| {
            let weight = sum - before;
            before = *sum;
            json!({
                "name": upstream.place.name,
                "weight": weight,
                "percent": if total == 0 { 0.0 } else { f64::from(weight) * 100.0 / f64::from(total) },
                "there": !upstream.addresses.is_empty(),
                "circuit": upstream.circuit.state(now),
            })
        })
        .collect();
    let permission = match route.access {
        Access::Granted => Some("gateway.routes.call"),
        Access::Authenticated | Access::Public => None,
    };
    json!({
        "answeredBy": if rule.redirect.is_some() { "redirect" } else { "backend" },
        "route": route.place.name,
        "project": route.place.project,
        "rule": rule.index,
        "matchedPrefix": request.uri().path().get(..hit.prefix),
        "backends": backends,
        "access": route.access,
        "permission": permission,
        "rateLimits": route.limits.iter().map(|limit| &limit.place.name).collect::<Vec<_>>(),
        "suspicion": route.protect.suspicion(request.method(), request.uri()),
        "addressAdmitted": address.map(|address| route.protect.admits(address)),
    })
}

fn request(described: &Described) -> Option<Request<()>> {
    let method = if described.method.is_empty() { "GET" } else { &described.method };
    let path = if described.path.is_empty() { "/" } else { &described.path };
    let mut request = Request::builder().method(method).uri(path).body(()).ok()?;
    for (name, value) in &described.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_str(value).ok()?);
    }
    if !described.host.is_empty() {
        request.headers_mut().insert(http::header::HOST, HeaderValue::from_str(&described.host).ok()?);
    }
    Some(request)
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Some(one), Value::Object(other)) = (one.as_object_mut(), other) {
        one.extend(other);
    }
    one
}
