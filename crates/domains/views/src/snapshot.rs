//! A snapshot: what a dashboard showed to somebody at one moment.
//!
//! What was read is kept as a blob and told only to those who could read it themselves.

use kernel::prelude::*;

use crate::{
    dashboard::{self, Dashboard},
    widget::{self, Form},
};

/// What snapshots serve; one is made by `POST …/dashboards/{id}/snapshots` and never changed.
pub fn serve(kind: KindBuilder<Snapshot>) -> KindBuilder<Snapshot> {
    kind.child_of("dashboards", "dashboard")
        .without(&["update", "clone", "import"])
        .admit(taken)
        .view("data", "What the dashboard showed, as far as the caller may read it.", data)
        .needs("get")
}

/// What a dashboard showed at one moment.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dashboard-snapshot", prefix = "dss")]
pub struct Snapshot {
    /// The dashboard.
    #[field(reference = "views.dashboards", indexed, immutable)]
    pub dashboard: Ref,
    /// Why it was taken.
    #[field(max = 500, immutable)]
    pub note: Option<String>,
    /// When the reading began; found when it is taken.
    #[field(immutable)]
    pub taken_at: Option<Time>,
    /// With whose rights it was read; found when it is taken.
    #[field(immutable)]
    pub taken_by: Option<String>,
    /// The dashboard's title then.
    #[field(immutable)]
    pub title: Option<String>,
    /// How many columns it had.
    #[field(immutable)]
    pub columns: Option<u32>,
    /// How high a row was.
    #[field(immutable)]
    pub row_height: Option<u32>,
    /// What stood where, and what one must be allowed to see what it showed.
    #[field(max = 60, immutable)]
    pub items: Vec<Frozen>,
    /// What they showed.
    #[field(immutable)]
    pub blob: Option<Digest>,
}

/// One place then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Frozen {
    /// Its name.
    pub id: String,
    /// The column of its first edge.
    pub x: u32,
    /// The row of its upper edge.
    pub y: u32,
    /// How many columns it took.
    pub width: u32,
    /// How many rows it took.
    pub height: u32,
    /// What it was; nothing where it showed nothing.
    pub show: Option<Form>,
    /// The permissions it was read with.
    pub needs: Vec<String>,
}

/// The most bytes a snapshot may have.
const BYTES_MAX: usize = 8 << 20;

/// Reads the dashboard with the rights of whoever takes the snapshot.
async fn taken(cx: Cx, mut it: Object<Snapshot>, old: Option<Object<Snapshot>>) -> Result<Object<Snapshot>> {
    if let Some(old) = old {
        // It is as it was taken, whatever is written: labels may change, what it says may not.
        it.spec = old.spec;
        return Ok(it);
    }
    let from = cx.get_opt::<Dashboard>(&it.spec.dashboard).await?;
    let may = cx.decide_on("views.dashboards.get", (&cx.project, &it.spec.dashboard)).await?.allowed;
    let Some(from) = from.filter(|_| may) else {
        return Err(Error::invalid("bad-reference", "there is no such dashboard").at("spec.dashboard"));
    };
    let (mut items, mut told) = (Vec::new(), serde_json::Map::new());
    for shown in dashboard::shown(&cx, &from.spec).await? {
        let place = &shown.item;
        let (mut show, mut needs) = (None, Vec::new());
        if let (Some(spec), Ok(value)) = (&shown.spec, &shown.told) {
            show = Some(spec.show);
            needs = widget::needs(&cx, spec).await?;
            told.insert(place.id.clone(), value.clone());
        }
        let (x, y, width, height) = (place.x, place.y, place.width, place.height);
        items.push(Frozen { id: place.id.clone(), x, y, width, height, show, needs });
    }
    let bytes = Value::Object(told).to_string().into_bytes();
    if bytes.len() > BYTES_MAX {
        let message = format!("what the dashboard shows has {} bytes", bytes.len());
        return Err(Error::too_large("too-long", message)
            .hint(format!("a snapshot has {BYTES_MAX} at most; show fewer rows and points")));
    }
    if it.metadata.name.is_empty() {
        it.metadata.name = format!("{}.{}", from.name(), cx.now().millis());
    }
    let blob = if cx.dry_run { Digest::of(&bytes) } else { cx.platform().blobs.put(bytes).await?.digest };
    it.spec = Snapshot {
        dashboard: Ref::to(from.name()),
        note: it.spec.note,
        taken_at: Some(cx.now()),
        taken_by: Some(cx.principal.actor()),
        title: Some(from.spec.title.clone()),
        columns: Some(from.spec.columns),
        row_height: Some(from.spec.row_height),
        items,
        blob: Some(blob),
    };
    Ok(it)
}

/// What the dashboard showed: of each place only to those who may read it now.
async fn data(cx: Cx, it: Object<Snapshot>, _: Nothing) -> Result<Value> {
    let Some(blob) = it.spec.blob else { return Err(Error::internal("a snapshot of nothing")) };
    let bytes = cx.platform().blobs.get(blob, BYTES_MAX as u64).await?;
    let told: Value = serde_json::from_slice(&bytes).map_err(Error::internal)?;
    let mut items = Vec::new();
    for place in &it.spec.items {
        let mut value =
            json!({"id": place.id, "x": place.x, "y": place.y, "width": place.width, "height": place.height});
        match crate::all_allowed(&cx, &place.needs).await? {
            true => {
                for (name, part) in told[&place.id].as_object().into_iter().flatten() {
                    value[name] = part.clone();
                }
            }
            false => {
                value["error"] = json!({"code": "forbidden", "detail": "you may not read what this showed"})
            }
        }
        items.push(value);
    }
    Ok(json!({
        "name": it.name(), "dashboard": it.spec.dashboard, "title": it.spec.title, "note": it.spec.note,
        "takenAt": it.spec.taken_at, "takenBy": it.spec.taken_by, "columns": it.spec.columns,
        "rowHeight": it.spec.row_height, "items": items,
    }))
}
