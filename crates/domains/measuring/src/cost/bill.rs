//! What was used, piece by piece: of which endpoint and version, by whom, on which day, at which price.

use std::collections::BTreeMap;

use asking::ENDPOINTS;
use kernel::prelude::*;
use ports::usage::Tally;
use usage::OF;

use crate::{
    OBJECTS_MAX,
    price::{Price, Prices, Use},
};

/// The kind of revisions of endpoints: use is counted of them.
pub const REVISIONS: &str = "catalog.endpoint-revisions";

/// What lines of a bill are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Endpoints.
    Endpoint,
    /// Models.
    Model,
    /// Versions of models.
    Version,
    /// Whoever asked.
    Caller,
    /// Projects of the organization.
    Project,
    /// Days, in UTC.
    Day,
}

/// What a line is of, as a text.
pub type Key = String;

/// Use of one endpoint's answers by one version to one caller on one day at one price.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The endpoint.
    pub endpoint: String,
    /// The version of a model that answered.
    pub version: String,
    /// Who asked; nobody knows of what was counted before callers were.
    pub caller: Option<String>,
    /// The day, counted from 1970.
    pub day: i64,
    /// The place of the price.
    pub price: Option<usize>,
    /// What was used.
    pub used: Use,
}

impl Piece {
    /// The model that answered.
    pub fn model(&self) -> &str {
        model_of(&self.version)
    }

    /// What it is told under.
    pub fn key(&self, by: By, project: &str) -> Key {
        match by {
            By::Endpoint => self.endpoint.clone(),
            By::Model => self.model().to_owned(),
            By::Version => self.version.clone(),
            By::Caller => self.caller.clone().unwrap_or_default(),
            By::Project => project.to_owned(),
            By::Day => date(self.day),
        }
    }
}

/// The model of a version's name.
pub fn model_of(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(model, _)| model)
}

/// The first moment of a day.
pub fn begin_of(day: i64) -> Time {
    Time::from_micros(day * DAY_MICROS)
}

/// A day as `2026-01-31`.
fn date(day: i64) -> String {
    begin_of(day).to_string().chars().take(10).collect()
}

const DAY_MICROS: i64 = 86_400_000_000;

/// The day of a moment, in UTC.
pub fn day_of(at: Time) -> i64 {
    at.micros().div_euclid(DAY_MICROS)
}

/// Of what.
pub struct Asked<'a> {
    /// Since when.
    pub since: Time,
    /// Of one endpoint, or of all.
    pub endpoint: Option<&'a str>,
}

type Place = (String, String, Option<String>, i64, Option<usize>);

/// All pieces of a project; those of endpoints in the trash are among them.
pub async fn pieces(cx: &Cx, prices: &Prices, asked: &Asked<'_>) -> Result<Vec<Piece>> {
    let mut all: BTreeMap<Place, Use> = BTreeMap::new();
    let filter =
        asked.endpoint.map_or_else(String::new, |it| format!("spec.endpoint = {}", kernel::literal(it)));
    for raw in cx.list_with_trash(REVISIONS, &filter, OBJECTS_MAX).await? {
        let text = |name: &str| raw.spec.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (endpoint, version) = (text("endpoint"), text("modelVersion"));
        for tally in usage::tallies(cx, &raw.metadata.uid, asked.since).await? {
            let price = prices.at((&endpoint, model_of(&version)), tally.at);
            for (caller, used) in by_caller(&tally, true) {
                let place = (endpoint.clone(), version.clone(), caller, day_of(tally.at), price);
                all.entry(place).or_default().add(&used);
            }
        }
    }
    // An endpoint that was made before there were revisions is counted itself.
    let filter =
        asked.endpoint.map_or_else(String::new, |it| format!("metadata.name = {}", kernel::literal(it)));
    for raw in cx.list_with_trash(ENDPOINTS, &filter, OBJECTS_MAX).await? {
        if raw.status.get("revision").is_some_and(|it| !it.is_null()) {
            continue;
        }
        let version = raw.spec.get("modelVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        for tally in usage::tallies(cx, &raw.metadata.uid, asked.since).await? {
            let price = prices.at((&raw.metadata.name, model_of(&version)), tally.at);
            for (caller, used) in by_caller(&tally, false) {
                let place = (raw.metadata.name.clone(), version.clone(), caller, day_of(tally.at), price);
                all.entry(place).or_default().add(&used);
            }
        }
    }
    let piece = |((endpoint, version, caller, day, price), used)| Piece {
        endpoint,
        version,
        caller,
        day,
        price,
        used,
    };
    Ok(all.into_iter().map(piece).collect())
}

/// What of a tally is whose.
fn by_caller(tally: &Tally, older: bool) -> BTreeMap<Option<String>, Use> {
    let mut all: BTreeMap<Option<String>, Use> = BTreeMap::new();
    for (name, count) in &tally.counts {
        let Some((what, caller)) = name.split_once(OF) else { continue };
        let used = all.entry(Some(caller.to_owned())).or_default();
        match what {
            "calls" => used.calls += count,
            "rows" => used.rows += count,
            "seconds" => used.seconds += count,
            _ => {}
        }
    }
    let count = |name: &str| tally.counts.get(name).copied().unwrap_or(0.0);
    if all.is_empty() && older && count("answered") > 0.0 {
        // Counted before callers were: all that is known is how much.
        let used = Use { calls: count("answered"), rows: count("rows"), seconds: count("seconds") };
        all.insert(None, used);
    }
    all
}

