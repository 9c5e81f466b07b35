//! A project's environment: a stage its work goes through, such as development and production.

use kernel::prelude::*;

/// What environments serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Environment>) -> KindBuilder<Environment> {
    kind.child_of("projects", "project").leave(stays_while_protected)
}

/// A stage a project's work goes through.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "environment", prefix = "env", scope = "organization")]
pub struct Environment {
    /// The project.
    #[field(reference = "admin.projects", indexed, immutable)]
    pub project: Ref,
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Which stage it is.
    #[field(indexed, default = "development")]
    pub stage: Stage,
    /// Whether it cannot be deleted.
    #[field(default = false)]
    pub protected: bool,
}

/// Stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Where it is made.
    Development,
    /// Where it is tried.
    Staging,
    /// Where it is relied on.
    Production,
}

async fn stays_while_protected(_: Cx, it: Object<Environment>) -> Result<()> {
    if !it.spec.protected {
        return Ok(());
    }
    Err(Error::conflict("environment-protected", format!("environment `{}` is protected", it.name()))
        .hint("set `spec.protected` to false first"))
}
