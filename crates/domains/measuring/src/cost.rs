//! Costs: what was counted of endpoints' answers times the prices in force when they were given.
//!
//! A kind without objects: everything is counted by whoever answers, call by call, of the version that answered and of
//! whoever asked. Where there is no price, the answer says so, and no amount is made up.

use std::collections::BTreeMap;

use asking::ENDPOINTS;
use kernel::prelude::*;

use crate::price::{Price, Prices, Use};

pub mod bill;
mod efficiency;
mod forecast;
mod optimize;

use bill::{Asked, Bill, By, Key, Line};

/// What costs serve.
pub fn serve(kind: KindBuilder<Cost>) -> KindBuilder<Cost> {
    kind.also_at("system/analytics/costs")
        .without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "What endpoints' answers of the last days cost: by endpoint, model, caller, day.", costs)
        .needs("get")
        .view_of_all("models", "What the answers of each model cost in the last days.", of_models)
        .needs("get")
        .view_of_all(
            "of-endpoint",
            "What an endpoint's answers cost in the last days, by caller and by day.",
            of_endpoint,
        )
        .needs("get")
        .view_of_all(
            "forecast",
            "What the coming days would cost if they went on as the last ones did, and how sure that is.",
            forecast::forecast,
        )
        .needs("get")
        .action_on_all(
            "optimize",
            "What recorded facts speak for changing: endpoints nobody asks, replicas nobody needs, versions that cost less and are as good.",
            optimize::optimize,
        )
        .needs("get")
        .action_on_all(
            "efficiency",
            "What right answers cost: endpoints by the price of a thousand of them.",
            efficiency::efficiency,
        )
        .needs("get")
}

/// What endpoints' answers cost.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "cost", prefix = "cst")]
pub struct Cost {
    /// What is valued.
    pub subject: Option<String>,
}

/// Of what, and how it is told.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Ask {
    /// How many days back.
    #[field(min = 1, max = 90, default = 30)]
    days: u32,
    /// What lines are of.
    #[field(default = "endpoint")]
    by: By,
    /// Of this endpoint alone.
    #[field(max = 253)]
    endpoint: Option<String>,
    /// Of this model alone.
    #[field(max = 253)]
    model: Option<String>,
    /// Of this caller alone, such as `user:ada`.
    #[field(max = 300)]
    caller: Option<String>,
    /// The number of the first line, from 0.
    #[field(default = 0)]
    from: u64,
    /// How many lines at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: u32,
}

/// What was used, and what it cost.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Costs {
    /// How many days back.
    days: u32,
    /// Since when.
    since: Time,
    /// The organization.
    organization: String,
    /// The projects that were looked at: those whose costs the caller may see, by project; else the one that was asked.
    projects: Vec<String>,
    /// What lines are of.
    by: By,
    /// Everything together.
    total: Line,
    /// The lines, the dearest first; days in their order.
    items: Vec<Line>,
    /// The number of the next line, where there are more.
    next: Option<u64>,
    /// That there is no price for some or all of it, where that is so.
    note: Option<String>,
}

