//! What right answers cost: endpoints by the price of a thousand of them.

use std::collections::BTreeMap;

use asking::ENDPOINTS;
use kernel::prelude::*;

use super::bill::{self, Asked, Bill, Line};
use crate::{OBJECTS_MAX, comparison::facts, price::Prices, quality::more_is_better};

/// Of which endpoints, from how far back.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// How many days back.
    #[field(min = 1, max = 90, default = 30)]
    days: u32,
    /// The endpoints; all of the project when there are none.
    #[field(max = 100)]
    endpoints: Vec<String>,
    /// The metric of quality; `accuracy` or `r2`, whichever is known, when not given.
    #[field(max = 100)]
    metric: Option<String>,
    /// The number of the first line, from 0.
    #[field(default = 0)]
    from: u64,
    /// How many lines at most.
    #[field(min = 1, max = 1000, default = 100)]
    limit: u32,
}

/// Endpoints by what right answers cost.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Efficiency {
    /// How many days back.
    days: u32,
    /// The lines; the cheapest right answers first, what cannot be told last.
    items: Vec<Of>,
    /// The number of the next line, where there are more.
    next: Option<u64>,
}

/// What right answers of one endpoint cost.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Of {
    /// The endpoint.
    endpoint: String,
    /// The version it answers with.
    version: Option<String>,
    /// What was used, and what it cost.
    cost: Line,
    /// The metric of quality.
    metric: Option<String>,
    /// How good its answers are.
    quality: Option<f64>,
    /// Where that was measured: `evaluation`, `benchmark` or `heldOut`.
    measured: Option<String>,
    /// By currency: a thousand rows, divided by the share of right answers; of accuracy alone.
    cost_per_thousand_right: BTreeMap<String, f64>,
    /// By currency: the metric, divided by what a thousand rows cost; of metrics of which more is better.
    quality_per_cost: BTreeMap<String, f64>,
}

/// The lines.
pub async fn efficiency(cx: Cx, ask: Ask) -> Result<Efficiency> {
    let (since, prices) = (usage::ago(&cx, ask.days), Prices::of(&cx).await?);
    let mut bills: BTreeMap<String, Bill> = BTreeMap::new();
    for piece in bill::pieces(&cx, &prices, &Asked { since, endpoint: None }).await? {
        let price = piece.price.and_then(|place| prices.get(place));
        bills.entry(piece.endpoint.clone()).or_default().add(&piece.used, price);
    }
    let raws = match ask.endpoints.is_empty() {
        true => cx.list_raw(ENDPOINTS, "", OBJECTS_MAX).await?,
        false => {
            let mut raws = Vec::new();
            for name in &ask.endpoints {
                raws.push(cx.read(ENDPOINTS, name).await?);
            }
            raws
        }
    };
    let mut items = Vec::new();
    for raw in raws {
        let name = raw.metadata.name;
        let cost = bills.remove(&name).unwrap_or_default().line(None);
        let version = raw.status.get("serving").and_then(Value::as_str).map(str::to_owned);
        let quality = match &version {
            Some(version) => facts::quality(&cx, version, ask.metric.as_deref()).await?,
            None => None,
        };
        items.push(of((name, version), cost, quality));
    }
    let weight = |it: &Of| it.cost_per_thousand_right.values().next().copied().unwrap_or(f64::INFINITY);
    items.sort_by(|a, b| weight(a).total_cmp(&weight(b)));
    let end = ask.from + u64::from(ask.limit);
    let next = (items.len() as u64 > end).then_some(end);
    let items = items.into_iter().skip(ask.from as usize).take(ask.limit as usize).collect();
    Ok(Efficiency { days: ask.days, items, next })
}

fn of((endpoint, version): (String, Option<String>), cost: Line, quality: Option<facts::Found>) -> Of {
    let per = |of: &dyn Fn(f64) -> Option<f64>| -> BTreeMap<String, f64> {
        let each = cost.cost_per_thousand_rows.iter();
        each.filter_map(|(currency, amount)| Some((currency.clone(), of(*amount)?))).collect()
    };
    let found = quality.as_ref();
    let right = found.filter(|it| it.metric == "accuracy" && it.value > 0.0).map(|it| it.value);
    let good = found.filter(|it| more_is_better(&it.metric) == Some(true)).map(|it| it.value);
    Of {
        cost_per_thousand_right: per(&|amount| right.map(|share| amount / share)),
        quality_per_cost: per(&|amount| good.filter(|_| amount > 0.0).map(|good| good / amount)),
        endpoint,
        version,
        metric: found.map(|it| it.metric.clone()),
        quality: found.map(|it| it.value),
        measured: found.map(|it| it.from.to_owned()),
        cost,
    }
}
