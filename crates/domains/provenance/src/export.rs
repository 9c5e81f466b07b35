//! Provenance for other programs: graphs as files, and the platform's own trainings as events of OpenLineage.

use kernel::{
    declare::Output,
    index::Cell,
    lineage::{self, Direction},
    predicate::Place,
    prelude::*,
    store::{Projects, Query, Sort},
};

/// What exports serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<ProvenanceExport>) -> KindBuilder<ProvenanceExport> {
    kind.without(&["create", "update", "clone", "import"])
        .action_on_all("make", "Writes the graph around an object into a file.", make)
        .needs("create")
        .download("download", "The file.", download)
}

/// The graph around an object, as it was when it was written into a file.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "provenance-export", prefix = "pex")]
pub struct ProvenanceExport {
    /// The object's uid.
    #[field(indexed, immutable, max = 100)]
    pub root: String,
    /// The form.
    #[field(immutable)]
    pub format: Format,
    /// The file.
    #[field(immutable, indexed)]
    pub blob: Digest,
    /// Its length in bytes.
    #[field(immutable)]
    pub bytes: u64,
}

/// The form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Nodes and edges.
    #[default]
    Json,
    /// PROV-JSON (W3C member submission of 24 April 2013).
    ProvJson,
    /// The language of Graphviz.
    Dot,
}

/// What to write.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Ask {
    /// The object's uid.
    #[field(max = 100)]
    id: String,
    /// Which way.
    #[field(default = "both")]
    direction: Direction,
    /// The form.
    #[field(default = "json")]
    format: Format,
}

/// Writes the graph around an object into a file.
async fn make(cx: Cx, ask: Ask) -> Result<Value> {
    let graph = lineage::of_uid(&cx, &ask.id, ask.direction).await?;
    let text = match ask.format {
        Format::Json => serde_json::to_string_pretty(&graph).map_err(Error::internal)?,
        Format::ProvJson => serde_json::to_string_pretty(&prov(&graph)).map_err(Error::internal)?,
        Format::Dot => dot(&graph),
    };
    let kernel::blob::Stored { digest: blob, bytes } = cx.platform().blobs.put(text.into_bytes()).await?;
    let name = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let spec = ProvenanceExport { root: ask.id, format: ask.format, blob, bytes };
    let made = cx.create(Draft::new(format!("graph-{name}"), spec)).await?;
    Ok(json!({"id": made.metadata.uid, "name": made.metadata.name, "bytes": bytes, "blob": blob}))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn each<'a>(graph: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    graph[name].as_array().into_iter().flatten()
}

/// The graph in the words of W3C PROV: what an object names, it was derived from.
fn prov(graph: &Value) -> Value {
    let mut entities = serde_json::Map::new();
    for node in each(graph, "nodes") {
        let said = json!({
            "prov:label": node["name"], "prov:type": node["kind"], "aic:project": node["project"],
            "prov:generatedAtTime": node["created"], "aic:blobs": node["blobs"],
        });
        entities.insert(format!("aic:{}", text(node, "uid")), said);
    }
    let mut derived = serde_json::Map::new();
    for (i, edge) in each(graph, "edges").enumerate() {
        let said = json!({
            "prov:generatedEntity": format!("aic:{}", text(edge, "from")),
            "prov:usedEntity": format!("aic:{}", text(edge, "to")),
            "aic:as": edge["field"],
        });
        derived.insert(format!("_:d{i}"), said);
    }
    json!({"prefix": {"aic": "urn:aic:"}, "entity": entities, "wasDerivedFrom": derived})
}

fn dot(graph: &Value) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut lines = vec!["digraph provenance {".to_owned(), "  rankdir=LR;".to_owned()];
    for node in each(graph, "nodes") {
        let label = quoted(&format!("{}\n{}", text(node, "kind"), text(node, "name"))).replace('\n', "\\n");
        lines.push(format!("  {} [label={label}];", quoted(text(node, "uid"))));
    }
    for edge in each(graph, "edges") {
        let (from, to) = (quoted(text(edge, "from")), quoted(text(edge, "to")));
        lines.push(format!("  {to} -> {from} [label={}];", quoted(text(edge, "field"))));
    }
    lines.push("}\n".to_owned());
    lines.join("\n")
}

