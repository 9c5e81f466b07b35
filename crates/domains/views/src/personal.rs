//! What is a person's own in the console: preferences, favourites, what they looked at last. Nobody else is told.
//!
//! The objects are never listed: every operation is about whoever asks. The organization's defaults stand beside them.

use std::collections::BTreeMap;

use kernel::{prelude::*, slot};

use crate::theme::Whom;

/// What is served of it.
pub fn serve(kind: KindBuilder<Personalization>) -> KindBuilder<Personalization> {
    // Erasing a person deletes what is theirs.
    kind.without(&["create", "update", "clone", "import"])
        .view_of_all("", "Everything that is kept of the caller's.", everything)
        .open_to(OpenTo::Caller)
        .view_of_all(
            "preferences",
            "The caller's preferences, the organization's, and what counts of both.",
            preferences,
        )
        .open_to(OpenTo::Caller)
        .action_on_all(
            "preferences",
            "Sets the caller's preferences; what is not named is as it was.",
            set_preferences,
        )
        .open_to(OpenTo::Caller)
        .action_on_all(
            "clear-preferences",
            "Forgets the caller's preferences; the organization's count again.",
            clear_preferences,
        )
        .open_to(OpenTo::Caller)
        .view_of_all("favorites", "The caller's favourites, in their order.", favorites)
        .open_to(OpenTo::Caller)
        .action_on_all("favorites", "Makes something a favourite of the caller's.", add_favorite)
        .open_to(OpenTo::Caller)
        .action_on_all("remove-favorite", "Makes it one no more.", remove_favorite)
        .open_to(OpenTo::Caller)
        .view_of_all("recent", "What the caller looked at last, the latest first.", recent)
        .open_to(OpenTo::Caller)
        .action_on_all("recent", "Notes that the caller looked at something.", visit)
        .open_to(OpenTo::Caller)
        .action_on_all("clear-recent", "Forgets what the caller looked at.", clear_recent)
        .open_to(OpenTo::Caller)
}

/// What is one person's own, or the organization's defaults.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "personalization", plural = "personalization", prefix = "pzn", scope = "organization")]
pub struct Personalization {
    /// Whose, as `user:ada`; `organization` of the defaults.
    #[field(indexed, immutable)]
    pub who: String,
    /// Preferences by their names.
    #[field(max = 200)]
    pub preferences: BTreeMap<String, Value>,
    /// Favourites in their order.
    #[field(max = 200)]
    pub favorites: Vec<Favorite>,
    /// The theme that was applied.
    #[field(max = 253)]
    pub theme: Option<String>,
    /// The configuration that was applied last.
    #[field(max = 253)]
    pub configuration: Option<String>,
}

/// Something somebody wants to find again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Favorite {
    /// What it is called, to take it away; found from the address.
    #[field(max = 40)]
    pub id: Option<String>,
    /// Where it is in the console: a path, and no address of elsewhere.
    #[field(min = 1, max = 1000, example = "/catalog/models/churn")]
    pub url: String,
    /// What people read.
    #[field(min = 1, max = 200)]
    pub title: String,
    /// The kind it is of.
    #[field(max = 100)]
    pub kind: Option<String>,
}

/// Whose defaults the organization's are.
const ORGANIZATION: &str = "organization";
/// The most bytes of somebody's preferences.
const PREFERENCES_BYTES_MAX: usize = 64 << 10;
/// The most favourites.
const FAVORITES_MAX: usize = 200;

/// What a caller's own is kept under.
pub fn key(cx: &Cx) -> String {
    format!("{}/{}", cx.org, cx.principal.actor())
}

async fn of(cx: &Cx, name: &str) -> Result<Personalization> {
    Ok(cx.get_opt::<Personalization>(name).await?.map(|it| it.spec).unwrap_or_default())
}

/// The caller's own, and the organization's defaults.
pub async fn both(cx: &Cx) -> Result<(Personalization, Personalization)> {
    Ok((of(cx, Name::of_actor(&cx.principal.actor()).as_str()).await?, of(cx, ORGANIZATION).await?))
}

/// Changes what is the caller's own, or the organization's; tried again when somebody was faster.
pub async fn change(
    cx: &Cx,
    whom: Whom,
    verb: &str,
    change: impl Fn(&mut Personalization) + Send + Sync,
) -> Result<Personalization> {
    let who = match whom {
        Whom::Me => cx.principal.actor(),
        Whom::Organization => ORGANIZATION.to_owned(),
    };
    let (name, cx) = (Name::of_actor(&who).to_string(), cx.doing(verb));
    let mut tries = 0;
    loop {
        let saved = match cx.get_opt::<Personalization>(&name).await? {
            Some(mut it) => {
                change(&mut it.spec);
                bounded(&it.spec)?;
                cx.save(&it).await
            }
            None => {
                let mut spec = Personalization { who: who.clone(), ..Personalization::default() };
                change(&mut spec);
                bounded(&spec)?;
                cx.create(Draft::new(name.clone(), spec)).await
            }
        };
        match saved {
            Err(error) if matches!(error.code(), "stale-version" | "already-exists") && tries < 10 => {
                tries += 1
            }
            other => return Ok(other?.spec),
        }
    }
}

fn bounded(spec: &Personalization) -> Result<()> {
    if json!(spec.preferences).to_string().len() > PREFERENCES_BYTES_MAX || spec.preferences.len() > 200 {
        return Err(Error::invalid("too-long", "preferences are 200 at most, in 64 KiB").at("preferences"));
    }
    if spec.favorites.len() > FAVORITES_MAX {
        let message = format!("{FAVORITES_MAX} favourites at most are kept");
        return Err(Error::invalid("too-many-items", message).at("favorites").hint("take one away first"));
    }
    Ok(())
}