/// The projects of the organization whose costs the caller may see; the present one where nobody knows of projects.
pub async fn projects(cx: &Cx) -> Result<Vec<String>> {
    let all = match cx.list_raw("admin.projects", "", OBJECTS_MAX).await {
        Err(error) if error.code() == "unknown-kind" => return Ok(vec![cx.project.to_string()]),
        other => other?,
    };
    let mut may = Vec::new();
    for project in all {
        let name = project.metadata.name;
        if cx.decide("system.costs.get", &name).await?.allowed {
            may.push(name);
        }
    }
    Ok(may)
}

/// What was used, and what of it cost how much.
#[derive(Clone, Debug, Default)]
pub struct Bill {
    used: Use,
    priced: BTreeMap<String, (f64, Use)>,
    unpriced: Use,
}

impl Bill {
    /// Adds use at a price, or without one.
    pub fn add(&mut self, used: &Use, price: Option<&Object<Price>>) {
        self.used.add(used);
        match price {
            Some(price) => {
                let of = self.priced.entry(price.spec.currency.clone()).or_default();
                of.0 += price.spec.of_use(used);
                of.1.add(used);
            }
            None => self.unpriced.add(used),
        }
    }

    /// What was used.
    pub fn used(&self) -> Use {
        self.used
    }

    /// The amounts, by currency.
    pub fn amounts(&self) -> impl Iterator<Item = (&str, f64)> {
        self.priced.iter().map(|(currency, (amount, _))| (currency.as_str(), *amount))
    }

    /// That there is no price for some or all of it.
    pub fn note(&self) -> Option<String> {
        let calls = self.unpriced.calls;
        if calls == 0.0 {
            return None;
        }
        let which = if self.priced.is_empty() { "any of them" } else { "all of them" };
        Some(format!("no price is in force for {which}: {calls} calls have none; `prices` are written down"))
    }

    /// As it is told.
    pub fn line(&self, key: Option<&Key>) -> Line {
        let each = |of: fn(f64, &Use) -> Option<f64>| {
            self.priced
                .iter()
                .filter_map(|(it, (amount, used))| Some((it.clone(), of(*amount, used)?)))
                .collect()
        };
        Line {
            of: key.cloned(),
            used: self.used,
            cost: each(|amount, _| Some(amount)),
            cost_per_call: each(|amount, used| (used.calls > 0.0).then(|| amount / used.calls)),
            cost_per_thousand_rows: each(|amount, used| (used.rows > 0.0).then(|| amount / used.rows * 1e3)),
            unpriced: self.unpriced,
        }
    }
}

/// One line of a bill. Amounts are by currency; there is none where there was no price.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What it is of; empty for callers nobody knows of.
    pub of: Option<String>,
    /// What was used altogether.
    pub used: Use,
    /// What it cost.
    pub cost: BTreeMap<String, f64>,
    /// What a call cost that had a price.
    pub cost_per_call: BTreeMap<String, f64>,
    /// What a thousand rows cost that had a price.
    pub cost_per_thousand_rows: BTreeMap<String, f64>,
    /// What of it had no price.
    pub unpriced: Use,
}

impl Line {
    /// What lines are sorted by: the amount, whatever the currency, then the calls.
    pub fn weight(&self) -> (f64, f64) {
        (self.cost.values().sum(), self.used.calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(counts: &[(&str, f64)]) -> Tally {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Tally { at: Time::from_micros(0), counts }
    }

    #[test]
    fn what_was_counted_is_whoever_asked_for_it() {
        let told = tally(&[
            ("answered", 3.0),
            ("calls-of/user:ada", 2.0),
            ("rows-of/user:ada", 20.0),
            ("seconds-of/user:ada", 0.5),
            ("calls-of/service:ci", 1.0),
        ]);
        let found = by_caller(&told, true);
        let ada = Use { calls: 2.0, rows: 20.0, seconds: 0.5 };
        assert_eq!((found.len(), found[&Some("user:ada".to_owned())]), (2, ada));
        // What was counted before callers were is nobody's, and counts all the same.
        let older = tally(&[("answered", 3.0), ("rows", 9.0), ("refused", 4.0)]);
        assert_eq!(by_caller(&older, true)[&None], Use { calls: 3.0, rows: 9.0, seconds: 0.0 });
        assert!(by_caller(&older, false).is_empty());
    }

    #[test]
    fn a_day_is_told_as_a_date() {
        let at = Time::from_micros(1_767_225_600_000_000);
        assert_eq!((day_of(at), date(day_of(at)).as_str()), (20_454, "2026-01-01"));
        assert_eq!(date(day_of(at.plus_s(86_399))), "2026-01-01");
    }
}
