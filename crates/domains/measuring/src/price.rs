//! A price: what is charged for the answers of endpoints.
//!
//! Nothing is known of prices but what is written down here. What was used is valued by the list as it is now: a price ends by
//! its `until`, and the next one begins then.

use kernel::prelude::*;

use crate::OBJECTS_MAX;

/// What prices serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Price>) -> KindBuilder<Price> {
    kind.check(whole).without(&["clone"])
}

/// What is charged for the answers of endpoints. Of several in force the one of the endpoint counts, then that of the model,
/// then the one that names neither; among equals the one that began last.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "price", prefix = "prc")]
pub struct Price {
    /// Whose answers; those of every endpoint that has no price of its own when not given.
    #[field(reference = "catalog.endpoints", indexed)]
    pub endpoint: Option<Ref>,
    /// The model whose versions answer.
    #[field(reference = "catalog.models", indexed)]
    pub model: Option<Ref>,
    /// What it is for.
    #[field(max = 1000)]
    pub description: Option<String>,
    /// The currency, ISO 4217.
    #[field(min = 3, max = 3, default = "USD", example = "EUR", indexed)]
    pub currency: String,
    /// For a call that was answered.
    #[field(min = 0, default = 0, example = "0.002")]
    pub per_call: f64,
    /// For a thousand rows that were answered for.
    #[field(min = 0, default = 0, example = "0.1")]
    pub per_thousand_rows: f64,
    /// For a second of answering.
    #[field(min = 0, default = 0, example = "0.00005")]
    pub per_compute_second: f64,
    /// Since when it is in force; always when not given. What is counted lies up to ten minutes together, and is valued by
    /// the price at its beginning.
    pub since: Option<Time>,
    /// Until when; for good when not given.
    pub until: Option<Time>,
}

fn whole(it: &Object<Price>) -> Result<()> {
    if !it.spec.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(Error::invalid("bad-price", "a currency is three capital letters, as in ISO 4217")
            .at("spec.currency"));
    }
    match (it.spec.since, it.spec.until) {
        (Some(since), Some(until)) if since >= until => {
            Err(Error::invalid("bad-price", "it ends before it begins").at("spec.until"))
        }
        _ => Ok(()),
    }
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
pub struct Use {
    /// Calls that were answered.
    pub calls: f64,
    /// Rows that were answered for.
    pub rows: f64,
    /// Seconds that answering took.
    pub seconds: f64,
}

impl Use {
    /// Adds to it.
    pub fn add(&mut self, more: &Self) {
        self.calls += more.calls;
        self.rows += more.rows;
        self.seconds += more.seconds;
    }
}

impl Price {
    /// What some use costs.
    pub fn of_use(&self, used: &Use) -> f64 {
        used.calls * self.per_call
            + used.rows / 1e3 * self.per_thousand_rows
            + used.seconds * self.per_compute_second
    }
}

/// The prices of a project.
pub struct Prices(Vec<Object<Price>>);

impl Prices {
    /// All of them.
    pub async fn of(cx: &Cx) -> Result<Self> {
        cx.list::<Price>("", OBJECTS_MAX).await.map(Self)
    }

    /// The one in force for an endpoint's answers by a model at a moment, and its place.
    pub fn at(&self, (endpoint, model): (&str, &str), at: Time) -> Option<usize> {
        let fits = |it: &Price| {
            it.endpoint.as_deref().is_none_or(|own| own == endpoint)
                && it.model.as_deref().is_none_or(|own| own == model)
                && it.since.is_none_or(|since| since <= at)
                && it.until.is_none_or(|until| at < until)
        };
        let all = self.0.iter().enumerate().filter(|(_, it)| fits(&it.spec));
        let best = all.max_by_key(|(_, it)| {
            (it.spec.endpoint.is_some(), it.spec.model.is_some(), it.spec.since, it.metadata.uid.clone())
        });
        best.map(|(place, _)| place)
    }

    /// The one at a place.
    pub fn get(&self, place: usize) -> Option<&Object<Price>> {
        self.0.get(place)
    }

    /// The one in force now.
    pub fn now(&self, cx: &Cx, of: (&str, &str)) -> Option<&Object<Price>> {
        self.0.get(self.at(of, cx.now())?)
    }

    /// The currencies there are.
    pub fn currencies(&self) -> std::collections::BTreeSet<&str> {
        self.0.iter().map(|it| it.spec.currency.as_str()).collect()
    }
}
