//! How requests are shared among the revisions of an endpoint, and the way back.

use std::collections::BTreeSet;

use kernel::prelude::*;
use usage::Window;

use super::{Desired, Endpoint, Phase, Status, counted};
use crate::revision::{self, Revision};

/// Adds what is served of sharing requests.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    kind.view("routing", "How requests are shared among revisions.", routing)
        .needs("get")
        .action("set-routing", "Sets how requests are shared among revisions.", set_routing)
        .needs("update")
        .action("revert", "Puts the revision that was in service before back, at once.", revert)
        .needs("update")
        .view(
            "traffic",
            "What each revision answered in the last days, and what its copies differed in.",
            traffic,
        )
        .needs("get")
}

/// How requests are shared among revisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Routing {
    /// Shares by weight; all go to the revision in service when there are none.
    #[serde(default)]
    #[field(max = 20)]
    pub traffic: Vec<Share>,
    /// Requests that go to one revision because of what they carry; the first that fits counts.
    #[serde(default)]
    #[field(max = 50)]
    pub rules: Vec<Rule>,
    /// A parameter or header by whose value requests stay with one revision; `caller` is who asks.
    #[field(max = 100)]
    pub sticky_by: Option<String>,
    /// A revision that is sent a copy of each request. What it answers is compared, and never returned.
    pub shadow: Option<u64>,
}

/// The share of one revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Share {
    /// Its number.
    pub revision: u64,
    /// Its share in percent, told apart by a tenth; all add up to 100.
    #[field(min = 0, max = 100)]
    pub percent: f64,
}

/// Where requests go that carry something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Rule {
    /// The name of a parameter, or of a header in lower case.
    #[field(min = 1, max = 100)]
    pub name: String,
    /// Its value; any when left out.
    #[field(max = 500)]
    pub value: Option<String>,
    /// The number of the revision.
    pub revision: u64,
}

/// Every revision named can answer, and the shares add up.
pub async fn fits(cx: Cx, it: Object<Endpoint>, old: Option<Object<Endpoint>>) -> Result<Object<Endpoint>> {
    let Some(routing) = &it.spec.routing else { return Ok(it) };
    if old.is_some_and(|old| old.spec.routing.as_ref() == Some(routing)) {
        return Ok(it);
    }
    let numbers: BTreeSet<u64> = routing.traffic.iter().map(|share| share.revision).collect();
    if numbers.len() < routing.traffic.len() {
        return Err(Error::invalid("bad-traffic", "a revision has two shares").at("spec.routing.traffic"));
    }
    let sum: f64 = routing.traffic.iter().map(|share| share.percent).sum();
    if !routing.traffic.is_empty() && (sum - 100.0).abs() > 1e-6 {
        return Err(Error::invalid("bad-traffic", format!("the shares add up to {sum}, not to 100"))
            .at("spec.routing.traffic"));
    }
    if routing.traffic.iter().any(|share| (share.percent * 10.0).fract().abs() > 1e-6) {
        return Err(Error::invalid("bad-traffic", "shares are told apart by a tenth of a percent")
            .at("spec.routing.traffic"));
    }
    for (i, share) in routing.traffic.iter().enumerate() {
        revision::numbered(&cx, it.name(), share.revision, &format!("spec.routing.traffic[{i}].revision"))
            .await?;
    }
    for (i, rule) in routing.rules.iter().enumerate() {
        revision::numbered(&cx, it.name(), rule.revision, &format!("spec.routing.rules[{i}].revision"))
            .await?;
    }
    if let Some(number) = routing.shadow {
        revision::numbered(&cx, it.name(), number, "spec.routing.shadow").await?;
    }
    Ok(it)
}

async fn routing(_: Cx, it: Object<Endpoint>, _: Nothing) -> Result<Value> {
    let mut told = serde_json::to_value(it.spec.routing.unwrap_or_default()).map_err(Error::internal)?;
    told["revision"] = json!(it.status.revision);
    Ok(told)
}

async fn set_routing(cx: Cx, it: Object<Endpoint>, ask: Routing) -> Result<Value> {
    let wanted = Some(ask).filter(|ask| *ask != Routing::default());
    let saved = changed(&cx, it.metadata.uid.as_str(), |it| it.spec.routing.clone_from(&wanted)).await?;
    routing(cx, saved, Nothing {}).await
}

/// To which.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Back {
    /// The number of the revision; the one in service before when left out.
    revision: Option<u64>,
}

