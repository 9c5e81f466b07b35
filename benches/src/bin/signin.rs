//! What signing in costs, what it costs the others meanwhile, and what a decision costs among many rules.

#![allow(clippy::print_stdout)]

use std::{
    hint::black_box,
    io::{Error, Result},
    thread,
    time::{Duration, Instant},
};

use benches::{
    client::request,
    figures::{at_least, at_most, tell},
    load::{Load, Measured},
    server::Server,
};
use kernel::access::{Grant, Principal, Question, Sort};
use serde_json::json;

/// How many connections log in.
const CONNECTIONS: usize = 8;
/// How long each load lasts.
/// Whoever has not logged in may ask 600 times a minute, which is what ends a longer one.
const LASTING: Duration = Duration::from_secs(5);
/// Requests a second of those who only read meanwhile.
const READS: f64 = 500.0;

fn main() -> Result<()> {
    decisions()?;
    let directory = tempfile::tempdir()?;
    let server = Server::start(directory.path())?;
    let token = server.login()?;
    // The limit there always is would answer instead.
    let policy = json!({"metadata": {"name": "sign-in"}, "spec": {"path": "/api/v1/admin/auth/login"}});
    server.create(&token, "/api/v1/gateway/service-policies", &policy)?;
    for number in 0..CONNECTIONS {
        let user = json!({"metadata": {"name": format!("user-{number}")}, "spec": {"password": "a long enough password"}});
        server.create(&token, "/api/v1/admin/users", &user)?;
    }
    let logins: Vec<Vec<u8>> = (0..CONNECTIONS)
        .map(|number| {
            let body = json!({"username": format!("user-{number}"), "password": "a long enough password"});
            request("POST", "/api/v1/admin/auth/login", "", Some(&body))
        })
        .collect();
    let reads = [request("GET", "/api/v1/admin/users/admin", &token, None)];
    let login =
        Load { address: server.address, requests: &logins, connections: CONNECTIONS, lasting: LASTING };
    let read = Load { address: server.address, requests: &reads, connections: 4, lasting: LASTING };
    let alone = read.at_rate(READS)?;
    let before = server.cpu_s()?;
    let most = login.saturate()?;
    let cpu_s = server.cpu_s()? - before;
    tell("logins, saturated", most.per_second, "/s");
    at_least("logins, a core of the server", most.answers as f64 / cpu_s, 45.0, "/s");
    let (busy, beside) = both(&login, &read)?;
    tell("logins while others read", busy.per_second, "/s");
    tell("reads alone, p99", alone.p99_ms, "ms");
    at_most("reads while logins saturate, p99", beside.p99_ms, (alone.p99_ms * 2.0).max(5.0), "ms");
    Ok(())
}

/// Logins as fast as they come, and reads at a rate.
fn both(login: &Load<'_>, read: &Load<'_>) -> Result<(Measured, Measured)> {
    thread::scope(|scope| {
        let busy = scope.spawn(|| login.saturate());
        let beside = read.at_rate(READS);
        let busy = busy.join().map_err(|_| Error::other("the logins ended"))?;
        Ok((busy?, beside?))
    })
}

/// How long a decision takes of a principal whom 1,000 policies and 10,000 grants concern.
fn decisions() -> Result<()> {
    let ada = Principal::of(Sort::User, "ada", "acme");
    let services =
        ["catalog", "system", "admin", "gateway", "data", "agents", "views", "rag", "spark", "cicd"];
    let service = |i: usize| services[i % services.len()];
    let grant = |i: usize| {
        let pattern = format!("{}.kind-{}.{}", service(i), i / 10, ["get", "list", "*"][i % 3]);
        Grant { project: Some(format!("p{}", i % 50)), ..Grant::of(format!("grant/{i}"), &[&pattern]) }
    };
    let policy = |i: usize| {
        let pattern = format!("{}.kind-{}.delete", service(i), i / 10);
        let condition = i.is_multiple_of(2).then(|| "context.hour >= 0".to_owned());
        Grant { forbid: i.is_multiple_of(4), condition, ..Grant::of(format!("policy/{i}"), &[&pattern]) }
    };
    let rules: Vec<Grant> = (0..10_000).map(grant).chain((0..1_000).map(policy)).collect();
    let began = Instant::now();
    let decider =
        engine_policy::cedar().compile(&ada, &rules).map_err(|error| Error::other(error.to_string()))?;
    tell("making 11,000 rules ready", began.elapsed().as_secs_f64() * 1e3, "ms");
    let questions: Vec<Question> = (0..5_000)
        .map(|i| {
            let permission =
                format!("{}.kind-{}.{}", service(i), i / 10 % 1_000, ["get", "list", "delete"][i % 3]);
            Question { minute: 29_920_890, ..Question::new(&permission, "acme", &format!("p{}", i % 50)) }
        })
        .collect();
    let began = Instant::now();
    for question in &questions {
        black_box(decider.decide(question));
    }
    let each_us = began.elapsed().as_secs_f64() / questions.len() as f64 * 1e6;
    at_most("a decision never made before, among 11,000 rules", each_us, 20.0, "us");
    Ok(())
}
