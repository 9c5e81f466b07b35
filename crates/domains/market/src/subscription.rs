//! A subscription: the right of a project to use what a listing offers.

use kernel::prelude::*;

use crate::{
    entitlement,
    listing::{self, Listing, Plan},
};

/// What subscriptions serve beyond the verbs every kind has; they are made and ended at the listing.
pub fn serve(kind: KindBuilder<Subscription>) -> KindBuilder<Subscription> {
    kind.child_of("listings", "listing")
        .also_at("catalog/marketplace/subscriptions")
        .without(&["create", "update", "clone", "import"])
        .leave(|cx, it| async move { entitlement::end(&cx, &it).await })
}

/// The right of a project to use what a listing offers.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "subscription", prefix = "msb", scope = "organization")]
pub struct Subscription {
    /// The listing.
    #[field(reference = "catalog.listings", indexed, immutable)]
    pub listing: Ref,
    /// The project that may use it.
    #[field(indexed, immutable)]
    pub project: String,
    /// Who subscribed.
    #[field(indexed, immutable)]
    pub who: String,
    /// Whether it was bought once, or goes on.
    #[field(immutable)]
    pub plan: Plan,
    /// What was asked for it then. It is on record here; nothing is charged.
    #[field(immutable)]
    pub amount: f64,
    /// In which currency (ISO 4217).
    #[field(immutable, max = 3)]
    pub currency: Option<String>,
    /// The policy that lets the project's members in.
    #[field(immutable)]
    pub policy: String,
}

fn name(cx: &Cx, listing: &str) -> String {
    format!("{listing}.{}", cx.project)
}

/// Gives the caller's project the right to use what is offered, for as long as it subscribes.
pub async fn subscribe(cx: Cx, it: Object<Listing>, _: Nothing) -> Result<Subscription> {
    if it.spec.pricing().plan == Plan::OneTime {
        return Err(Error::conflict("wrong-plan", "this listing is bought once").hint("use `purchase`"));
    }
    begin(&cx, &it).await
}

/// Gives the caller's project the right to use what is offered, once and for all.
pub async fn purchase(cx: Cx, it: Object<Listing>, _: Nothing) -> Result<Subscription> {
    if it.spec.pricing().plan != Plan::OneTime {
        return Err(Error::conflict("wrong-plan", "this listing is not bought").hint("use `subscribe`"));
    }
    begin(&cx, &it).await
}

async fn begin(cx: &Cx, it: &Object<Listing>) -> Result<Subscription> {
    let name = name(cx, it.name());
    if let Some(there) = cx.get_opt::<Subscription>(&name).await? {
        return Ok(there.spec);
    }
    let spec = Subscription {
        listing: Ref::to(it.name()),
        project: cx.project.to_string(),
        who: cx.principal.actor(),
        plan: it.spec.pricing().plan,
        amount: it.spec.pricing().amount,
        currency: it.spec.pricing().currency,
        policy: entitlement::policy_name(it.name(), &cx.project),
    };
    let mut draft = Draft::new(name, spec.clone());
    draft.owners.push(listing::owner(cx, it).await?);
    // The right comes last: without its subscription nothing would take it back.
    let made = cx.doing("subscribe").create(draft).await?;
    match entitlement::begin(cx, it, &spec).await {
        Ok(()) => Ok(made.spec),
        Err(error) => {
            cx.doing("unsubscribe").delete::<Subscription>(made.metadata.uid.as_str()).await?;
            Err(error)
        }
    }
}

/// Ends the right of the caller's project.
pub async fn unsubscribe(cx: Cx, it: Object<Listing>, _: Nothing) -> Result<Value> {
    let there = cx.get::<Subscription>(&name(&cx, it.name())).await?;
    cx.doing("unsubscribe").delete::<Subscription>(there.metadata.uid.as_str()).await?;
    Ok(json!({"listing": it.name(), "project": cx.project.as_ref()}))
}
