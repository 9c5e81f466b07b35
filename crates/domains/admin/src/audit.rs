//! The audit: the journal of an organization as people read it, and the proof that nobody has altered it.

use kernel::{journal, prelude::*, read, store::ChangeQuery};

use crate::audit_export;

/// What is served of the audit.
pub fn serve(kind: KindBuilder<Audit>) -> KindBuilder<Audit> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "What was done in the organization, newest first.", list)
        .needs("list")
        .action_on_all("search", "What was done, by actor, kind, verb, object or time, newest first.", search)
        .needs("list")
        .view_of_all("user", "What one user did, newest first.", of_user)
        .needs("list")
        .view_of_all("resource", "What was done to one object, by its uid, newest first.", of_resource)
        .needs("list")
        .download_of_all(
            "export",
            "The journal from an entry on, oldest first: as JSON lines that can be verified without the platform, or as CSV.",
            audit_export::export,
        )
        .needs("list")
        .action_on_all(
            "verify",
            "Recomputes the whole chain and names the first entry that does not fit.",
            verify,
        )
}

/// An entry of the journal.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "audit", plural = "audit", prefix = "aud", scope = "organization")]
pub struct Audit {
    /// What was done.
    pub verb: Option<String>,
}

/// Which page.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on: `metadata.nextPageToken` of the page before.
    #[field(max = 30)]
    page_token: Option<String>,
}

/// What to look for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Search {
    /// By whom, as `user:ada`.
    #[field(max = 300)]
    actor: Option<String>,
    /// Of which kind, as `catalog.models`.
    #[field(max = 100)]
    kind: Option<String>,
    /// What, as `create`.
    #[field(max = 100)]
    verb: Option<String>,
    /// To which object, by uid.
    #[field(max = 100)]
    uid: Option<Uid>,
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

/// What was done in the organization, newest first.
async fn list(cx: Cx, page: Page) -> Result<Value> {
    let query = ChangeQuery { org: Some(cx.org.to_string()), ..ChangeQuery::default() };
    entries(&cx, query, &page).await
}

async fn search(cx: Cx, ask: Search) -> Result<Value> {
    let query = ChangeQuery {
        org: Some(cx.org.to_string()),
        project: ask.project,
        kind: ask.kind,
        uid: ask.uid,
        actor: ask.actor,
        verb: ask.verb,
        since: ask.since,
        until: ask.until,
        ..ChangeQuery::default()
    };
    entries(&cx, query, &Page { limit: ask.limit, page_token: ask.page_token }).await
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

/// What one user did.
async fn of_user(cx: Cx, ask: OfUser) -> Result<Value> {
    let actor = Some(format!("user:{}", ask.user));
    let query = ChangeQuery { org: Some(cx.org.to_string()), actor, ..ChangeQuery::default() };
    entries(&cx, query, &Page { limit: ask.limit, page_token: ask.page_token }).await
}

/// Of what.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct OfResource {
    /// The object's uid.
    #[field(max = 100)]
    uid: Uid,
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on.
    #[field(max = 30)]
    page_token: Option<String>,
}

/// What was done to one object, whether it is still there or not.
async fn of_resource(cx: Cx, ask: OfResource) -> Result<Value> {
    let query = ChangeQuery { org: Some(cx.org.to_string()), uid: Some(ask.uid), ..ChangeQuery::default() };
    entries(&cx, query, &Page { limit: ask.limit, page_token: ask.page_token }).await
}

/// A page of journal entries.
pub async fn entries(cx: &Cx, mut query: ChangeQuery, page: &Page) -> Result<Value> {
    if let Some(token) = &page.page_token {
        let position = token.parse().map_err(|_| {
            Error::bad_request("bad-page-token", "this page token does not belong to this list")
                .at("pageToken")
        })?;
        query.before = Some(position);
    }
    query.limit = page.limit + 1;
    let mut changes = cx.platform().store.history(&query).await?;
    let more = changes.len() > page.limit as usize;
    changes.truncate(page.limit as usize);
    let items: Vec<Value> = changes.iter().map(read::brief).collect();
    let mut metadata = json!({});
    if let (true, Some(last)) = (more, changes.last()) {
        metadata["nextPageToken"] = last.position.to_string().into();
    }
    Ok(json!({"kind": "AuditList", "metadata": metadata, "items": items}))
}

/// Whether the chain holds.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    /// How many entries were read.
    entries: u64,
    /// The first that does not fit.
    first_bad: Option<u64>,
    /// The hash of the last good one.
    head: Digest,
}

async fn verify(cx: Cx, _: Nothing) -> Result<Verdict> {
    let verdict = journal::verify(&*cx.platform().store).await?;
    Ok(Verdict { entries: verdict.entries, first_bad: verdict.first_bad, head: verdict.head })
}
