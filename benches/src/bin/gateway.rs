//! The gateway beside nginx, HAProxy and Caddy: one core each, one small upstream, requests to a second of processor.
//!
//! The proxy that is measured has a core of its own; the upstream (nginx) and the load share another. What counts is
//! the proxy's own processor time, so that other work on the machine changes little.

#![allow(clippy::print_stdout)]

use std::{
    fs,
    io::{Error, Result},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use benches::{
    client::request,
    figures::{at_most, percentile, tell},
    load::{Load, Measured, pause},
    server::Server,
};
use serde_json::{Value, json};

/// The core of whoever is measured, and that of everybody else.
const CORES: (&str, &str) = ("0", "1");
/// How many connections ask.
const CONNECTIONS: usize = 32;
/// How long each load lasts.
const LASTING: Duration = Duration::from_secs(4);
/// How often each is measured, in turns.
const ROUNDS: usize = 3;
/// How many routes there are when there are many.
const ROUTES: usize = 1_000;
/// Ticks of `/proc/PID/stat` in a second; Linux tells all programs 100.
const TICKS: f64 = 100.0;

/// Somebody who passes requests on.
struct Proxy {
    name: &'static str,
    address: SocketAddr,
    request: Vec<u8>,
    child: Option<Child>,
    /// The processes whose time counts.
    pids: Vec<u32>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn cpu_s(pids: &[u32]) -> Result<f64> {
    let mut all = 0.0;
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (_, fields) = text.rsplit_once(')').ok_or_else(|| Error::other("no such process"))?;
        all += fields.split(' ').skip(12).take(2).filter_map(|it| it.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(all / TICKS)
}

fn free() -> Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

fn started(core: &str, program: &str, words: &[&str], address: SocketAddr) -> Result<Child> {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]).args(words).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn()?;
    for _ in 0..100 {
        if TcpStream::connect(address).is_ok() {
            return Ok(child);
        }
        pause(Duration::from_millis(50));
    }
    Err(Error::other(format!("`{program}` does not listen; is it installed?")))
}

fn nginx(directory: &Path, name: &str, core: &str, http: &str, address: SocketAddr) -> Result<Child> {
    let (file, directory) = (directory.join(name), directory.display());
    let text = format!(
        "daemon off; master_process off; worker_processes 1; pid {directory}/{name}.pid; error_log {directory}/{name}.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 100000000; {http} }}\n"
    );
    fs::write(&file, text)?;
    started(core, "nginx", &["-c", &file.to_string_lossy()], address)
}

fn upstream(directory: &Path) -> Result<(SocketAddr, Child)> {
    let address = free()?;
    let http = format!(
        "server {{ listen {address}; location / {{ default_type text/plain; return 200 \"a small answer of a small upstream\\n\"; }} }}"
    );
    Ok((address, nginx(directory, "upstream", CORES.1, &http, address)?))
}

fn peers(directory: &Path, upstream: SocketAddr) -> Result<Vec<Proxy>> {
    let ask = request("GET", "/r0/x", "", None);
    let proxy = |name, address, child: Child| {
        let pids = vec![child.id()];
        Proxy { name, address, request: ask.clone(), child: Some(child), pids }
    };
    let address = free()?;
    let http = format!(
        "upstream b {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}\n\
         server {{ listen {address}; location / {{ proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}"
    );
    let mut all = vec![proxy("nginx", address, nginx(directory, "nginx", CORES.0, &http, address)?)];
    let address = free()?;
    let file = directory.join("haproxy");
    fs::write(
        &file,
        format!(
            "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
             frontend f\n  bind {address}\n  default_backend b\nbackend b\n  http-reuse always\n  server s {upstream}\n"
        ),
    )?;
    all.push(proxy(
        "HAProxy",
        address,
        started(CORES.0, "haproxy", &["-db", "-f", &file.to_string_lossy()], address)?,
    ));
    let address = free()?;
    let file = directory.join("Caddyfile");
    let text = format!(
        "{{\n  admin off\n  auto_https off\n  log {{\n    output discard\n  }}\n}}\nhttp://:{port} {{\n  bind 127.0.0.1\n  reverse_proxy {upstream}\n}}\n",
        port = address.port()
    );
    fs::write(&file, text)?;
    let words = ["run", "--adapter", "caddyfile", "--config", &file.to_string_lossy()];
    match started(CORES.0, "caddy", &words, address) {
        Ok(child) => all.push(proxy("Caddy", address, child)),
        Err(error) => println!("Caddy is left out: {error}"),
    }
    Ok(all)
}

/// Our routes: one bare, one with a key check, a policy and a rate limit.
fn declare(server: &Server, token: &str, upstream: SocketAddr) -> Result<()> {
    let create = |kind: &str, name: &str, spec: Value| {
        let object = json!({"metadata": {"name": name}, "spec": spec});
        server.create(token, &format!("/api/v1/gateway/{kind}"), &object)
    };
    create("backends", "b", json!({"addresses": [upstream.to_string()]}))?;
    create("rate-limits", "wide", json!({"requests": 1_000_000_000, "by": "User"}))?;
    let rules = |path: &str| json!([{"matches": [{"path": {"value": path}}], "backends": [{"name": "b"}]}]);
    create("routes", "bare", json!({"access": "Public", "rules": rules("/r0")}))?;
    let guarded = json!({"access": "Granted", "rateLimits": ["wide"], "rules": rules("/guarded"), "protection": {
        "addresses": {"deny": ["192.0.2.0/24"]}, "waf": {}}});
    create("routes", "guarded", guarded)?;
    // A moment until the table is live.
    pause(Duration::from_millis(500));
    Ok(())
}

fn many_routes(server: &Server, token: &str) -> Result<()> {
    let route = |number: usize| {
        let matches = json!([{"path": {"value": format!("/many/{number}")}}]);
        let spec = json!({"access": "Public", "rules": [{"matches": matches, "backends": [{"name": "b"}]}]});
        json!({"verb": "create", "object": {"metadata": {"name": format!("many-{number}")}, "spec": spec}})
    };
    let items: Vec<Value> = (0..ROUTES).map(route).collect();
    for items in items.chunks(100) {
        server.create(token, "/api/v1/gateway/routes/bulk", &json!({"items": items}))?;
    }
    pause(Duration::from_secs(5));
    Ok(())
}

fn load(proxy: &Proxy) -> Load<'_> {
    let requests = std::slice::from_ref(&proxy.request);
    Load { address: proxy.address, requests, connections: CONNECTIONS, lasting: LASTING }
}

