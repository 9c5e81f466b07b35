//! Finding listings: by words, by age, by what others did with them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{
    access::Principal,
    declare::Body,
    dispatch::{Answer, Call, Verb, call},
    prelude::*,
};

use super::Listing;
use crate::{favorite::Favorite, review::Rating, subscription::Subscription};

/// Adds what is served of finding listings.
pub fn serve(kind: KindBuilder<Listing>) -> KindBuilder<Listing> {
    kind.view("usage", "Who subscribed, and how often the model predicted in the last days.", usage)
        .needs("get")
        .view_of_all("featured", "The listings shown first.", featured)
        .needs("list")
        .view_of_all("new", "The listings, newest first.", new)
        .needs("list")
        .view_of_all("popular", "The listings by what others did with them.", popular)
        .needs("list")
        .view_of_all("trending", "The listings by how much more their models predict than before.", trending)
        .needs("list")
        .view_of_all("recommended", "Listings like those the caller has chosen before.", recommended)
        .needs("list")
        .view_of_all("find", "Listings by words, category, provider and rating.", find)
        .needs("list")
}

/// How many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Page {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
}

/// How far back, and how many.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Lately {
    /// How many days.
    #[field(min = 1, max = 45, default = 30)]
    days: u32,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
}

/// Listings as the market shows them, each with its rating.
pub async fn shown(cx: &Cx, found: Vec<Object<Listing>>) -> Result<Value> {
    let mut items = Vec::new();
    for it in found {
        items.push(card(cx, &it).await?);
    }
    Ok(json!({"items": items}))
}

async fn card(cx: &Cx, it: &Object<Listing>) -> Result<Value> {
    let rating = Rating::of(cx, it.name()).await?;
    Ok(json!({
        "name": it.name(),
        "uid": it.metadata.uid,
        "title": it.spec.title,
        "summary": it.spec.summary,
        "model": it.spec.model,
        "project": it.spec.project,
        "provider": it.spec.provider,
        "categories": it.spec.categories,
        "license": it.spec.license,
        "pricing": it.spec.pricing(),
        "featured": it.spec.featured,
        "rating": rating.mean(),
        "ratings": rating.count(),
        "created": it.metadata.creation_timestamp,
    }))
}

async fn listed(cx: &Cx) -> Result<Vec<Object<Listing>>> {
    cx.list::<Listing>("spec.visibility = \"listed\"", 1000).await
}

async fn featured(cx: Cx, ask: Page) -> Result<Value> {
    let filter = "spec.featured = true AND spec.visibility = \"listed\"";
    shown(&cx, cx.list::<Listing>(filter, ask.limit).await?).await
}

async fn new(cx: Cx, ask: Page) -> Result<Value> {
    let mut found = listed(&cx).await?;
    found.sort_by_key(|it| std::cmp::Reverse((it.metadata.creation_timestamp, it.metadata.uid.clone())));
    found.truncate(ask.limit as usize);
    shown(&cx, found).await
}

/// The rows a listing's model predicted in the last days. The model may live where the caller sees nothing, so the
/// platform asks; only the sum goes out.
async fn predictions(cx: &Cx, it: &Object<Listing>, days: u32) -> Result<f64> {
    let project = it.spec.project.as_ref().map(ToString::to_string).unwrap_or_default();
    let inside = cx.platform().cx_of(Principal::system("market", &cx.org), &project);
    let asked = Call {
        kind: cx.platform().kind("catalog.models")?,
        verb: Verb::View("usage".to_owned()),
        id: Some(it.spec.model.to_string()),
        parent: None,
        params: BTreeMap::from([("days".to_owned(), days.to_string())]),
        body: Body::Empty,
        if_match: None,
    };
    match call(inside, asked).await {
        Ok(Answer::Value(told)) => Ok(told["counts"]["predictions"].as_f64().unwrap_or(0.0)),
        Ok(_) => Err(Error::internal("a view of counts answers JSON")),
        // The model, or its project, is gone; the listing is still there.
        Err(error) if matches!(error.code(), "not-found" | "project-not-found") => Ok(0.0),
        Err(error) => Err(error),
    }
}

