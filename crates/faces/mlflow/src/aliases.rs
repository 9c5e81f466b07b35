//! Aliases: names for versions of a model, kept with the model.

use kernel::{cx::Cx, object::Raw};
use serde_json::{Value, json};

use crate::{
    ask::Ask,
    checks,
    fault::{Fault, Result},
    models, nothing,
    objects::{self, MODELS},
    versions,
};

/// A model's aliases with the numbers of their versions.
pub fn of(model: &Raw) -> impl Iterator<Item = (&str, u64)> {
    let map = model.spec.get("aliases").and_then(Value::as_object);
    map.into_iter().flatten().filter_map(|(alias, number)| Some((alias.as_str(), number.as_u64()?)))
}

/// Names a version.
pub async fn set(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (name, alias, version) = (ask.required("name")?, ask.required("alias")?, ask.required("version")?);
    checks::alias(alias)?;
    let number = checks::version(version)?;
    let it = models::find(cx, name, "update").await?;
    versions::numbered(cx, &it, number).await?;
    objects::patch(cx, MODELS, it.metadata.uid.as_str(), json!({"aliases": {alias: number}})).await?;
    Ok(nothing())
}

/// Forgets a name; one that is not there is no error.
pub async fn delete(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (name, alias) = (ask.required("name")?, ask.required("alias")?);
    let it = models::find(cx, name, "update").await?;
    objects::patch(cx, MODELS, it.metadata.uid.as_str(), json!({"aliases": {alias: null}})).await?;
    Ok(nothing())
}

/// The version a name stands for.
pub async fn version(cx: &Cx, ask: &Ask) -> Result<Value> {
    let (name, alias) = (ask.required("name")?, ask.required("alias")?);
    let it = models::find(cx, name, "get").await?;
    let version = if alias.eq_ignore_ascii_case("latest") {
        let newest = versions::of(cx, &it).await?.into_iter().max_by_key(versions::number);
        newest.ok_or_else(|| Fault::missing(format!("Latest version not found for model {name}.")))?
    } else {
        let known = of(&it).find(|(known, _)| *known == alias);
        let (_, number) =
            known.ok_or_else(|| Fault::invalid(format!("Registered model alias {alias} not found.")))?;
        versions::numbered(cx, &it, number).await?
    };
    Ok(json!({"model_version": versions::shown(&it, &version)}))
}
