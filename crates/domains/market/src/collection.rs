//! A collection: listings somebody put together.

use kernel::prelude::*;

use crate::listing::{self, Listing};

/// What collections serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Collection>) -> KindBuilder<Collection> {
    kind.also_at("catalog/marketplace/collections")
        .admit(listed)
        .view("models", "The listings of the collection, in its order.", models)
        .needs("get")
}

/// Listings somebody put together.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "market-collection", prefix = "mcl", scope = "organization")]
pub struct Collection {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// What they have in common.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// The listings, by name.
    #[field(max = 500, indexed)]
    pub listings: Vec<String>,
}

async fn listed(cx: Cx, it: Object<Collection>, _: Option<Object<Collection>>) -> Result<Object<Collection>> {
    for (i, name) in it.spec.listings.iter().enumerate() {
        if cx.get_opt::<Listing>(name).await?.is_none() {
            let shown: String = name.chars().take(60).collect();
            return Err(Error::invalid("bad-reference", format!("there is no listing `{shown}`"))
                .at(format!("spec.listings[{i}]")));
        }
    }
    Ok(it)
}

async fn models(cx: Cx, it: Object<Collection>, _: Nothing) -> Result<Value> {
    let mut found = Vec::new();
    for name in &it.spec.listings {
        found.extend(cx.get_opt::<Listing>(name).await?);
    }
    listing::shown(&cx, found).await
}
