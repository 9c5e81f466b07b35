//! A widget in the organization's library: made once, put on the dashboards of any project.

use kernel::prelude::*;

use crate::{
    fitted,
    widget::{self, Widget},
};

/// What the library serves beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<LibraryWidget>) -> KindBuilder<LibraryWidget> {
    kind.also_at("views/widgets/library").admit(sound).action(
        "use",
        "Makes a widget of it in the caller's project; needs `views.widgets.create` there.",
        take,
    )
}

/// A widget in the library.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "library-widget", prefix = "lwg", scope = "organization")]
pub struct LibraryWidget {
    /// What people read.
    #[field(min = 1, max = 200)]
    pub title: String,
    /// What it is good for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Words to find it by.
    #[field(max = 50, indexed)]
    pub tags: Vec<String>,
    /// The widget, as the `spec` of one.
    #[serde(default)]
    pub widget: Value,
}

/// What is in the library can be shown.
async fn sound(
    cx: Cx,
    it: Object<LibraryWidget>,
    _: Option<Object<LibraryWidget>>,
) -> Result<Object<LibraryWidget>> {
    let spec: Widget = fitted(&it.spec.widget, "spec.widget")?;
    if spec.component.is_some() {
        let message = "a component is installed in one project, the library is for all";
        return Err(Error::invalid("widget-unclear", message).at("spec.widget.component"));
    }
    widget::check(&cx, &spec, "spec.widget").await?;
    Ok(it)
}

/// What the new widget is called.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Named {
    /// The name of the widget that is made; that of the library's when not given.
    #[field(max = 253)]
    name: Option<String>,
}

async fn take(cx: Cx, it: Object<LibraryWidget>, ask: Named) -> Result<Value> {
    cx.authorize("views.widgets.create", &cx.project).await?;
    let spec: Widget = fitted(&it.spec.widget, "spec.widget")?;
    let name = ask.name.unwrap_or_else(|| it.metadata.name.clone());
    let made = cx.doing("use").create(Draft::new(name, spec)).await?;
    Ok(json!({"name": made.metadata.name, "uid": made.metadata.uid, "widget": made.spec}))
}
