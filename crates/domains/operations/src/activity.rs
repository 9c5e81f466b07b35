//! Activities: the journal of an organization in sentences that a person reads.

use bytes::Bytes;
use futures::stream;
use kernel::{journal::Change, prelude::*, store::ChangeQuery};

/// What is served of activities.
pub fn serve(kind: KindBuilder<Activity>) -> KindBuilder<Activity> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "What happened in the organization, newest first.", list)
        .needs("list")
        .view_of_all("entry", "One thing that happened, by its position in the journal.", entry)
        .needs("list")
        .view_of_all("user", "What one user did, newest first.", of_user)
        .needs("list")
        .action_on_all("search", "What happened, by words, actor, kind or time, newest first.", search)
        .needs("list")
        .download_of_all("export", "What happened, newest first, as JSON lines or CSV.", export)
        .needs("list")
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "activity", plural = "activities", prefix = "act", scope = "organization")]
pub struct Activity {
    /// The sentence.
    pub sentence: Option<String>,
}

/// Entries read for one page of a search by words, at most.
const READ_MAX: usize = 20_000;
/// Entries read at once.
const BATCH: u32 = 1000;

/// Which page.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Page {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on.
    #[field(max = 30)]
    page_token: Option<String>,
}

/// Whose.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct OfUser {
    /// The user's name.
    #[field(max = 253)]
    user: String,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on.
    #[field(max = 30)]
    page_token: Option<String>,
}

/// Which one.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Its position in the journal.
    #[field(max = 20, example = "42")]
    id: String,
}

/// What to look for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Search {
    /// Words that stand in the sentence.
    #[field(max = 300)]
    q: Option<String>,
    /// By whom, as `user:ada`.
    #[field(max = 300)]
    actor: Option<String>,
    /// Of which kind, as `catalog.models`.
    #[field(max = 100)]
    kind: Option<String>,
    /// In which project.
    #[field(max = 253)]
    project: Option<String>,
    /// Not before.
    since: Option<Time>,
    /// Before.
    until: Option<Time>,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on.
    #[field(max = 30)]
    page_token: Option<String>,
}

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values (RFC 4180).
    Csv,
}

/// What to export.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Export {
    /// In which form.
    #[field(default = "jsonl")]
    format: Form,
    /// Not before.
    since: Option<Time>,
    /// Before.
    until: Option<Time>,
}

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Happened {
    /// Its position in the journal.
    id: String,
    /// When.
    time: Time,
    /// What, in a sentence.
    sentence: String,
    /// Who.
    actor: String,
    /// What was done.
    verb: String,
    /// To a thing of which kind.
    kind: String,
    /// Its name.
    name: String,
    /// In which project.
    project: String,
}

/// A page of what happened.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Happenings {
    /// Newest first.
    items: Vec<Happened>,
    /// Where to go on; nothing at the end.
    next_page_token: Option<String>,
}

/// What somebody did, as one says it.
fn done(verb: &str) -> Option<&'static str> {
    Some(match verb {
        "create" => "created",
        "replace" | "patch" | "apply" | "update" => "changed",
        "delete" => "deleted",
        "restore" => "restored",
        "purge" => "removed for good",
        "rollback" => "rolled back",
        "clone" => "cloned",
        "bootstrap" => "set up",
        "import" | "bulk" => "imported",
        _ => return None,
    })
}

/// A change as a sentence.
fn sentence(change: &Change) -> String {
    let who = match change.actor.split_once(':') {
        Some(("user", name)) => name.to_owned(),
        Some(("service", name)) => format!("service account {name}"),
        Some(("system", name)) => format!("the platform ({name})"),
        _ => change.actor.clone(),
    };
    let plural = change.kind.rsplit('.').next().unwrap_or_default();
    let thing = plural.strip_suffix('s').unwrap_or(plural).replace('-', " ");
    let place =
        if change.project.is_empty() { String::new() } else { format!(" in project {}", change.project) };
    match done(&change.verb) {
        Some(done) => format!("{who} {done} the {thing} `{}`{place}", change.name),
        None => format!("{who} did `{}` to the {thing} `{}`{place}", change.verb, change.name),
    }
}

fn told(change: Change) -> Happened {
    Happened {
        sentence: sentence(&change),
        id: change.position.to_string(),
        time: change.time,
        actor: change.actor,
        verb: change.verb,
        kind: change.kind,
        name: change.name,
        project: change.project,
    }
}

/// What happened in the organization, newest first.
async fn list(cx: Cx, page: Page) -> Result<Happenings> {
    let query = ChangeQuery { org: Some(cx.org.to_string()), ..ChangeQuery::default() };
    found(&cx, query, (page.limit, page.page_token), "").await
}