async fn costs(cx: Cx, ask: Ask) -> Result<Costs> {
    let since = usage::ago(&cx, ask.days);
    let projects = match ask.by {
        By::Project => bill::projects(&cx).await?,
        By::Endpoint | By::Model | By::Version | By::Caller | By::Day => vec![cx.project.to_string()],
    };
    let (mut total, mut lines): (Bill, BTreeMap<Key, Bill>) = (Bill::default(), BTreeMap::new());
    for project in &projects {
        let inside = cx.in_project(project);
        let prices = Prices::of(&inside).await?;
        let asked = Asked { since, endpoint: ask.endpoint.as_deref() };
        for piece in bill::pieces(&inside, &prices, &asked).await? {
            let fits =
                |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
            if !fits(&ask.model, piece.model()) || !fits(&ask.caller, piece.caller.as_deref().unwrap_or("")) {
                continue;
            }
            total.add(&piece.used, piece.price.and_then(|place| prices.get(place)));
            let line = lines.entry(piece.key(ask.by, project)).or_default();
            line.add(&piece.used, piece.price.and_then(|place| prices.get(place)));
        }
    }
    let mut items: Vec<Line> = lines.iter().map(|(key, bill)| bill.line(Some(key))).collect();
    if ask.by != By::Day {
        items.sort_by(|a, b| b.weight().partial_cmp(&a.weight()).unwrap_or(std::cmp::Ordering::Equal));
    }
    let end = ask.from + u64::from(ask.limit);
    let next = (items.len() as u64 > end).then_some(end);
    let items = items.into_iter().skip(ask.from as usize).take(ask.limit as usize).collect();
    let (organization, note) = (cx.org.to_string(), total.note());
    let total = total.line(None);
    Ok(Costs { days: ask.days, since, organization, projects, by: ask.by, total, items, next, note })
}

/// How far back, and which lines.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Window {
    /// How many days back.
    #[field(min = 1, max = 90, default = 30)]
    days: u32,
    /// The number of the first line, from 0.
    #[field(default = 0)]
    from: u64,
    /// How many lines at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: u32,
}

async fn of_models(cx: Cx, ask: Window) -> Result<Costs> {
    let Window { days, from, limit } = ask;
    costs(cx, Ask { days, by: By::Model, endpoint: None, model: None, caller: None, from, limit }).await
}

/// Which endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The endpoint.
    #[field(max = 253)]
    endpoint: String,
    /// How many days back.
    #[field(min = 1, max = 90, default = 30)]
    days: u32,
}

/// What one endpoint's answers cost.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Billing {
    /// The endpoint.
    endpoint: String,
    /// How many days back.
    days: u32,
    /// Since when.
    since: Time,
    /// Everything together.
    total: Line,
    /// By whoever asked.
    callers: Vec<Line>,
    /// By day, in UTC.
    per_day: Vec<Line>,
    /// The name of the price in force now.
    price: Option<String>,
    /// What it says.
    price_list: Option<Price>,
    /// That there is no price for some or all of it, where that is so.
    note: Option<String>,
}

async fn of_endpoint(cx: Cx, ask: Which) -> Result<Billing> {
    let raw = cx.read(ENDPOINTS, &ask.endpoint).await?;
    let name = raw.metadata.name;
    let (since, prices) = (usage::ago(&cx, ask.days), Prices::of(&cx).await?);
    let mut total = Bill::default();
    let (mut callers, mut days): (BTreeMap<Key, Bill>, BTreeMap<Key, Bill>) = Default::default();
    for piece in bill::pieces(&cx, &prices, &Asked { since, endpoint: Some(&name) }).await? {
        let price = piece.price.and_then(|place| prices.get(place));
        total.add(&piece.used, price);
        callers.entry(piece.key(By::Caller, &cx.project)).or_default().add(&piece.used, price);
        days.entry(piece.key(By::Day, &cx.project)).or_default().add(&piece.used, price);
    }
    let model = raw.spec.get("model").and_then(Value::as_str).unwrap_or_default();
    let price = prices.now(&cx, (&name, model));
    let lines = |of: &BTreeMap<Key, Bill>| of.iter().map(|(key, bill)| bill.line(Some(key))).collect();
    Ok(Billing {
        days: ask.days,
        since,
        total: total.line(None),
        callers: lines(&callers),
        per_day: lines(&days),
        price: price.map(|it| it.name().to_owned()),
        price_list: price.map(|it| it.spec.clone()),
        note: total.note(),
        endpoint: name,
    })
}

/// What some use costs by the price in force now; nothing where there is none.
pub fn valued(price: Option<&Object<Price>>, used: &Use) -> Option<(String, f64)> {
    price.map(|it| (it.spec.currency.clone(), it.spec.of_use(used)))
}