/// Puts an earlier revision back: it is loaded still or loads while the one in service goes on.
async fn revert(cx: Cx, it: Object<Endpoint>, ask: Back) -> Result<Status> {
    let number = ask.revision.or(it.status.previous).ok_or_else(|| {
        Error::conflict("no-earlier-revision", "no other revision was in service before")
            .hint("name one with `revision`")
    })?;
    let earlier = revision::numbered(&cx, it.name(), number, "revision").await?;
    let saved = in_service(&cx, it, &earlier).await?;
    let told = format!("revision {number}: version {} is back in service", earlier.spec.model_version);
    counted::note(&cx, &saved.metadata.uid, "reverted", &told).await?;
    Ok(saved.status)
}

/// Puts a revision into service, all requests with it, in one write.
pub async fn in_service(cx: &Cx, it: Object<Endpoint>, to: &Object<Revision>) -> Result<Object<Endpoint>> {
    // It must answer before it is asked.
    cx.port::<crate::Serving>()?.revision(cx, to).await?;
    changed(cx, it.metadata.uid.as_str(), |it| {
        let version = to.spec.model_version.to_string();
        let (model, number) = version.rsplit_once('.').unwrap_or((&version, ""));
        it.spec.model = Ref::to(model);
        it.spec.version = Some(number.to_owned());
        it.spec.model_version = Some(to.spec.model_version.clone());
        it.spec.desired = Desired::Serving;
        it.spec.reason = None;
        without_traffic(it);
        took_over(&mut it.status, to.spec.number, &version);
        it.status.form = to.status.form.clone();
        it.status.runtime = to.status.runtime.clone();
    })
    .await
}

fn took_over(status: &mut Status, number: u64, version: &str) {
    if status.revision != Some(number) {
        status.previous = status.revision;
    }
    status.revision = Some(number);
    status.latest = status.latest.max(Some(number));
    status.serving = Some(version.to_owned());
    status.phase = Phase::Ready;
    status.message = None;
    status.conditions.retain(|condition| condition.kind != "Deployed");
    for condition in &mut status.conditions {
        "True".clone_into(&mut condition.status);
        "Loaded".clone_into(&mut condition.reason);
        condition.message.clear();
    }
}

/// Changes an endpoint, again where somebody else was faster.
pub async fn changed(
    cx: &Cx,
    id: &str,
    change: impl Fn(&mut Object<Endpoint>) + Send + Sync,
) -> Result<Object<Endpoint>> {
    let mut tries = 0;
    loop {
        let mut it = cx.get::<Endpoint>(id).await?;
        change(&mut it);
        match cx.save(&it).await {
            Err(error) if error.code() == "stale-version" && tries < 10 => tries += 1,
            other => return other,
        }
    }
}

/// Takes shares and the shadow away; rules and stickiness stay.
pub fn without_traffic(it: &mut Object<Endpoint>) {
    if let Some(routing) = &mut it.spec.routing {
        routing.traffic.clear();
        routing.shadow = None;
    }
    it.spec.routing = it.spec.routing.take().filter(|routing| *routing != Routing::default());
}

/// What each revision answered.
async fn traffic(cx: Cx, it: Object<Endpoint>, ask: Window) -> Result<Value> {
    let filter = format!("spec.endpoint = \"{}\"", it.name());
    let mut items = Vec::new();
    for found in cx.list::<Revision>(&filter, 1000).await? {
        let counts = usage::since(&cx, &found.metadata.uid, ask.days).await?;
        let count = |name: &str| counts.get(name).copied().unwrap_or(0.0);
        let percent = match &it.spec.routing {
            Some(routing) if !routing.traffic.is_empty() => routing
                .traffic
                .iter()
                .find(|share| share.revision == found.spec.number)
                .map_or(0.0, |it| it.percent),
            _ => {
                if it.status.revision == Some(found.spec.number) {
                    100.0
                } else {
                    0.0
                }
            }
        };
        items.push(json!({
            "revision": found.spec.number,
            "version": found.spec.model_version,
            "phase": found.status.phase,
            "percent": percent,
            "shadow": it.spec.routing.as_ref().is_some_and(|routing| routing.shadow == Some(found.spec.number)),
            "calls": count("calls"),
            "answered": count("answered"),
            "refused": count("refused"),
            "failed": count("failed"),
            "rows": count("rows"),
            "seconds": count("seconds"),
            "meanSeconds": counted::mean(&counts),
            "copies": {
                "rows": count("copied/rows"), "agreed": count("copied/agreed"),
                "failed": count("copied/failed"), "left": count("copied/left"),
            },
        }));
    }
    items.sort_by_key(|item| item["revision"].as_u64());
    Ok(json!({"days": ask.days, "items": items}))
}
