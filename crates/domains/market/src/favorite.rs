//! A favourite: a listing somebody wants to find again.

use kernel::prelude::*;

use crate::listing::{self, Listing};

/// What favourites serve; they are made and taken away at the listing.
pub fn serve(kind: KindBuilder<Favorite>) -> KindBuilder<Favorite> {
    kind.child_of("listings", "listing").without(&["create", "update", "clone", "import"])
}

/// A listing somebody wants to find again.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "favorite", prefix = "mfv", scope = "organization")]
pub struct Favorite {
    /// The listing.
    #[field(reference = "catalog.listings", indexed, immutable)]
    pub listing: Ref,
    /// Whose, as `user:ada`.
    #[field(indexed, immutable)]
    pub who: String,
}

fn name(cx: &Cx, listing: &str) -> String {
    format!("{listing}.{}", Name::of_actor(&cx.principal.actor()))
}

/// Makes the listing a favourite of the caller's.
pub async fn add(cx: Cx, it: Object<Listing>, _: Nothing) -> Result<Value> {
    let spec = Favorite { listing: Ref::to(it.name()), who: cx.principal.actor() };
    let mut draft = Draft::new(name(&cx, it.name()), spec);
    draft.owners.push(listing::owner(&cx, &it).await?);
    match cx.doing("favorite").create(draft).await {
        Err(error) if error.code() != "already-exists" => Err(error),
        _ => Ok(json!({"listing": it.name(), "favorite": true})),
    }
}

/// Makes it one no more.
pub async fn remove(cx: Cx, it: Object<Listing>, _: Nothing) -> Result<Value> {
    if let Some(there) = cx.get_opt::<Favorite>(&name(&cx, it.name())).await? {
        cx.doing("unfavorite").delete::<Favorite>(there.metadata.uid.as_str()).await?;
    }
    Ok(json!({"listing": it.name(), "favorite": false}))
}

/// The caller's favourites.
pub async fn own(cx: Cx, _: Nothing) -> Result<Value> {
    let filter = format!("spec.who = {}", kernel::literal(&cx.principal.actor()));
    let mut found = Vec::new();
    for favorite in cx.list::<Favorite>(&filter, 1000).await? {
        found.extend(cx.get_opt::<Listing>(&favorite.spec.listing).await?);
    }
    listing::shown(&cx, found).await
}
