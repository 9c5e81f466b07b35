//! A widget: one thing shown, read from the platform whenever somebody looks, with that person's rights.

use kernel::prelude::*;

use crate::{fitted, short};

mod kept;
mod show;
mod source;

pub use kept::Computed;
use show::shown;
pub use show::{needs, rows};
use source::{Comparison, Series, Stat};
pub use source::{Form, Table, is_path};

/// What widgets serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Widget>) -> KindBuilder<Widget> {
    kind.admit(sound)
        .view(
            "data",
            "What the widget shows, as far as the caller may read it; at most `refreshSeconds` old.",
            data,
        )
        .needs("get")
        .action("refresh", "The same, read anew.", refresh)
        .needs("get")
        .action("configure", "Sets what one place on a dashboard changes of the widget.", configure)
        .needs("update")
}

/// One thing shown.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "widget", prefix = "wdg")]
pub struct Widget {
    /// What stands above it.
    #[field(min = 1, max = 200, example = "Failed runs")]
    pub title: String,
    /// What it tells, for whoever wonders.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// What it is; the field of that name says the rest.
    #[field(indexed, example = "stat")]
    pub show: Form,
    /// Seconds for which what was read is shown again to the same person; 0 reads every time.
    #[field(max = 86400, default = 10)]
    pub refresh_seconds: u32,
    /// Curves of metrics of runs.
    pub series: Option<Series>,
    /// A list of objects.
    pub table: Option<Table>,
    /// One number.
    pub stat: Option<Stat>,
    /// A text in Markdown. It is shown as text and never as markup of its own.
    #[field(max = 20000)]
    pub text: Option<String>,
    /// Runs side by side.
    pub comparison: Option<Comparison>,
    /// A component that is installed in the project.
    #[field(reference = "views.component-installations", indexed)]
    pub component: Option<Ref>,
    /// What the component is told.
    #[field(max = 50)]
    pub parameters: std::collections::BTreeMap<String, Value>,
}

/// A widget says what it shows, once, and that can be asked for.
async fn sound(cx: Cx, it: Object<Widget>, _: Option<Object<Widget>>) -> Result<Object<Widget>> {
    check(&cx, &it.spec, "spec").await?;
    Ok(it)
}

/// Refuses a widget that could never show anything.
pub async fn check(cx: &Cx, spec: &Widget, at: &str) -> Result<()> {
    let given = [
        (Form::Series, spec.series.is_some()),
        (Form::Table, spec.table.is_some()),
        (Form::Stat, spec.stat.is_some()),
        (Form::Text, spec.text.is_some()),
        (Form::Comparison, spec.comparison.is_some()),
        (Form::Component, spec.component.is_some()),
    ];
    if let Some((form, there)) = given.into_iter().find(|(form, there)| *there != (*form == spec.show)) {
        let word = form.word();
        let message = if there {
            format!("a widget that shows `{}` has no `{word}`", spec.show.word())
        } else {
            format!("a widget that shows `{word}` says what in the field `{word}`")
        };
        return Err(Error::invalid("widget-unclear", message).at(format!("{at}.{word}")));
    }
    let found = match spec.show {
        Form::Series => spec.series.as_ref().map_or(Ok(()), Series::check),
        Form::Table => spec.table.as_ref().map_or(Ok(()), |it| it.check(cx)),
        Form::Stat => spec.stat.as_ref().map_or(Ok(()), |it| it.check(cx)),
        Form::Comparison => spec.comparison.as_ref().map_or(Ok(()), Comparison::check),
        Form::Text => Ok(()),
        Form::Component => show::inner(cx, spec).await.map(|_| ()),
    };
    found.map_err(|error| match error.field() {
        Some(_) => error,
        None => error.at(format!("{at}.{}", spec.show.word())),
    })
}

/// A widget as one place on a dashboard has it: what the place says changes what the widget says (RFC 7396).
pub async fn configured(cx: &Cx, spec: &Widget, config: Option<&Value>, at: &str) -> Result<Widget> {
    let Some(config) = config.filter(|config| !config.is_null()) else { return Ok(spec.clone()) };
    let mut document = serde_json::to_value(spec).map_err(Error::internal)?;
    patch::merge(&mut document, config);
    let spec: Widget = fitted(&document, at)?;
    check(cx, &spec, at).await?;
    Ok(spec)
}

/// Where the widget is shown.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct At {
    /// The place on a dashboard, as `dashboard.item`; the widget alone when not given.
    #[field(max = 320, example = "sales.failed")]
    instance: Option<String>,
}

async fn at(cx: &Cx, it: &Object<Widget>, instance: Option<&str>) -> Result<Widget> {
    let Some(instance) = instance else { return Ok(it.spec.clone()) };
    // What a dashboard says is told to whoever may read it.
    let (dashboard, item) = crate::dashboard::instance(cx, it.name(), instance).await?;
    if !cx.decide_on("views.dashboards.get", (&cx.project, dashboard.name())).await?.allowed {
        return Err(crate::dashboard::no_instance(instance));
    }
    configured(cx, &it.spec, item.config.as_ref(), "config").await
}

/// What the widget shows.
async fn data(cx: Cx, it: Object<Widget>, ask: At) -> Result<Value> {
    let spec = at(&cx, &it, ask.instance.as_deref()).await?;
    told(&cx, it.name(), &spec, false).await
}

/// What the widget shows, read anew.
async fn refresh(cx: Cx, it: Object<Widget>, ask: At) -> Result<Value> {
    let spec = at(&cx, &it, ask.instance.as_deref()).await?;
    told(&cx, it.name(), &spec, true).await
}

/// A widget with what it shows, kept or read anew.
pub async fn told(cx: &Cx, name: &str, spec: &Widget, anew: bool) -> Result<Value> {
    let (at, data) = kept::shown_to(cx, spec, anew).await?;
    Ok(json!({"widget": name, "title": spec.title, "show": spec.show, "at": at, "data": data}))
}

/// What one place changes.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Config {
    /// The place on a dashboard, as `dashboard.item`.
    #[field(min = 3, max = 320, example = "sales.failed")]
    instance: String,
    /// What it changes of the widget, as a merge patch (RFC 7396); nothing takes the change away.
    config: Option<Value>,
}

/// Sets what one place changes of the widget: a change of the dashboard, which the caller may make.
async fn configure(cx: Cx, it: Object<Widget>, ask: Config) -> Result<Value> {
    let (mut dashboard, item) = crate::dashboard::instance(&cx, it.name(), &ask.instance).await?;
    let permission = "views.dashboards.update";
    if !cx.decide_on(permission, (&cx.project, dashboard.name())).await?.allowed {
        return Err(kernel::access::denied(permission));
    }
    if ask.config.as_ref().is_some_and(|config| !config.is_object() && !config.is_null()) {
        return Err(Error::invalid("wrong-type", "`config` is an object").at("config"));
    }
    let config = ask.config.filter(|config| !config.is_null());
    let spec = configured(&cx, &it.spec, config.as_ref(), "config").await?;
    for place in dashboard.spec.items.iter_mut().filter(|place| place.id == item.id) {
        place.config.clone_from(&config);
    }
    cx.doing("configure").save(&dashboard).await?;
    Ok(json!({"instance": ask.instance, "config": config, "widget": spec}))
}

/// The refusal of a column or field that is no path.
fn bad_path(path: &str) -> Error {
    Error::invalid("unknown-field", format!("`{}` is no path of an object", short(path)))
        .hint("paths begin with `metadata`, `spec` or `status`, such as `status.phase`")
}
