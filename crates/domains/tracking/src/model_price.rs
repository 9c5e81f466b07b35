//! What a language model asks for its tokens: spans that tell tokens and no cost are given one by it.
//!
//! Nothing is known of prices but what is written down here: they change, and nobody is asked for them.

use kernel::prelude::*;

/// What prices serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ModelPrice>) -> KindBuilder<ModelPrice> {
    kind.without(&["clone"])
}

/// What a language model asks for its tokens.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "model-price", prefix = "mpr")]
pub struct ModelPrice {
    /// The model, as spans name it; what stands before the first `/` of a name there is left out.
    #[field(min = 1, max = 200, indexed, example = "gpt-4o-mini")]
    pub model: String,
    /// Whose model it is, as spans name them; a price without one is that of whoever has no price of their own.
    #[field(max = 100, indexed, example = "openai")]
    pub provider: Option<String>,
    /// US dollars for a million tokens that go in.
    #[field(min = 0, example = "0.15")]
    pub input: f64,
    /// US dollars for a million tokens that come out.
    #[field(min = 0, example = "0.6")]
    pub output: f64,
    /// US dollars for a million tokens that go in from a cache; those of others that go in when left out.
    #[field(min = 0)]
    pub cache_read: Option<f64>,
    /// US dollars for a million tokens that go in and are put into a cache; those of others that go in when left out.
    #[field(min = 0)]
    pub cache_write: Option<f64>,
}
