//! What is told of how an endpoint does: asked of whoever watches, by the names of kind and action.

use kernel::{access::Principal, prelude::*};

use super::Endpoint;

/// Adds what is served of watching.
pub fn serve(kind: KindBuilder<Endpoint>) -> KindBuilder<Endpoint> {
    let asked =
        |name: &'static str| move |cx: Cx, it: Object<Endpoint>, ask: Asked| watched(cx, it, name, ask);
    VIEWS.iter().fold(kind, |kind, (name, about)| kind.view(name, about, asked(name)).needs("get"))
}

/// What is told, by the names of views here and of actions there.
const VIEWS: [(&str, &str); 5] = [
    ("drift", "How far inputs and predictions of the last while are from what the model was trained on."),
    ("performance", "How right the predictions of the last while were, by what turned out to be true."),
    ("fairness", "How groups were treated in the last while, and how far they are apart."),
    ("importance", "How much worse the model gets when a column is shuffled."),
    ("partial-dependence", "What the model answers on average when a column has one value in all rows."),
];

/// Over what, and of which columns.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Asked {
    /// Of the log: seconds back from now.
    #[field(min = 1, max = 31536000)]
    window_seconds: Option<u32>,
    /// The column: of `partial-dependence`; of `fairness`, the one that tells the groups.
    #[field(max = 500)]
    column: Option<String>,
    /// Of `fairness`, the favourable class.
    #[field(max = 500)]
    favourable: Option<String>,
    /// Of `partial-dependence`, the class whose probability is told; the last one when not given.
    #[field(max = 500)]
    class: Option<String>,
    /// Rows of the baseline that are looked at, at most.
    #[field(min = 1, max = 10000)]
    rows: Option<u32>,
}

async fn watched(cx: Cx, it: Object<Endpoint>, action: &'static str, ask: Asked) -> Result<Value> {
    // Who may see the endpoint may see how it does.
    let inside = cx.platform().cx_of(Principal::system("endpoints", &cx.org), &it.metadata.namespace);
    let mut asked = serde_json::to_value(ask).map_err(Error::internal)?;
    if let Some(fields) = asked.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        fields.insert("endpoint".to_owned(), it.name().into());
    }
    inside.call_action("catalog.monitors", None, action, asked).await
}
