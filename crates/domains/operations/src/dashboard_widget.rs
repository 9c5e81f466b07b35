//! A dashboard's widget: one thing shown, read from a metric or counted from objects.

use kernel::prelude::*;

use crate::reading;

/// What widgets serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Widget>) -> KindBuilder<Widget> {
    kind.also_at("admin/dashboard/widgets").admit(readable).view("value", "What the widget shows now.", value)
}

/// One thing shown.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "dashboard-widget", prefix = "dsw", scope = "organization")]
pub struct Widget {
    /// What stands above it.
    #[field(max = 200)]
    pub title: String,
    /// How it is drawn.
    #[field(default = "number")]
    pub form: Form,
    /// The metric it shows, as `GET /metrics` names them.
    #[field(max = 100, example = "requests.rate")]
    pub metric: Option<String>,
    /// What it counts, instead of a metric.
    pub count: Option<reading::Count>,
}

/// How a widget is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A number.
    Number,
    /// A line over time, drawn by whoever reads it again and again.
    Line,
    /// A bar up to a largest value.
    Gauge,
}

/// What a widget shows now.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Shown {
    /// The number; none while there is nothing to read.
    value: Option<f64>,
    /// When it was read.
    at: Time,
}

/// A widget reads something the one who makes it may read.
async fn readable(cx: Cx, it: Object<Widget>, _: Option<Object<Widget>>) -> Result<Object<Widget>> {
    reading::check(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    Ok(it)
}

/// What the widget shows now, as far as the caller may read it.
async fn value(cx: Cx, it: Object<Widget>, _: Nothing) -> Result<Shown> {
    reading::check(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    let value = reading::read(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    Ok(Shown { value, at: cx.now() })
}
