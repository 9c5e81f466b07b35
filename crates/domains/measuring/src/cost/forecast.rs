//! What the coming days would cost: a straight line through the last days, with the interval that holds what comes.

use std::collections::BTreeMap;

use kernel::prelude::*;
use statistics::trend::{Expected, Trend};

use super::bill::{self, Asked, Bill, begin_of, day_of};
use crate::price::Prices;

/// From how far back, how far ahead, and how sure.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Ask {
    /// How many whole days back are looked at, today not counted.
    #[field(min = 3, max = 89, default = 30)]
    days: u32,
    /// How many days ahead, today the first of them.
    #[field(min = 1, max = 366, default = 30)]
    ahead: u32,
    /// Of this endpoint alone.
    #[field(max = 253)]
    endpoint: Option<String>,
    /// Of this model alone.
    #[field(max = 253)]
    model: Option<String>,
    /// How sure it is that what comes lies within the interval, if it goes on alike.
    #[field(min = 0.5, max = 0.9999, default = 0.95)]
    confidence: f64,
}

/// What the coming days would cost.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// How it is worked out.
    method: String,
    /// How sure it is that what comes lies within the intervals.
    confidence: f64,
    /// How many whole days it is based on: from the first with use on. Days without any count.
    based_on_days: u64,
    /// The first of them.
    since: Option<Time>,
    /// By currency; none where nothing had a price.
    forecasts: Vec<OfCurrency>,
    /// That there is no price for some or all of it, where that is so.
    note: Option<String>,
}

/// What the coming days would cost in one currency.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct OfCurrency {
    /// The currency.
    currency: String,
    /// What the days it is based on cost together.
    spent: f64,
    /// How much more each day costs than the one before.
    per_day_more: f64,
    /// All coming days together.
    total: Interval,
    /// Day by day.
    days: Vec<Day>,
}

/// An amount that is expected, and between which it lies. Nothing costs less than nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Fields)]
pub struct Interval {
    /// What is expected.
    amount: f64,
    /// The lower end.
    low: f64,
    /// The upper end.
    high: f64,
}

/// One day.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Day {
    /// When it begins, in UTC.
    at: Time,
    /// What it would cost.
    cost: Interval,
}

impl From<Expected> for Interval {
    fn from(it: Expected) -> Self {
        Self { amount: it.value.max(0.0), low: it.low.max(0.0), high: it.high.max(0.0) }
    }
}

/// Where the last days lead.
pub async fn forecast(cx: Cx, ask: Ask) -> Result<Forecast> {
    let today = day_of(cx.now());
    let since = begin_of(today - i64::from(ask.days));
    let prices = Prices::of(&cx).await?;
    let (mut used, mut days): (Bill, BTreeMap<i64, Bill>) = Default::default();
    for piece in bill::pieces(&cx, &prices, &Asked { since, endpoint: ask.endpoint.as_deref() }).await? {
        if piece.day >= today || ask.model.as_deref().is_some_and(|wanted| wanted != piece.model()) {
            continue;
        }
        let price = piece.price.and_then(|place| prices.get(place));
        used.add(&piece.used, price);
        days.entry(piece.day).or_default().add(&piece.used, price);
    }
    let first = days.keys().next().copied().unwrap_or(today);
    let count = (today - first).unsigned_abs();
    if count < 3 {
        let message = format!("{count} whole days with use are known, a trend needs 3");
        return Err(
            Error::conflict("too-few-days", message).hint("ask again later; `costs` tells what there is")
        );
    }
    let forecasts = used.amounts().filter_map(|(currency, spent)| {
        let amount = |day: i64| {
            let bill = days.get(&day)?;
            bill.amounts().find(|(it, _)| *it == currency).map(|(_, amount)| amount)
        };
        let daily: Vec<f64> = (first..today).map(|day| amount(day).unwrap_or(0.0)).collect();
        let trend = Trend::of(&daily)?;
        Some(of_currency((currency, spent), &trend, (&ask, today)))
    });
    Ok(Forecast {
        method:
            "a straight line through the sums of whole days by least squares; intervals are the prediction \
                 intervals of the normal linear model"
                .to_owned(),
        confidence: ask.confidence,
        based_on_days: count,
        since: Some(begin_of(first)),
        forecasts: forecasts.collect(),
        note: used.note(),
    })
}

fn of_currency((currency, spent): (&str, f64), trend: &Trend, (ask, today): (&Ask, i64)) -> OfCurrency {
    let day = |at: u32| Day {
        at: begin_of(today + i64::from(at) - 1),
        cost: trend.ahead(at as usize, ask.confidence).into(),
    };
    OfCurrency {
        currency: currency.to_owned(),
        spent,
        per_day_more: trend.slope,
        total: trend.sum((1, ask.ahead as usize), ask.confidence).into(),
        days: (1..=ask.ahead).map(day).collect(),
    }
}
