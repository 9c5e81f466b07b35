//! A dashboard's configuration: a caller's own, or the organization's where the caller has none.

use kernel::prelude::*;

/// What dashboards serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Dashboard>) -> KindBuilder<Dashboard> {
    kind.view_of_all(
        "config",
        "The caller's dashboard, or the organization's where the caller has none.",
        config,
    )
    .open_to(OpenTo::Caller)
    .action_on_all("config", "Sets the caller's own dashboard.", set_config)
    .open_to(OpenTo::Caller)
}

/// The dashboard of those who have none of their own.
const SHARED: &str = "default";

/// What a dashboard shows.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dashboard", prefix = "dsh", scope = "organization")]
pub struct Dashboard {
    /// What stands above it.
    #[field(max = 200, default = "Overview")]
    pub title: String,
    /// Where its widgets stand.
    #[field(reference = "admin.dashboard-layouts")]
    pub layout: Option<Ref>,
    /// Its widgets, in order.
    #[field(reference = "admin.dashboard-widgets", max = 100)]
    pub widgets: Vec<Ref>,
    /// Seconds between two readings.
    #[field(min = 1, max = 86400, default = 30)]
    pub refresh_seconds: u32,
    /// Light, dark, or what the caller's system says.
    #[field(default = "system")]
    pub theme: Theme,
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// What the caller's system says.
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A dashboard and whose it is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Config {
    /// `own`, `organization`, or `none` when nobody has configured one.
    from: String,
    /// The dashboard.
    config: Option<Dashboard>,
}

/// The name of a caller's own dashboard.
fn own(cx: &Cx) -> Result<String> {
    let name = Name::from_title(&cx.principal.actor().replace(':', "-"));
    name.map(|name| name.to_string()).ok_or_else(|| Error::internal("a caller without a name"))
}

/// The dashboard the caller is shown.
async fn config(cx: Cx, _: Nothing) -> Result<Config> {
    if let Some(found) = cx.get_opt::<Dashboard>(&own(&cx)?).await? {
        return Ok(Config { from: "own".to_owned(), config: Some(found.spec) });
    }
    let shared = cx.get_opt::<Dashboard>(SHARED).await?;
    let from = if shared.is_some() { "organization" } else { "none" };
    Ok(Config { from: from.to_owned(), config: shared.map(|it| it.spec) })
}

/// Sets the caller's own dashboard.
async fn set_config(cx: Cx, ask: Dashboard) -> Result<Config> {
    let name = own(&cx)?;
    let saved = match cx.get_opt::<Dashboard>(&name).await? {
        Some(mut found) => {
            found.spec = ask;
            cx.save(&found).await?
        }
        None => cx.create(Draft::new(name, ask)).await?,
    };
    Ok(Config { from: "own".to_owned(), config: Some(saved.spec) })
}
