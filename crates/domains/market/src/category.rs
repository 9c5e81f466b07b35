//! A category of the market.

use kernel::prelude::*;

use crate::listing::{self, Listing};

/// What categories serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Category>) -> KindBuilder<Category> {
    kind.also_at("catalog/marketplace/categories")
        .view("models", "The listings of the category.", models)
        .needs("get")
}

/// A category of the market.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "market-category", plural = "market-categories", prefix = "mct", scope = "organization")]
pub struct Category {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// What belongs there.
    #[field(max = 2000)]
    pub description: Option<String>,
}

async fn models(cx: Cx, it: Object<Category>, _: Nothing) -> Result<Value> {
    let mut found = cx.list::<Listing>(&format!("spec.categories = \"{}\"", it.name()), 1000).await?;
    found.retain(|it| it.spec.visibility == listing::Visibility::Listed);
    listing::shown(&cx, found).await
}
