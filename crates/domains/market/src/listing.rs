//! A listing: a model that one project offers to the others of its organization.

use kernel::prelude::*;

use crate::{category::Category, favorite, provider::Provider, review, subscription};

mod find;

pub use find::shown;

/// What listings serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Listing>) -> KindBuilder<Listing> {
    let kind = kind
        .also_at("catalog/marketplace/models")
        .admit(offered)
        .action("set-visibility", "Lists the offer, or lists it no more.", set_visibility)
        .needs("update")
        .action("feature", "Shows the listing among the featured ones, or no more.", feature)
        .view("license", "Under which terms it may be used.", license)
        .needs("get")
        .view("pricing", "What is asked for it.", pricing)
        .needs("get")
        .view("rating", "The mean of the ratings, and how many of each there are.", review::rating)
        .needs("get")
        .action("rate", "Rates the listing; a second time replaces the first.", review::rate)
        .action(
            "subscribe",
            "Gives the caller's project the right to use what is offered.",
            subscription::subscribe,
        )
        .action("purchase", "Gives the caller's project that right once and for all.", subscription::purchase)
        .needs("subscribe")
        .action("unsubscribe", "Ends the right of the caller's project.", subscription::unsubscribe)
        .needs("subscribe")
        .action("favorite", "Makes the listing a favourite of the caller's.", favorite::add)
        .action("unfavorite", "Makes it one no more.", favorite::remove)
        .needs("favorite")
        .view_of_all("favorites", "The caller's favourites.", favorite::own)
        .needs("list");
    find::serve(kind)
}

/// A model that one project offers to the others.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "listing", prefix = "mls", scope = "organization")]
pub struct Listing {
    /// What people read.
    #[field(max = 200)]
    pub title: Option<String>,
    /// What it does, in a sentence.
    #[field(max = 500)]
    pub summary: Option<String>,
    /// What it does, for whom, and what it does not.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// The model.
    #[field(max = 253, indexed)]
    pub model: Name,
    /// The project it lives in; the caller's when not given.
    #[field(max = 253, indexed)]
    pub project: Option<Name>,
    /// The categories it belongs to, by name.
    #[field(max = 20, indexed)]
    pub categories: Vec<String>,
    /// Who offers it.
    #[field(reference = "catalog.market-providers", indexed)]
    pub provider: Option<Ref>,
    /// Words to find it by.
    #[field(max = 50)]
    pub tags: Vec<String>,
    /// Under which terms it may be used (SPDX).
    #[field(max = 200, example = "Apache-2.0")]
    pub license: Option<String>,
    /// What is asked for it; nothing when not given.
    pub pricing: Option<Pricing>,
    /// Whether the market shows it.
    #[field(indexed, default = "listed")]
    pub visibility: Visibility,
    /// Whether it is among those shown first; set by `feature`.
    #[field(indexed, default = false)]
    pub featured: bool,
}

impl Listing {
    /// What is asked for it.
    pub fn pricing(&self) -> Pricing {
        self.pricing.clone().unwrap_or_default()
    }
}

/// What is asked for a listing. Amounts are on record; this platform charges nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
pub struct Pricing {
    /// How it is paid for.
    #[field(default = "free")]
    pub plan: Plan,
    /// How much.
    #[field(min = 0, default = 0.0)]
    pub amount: f64,
    /// In which currency (ISO 4217).
    #[field(min = 3, max = 3, example = "EUR")]
    pub currency: Option<String>,
}

/// How something is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// Not at all.
    #[default]
    Free,
    /// Every month.
    Subscription,
    /// Once.
    OneTime,
}

/// Whether the market shows a listing. Who may read listings reads unlisted ones by name all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// It is shown.
    #[default]
    Listed,
    /// It is not.
    Unlisted,
}

/// The reference by which what belongs to a listing goes with it.
pub async fn owner(cx: &Cx, it: &Object<Listing>) -> Result<kernel::object::Owner> {
    let kind = cx.platform().kind("catalog.listings")?;
    Ok(cx.read("catalog.listings", it.name()).await?.owner(&kind))
}

/// Whoever offers a model may change it, and what the listing names is there.
async fn offered(cx: Cx, mut it: Object<Listing>, old: Option<Object<Listing>>) -> Result<Object<Listing>> {
    let here = || Name::new(&*cx.project);
    let project = match &it.spec.project {
        Some(project) => project.clone(),
        None => here()?,
    };
    let same = old
        .as_ref()
        .is_some_and(|old| old.spec.model == it.spec.model && old.spec.project.as_ref() == Some(&project));
    it.spec.project = Some(project.clone());
    if !same {
        let there = cx.in_project(project.as_str());
        let may = there.decide("catalog.models.update", project.as_str()).await?.allowed;
        // Who may not know of the model learns no more than that.
        if !may || there.read("catalog.models", it.spec.model.as_str()).await.is_err() {
            let message =
                format!("there is no model `{}` in project `{project}` that you may offer", it.spec.model);
            return Err(Error::invalid("bad-reference", message).at("spec.model"));
        }
    }
    for (i, name) in it.spec.categories.iter().enumerate() {
        if cx.get_opt::<Category>(name).await?.is_none() {
            let shown: String = name.chars().take(60).collect();
            return Err(Error::invalid("bad-reference", format!("there is no category `{shown}`"))
                .at(format!("spec.categories[{i}]")));
        }
    }
    if let Some(provider) = &it.spec.provider
        && cx.get_opt::<Provider>(provider).await?.is_none()
    {
        return Err(Error::invalid("bad-reference", "there is no such provider").at("spec.provider"));
    }
    let featured = old.is_some_and(|old| old.spec.featured);
    if it.spec.featured != featured && !cx.decide("catalog.listings.feature", &cx.project).await?.allowed {
        return Err(Error::forbidden("forbidden", "featuring a listing needs `catalog.listings.feature`")
            .at("spec.featured"));
    }
    Ok(it)
}

/// Whether it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wish {
    /// Whether the market shows it.
    visibility: Visibility,
}

async fn set_visibility(cx: Cx, mut it: Object<Listing>, ask: Wish) -> Result<Wish> {
    it.spec.visibility = ask.visibility;
    Ok(Wish { visibility: cx.save(&it).await?.spec.visibility })
}

/// Whether it is among the first.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Featured {
    /// Whether it is among those shown first.
    #[field(default = true)]
    featured: bool,
}

async fn feature(cx: Cx, mut it: Object<Listing>, ask: Featured) -> Result<Featured> {
    it.spec.featured = ask.featured;
    Ok(Featured { featured: cx.save(&it).await?.spec.featured })
}

async fn license(_: Cx, it: Object<Listing>, _: Nothing) -> Result<Value> {
    Ok(json!({"listing": it.name(), "license": it.spec.license}))
}

async fn pricing(_: Cx, it: Object<Listing>, _: Nothing) -> Result<Pricing> {
    Ok(it.spec.pricing())
}
