//! What recorded facts speak for changing: each finding comes with the numbers it is made of.

use std::collections::{BTreeMap, BTreeSet};

use asking::ENDPOINTS;
use kernel::prelude::*;
use statistics::compare::{Proportion, share_grew};

use super::{
    bill::{self, Asked, Bill},
    valued,
};
use crate::{
    OBJECTS_MAX,
    benchmark::{self, Benchmark, Results},
    price::{Prices, Use},
    quality::more_is_better,
};

/// From how far back, and how careful.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// How many days back.
    #[field(min = 1, max = 90, default = 14)]
    days: u32,
    /// How much worse a version may be that is said to be as good: a share of answers, or of a metric of numbers.
    #[field(min = 0, max = 0.5, default = 0.01)]
    tolerance: f64,
    /// How sure that must be, where it can be tested.
    #[field(min = 0.5, max = 0.9999, default = 0.95)]
    confidence: f64,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Findings {
    /// How many days back.
    days: u32,
    /// Endpoints that were looked at.
    endpoints: u64,
    /// The findings.
    items: Vec<Finding>,
}

/// Something that speaks for a change.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Finding {
    /// `idle`, `replicas`, `cheaper-version` or `without-price`.
    finding: String,
    /// The endpoint.
    endpoint: String,
    /// What could be done.
    advice: String,
    /// What would have been saved in those days, by currency; nothing where that cannot be told.
    saving: BTreeMap<String, f64>,
    /// The numbers it comes from.
    numbers: Value,
}

/// What is read of an endpoint.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    desired: String,
    limits: Option<Limits>,
}

/// What is read of its limits.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    replicas_min: u32,
}

/// What is looked at of one endpoint.
struct Seen<'a> {
    cx: &'a Cx,
    name: &'a str,
    ask: &'a Ask,
    limits: Option<Limits>,
    prices: &'a Prices,
    bill: Bill,
}

/// Looks at every endpoint of the project.
pub async fn optimize(cx: Cx, ask: Ask) -> Result<Findings> {
    let (since, prices) = (usage::ago(&cx, ask.days), Prices::of(&cx).await?);
    let mut bills: BTreeMap<String, Bill> = BTreeMap::new();
    for piece in bill::pieces(&cx, &prices, &Asked { since, endpoint: None }).await? {
        let price = piece.price.and_then(|place| prices.get(place));
        bills.entry(piece.endpoint.clone()).or_default().add(&piece.used, price);
    }
    let (mut endpoints, mut items) = (0, Vec::new());
    for raw in cx.list_raw(ENDPOINTS, "", OBJECTS_MAX).await? {
        endpoints += 1;
        let name = raw.metadata.name.as_str();
        let spec = raw.spec_as::<Spec>()?;
        let bill = bills.remove(name).unwrap_or_default();
        let counts = hours(&cx, &raw.metadata.uid, since).await?;
        let seen = Seen { cx: &cx, name, ask: &ask, limits: spec.limits, prices: &prices, bill };
        let is_new = raw.metadata.creation_timestamp > since;
        items.extend(seen.idle(&counts).filter(|_| spec.desired == "Serving" && !is_new));
        items.extend(seen.replicas(&counts));
        items.extend(seen.without_price());
        let serving = raw.status.get("serving").and_then(Value::as_str).unwrap_or_default();
        items.extend(seen.cheaper(serving).await?);
    }
    Ok(Findings { days: ask.days, endpoints, items })
}

/// Calls of an endpoint and the seconds they took, hour by hour.
async fn hours(cx: &Cx, uid: &Uid, since: Time) -> Result<BTreeMap<i64, (f64, f64)>> {
    const HOUR_MICROS: i64 = 3_600_000_000;
    let mut hours: BTreeMap<i64, (f64, f64)> = BTreeMap::new();
    for tally in usage::tallies(cx, uid, since).await? {
        let count = |name: &str| tally.counts.get(name).copied().unwrap_or(0.0);
        let hour = hours.entry(tally.at.micros().div_euclid(HOUR_MICROS)).or_default();
        hour.0 += count("calls");
        hour.1 += count("seconds");
    }
    Ok(hours)
}

