//! Searching: one question over the objects of all kinds. Whoever has logged in may ask; each finds what they may list.

use std::collections::BTreeMap;

use kernel::{prelude::*, slot};
use ports::search::{Hit, Order, Question, Search as Engine};

use crate::places;

/// What is served of searching.
pub fn serve(kind: KindBuilder<Search>) -> KindBuilder<Search> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "Objects of all kinds that fit some words.", simple)
        .open_to(OpenTo::Caller)
        .action_on_all("advanced", "The same, with everything that can be asked.", find)
        .open_to(OpenTo::Caller)
        .action_on_all("models", "Models, and their versions.", |cx, ask| of(cx, ask, &MODELS))
        .open_to(OpenTo::Caller)
        .action_on_all("datasets", "Datasets, and their versions.", |cx, ask| of(cx, ask, &DATASETS))
        .open_to(OpenTo::Caller)
        .action_on_all("experiments", "Experiments, and their runs.", |cx, ask| of(cx, ask, &EXPERIMENTS))
        .open_to(OpenTo::Caller)
        .action_on_all("pipelines", "Pipelines.", |cx, ask| of(cx, ask, &["catalog.pipelines"]))
        .open_to(OpenTo::Caller)
        .action_on_all("features", "Sets of features.", |cx, ask| of(cx, ask, &["catalog.feature-sets"]))
        .open_to(OpenTo::Caller)
        .view_of_all("filters", "What can be narrowed by, with how many objects each value has.", filters)
        .open_to(OpenTo::Caller)
        .view_of_all("filter", "The values of one facet.", filter)
        .open_to(OpenTo::Caller)
        .view_of_all("suggestions", "Names that begin so.", suggestions)
        .open_to(OpenTo::Caller)
        .view_of_all("sort-options", "The orders there are.", sort_options)
        .open_to(OpenTo::Caller)
        .view_of_all("history", "What the caller looked for, newest first.", history)
        .open_to(OpenTo::Caller)
        .action_on_all("clear-history", "Forgets what the caller looked for.", clear_history)
        .open_to(OpenTo::Caller)
}

const MODELS: [&str; 2] = ["catalog.models", "catalog.model-versions"];
const DATASETS: [&str; 2] = ["catalog.datasets", "catalog.dataset-versions"];
const EXPERIMENTS: [&str; 2] = ["catalog.experiments", "catalog.runs"];

/// A search.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "search", plural = "search", prefix = "sea", scope = "organization")]
pub struct Search {
    /// The words.
    pub query: Option<String>,
}

/// How far a page may lie from the first: whoever looks further should narrow.
const OFFSET_MAX: usize = 10_000;

/// What to look for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Ask {
    /// The words; `"a phrase"`, `-not`, `OR` and `name:word` are understood. Everything when absent.
    #[field(max = 500, example = "churn model")]
    query: Option<String>,
    /// Only these kinds, as `catalog.models`.
    #[field(max = 100)]
    #[serde(default)]
    kinds: Vec<String>,
    /// Only these projects.
    #[field(max = 100)]
    #[serde(default)]
    projects: Vec<String>,
    /// Only what has one of these values of a facet, as `{"task": ["binary"]}`; `filters` tells which there are.
    #[serde(default)]
    facets: BTreeMap<String, Vec<String>>,
    /// Only what was made since then.
    created_since: Option<Time>,
    /// The order.
    #[field(default = "relevance")]
    sort: Sort,
    /// How many at most.
    #[field(min = 1, max = 100, default = 20)]
    limit: u32,
    /// Where to go on: `metadata.nextPageToken` of the page before.
    #[field(max = 10)]
    page_token: Option<String>,
}

/// An order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// What fits best.
    #[default]
    Relevance,
    /// What was changed last.
    Updated,
    /// What was made last.
    Created,
}

