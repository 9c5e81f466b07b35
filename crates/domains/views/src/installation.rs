//! An installation: a component as a project took it, which stays so whatever becomes of the component.

use kernel::{
    prelude::*,
    store::{Projects, Query, Sort},
};

use crate::component::{Component, Definition};

/// What installations serve; they are made at the component.
pub fn serve(kind: KindBuilder<Installation>) -> KindBuilder<Installation> {
    kind.without(&["create", "update", "clone", "import"]).leave(unused)
}

/// A component as a project took it.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "component-installation", prefix = "cmi")]
pub struct Installation {
    /// The component.
    #[field(indexed, immutable, max = 253)]
    pub component: String,
    /// Its version then.
    #[field(max = 40)]
    pub version: String,
    /// What it takes, and the widget it makes of that.
    pub definition: Definition,
    /// The digest of that.
    pub digest: Digest,
    /// Who took it.
    pub installed_by: String,
}

/// What a component offers: as it was published, or as it is while it never was.
pub fn offered(it: &Object<Component>) -> Result<Definition> {
    Ok(it.status.offered.clone().unwrap_or_else(|| it.spec.definition.clone()))
}

/// The digest of a definition.
pub fn digest(definition: &Definition) -> Result<Digest> {
    Ok(Digest::of(serde_json::to_string(definition).map_err(Error::internal)?.as_bytes()))
}

/// Takes the component as it is offered now; a second time takes a newer one.
pub async fn install(cx: Cx, it: Object<Component>, _: Nothing) -> Result<Value> {
    if !it.status.published {
        return Err(Error::conflict("component-unpublished", "the component is not offered")
            .hint("whoever may `publish` it offers it"));
    }
    let definition = offered(&it)?;
    let spec = Installation {
        component: it.metadata.name.clone(),
        version: it.status.offered_version.clone().unwrap_or_else(|| it.spec.version.clone()),
        digest: digest(&definition)?,
        definition,
        installed_by: cx.principal.actor(),
    };
    let found = cx.get_opt::<Installation>(it.name()).await?;
    let saved = match found {
        Some(mut there) => {
            there.spec = spec;
            cx.save(&there).await?
        }
        None => cx.create(Draft::new(it.name(), spec)).await?,
    };
    Ok(json!({
        "component": it.name(), "project": saved.metadata.namespace, "version": saved.spec.version,
        "digest": saved.spec.digest,
    }))
}

/// In how many projects a component is installed.
pub async fn count(cx: &Cx, component: &str, projects: Projects) -> Result<u64> {
    let kind = cx.platform().kind_of::<Installation>()?;
    let filter = format!("spec.component = {}", kernel::literal(component));
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.id(),
        projects,
        deleted: false,
        filter: kernel::selection::parse(&*kind, &filter)?,
        sort: Sort { place: kernel::predicate::Place::Uid, descending: false },
        after: None,
        limit: 1,
    };
    cx.platform().store.count(&query).await
}

/// Widgets that are made of it must go first.
async fn unused(cx: Cx, it: Object<Installation>) -> Result<()> {
    let filter = format!("spec.component = {}", kernel::literal(it.name()));
    let cx = cx.in_project(&it.metadata.namespace);
    match cx.list_raw("views.widgets", &filter, 1).await?.first() {
        None => Ok(()),
        Some(widget) => {
            let message = format!("widget `{}` is made of it", widget.metadata.name);
            Err(Error::conflict("not-empty", message).hint("delete the widgets that are made of it first"))
        }
    }
}