async fn everything(cx: Cx, _: Nothing) -> Result<Value> {
    let (own, _) = both(&cx).await?;
    Ok(json!({
        "who": cx.principal.actor(), "preferences": own.preferences, "favorites": own.favorites, "theme": own.theme,
        "configuration": own.configuration, "recent": visited(&cx).await?,
    }))
}

async fn preferences(cx: Cx, _: Nothing) -> Result<Value> {
    let (own, shared) = both(&cx).await?;
    Ok(told(&own, &shared))
}

fn told(own: &Personalization, shared: &Personalization) -> Value {
    let mut counts = shared.preferences.clone();
    counts.extend(own.preferences.clone());
    json!({"preferences": own.preferences, "organization": shared.preferences, "effective": counts})
}

/// What somebody prefers.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Preferences {
    /// Preferences by their names; one that is null is forgotten.
    #[field(max = 200)]
    preferences: BTreeMap<String, Value>,
}

async fn set_preferences(cx: Cx, ask: Preferences) -> Result<Value> {
    let own = change(&cx, Whom::Me, "preferences", |it| {
        for (name, value) in &ask.preferences {
            match value {
                Value::Null => drop(it.preferences.remove(name)),
                value => drop(it.preferences.insert(name.clone(), value.clone())),
            }
        }
    })
    .await?;
    Ok(told(&own, &of(&cx, ORGANIZATION).await?))
}

async fn clear_preferences(cx: Cx, _: Nothing) -> Result<Value> {
    let own = change(&cx, Whom::Me, "clear-preferences", |it| {
        it.preferences.clear();
        it.theme = None;
        it.configuration = None;
    })
    .await?;
    Ok(told(&own, &of(&cx, ORGANIZATION).await?))
}

async fn favorites(cx: Cx, _: Nothing) -> Result<Value> {
    Ok(json!({"items": both(&cx).await?.0.favorites}))
}

/// A place in the console; an address of elsewhere, or one that runs something, is none.
pub fn path(url: &str) -> Result<()> {
    let inside = url.starts_with('/') && !url.starts_with("//") && !url.contains(['\\', '\n', '\r', '\t']);
    if inside {
        return Ok(());
    }
    Err(Error::invalid("bad-path", "a place in the console begins with one `/`").at("url"))
}

/// What a favourite is called.
pub fn id_of(url: &str) -> String {
    Digest::of(url.as_bytes()).to_string()[..16].to_owned()
}

async fn add_favorite(cx: Cx, ask: Favorite) -> Result<Value> {
    path(&ask.url)?;
    let id = id_of(&ask.url);
    let favorite = Favorite { id: Some(id.clone()), ..ask };
    let own = change(&cx, Whom::Me, "favorite", |it| {
        match it.favorites.iter_mut().find(|there| there.id.as_ref() == Some(&id)) {
            Some(there) => there.clone_from(&favorite),
            None => it.favorites.push(favorite.clone()),
        }
    })
    .await?;
    Ok(json!({"favorite": favorite, "items": own.favorites}))
}

/// A favourite.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// What it is called.
    #[field(min = 1, max = 40)]
    id: String,
}

async fn remove_favorite(cx: Cx, ask: Which) -> Result<Value> {
    let there = both(&cx).await?.0.favorites.iter().any(|it| it.id.as_ref() == Some(&ask.id));
    if !there {
        return Err(Error::not_found("not-found", "this is no favourite of yours").at("id"));
    }
    let own =
        change(&cx, Whom::Me, "unfavorite", |it| it.favorites.retain(|one| one.id.as_ref() != Some(&ask.id)))
            .await?;
    Ok(json!({"items": own.favorites}))
}

/// Where it is kept what people looked at. It changes with every page, which is too often for the journal.
const RECENT: &str = "views/recent";
/// How long it is kept after the last page.
const RECENT_S: i64 = 90 * 86_400;
/// How many are kept.
const RECENT_MAX: usize = 50;

/// Something somebody looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Visit {
    url: String,
    title: String,
    kind: Option<String>,
    at: Time,
    visits: u64,
}

async fn visited(cx: &Cx) -> Result<Vec<Visit>> {
    Ok(slot::get(cx, RECENT, &key(cx)).await?.unwrap_or_default())
}

async fn recent(cx: Cx, _: Nothing) -> Result<Value> {
    Ok(json!({"items": visited(&cx).await?}))
}

/// A page that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Page {
    /// Where it is in the console.
    #[field(min = 1, max = 1000, example = "/catalog/models/churn")]
    url: String,
    /// What people read.
    #[field(min = 1, max = 200)]
    title: String,
    /// The kind it is of.
    #[field(max = 100)]
    kind: Option<String>,
}

async fn visit(cx: Cx, ask: Page) -> Result<Value> {
    path(&ask.url)?;
    let mut all = visited(&cx).await?;
    let before = all.iter().find(|it| it.url == ask.url).map_or(0, |it| it.visits);
    all.retain(|it| it.url != ask.url);
    all.insert(0, Visit { url: ask.url, title: ask.title, kind: ask.kind, at: cx.now(), visits: before + 1 });
    all.truncate(RECENT_MAX);
    if !cx.dry_run {
        slot::put(&cx, RECENT, &key(&cx), &all, RECENT_S).await?;
    }
    Ok(json!({"items": all}))
}

async fn clear_recent(cx: Cx, _: Nothing) -> Result<Value> {
    if !cx.dry_run {
        slot::put(&cx, RECENT, &key(&cx), &json!([]), 0).await?;
    }
    Ok(json!({"items": []}))
}
