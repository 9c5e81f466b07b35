//! Changing a feature set feature by feature.

use kernel::prelude::*;

use super::{Feature, FeatureSet, Op};

/// Adds what is served of changing feature sets.
pub fn serve(kind: KindBuilder<FeatureSet>) -> KindBuilder<FeatureSet> {
    kind.view("features", "The features.", |_, it, _: Nothing| async move {
        Ok(json!({"items": it.spec.features}))
    })
    .needs("get")
    .action("add-feature", "Adds a feature.", add)
    .needs("update")
    .action("set-feature", "Sets a feature.", set)
    .needs("update")
    .action("remove-feature", "Takes a feature away.", remove)
    .needs("update")
    .action("derive", "Adds a feature worked out row by row.", derive)
    .needs("update")
    .action("aggregate", "Adds a feature aggregated over an entity.", aggregate)
    .needs("update")
}

async fn put(cx: &Cx, mut it: Object<FeatureSet>, feature: Feature) -> Result<Feature> {
    it.spec.features.push(feature.clone());
    cx.save(&it).await?;
    Ok(feature)
}

async fn add(cx: Cx, it: Object<FeatureSet>, ask: Feature) -> Result<Feature> {
    put(&cx, it, ask).await
}

async fn derive(cx: Cx, it: Object<FeatureSet>, ask: Feature) -> Result<Feature> {
    if ask.op.aggregates() || ask.op == Op::Column {
        return Err(Error::invalid("bad-feature", "this is not worked out row by row").at("op"));
    }
    put(&cx, it, ask).await
}

async fn aggregate(cx: Cx, it: Object<FeatureSet>, ask: Feature) -> Result<Feature> {
    if !ask.op.aggregates() {
        return Err(Error::invalid("bad-feature", "this is no aggregate").at("op"));
    }
    put(&cx, it, ask).await
}

/// Which feature, and what it shall be.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Changed {
    /// Its name now.
    #[field(max = 500)]
    id: String,
    /// What it shall be.
    feature: Feature,
}

fn unknown(it: &Object<FeatureSet>, name: &str) -> Error {
    let shown: String = name.chars().take(60).collect();
    Error::not_found("not-found", format!("feature set `{}` has no feature `{shown}`", it.name()))
}

async fn set(cx: Cx, mut it: Object<FeatureSet>, ask: Changed) -> Result<Feature> {
    match it.spec.features.iter_mut().find(|feature| feature.name == ask.id) {
        Some(feature) => *feature = ask.feature.clone(),
        None => return Err(unknown(&it, &ask.id)),
    }
    cx.save(&it).await?;
    Ok(ask.feature)
}

/// Which feature.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// Its name.
    #[field(max = 500)]
    id: String,
}

async fn remove(cx: Cx, mut it: Object<FeatureSet>, ask: Which) -> Result<Value> {
    let before = it.spec.features.len();
    it.spec.features.retain(|feature| feature.name != ask.id);
    if it.spec.features.len() == before {
        return Err(unknown(&it, &ask.id));
    }
    Ok(json!({"items": cx.save(&it).await?.spec.features}))
}
