//! A provider of the market: a team that offers models.

use kernel::prelude::*;

use crate::listing::{self, Listing};

/// What providers serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Provider>) -> KindBuilder<Provider> {
    kind.also_at("catalog/marketplace/providers")
        .view("models", "The listings of the provider.", models)
        .needs("get")
}

/// A team that offers models.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "market-provider", prefix = "mpv", scope = "organization")]
pub struct Provider {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// What they offer.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Whom to ask.
    #[field(max = 320, example = "models@example.org")]
    pub contact: Option<String>,
}

async fn models(cx: Cx, it: Object<Provider>, _: Nothing) -> Result<Value> {
    let mut found = cx.list::<Listing>(&format!("spec.provider = \"{}\"", it.name()), 1000).await?;
    found.retain(|it| it.spec.visibility == listing::Visibility::Listed);
    listing::shown(&cx, found).await
}