/// How many of something each listing has.
fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Subscriptions count ten, favourites three, stars above the middle one each, and every tenfold of rows predicted one.
async fn scored(cx: &Cx, days: u32) -> Result<Vec<(f64, Value, Object<Listing>)>> {
    let subscriptions = cx.list::<Subscription>("", 1000).await?;
    let subscriptions = counted(subscriptions.into_iter().map(|it| it.spec.listing.to_string()));
    let favorites = cx.list::<Favorite>("", 1000).await?;
    let favorites = counted(favorites.into_iter().map(|it| it.spec.listing.to_string()));
    let mut scored = Vec::new();
    for it in listed(cx).await? {
        let count = |of: &BTreeMap<String, u64>| of.get(it.name()).copied().unwrap_or(0);
        let (subscribed, liked) = (count(&subscriptions), count(&favorites));
        let rows = predictions(cx, &it, days).await?;
        let rating = Rating::of(cx, it.name()).await?;
        let stars = rating.mean().map_or(0.0, |mean| (mean - 3.0) * rating.count() as f64);
        let score = 10.0 * subscribed as f64 + 3.0 * liked as f64 + stars + (1.0 + rows).log10();
        let why = json!({"subscriptions": subscribed, "favorites": liked, "rating": rating.mean(), "predictions": rows});
        scored.push((score, why, it));
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok(scored)
}

async fn told(cx: &Cx, scored: Vec<(f64, Value, Object<Listing>)>, limit: u32) -> Result<Value> {
    let mut items = Vec::new();
    for (score, why, it) in scored.into_iter().take(limit as usize) {
        let mut item = card(cx, &it).await?;
        item["score"] = json!(score);
        item["counted"] = why;
        items.push(item);
    }
    Ok(json!({"items": items}))
}

async fn popular(cx: Cx, ask: Lately) -> Result<Value> {
    let mut scored = scored(&cx, ask.days).await?;
    scored.retain(|(score, ..)| *score > 0.0);
    told(&cx, scored, ask.limit).await
}

async fn trending(cx: Cx, ask: Lately) -> Result<Value> {
    let mut found = Vec::new();
    for it in listed(&cx).await? {
        let lately = predictions(&cx, &it, ask.days).await?;
        let before = predictions(&cx, &it, 2 * ask.days).await? - lately;
        if lately > 0.0 {
            found.push((lately - before, json!({"predictions": lately, "before": before}), it));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    told(&cx, found, ask.limit).await
}

/// Listings that share a category or provider with what the caller's project subscribed to or the caller likes.
async fn recommended(cx: Cx, ask: Lately) -> Result<Value> {
    let who = cx.principal.actor();
    let mut chosen: BTreeSet<String> = BTreeSet::new();
    for it in
        cx.list::<Subscription>(&format!("spec.project = {}", kernel::literal(&cx.project)), 1000).await?
    {
        chosen.insert(it.spec.listing.to_string());
    }
    for it in cx.list::<Favorite>(&format!("spec.who = {}", kernel::literal(&who)), 1000).await? {
        chosen.insert(it.spec.listing.to_string());
    }
    let (mut categories, mut providers) = (BTreeSet::new(), BTreeSet::new());
    for name in &chosen {
        if let Some(it) = cx.get_opt::<Listing>(name).await? {
            categories.extend(it.spec.categories);
            providers.extend(it.spec.provider.map(|provider| provider.to_string()));
        }
    }
    let mut found = Vec::new();
    for (score, mut why, it) in scored(&cx, ask.days).await? {
        if chosen.contains(it.name()) {
            continue;
        }
        let alike = it.spec.categories.iter().filter(|it| categories.contains(*it)).count();
        let known = it.spec.provider.as_ref().is_some_and(|it| providers.contains(&**it));
        if alike > 0 || known {
            why["sharedCategories"] = json!(alike);
            why["knownProvider"] = json!(known);
            found.push((100.0 * alike as f64 + if known { 50.0 } else { 0.0 } + score, why, it));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    told(&cx, found, ask.limit).await
}

/// What to look for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Words {
    /// Words that name, title, summary, description or tags all contain.
    #[field(max = 500)]
    q: Option<String>,
    /// Only of this category.
    #[field(max = 253)]
    category: Option<String>,
    /// Only of this provider.
    #[field(max = 253)]
    provider: Option<String>,
    /// Only with at least this mean rating.
    #[field(min = 1, max = 5)]
    min_rating: Option<f64>,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 20)]
    limit: u32,
}

async fn find(cx: Cx, ask: Words) -> Result<Value> {
    let words: Vec<String> =
        ask.q.unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut found = Vec::new();
    for it in listed(&cx).await? {
        let spec = &it.spec;
        let parts =
            [Some(it.name()), spec.title.as_deref(), spec.summary.as_deref(), spec.description.as_deref()];
        let text = parts.into_iter().flatten().chain(spec.tags.iter().map(String::as_str));
        let text = text.collect::<Vec<&str>>().join("\n").to_lowercase();
        let fits = words.iter().all(|word| text.contains(word))
            && ask.category.as_ref().is_none_or(|wanted| spec.categories.contains(wanted))
            && ask.provider.as_ref().is_none_or(|wanted| spec.provider.as_deref() == Some(wanted));
        if !fits {
            continue;
        }
        if let Some(least) = ask.min_rating
            && Rating::of(&cx, it.name()).await?.mean().is_none_or(|mean| mean < least)
        {
            continue;
        }
        found.push(it);
    }
    found.truncate(ask.limit as usize);
    shown(&cx, found).await
}

async fn usage(cx: Cx, it: Object<Listing>, ask: Lately) -> Result<Value> {
    let filter = format!("spec.listing = \"{}\"", it.name());
    Ok(json!({
        "days": ask.days,
        "predictions": predictions(&cx, &it, ask.days).await?,
        "subscriptions": cx.list::<Subscription>(&filter, 1000).await?.len(),
        "favorites": cx.list::<Favorite>(&filter, 1000).await?.len(),
        "ratings": Rating::of(&cx, it.name()).await?.count(),
    }))
}