/// The plain questions, for an address.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Simple {
    /// The words; `"a phrase"`, `-not`, `OR` and `name:word` are understood. Everything when absent.
    #[field(max = 500, example = "churn model")]
    query: Option<String>,
    /// Only this kind, as `catalog.models`.
    #[field(max = 100)]
    kind: Option<String>,
    /// The order.
    #[field(default = "relevance")]
    sort: Sort,
    /// How many at most.
    #[field(min = 1, max = 100, default = 20)]
    limit: u32,
    /// Where to go on: `metadata.nextPageToken` of the page before.
    #[field(max = 10)]
    page_token: Option<String>,
}

async fn simple(cx: Cx, ask: Simple) -> Result<Value> {
    let ask = Ask {
        query: ask.query,
        kinds: ask.kind.into_iter().collect(),
        projects: Vec::new(),
        facets: BTreeMap::new(),
        created_since: None,
        sort: ask.sort,
        limit: ask.limit,
        page_token: ask.page_token,
    };
    find(cx, ask).await
}

const SORTS: [(Sort, &str); 3] = [
    (Sort::Relevance, "what fits best"),
    (Sort::Updated, "what was changed last"),
    (Sort::Created, "what was made last"),
];

impl Sort {
    fn order(self) -> Order {
        match self {
            Self::Relevance => Order::Relevance,
            Self::Updated => Order::Updated,
            Self::Created => Order::Created,
        }
    }
}

async fn question(cx: &Cx, ask: &Ask) -> Result<Question> {
    let offset = match ask.page_token.as_deref() {
        None | Some("") => 0,
        Some(text) => text.parse().ok().filter(|offset| *offset <= OFFSET_MAX).ok_or_else(|| {
            Error::bad_request("bad-page-token", "this is no token of a page of a search").at("pageToken")
        })?,
    };
    Ok(Question {
        org: cx.org.to_string(),
        places: places::of(cx, &ask.kinds, &ask.projects).await?,
        words: ask.query.clone().unwrap_or_default(),
        facets: ask.facets.clone(),
        since: ask.created_since,
        order: ask.sort.order(),
        offset,
        limit: ask.limit as usize,
    })
}

async fn of(cx: Cx, ask: Ask, kinds: &'static [&'static str]) -> Result<Value> {
    if !ask.kinds.is_empty() {
        return Err(
            Error::invalid("kind-given", "this search is about one sort of things already").at("kinds")
        );
    }
    // A platform may serve only some of them.
    let here = kinds.iter().filter(|kind| cx.platform().kind(kind).is_ok());
    let kinds: Vec<String> = here.map(|kind| (*kind).to_owned()).collect();
    if kinds.is_empty() {
        return Err(Error::not_found("unknown-kind", "there are no such things here"));
    }
    find(cx, Ask { kinds, ..ask }).await
}

async fn find(cx: Cx, ask: Ask) -> Result<Value> {
    let question = question(&cx, &ask).await?;
    remember(&cx, &question).await?;
    let (offset, limit) = (question.offset, question.limit);
    let mut found = cx.port::<dyn Engine>()?.find(question).await?;
    let came = found.hits.len();
    let mut items = Vec::with_capacity(came);
    for hit in found.hits {
        match may_see(&cx, &hit).await? {
            true => items.push(shown(&cx, hit)?),
            // A policy hides this one object; it is not counted either.
            false => found.total = found.total.saturating_sub(1),
        }
    }
    let next = offset + limit;
    let mut metadata = json!({"total": found.total});
    if came == limit && next <= OFFSET_MAX {
        metadata["nextPageToken"] = next.to_string().into();
    }
    Ok(json!({"kind": "SearchResult", "metadata": metadata, "items": items, "facets": found.facets}))
}

/// Whether the caller may see an object: the query asks for kinds and projects, rules may be about one object.
async fn may_see(cx: &Cx, hit: &Hit) -> Result<bool> {
    let kind = cx.platform().kind(&hit.kind)?;
    Ok(cx.decide_on(&kind.permission("get"), (&hit.project, &hit.name)).await?.allowed)
}

