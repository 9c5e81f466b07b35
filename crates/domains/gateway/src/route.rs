//! A route: which requests go to which backends, who may send them and how often.

use std::{collections::BTreeMap, net::IpAddr};

use kernel::prelude::*;
use ports::gateway::{Described, Gateway};

use crate::{condition::Status, live, protection::Protection, rule::Rule};

/// What routes serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Route>) -> KindBuilder<Route> {
    kind.admit(usable)
        .view("stats", "What was counted for the route by this process since it started.", stats)
        .needs("get")
        .view("access-log", "The last requests to the route that this process remembers, newest first.", log_of_one)
        .needs("get")
        .view_of_all("access-log", "The last requests to the project's routes, newest first.", log_of_all)
        .needs("list")
        .action_on_all(
            "explain",
            "What would be done with a request: which route, backend, weight, limit and policy. Nothing is sent anywhere.",
            explain,
        )
        .needs("list")
}

/// Which requests go to which backends. Callers need `gateway.routes.call` in the route's project, unless `access` says less.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "route", prefix = "rou", status = "Status")]
pub struct Route {
    /// The hosts: exact, or `*.example.org`. Without one the route holds for any host, but not for the platform's own paths.
    #[field(max = 16, example = "shop.example.org")]
    pub hostnames: Vec<String>,
    /// What is done with which requests; the most particular match of all rules wins.
    #[field(min = 1, max = 64)]
    pub rules: Vec<Rule>,
    /// Who may ask.
    #[field(default = "Granted")]
    pub access: Access,
    /// The rate limits that hold, each by its name in the project.
    #[field(max = 16)]
    pub rate_limits: Vec<String>,
    /// What is asked of a request before it passes.
    pub protection: Option<Protection>,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub enum Access {
    /// Whoever was granted `gateway.routes.call` in the route's project.
    #[default]
    Granted,
    /// Whoever has logged in to the route's organization.
    Authenticated,
    /// Anybody.
    Public,
}

/// What cannot be used is refused with the field that is wrong.
async fn usable(cx: Cx, it: Object<Route>, _: Option<Object<Route>>) -> Result<Object<Route>> {
    cx.port::<dyn Gateway>()?.check_route(&live::plain(&it.spec)?)?;
    for (index, name) in it.spec.rate_limits.iter().enumerate() {
        if cx.get_opt::<crate::rate_limit::RateLimit>(name).await?.is_none() {
            return Err(Error::invalid("bad-reference", format!("there is no rate limit `{name}`"))
                .at(format!("spec.rateLimits[{index}]"))
                .hint("`aic get rate-limits` lists what there is"));
        }
    }
    Ok(it)
}

/// What was counted for the route.
async fn stats(cx: Cx, it: Object<Route>, _: Nothing) -> Result<Value> {
    Ok(cx.port::<dyn Gateway>()?.route_stats(&live::place(&cx, &it)))
}

/// How much of a log is asked for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Page {
    /// How many entries at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: usize,
}

/// Requests that passed.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Entries {
    /// One entry a request, newest first.
    items: Vec<Value>,
}

async fn log_of_one(cx: Cx, it: Object<Route>, ask: Page) -> Result<Entries> {
    let gateway = cx.port::<dyn Gateway>()?;
    Ok(Entries { items: gateway.access_log(&cx.org, &it.metadata.namespace, Some(it.name()), ask.limit) })
}

async fn log_of_all(cx: Cx, ask: Page) -> Result<Entries> {
    let items = cx.port::<dyn Gateway>()?.access_log(&cx.org, &cx.project, None, ask.limit);
    Ok(Entries { items })
}

/// A request as somebody describes it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Request {
    /// Its method.
    #[field(max = 20, default = "GET")]
    method: String,
    /// The host it names.
    #[field(max = 260, default = "", example = "shop.example.org")]
    host: String,
    /// Path and query.
    #[field(max = 8192, example = "/shop/cart?id=7")]
    path: String,
    /// Header fields.
    #[field(max = 100)]
    headers: BTreeMap<String, String>,
    /// Where it comes from.
    #[field(max = 50, example = "192.0.2.7")]
    address: Option<String>,
}

/// What would be done with a request.
async fn explain(cx: Cx, ask: Request) -> Result<Value> {
    let address = ask.address.map(|text| text.parse::<IpAddr>()).transpose();
    let address = address.map_err(|_| Error::invalid("invalid-body", "this is no address").at("address"))?;
    let Request { method, host, path, headers, .. } = ask;
    let described = Described { method, host, path, headers, address };
    let mut told = cx.port::<dyn Gateway>()?.explain(&cx.org, &described);
    if let Some(permission) = told["permission"].as_str().map(str::to_owned) {
        let project = told["project"].as_str().unwrap_or_default().to_owned();
        let decision = cx.decide(&permission, &project).await?;
        told["youMayCall"] = decision.allowed.into();
        told["reasons"] = json!(decision.reasons);
    }
    Ok(told)
}
