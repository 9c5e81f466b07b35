//! What the tokens of a span cost, by the prices of the project: of spans that say which model they asked, how many
//! tokens it took, and not what it cost.

use std::collections::HashMap;

use kernel::{cx::Cx, object::Raw};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde_json::{Map, Value, json};

use super::{
    conventions::{MODEL, PROVIDER},
    span::{COST, USAGE},
};
use crate::{fault::Result, objects, walk::Walk};

/// The kind of prices.
const PRICES: &str = "catalog.model-prices";

/// The prices of a project: by model, then by provider, which is empty for whoever has none of their own.
#[derive(Default)]
pub struct Prices(HashMap<String, Vec<(String, Price)>>);

/// US dollars for a million tokens.
#[derive(Clone, Copy)]
struct Price {
    input: f64,
    output: f64,
    cache_read: f64,
    cache_write: f64,
}

impl Price {
    fn of(it: &Raw) -> Option<Self> {
        let number = |field: &str| it.spec.get(field).and_then(Value::as_f64);
        let (input, output) = (number("input")?, number("output")?);
        let or = |field: &str| number(field).unwrap_or(input);
        Some(Self { input, output, cache_read: or("cacheRead"), cache_write: or("cacheWrite") })
    }

    /// What tokens cost. Those of the cache are among those that go in.
    fn of_tokens(&self, tokens: &Value) -> Option<Value> {
        let count = |name: &str| tokens[name].as_f64().filter(|count| *count > 0.0);
        if count("input_tokens").is_none() && count("output_tokens").is_none() {
            return None;
        }
        let count = |name: &str| count(name).unwrap_or(0.0);
        let (read, write) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
        let rest = (count("input_tokens") - read - write).max(0.0);
        let input = (rest * self.input + read * self.cache_read + write * self.cache_write) / 1e6;
        let output = count("output_tokens") * self.output / 1e6;
        Some(json!({"input_cost": input, "output_cost": output, "total_cost": input + output}))
    }
}

impl Prices {
    /// All of the project, for spans that count tokens; none for others.
    pub async fn of(cx: &Cx, told: &ExportTraceServiceRequest) -> Result<Self> {
        let mut spans = told.resource_spans.iter().flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans);
        if !spans.any(|span| span.attributes.iter().any(|it| it.key.contains("oken"))) {
            return Ok(Self::default());
        }
        let mut all: HashMap<String, Vec<(String, Price)>> = HashMap::new();
        let mut walk = Walk::new(cx, PRICES, Vec::new())?;
        loop {
            let found = walk.next(cx).await?;
            if found.is_empty() {
                return Ok(Self(all));
            }
            for it in &found {
                let model = objects::text(it, "model").unwrap_or_default().to_owned();
                let provider = objects::text(it, "provider").unwrap_or_default().to_lowercase();
                all.entry(model).or_default().extend(Price::of(it).map(|price| (provider, price)));
            }
        }
    }

    fn price(&self, model: &str, provider: &str) -> Option<Price> {
        // What goes through a gateway of MLflow's is counted there.
        if model.starts_with("gateway:/") || model.starts_with("endpoints:/") {
            return None;
        }
        let model = model.split_once('/').map_or(model, |(_, name)| name);
        let all = self.0.get(model)?;
        let of = |wanted: &str| all.iter().find(|(provider, _)| provider == wanted).map(|(_, price)| *price);
        of(&provider.to_lowercase()).or_else(|| of(""))
    }

    /// Adds what a span cost to its attributes, where that can be told and is not.
    pub fn add(&self, attributes: &mut Map<String, Value>) {
        if self.0.is_empty() || attributes.contains_key(COST) {
            return;
        }
        let told = |name: &str| match attributes.get(name) {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            Some(other) => other.clone(),
            None => Value::Null,
        };
        let (model, provider, tokens) = (told(MODEL), told(PROVIDER), told(USAGE));
        let price = model.as_str().and_then(|it| self.price(it, provider.as_str().unwrap_or_default()));
        if let Some(cost) = price.and_then(|price| price.of_tokens(&tokens)) {
            attributes.insert(COST.to_owned(), cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> Prices {
        let price = Price { input: 10.0, output: 20.0, cache_read: 1.0, cache_write: 12.5 };
        let dear = Price { input: 100.0, ..price };
        let all = vec![("acme".to_owned(), dear), (String::new(), price)];
        Prices(HashMap::from([("m".to_owned(), all)]))
    }

    #[test]
    fn tokens_cost_what_their_model_asks() {
        let cost = |told: Value| {
            let mut attributes = told.as_object().unwrap().clone();
            prices().add(&mut attributes);
            attributes.get(COST).cloned()
        };
        let tokens = r#"{"input_tokens": 1000, "output_tokens": 500, "cache_read_input_tokens": 400}"#;
        let told = cost(json!({MODEL: "\"m\"", USAGE: tokens})).unwrap();
        let near = |name: &str, wanted: f64| (told[name].as_f64().unwrap() - wanted).abs() < 1e-12;
        assert!(
            near("input_cost", 0.0064) && near("output_cost", 0.01) && near("total_cost", 0.0164),
            "{told}"
        );
        let told = cost(json!({MODEL: "hub/m", PROVIDER: "ACME", USAGE: {"input_tokens": 1000}})).unwrap();
        assert_eq!(told["total_cost"], 0.1);
        // What is told stays, and what nobody can know is not made up.
        assert_eq!(cost(json!({MODEL: "m", USAGE: tokens, COST: null})), Some(Value::Null));
        for told in [json!({MODEL: "other", USAGE: tokens}), json!({MODEL: "m"}), json!({USAGE: tokens})] {
            assert_eq!(cost(told), None);
        }
    }
}
