//! Provenance: what happened in a project, and from any object to what it came from and what came of it.

use kernel::{lineage::Direction, prelude::*};

use crate::{changes, experiments, graph, openlineage};

/// What is served of provenance; every kind also answers `…/{id}/lineage` and `…/{id}/history`.
pub fn serve(kind: KindBuilder<Provenance>) -> KindBuilder<Provenance> {
    looked(kind)
        .without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "What was done in the project, newest first.", changes::list)
        .needs("list")
        .action_on_all(
            "record",
            "Reports that something outside the platform made outputs from inputs.",
            openlineage::record,
        )
        .needs("create")
        .action_on_all("filter", "What was done, by kind, verb, actor and time, newest first.", changes::list)
        .needs("list")
        .view_of_all(
            "search",
            "What was done to objects with a word in their names, newest first.",
            changes::search,
        )
        .needs("list")
        .view_of_all(
            "artifact",
            "What was done to one object, by its uid, or which objects are made of a blob, by its digest.",
            changes::of_artifact,
        )
        .needs("list")
        .view_of_all("user", "What one actor did, as `user:ada` or `ada`.", changes::of_user)
        .needs("list")
        .view_of_all("change", "One change, with what it changed.", changes::one)
        .needs("list")
        .view_of_all("change-diff", "What one change made different.", changes::diff)
        .needs("list")
        .action_on_all(
            "restore-change",
            "Writes an object back to what it was after a change.",
            changes::restore,
        )
        .needs("restore")
        .view_of_all(
            "facet",
            "The kinds, verbs or actors of the last changes, with counts; or from when to when they are.",
            changes::facet,
        )
        .needs("list")
}

/// The views of the graph.
fn looked(kind: KindBuilder<Provenance>) -> KindBuilder<Provenance> {
    kind.view_of_all(
        "experiments-of-dataset",
        "The experiments whose runs learned from a dataset.",
        experiments::of_dataset,
    )
    .needs("list")
    .view_of_all(
        "experiments-of-model",
        "The experiments whose runs made versions of a model.",
        experiments::of_model,
    )
    .needs("list")
    .view_of_all(
        "of",
        "Where one object came from: who made it, when, from what, with which digests.",
        graph::origin,
    )
    .needs("list")
    .view_of_all("lineage", "What an object came from and what came of it.", graph::both)
    .needs("list")
    .view_of_all("upstream", "What an object came from.", |cx, ask| {
        graph::walked(cx, ask, Direction::Upstream)
    })
    .needs("list")
    .view_of_all("downstream", "What came of an object.", |cx, ask| {
        graph::walked(cx, ask, Direction::Downstream)
    })
    .needs("list")
    .view_of_all("impact", "What is touched when an object is withdrawn, by kind.", graph::impact)
    .needs("list")
}

/// Where something came from.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "provenance", plural = "provenance", prefix = "prv")]
pub struct Provenance {
    /// The object.
    pub object: Option<String>,
}
