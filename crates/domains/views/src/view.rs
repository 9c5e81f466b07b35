//! A view: a table of a kind as somebody wants to see it again, with its filter, sorting and columns.

use std::collections::BTreeMap;

use kernel::{prelude::*, slot};
use usage::Window;

use crate::{
    fitted, personal,
    widget::{self, Table},
};

/// What views serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<View>) -> KindBuilder<View> {
    kind.without(&["import"])
        .admit(sound)
        .view("rows", "What the view shows, as far as the caller may read it.", rows)
        .needs("get")
        .action(
            "open",
            "What to ask for it, with the caller's state; counted as a use, and kept among what they opened.",
            open,
        )
        .needs("get")
        .action("publish", "Offers it to the project as it is now.", publish)
        .action("withdraw", "Makes it a draft again.", withdraw)
        .needs("publish")
        .view("state", "How the caller left it: what they changed for themselves.", state)
        .needs("get")
        .action("state", "Keeps how the caller leaves it.", set_state)
        .needs("get")
        .action("clear-state", "Forgets that.", clear_state)
        .needs("get")
        .view("export", "The view as one JSON document.", export)
        .needs("get")
        .action_on_all("import", "Makes a view of such a document.", import)
        .needs("create")
        .view("metrics", "How often it was used, and by whom.", metrics)
        .needs("get")
}

/// A table of a kind as somebody wants to see it again.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "view", prefix = "viw", status = "Status")]
pub struct View {
    /// What people read.
    #[field(min = 1, max = 200, example = "Failed runs of today")]
    pub title: String,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[field(max = 50, indexed)]
    pub tags: Vec<String>,
    /// The kind it shows.
    #[field(min = 1, max = 100, indexed, example = "system.runs")]
    pub kind: String,
    /// Which of them, in the grammar of lists (AIP-160).
    #[field(max = 2000, example = "status.phase = \"Failed\"")]
    pub filter: Option<String>,
    /// Which of them, by label.
    #[field(max = 2000)]
    pub label_selector: Option<String>,
    /// The columns, as paths.
    #[field(max = 50)]
    pub columns: Vec<String>,
    /// A path to sort by, `-` in front for largest first.
    #[field(max = 200)]
    pub sort: Option<String>,
    /// A path to group by.
    #[field(max = 200)]
    pub group_by: Option<String>,
}

/// Whether it is offered.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether it is offered to the project, or its maker's draft. A draft is not offered, but no secret.
    #[field(indexed, default = false)]
    pub published: bool,
    /// Since when.
    pub published_at: Option<Time>,
    /// By whom.
    pub published_by: Option<String>,
    /// How often its spec had changed then.
    pub published_generation: Option<u64>,
    /// Who made it; found when it is made.
    #[field(indexed)]
    pub maker: Option<String>,
}

/// A view can be asked for, and knows who made it.
async fn sound(cx: Cx, mut it: Object<View>, old: Option<Object<View>>) -> Result<Object<View>> {
    check(&cx, &it.spec)?;
    if old.is_none() {
        it.status.maker = Some(cx.principal.actor());
    }
    Ok(it)
}

/// Refuses a view that could never show anything.
pub fn check(cx: &Cx, spec: &View) -> Result<()> {
    table(spec, 1).check(cx).map_err(|error| {
        let field = if error.code() == "unknown-kind" { "spec.kind" } else { "spec.filter" };
        if error.field().is_some() { error } else { error.at(field) }
    })?;
    spec.group_by.iter().try_for_each(|path| widget::is_path(path).map_err(|error| error.at("spec.groupBy")))
}

fn table(spec: &View, limit: u32) -> Table {
    Table {
        kind: spec.kind.clone(),
        filter: spec.filter.clone(),
        label_selector: spec.label_selector.clone(),
        columns: spec.columns.clone(),
        sort: spec.sort.clone(),
        limit,
    }
}

/// How many rows, and from where on.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Page {
    /// How many at most.
    #[field(min = 1, max = 1000, default = 50)]
    limit: u32,
    /// Where to go on: `nextPageToken` of the page before.
    #[field(max = 2000)]
    page_token: Option<String>,
}

async fn rows(cx: Cx, it: Object<View>, ask: Page) -> Result<Value> {
    let told = widget::rows(&cx, &table(&it.spec, ask.limit), ask.page_token.as_deref()).await?;
    count(&cx, &it, "rows").await?;
    Ok(told)
}

/// Counts a use by the caller.
async fn count(cx: &Cx, it: &Object<View>, what: &str) -> Result<()> {
    let by = format!("by {}", cx.principal.actor());
    usage::count(cx, &it.metadata.uid, &[(what, 1.0), (by.as_str(), 1.0)]).await
}