/// The file.
async fn download(cx: Cx, it: Object<ProvenanceExport>, _: Nothing) -> Result<Output> {
    let bytes = cx.platform().blobs.get(it.spec.blob, it.spec.bytes).await?;
    let (media, ending) = match it.spec.format {
        Format::Json | Format::ProvJson => ("application/json", "json"),
        Format::Dot => ("text/vnd.graphviz", "dot"),
    };
    Ok(Output::Bytes {
        media: media.to_owned(),
        filename: Some(format!("{}.{ending}", it.name())),
        bytes: Box::pin(futures::stream::once(async move { Ok(bytes::Bytes::from(bytes)) })),
    })
}

/// Which events.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// How many trainings at most.
    #[field(min = 1, max = 500, default = 100)]
    limit: u32,
    /// Where to go on: `metadata.nextPageToken` of the page before.
    #[field(max = 100)]
    page_token: Option<String>,
}

const RUNS: &str = "catalog.runs";
const PRODUCER: &str = "https://github.com/OpenLineage/OpenLineage/blob/2.0.2/spec/OpenLineage.json#aic";
const SCHEMA: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// What the platform's own trainings read and made, as events of OpenLineage, oldest first.
pub async fn events(cx: Cx, ask: Page) -> Result<Value> {
    let Ok(kind) = cx.platform().kind(RUNS) else { return Ok(json!({"metadata": {}, "items": []})) };
    cx.authorize(&kind.permission("list"), &cx.project).await?;
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: RUNS.to_owned(),
        projects: Projects::These(vec![cx.project.to_string()]),
        deleted: false,
        filter: None,
        sort: Sort { place: Place::Uid, descending: false },
        after: ask.page_token.filter(|it| !it.is_empty()).map(|uid| (Cell::Null, Uid::known(uid))),
        limit: ask.limit,
    };
    let records = cx.platform().store.list(&query).await?;
    let mut items = Vec::new();
    for record in &records {
        items.extend(of_run(&cx, &Raw::from_record(&kind, record)?).await?);
    }
    let mut metadata = json!({});
    if let Some(last) = records.last().filter(|_| records.len() == ask.limit as usize) {
        metadata["nextPageToken"] = last.uid.to_string().into();
    }
    Ok(json!({"metadata": metadata, "items": items}))
}

/// A run's begin, and its end where it has ended.
pub async fn of_run(cx: &Cx, run: &Raw) -> Result<Vec<Value>> {
    let spec = |name: &str| run.spec.get(name).and_then(Value::as_str);
    let inputs: Vec<Value> = match spec("datasetVersion") {
        Some(version) => vec![dataset(version, spec("datasetDigest"))],
        None => Vec::new(),
    };
    let outputs: Vec<Value> = match cx.platform().kind("catalog.model-versions") {
        Ok(_) => cx
            .list_raw(
                "catalog.model-versions",
                &format!("spec.run = {}", kernel::literal(&run.metadata.name)),
                100,
            )
            .await?
            .iter()
            .map(|version| dataset(&version.metadata.name, version.spec.get("blob").and_then(Value::as_str)))
            .collect(),
        Err(_) => Vec::new(),
    };
    let event = |kind: &str, time: Value| {
        json!({
            "eventType": kind, "eventTime": time, "producer": PRODUCER, "schemaURL": SCHEMA,
            "run": {"runId": crate::openlineage::uuid(run.metadata.uid.as_str()), "facets": {}},
            "job": {"namespace": crate::openlineage::OWN, "name": spec("experiment").unwrap_or_default(), "facets": {}},
            "inputs": inputs, "outputs": if kind == "START" { Vec::new() } else { outputs.clone() },
        })
    };
    let mut events = vec![event("START", json!(run.metadata.creation_timestamp))];
    let status = |name: &str| run.status.get(name).filter(|it| !it.is_null());
    let ended = match status("phase").and_then(Value::as_str) {
        Some("FINISHED") => Some("COMPLETE"),
        Some("FAILED") => Some("FAIL"),
        Some("KILLED") => Some("ABORT"),
        _ => None,
    };
    if let (Some(kind), Some(time)) = (ended, status("finishedAt")) {
        events.push(event(kind, time.clone()));
    }
    Ok(events)
}

fn dataset(name: &str, digest: Option<&str>) -> Value {
    let facets = match digest {
        Some(digest) => json!({"version": {
            "_producer": PRODUCER, "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
            "datasetVersion": digest,
        }}),
        None => json!({}),
    };
    json!({"namespace": crate::openlineage::OWN, "name": name, "facets": facets})
}