type Hours = BTreeMap<i64, (f64, f64)>;

impl Seen<'_> {
    fn finding(&self, finding: &str, advice: String, numbers: Value) -> Finding {
        Finding {
            finding: finding.to_owned(),
            endpoint: self.name.to_owned(),
            advice,
            saving: BTreeMap::new(),
            numbers,
        }
    }

    /// Nobody asks it, and its model stays loaded all the same.
    fn idle(&self, hours: &Hours) -> Option<Finding> {
        // The sum of nothing is said to be -0.
        let calls = hours.values().map(|hour| hour.0).sum::<f64>() + 0.0;
        let least = self.limits.as_ref().map_or(1, |limits| limits.replicas_min);
        (calls == 0.0 && least > 0).then(|| {
            let advice =
                "take it out of service, or let its model go while nobody asks (`limits.replicasMin` 0)";
            let numbers = json!({"days": self.ask.days, "calls": calls, "replicasMin": least});
            self.finding("idle", advice.to_owned(), numbers)
        })
    }

    /// More replicas are kept than twice the mean of the busiest hour would fill.
    fn replicas(&self, hours: &Hours) -> Option<Finding> {
        let least = self.limits.as_ref().map(|limits| limits.replicas_min).filter(|least| *least > 1)?;
        let busiest = hours.values().map(|hour| hour.1 / 3_600.0).fold(0.0, f64::max);
        let enough = ((2.0 * busiest).ceil() as u32).max(1);
        (enough < least).then(|| {
            let numbers = json!({
                "days": self.ask.days,
                "replicasMin": least,
                "busyInBusiestHour": busiest,
                "enough": enough,
            });
            let advice = format!("keep {enough} replicas at least, twice what the busiest hour filled");
            self.finding("replicas", advice, numbers)
        })
    }

    /// Answers that nobody is charged for because no price was written down.
    fn without_price(&self) -> Option<Finding> {
        let line = self.bill.line(None);
        (line.unpriced.calls > 0.0).then(|| {
            let advice = "write down a price, if somebody pays for its answers".to_owned();
            self.finding("without-price", advice, json!({"days": self.ask.days, "unpriced": line.unpriced}))
        })
    }

    /// Versions that were measured on the same data under the same load, are as good, and would have cost less.
    async fn cheaper(&self, serving: &str) -> Result<Vec<Finding>> {
        let filter = format!("spec.modelVersion = {}", kernel::literal(serving));
        let mut own = benchmark::measured(self.cx, &filter).await?;
        own.retain(|it| it.spec.dataset_version.is_some());
        let mut found: BTreeMap<String, Finding> = BTreeMap::new();
        let data: BTreeSet<&str> = own.iter().filter_map(|it| it.spec.dataset_version.as_deref()).collect();
        for data in data {
            let filter = format!("spec.datasetVersion = {}", kernel::literal(data));
            for other in benchmark::measured(self.cx, &filter).await? {
                let version = other.spec.model_version.as_deref().unwrap_or_default();
                let alike = |own: &&Object<Benchmark>| {
                    own.spec.dataset_version == other.spec.dataset_version
                        && own.spec.load == other.spec.load
                        && own.spec.task == other.spec.task
                };
                let own = own.iter().rfind(alike).filter(|_| version != serving);
                if let Some(finding) = own.and_then(|own| self.than((own, serving), (&other, version))) {
                    found.insert(version.to_owned(), finding);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Whether a version is cheaper than another, and as good.
    fn than(
        &self,
        (own, serving): (&Object<Benchmark>, &str),
        (other, version): (&Object<Benchmark>, &str),
    ) -> Option<Finding> {
        let (own_results, results) = (own.status.results.as_ref()?, other.status.results.as_ref()?);
        let used = self.bill.used();
        if used.calls == 0.0 {
            return None;
        }
        // It would take as much longer or shorter as it did under the same load.
        let slower = results.mean_ms? / own_results.mean_ms.filter(|it| *it > 0.0)?;
        let would = Use { seconds: used.seconds * slower, ..used };
        let price = |version: &str| self.prices.now(self.cx, (self.name, bill::model_of(version)));
        let (currency, now) = valued(price(serving), &used)?;
        let (other_currency, then) = valued(price(version), &would)?;
        if currency != other_currency || then >= now {
            return None;
        }
        let good = as_good(own_results, results, self.ask)?;
        let numbers = json!({
            "days": self.ask.days,
            "serving": serving,
            "instead": version,
            "benchmarks": [own.name(), other.name()],
            "meanMs": [own_results.mean_ms, results.mean_ms],
            "used": used,
            "atPricesOfNow": {"currency": currency, "serving": now, "instead": then},
            "quality": good,
        });
        let advice = format!("let it answer with `{version}`: roll it out and watch");
        let saving = BTreeMap::from([(currency, now - then)]);
        Some(Finding { saving, ..self.finding("cheaper-version", advice, numbers) })
    }
}

/// What says that the second is not worse than the first by more than is tolerated; nothing where that is not known. Of classes
/// the share of wrong answers is tested, so that a few rows are no proof; of numbers the root of the mean square is compared.
fn as_good(first: &Results, second: &Results, ask: &Ask) -> Option<Value> {
    let metric = |of: &Results, name: &str| of.metrics.get(name).copied();
    if let (Some(one), Some(two)) = (metric(first, "accuracy"), metric(second, "accuracy")) {
        let wrong = |accuracy: f64, of: &Results| {
            let of = of.judged.unwrap_or(0) as f64;
            Proportion { count: (1.0 - accuracy) * of, of }
        };
        // How likely the first would look this much worse if the second were worse by as much as is tolerated, or more.
        let p = share_grew(wrong(two, second), wrong(one, first), -ask.tolerance);
        let told = json!({"metric": "accuracy", "values": [one, two], "tolerance": ask.tolerance, "confidence": 1.0 - p});
        return (1.0 - p >= ask.confidence).then_some(told);
    }
    let name = ["rmse", "mae", "r2"].into_iter().find(|name| first.metrics.contains_key(*name))?;
    let (one, two) = (metric(first, name)?, metric(second, name)?);
    let slack = ask.tolerance * one.abs();
    let holds = if more_is_better(name)? { two >= one - slack } else { two <= one + slack };
    holds.then(
        || json!({"metric": name, "values": [one, two], "tolerance": ask.tolerance, "confidence": null}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(accuracy: f64, judged: u64) -> Results {
        let metrics = BTreeMap::from([("accuracy".to_owned(), accuracy)]);
        Results { metrics, judged: Some(judged), ..Results::default() }
    }

    #[test]
    fn as_good_is_what_many_rows_say_and_not_what_a_few_do() {
        let ask = Ask { days: 14, tolerance: 0.02, confidence: 0.95 };
        let told = as_good(&results(0.9, 10_000), &results(0.9, 10_000), &ask).unwrap();
        assert!(told["confidence"].as_f64().unwrap() > 0.99, "{told}");
        assert!(as_good(&results(0.9, 20), &results(0.9, 20), &ask).is_none());
        assert!(as_good(&results(0.9, 10_000), &results(0.87, 10_000), &ask).is_none());
        // Better is as good.
        assert!(as_good(&results(0.8, 1_000), &results(0.9, 1_000), &ask).is_some());
        assert!(as_good(&Results::default(), &Results::default(), &ask).is_none());
    }

    #[test]
    fn numbers_are_as_good_within_what_is_tolerated() {
        let of = |rmse: f64| Results {
            metrics: BTreeMap::from([("rmse".to_owned(), rmse)]),
            ..Results::default()
        };
        let ask = Ask { days: 14, tolerance: 0.01, confidence: 0.95 };
        assert!(as_good(&of(10.0), &of(10.05), &ask).is_some());
        assert!(as_good(&of(10.0), &of(10.2), &ask).is_none());
    }
}