async fn open(cx: Cx, it: Object<View>, _: Nothing) -> Result<Value> {
    count(&cx, &it, "opens").await?;
    let state: Option<Value> = slot::get(&cx, STATES, &state_key(&cx, &it)).await?;
    Ok(json!({"view": it.name(), "uid": it.metadata.uid, "spec": it.spec, "state": state}))
}

async fn publish(cx: Cx, it: Object<View>, _: Nothing) -> Result<Value> {
    let saved = cx
        .update_status::<View>(it.metadata.uid.as_str(), |status| {
            status.published = true;
            status.published_at = Some(cx.now());
            status.published_by = Some(cx.principal.actor());
            status.published_generation = Some(it.metadata.generation);
        })
        .await?;
    Ok(json!({"view": it.name(), "published": true, "at": saved.status.published_at}))
}

async fn withdraw(cx: Cx, it: Object<View>, _: Nothing) -> Result<Value> {
    cx.update_status::<View>(it.metadata.uid.as_str(), |status| status.published = false).await?;
    Ok(json!({"view": it.name(), "published": false}))
}

/// Where states are kept. They change with every click, which is too often for the journal.
const STATES: &str = "views/state";
/// How long one is kept after the last change.
const STATE_S: i64 = 180 * 86_400;
/// The most bytes of a state.
const STATE_BYTES_MAX: usize = 64 << 10;

fn state_key(cx: &Cx, it: &Object<View>) -> String {
    format!("{}/{}", personal::key(cx), it.metadata.uid)
}

/// How the caller left a view.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct State {
    /// Whatever the view's page wants to find again: columns, widths, sorting, what is folded.
    #[field(max = 100)]
    state: BTreeMap<String, Value>,
}

async fn state(cx: Cx, it: Object<View>, _: Nothing) -> Result<Value> {
    let state: Option<Value> = slot::get(&cx, STATES, &state_key(&cx, &it)).await?;
    Ok(json!({"view": it.name(), "state": state}))
}

async fn set_state(cx: Cx, it: Object<View>, ask: State) -> Result<Value> {
    let state = json!(ask.state);
    if state.to_string().len() > STATE_BYTES_MAX {
        return Err(Error::invalid("too-long", "a state has 64 KiB at most").at("state"));
    }
    if !cx.dry_run {
        slot::put(&cx, STATES, &state_key(&cx, &it), &state, STATE_S).await?;
    }
    Ok(json!({"view": it.name(), "state": state}))
}

async fn clear_state(cx: Cx, it: Object<View>, _: Nothing) -> Result<Value> {
    if !cx.dry_run {
        // What has ended is as good as gone.
        slot::put(&cx, STATES, &state_key(&cx, &it), &Value::Null, 0).await?;
    }
    Ok(json!({"view": it.name(), "state": null}))
}

/// What the documents say they are.
const FORMAT: &str = "aic.view/1";

async fn export(cx: Cx, it: Object<View>, _: Nothing) -> Result<Value> {
    count(&cx, &it, "exports").await?;
    let mut spec = serde_json::to_value(&it.spec).map_err(Error::internal)?;
    if let Value::Object(fields) = &mut spec {
        fields.retain(|_, value| !value.is_null());
    }
    Ok(json!({"format": FORMAT, "name": it.name(), "spec": spec}))
}

/// A document, and what the view shall be called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Document {
    /// What it is.
    #[field(max = 40, example = "aic.view/1")]
    format: String,
    /// The name of the view that is made.
    #[field(min = 1, max = 253)]
    name: String,
    /// What it shows, as the `spec` of a view.
    #[serde(default)]
    spec: Value,
}

async fn import(cx: Cx, ask: Document) -> Result<Value> {
    crate::is_format(&ask.format, FORMAT)?;
    let spec: View = fitted(&ask.spec, "spec")?;
    let made = cx.create(Draft::new(ask.name, spec)).await?;
    Ok(json!({"name": made.metadata.name, "uid": made.metadata.uid, "spec": made.spec}))
}

async fn metrics(cx: Cx, it: Object<View>, ask: Window) -> Result<Value> {
    let counts = usage::since(&cx, &it.metadata.uid, ask.days).await?;
    let of = |what: &str| counts.get(what).copied().unwrap_or(0.0);
    let by: BTreeMap<&str, f64> =
        counts.iter().filter_map(|(name, count)| Some((name.strip_prefix("by ")?, *count))).collect();
    Ok(json!({
        "view": it.name(), "days": ask.days, "opens": of("opens"), "rows": of("rows"), "exports": of("exports"),
        "people": by.len(), "by": by,
    }))
}