fn shown(cx: &Cx, hit: Hit) -> Result<Value> {
    let kind = cx.platform().kind(&hit.kind)?;
    let mut value = serde_json::to_value(&hit).map_err(Error::internal)?;
    value["path"] = format!("/api/v1/{}/{}/{}", kind.service, kind.plural, hit.uid).into();
    Ok(value)
}

/// The names of facets that a caller knows by another word.
fn facet_named(name: &str) -> &str {
    match name {
        "types" | "kinds" => "kind",
        "frameworks" => "framework",
        "categories" => "category",
        other => other,
    }
}

/// Which facet, of what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The facet: `types`, `frameworks`, `categories`, or any that `filters` tells.
    #[field(max = 100)]
    facet: String,
}

async fn counted(cx: &Cx) -> Result<BTreeMap<String, BTreeMap<String, u64>>> {
    let places = places::of(cx, &[], &[]).await?;
    let question = Question { org: cx.org.to_string(), places, limit: 1, ..Question::default() };
    Ok(cx.port::<dyn Engine>()?.find(question).await?.facets)
}

async fn filters(cx: Cx, _: Nothing) -> Result<Value> {
    Ok(json!({"facets": counted(&cx).await?}))
}

async fn filter(cx: Cx, ask: Which) -> Result<Value> {
    let name = facet_named(&ask.facet);
    let values = counted(&cx).await?.remove(name).unwrap_or_default();
    let items: Vec<Value> =
        values.iter().map(|(value, count)| json!({"value": value, "count": count})).collect();
    Ok(json!({"facet": name, "items": items}))
}

/// The beginning of a name.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Begun {
    /// What was typed.
    #[field(min = 1, max = 100, example = "chu")]
    query: String,
    /// How many at most.
    #[field(min = 1, max = 50, default = 10)]
    limit: u32,
}

async fn suggestions(cx: Cx, ask: Begun) -> Result<Value> {
    let places = places::of(&cx, &[], &[]).await?;
    let limit = ask.limit as usize;
    let question =
        Question { org: cx.org.to_string(), places, words: ask.query, limit, ..Question::default() };
    Ok(json!({"items": cx.port::<dyn Engine>()?.suggest(question).await?}))
}

async fn sort_options(_: Cx, _: Nothing) -> Result<Value> {
    let items: Vec<Value> =
        SORTS.iter().map(|(sort, doc)| json!({"name": sort, "description": doc})).collect();
    Ok(json!({"items": items}))
}

/// Where is kept what somebody looked for.
const HISTORY: &str = "search-history";
/// How many searches are kept of each, and for how long.
const HISTORY_MAX: usize = 20;
const HISTORY_S: i64 = 90 * 24 * 3600;

/// One search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
struct Searched {
    /// The words.
    query: String,
    /// When.
    time: Time,
}

fn of_caller(cx: &Cx) -> String {
    format!("{}/{}", cx.org, cx.principal.signature())
}

async fn searched(cx: &Cx) -> Result<Vec<Searched>> {
    Ok(slot::get(cx, HISTORY, &of_caller(cx)).await?.unwrap_or_default())
}

/// Keeps the words of a first page, unless they are the last ones again.
async fn remember(cx: &Cx, question: &Question) -> Result<()> {
    let query = question.words.trim().to_owned();
    let mut all = searched(cx).await?;
    if query.is_empty() || question.offset > 0 || all.first().is_some_and(|last| last.query == query) {
        return Ok(());
    }
    all.retain(|it| it.query != query);
    all.insert(0, Searched { query, time: cx.now() });
    all.truncate(HISTORY_MAX);
    slot::put(cx, HISTORY, &of_caller(cx), &all, HISTORY_S).await
}

async fn history(cx: Cx, _: Nothing) -> Result<Value> {
    Ok(json!({"items": searched(&cx).await?}))
}

async fn clear_history(cx: Cx, _: Nothing) -> Result<Nothing> {
    slot::put(&cx, HISTORY, &of_caller(&cx), &Vec::<Searched>::new(), 1).await?;
    Ok(Nothing {})
}