/// What one user did, newest first.
async fn of_user(cx: Cx, ask: OfUser) -> Result<Happenings> {
    let actor = Some(format!("user:{}", ask.user));
    let query = ChangeQuery { org: Some(cx.org.to_string()), actor, ..ChangeQuery::default() };
    found(&cx, query, (ask.limit, ask.page_token), "").await
}

/// What happened, by words and more.
async fn search(cx: Cx, ask: Search) -> Result<Happenings> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        project: ask.project,
        kind: ask.kind,
        actor: ask.actor,
        since: ask.since,
        until: ask.until,
        ..ChangeQuery::default()
    };
    found(&cx, query, (ask.limit, ask.page_token), ask.q.as_deref().unwrap_or_default()).await
}

/// One thing that happened.
async fn entry(cx: Cx, ask: Which) -> Result<Happened> {
    let nothing = || {
        let shown: String = ask.id.chars().take(20).collect();
        Error::not_found("not-found", format!("there is no activity `{shown}` here"))
            .hint("an activity is named by its position in the journal, as `GET /activities` shows it")
    };
    let position: u64 = ask.id.parse().map_err(|_| nothing())?;
    let before = Some(position.checked_add(1).ok_or_else(nothing)?);
    let query = ChangeQuery { org: Some(cx.org.to_string()), before, limit: 1, ..ChangeQuery::default() };
    let change = cx.platform().store.history(&query).await?.pop();
    change.filter(|change| change.position == position).map(told).ok_or_else(nothing)
}

/// A page of what a question finds and whose sentences hold all words.
async fn found(
    cx: &Cx,
    mut query: ChangeQuery,
    (limit, token): (u32, Option<String>),
    words: &str,
) -> Result<Happenings> {
    query.before = match &token {
        Some(token) => Some(token.parse().map_err(|_| {
            Error::bad_request("bad-page-token", "this page token does not belong to this list")
                .at("pageToken")
        })?),
        None => None,
    };
    let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
    query.limit = if words.is_empty() { limit + 1 } else { BATCH };
    let mut items: Vec<Happened> = Vec::new();
    let mut read = 0;
    loop {
        let changes = cx.platform().store.history(&query).await?;
        let is_last = changes.len() < query.limit as usize;
        read += changes.len();
        query.before = changes.last().map(|change| change.position).or(query.before);
        for happened in changes.into_iter().map(told) {
            let text = happened.sentence.to_lowercase();
            if words.iter().all(|word| text.contains(word)) {
                if items.len() == limit as usize {
                    let next_page_token = items.last().map(|it| it.id.clone());
                    return Ok(Happenings { items, next_page_token });
                }
                items.push(happened);
            }
        }
        if is_last {
            return Ok(Happenings { items, next_page_token: None });
        }
        if read >= READ_MAX {
            // Nothing found so far is no reason to stop looking: the caller goes on from here.
            return Ok(Happenings { items, next_page_token: query.before.map(|at| at.to_string()) });
        }
    }
}

/// What happened, piece by piece.
async fn export(cx: Cx, ask: Export) -> Result<Output> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        since: ask.since,
        until: ask.until,
        limit: BATCH,
        ..ChangeQuery::default()
    };
    let (media, ending) = match ask.format {
        Form::Jsonl => ("application/x-ndjson", "jsonl"),
        Form::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let head = match ask.format {
        Form::Jsonl => String::new(),
        Form::Csv => "id,time,actor,verb,kind,name,project,sentence\r\n".to_owned(),
    };
    let form = ask.format;
    let start = (Some(query), head);
    let bytes = stream::try_unfold(start, move |(query, mut text)| {
        let cx = cx.clone();
        async move {
            let Some(mut query) = query else { return Ok(None) };
            let changes = cx.platform().store.history(&query).await?;
            query.before = changes.last().map(|change| change.position);
            let next = (changes.len() == BATCH as usize).then_some(query);
            for happened in changes.into_iter().map(told) {
                text.push_str(&line(form, &happened)?);
            }
            Ok(Some((Bytes::from(text), (next, String::new()))))
        }
    });
    let filename = Some(format!("activities.{ending}"));
    Ok(Output::Bytes { media: media.to_owned(), filename, bytes: Box::pin(bytes) })
}

fn line(form: Form, it: &Happened) -> Result<String> {
    match form {
        Form::Jsonl => serde_json::to_string(it).map(|line| line + "\n").map_err(Error::internal),
        Form::Csv => {
            let time = it.time.to_string();
            let cells = [&it.id, &time, &it.actor, &it.verb, &it.kind, &it.name, &it.project, &it.sentence];
            Ok(cells.map(|cell| quoted(cell)).join(",") + "\r\n")
        }
    }
}

/// A cell as RFC 4180 writes it; one that a spreadsheet would take for a formula gets an apostrophe in front.
fn quoted(cell: &str) -> String {
    let guarded =
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", guarded.replace('"', "\"\""));
    }
    guarded
}