/// Requests to a second of the proxy's processor, and what the load saw.
fn measured(proxy: &Proxy) -> Result<(f64, Measured)> {
    let before = cpu_s(&proxy.pids)?;
    let most = load(proxy).saturate()?;
    Ok((most.answers as f64 / (cpu_s(&proxy.pids)? - before), most))
}

fn main() -> Result<()> {
    let directory = tempfile::tempdir()?;
    // The load and the upstream keep off the core of whoever is measured.
    Command::new("taskset")
        .args(["-a", "-p", "-c", CORES.1, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()?;
    let (upstream, mut child) = upstream(directory.path())?;
    let done = run(directory.path(), upstream);
    let _ = child.kill();
    let _ = child.wait();
    done
}

fn run(directory: &Path, upstream: SocketAddr) -> Result<()> {
    let data = directory.join("data");
    fs::create_dir(&data)?;
    let server = Server::start_on(&data, CORES.0)?;
    let token = server.login()?;
    declare(&server, &token, upstream)?;
    let ours = |name, path: &str, token: &str| Proxy {
        name,
        address: server.address,
        request: request("GET", path, token, None),
        child: None,
        pids: vec![server.pid()],
    };
    let mut all = peers(directory, upstream)?;
    all.push(ours("AIC bare", "/r0/x", ""));
    all.push(ours("AIC with key, policy, limit, WAF", "/guarded/x", &token));
    let mut figures: Vec<Vec<f64>> = vec![Vec::new(); all.len()];
    let mut rates = vec![0.0_f64; all.len()];
    for _ in 0..ROUNDS {
        for (index, proxy) in all.iter().enumerate() {
            let (per_cpu, most) = measured(proxy)?;
            figures[index].push(per_cpu);
            rates[index] = rates[index].max(most.per_second);
        }
    }
    let median: Vec<f64> = figures.iter_mut().map(|it| percentile(it, 0.5)).collect();
    for (proxy, figure) in all.iter().zip(&median) {
        tell(&format!("{}, requests a second of processor", proxy.name), *figure, "/s");
    }
    let (bare, guarded) = (median[all.len() - 2], median[all.len() - 1]);
    at_most("nginx to AIC bare", median[0] / bare, 1.0 / 0.6, "times");
    at_most("what the checks cost", (bare / guarded - 1.0) * 100.0, 25.0, "%");
    // What an upstream answers at the same rate without anybody between.
    let direct = Proxy {
        name: "direct",
        address: upstream,
        request: all[0].request.clone(),
        child: None,
        pids: Vec::new(),
    };
    let half = rates[all.len() - 2] / 2.0;
    let floor = load(&direct).at_rate(half)?;
    let ours_half = load(&all[all.len() - 2]).at_rate(half)?;
    let nginx_half = load(&all[0]).at_rate(half)?;
    tell("rate of the half load", half, "/s");
    tell("p99 at half load, direct", floor.p99_ms, "ms");
    tell("p99 at half load, nginx", nginx_half.p99_ms, "ms");
    at_most("p99 at half load, added by AIC", ours_half.p99_ms - floor.p99_ms, 1.0, "ms");
    many_routes(&server, &token)?;
    let (mut few, mut many) = (Vec::new(), Vec::new());
    let last = ours("AIC, the last of many routes", &format!("/many/{}/x", ROUTES - 1), "");
    for _ in 0..ROUNDS {
        few.push(measured(&all[all.len() - 2])?.0);
        many.push(measured(&last)?.0);
    }
    let (few, many) = (percentile(&mut few, 0.5), percentile(&mut many, 0.5));
    tell("AIC with 1,002 routes, requests a second of processor", many, "/s");
    at_most("what 1,000 routes cost, against one route before", (bare / many - 1.0) * 100.0, 3.0, "%");
    tell("the first route beside 1,000 others", few, "/s");
    Ok(())
}
