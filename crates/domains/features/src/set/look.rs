//! Looking at features: their statistics, distributions and correlations over the data, and who uses them.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{prelude::*, store::ChangeQuery};
use ports::table::{ColumnType, Table, Tables};

use super::{
    Data, Feature, FeatureSet,
    values::{self, Groups, Histogram, Sums, Together},
};

/// Adds what is served of looking at feature sets.
pub fn serve(kind: KindBuilder<FeatureSet>) -> KindBuilder<FeatureSet> {
    kind.view("statistics", "Count, mean, deviation and range of every feature of numbers.", statistics)
        .needs("get")
        .view("distributions", "How the values of every feature are spread.", distributions)
        .needs("get")
        .view("correlations", "Pearson's correlation of the features of numbers, two by two.", correlations)
        .needs("get")
        .view(
            "consumers",
            "The models that take the features' columns, and learned from the same dataset.",
            consumers,
        )
        .needs("get")
        .view("usage", "The models that use it, and who changed it how often.", usage)
        .needs("get")
        .action("validate", "Holds the features against the data: columns, types, missing values.", validate)
        .needs("get")
        .action(
            "transform",
            "Works the features out for rows that are sent; aggregates need the data and are left out.",
            transform,
        )
        .needs("get")
        .view_of_all("by-model", "The feature sets whose columns a model takes.", by_model)
        .needs("list")
}

/// How many rows.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rows {
    /// How many rows of the data are looked at, from the first on.
    #[field(min = 1, max = 1000000, default = 100000)]
    rows: u64,
}

/// Reads rows of a set's data, some thousands at a time; answers how many there were.
async fn read<T: Send + 'static>(
    cx: &Cx,
    it: &Object<FeatureSet>,
    most: u64,
    mut begun: T,
    take: impl Fn(&mut T, &Table, &FeatureSet) -> Result<()> + Send + 'static,
) -> Result<(T, Value)> {
    let data = Data::of(cx, &it.spec).await?;
    let path = cx.platform().blobs.local(data.spec.blob).await?;
    let tables = cx.port::<dyn Tables>()?;
    let (set, version, all) = (it.spec.clone(), data.version.clone(), data.profile.rows);
    let begun = cx
        .blocking(move || {
            let table = tables.read(data.spec.format, &path, &data.profile, 0..most)?;
            take(&mut begun, &table, &set)?;
            Ok(begun)
        })
        .await?;
    Ok((begun, json!({"version": version, "rows": most.min(all), "truncated": most < all})))
}

/// The numbers of every feature that has any, in the set's order.
fn all_values(set: &FeatureSet, table: &Table) -> Result<Vec<(Feature, Vec<f64>)>> {
    let mut found = Vec::new();
    for feature in &set.features {
        if feature.op.aggregates() {
            let mut groups = Groups::new(feature, &set.entity);
            groups.add(table)?;
            found.push((feature.clone(), groups.finish()));
        } else if let Some(numbers) = values::row_wise(feature, table) {
            found.push((feature.clone(), numbers));
        }
    }
    Ok(found)
}

async fn statistics(cx: Cx, it: Object<FeatureSet>, ask: Rows) -> Result<Value> {
    let (items, mut told) = read(&cx, &it, ask.rows, Vec::new(), |items: &mut Vec<Value>, table, set| {
        for (feature, numbers) in all_values(set, table)? {
            let mut sums = Sums::default();
            numbers.iter().for_each(|x| sums.add(*x));
            let mut item = sums.shown();
            item["feature"] = json!(feature.name);
            items.push(item);
        }
        Ok(())
    })
    .await?;
    told["items"] = json!(items);
    Ok(told)
}

/// How many parts a range is cut into.
const BINS: usize = 20;

async fn distributions(cx: Cx, it: Object<FeatureSet>, ask: Rows) -> Result<Value> {
    let profile = Data::of(&cx, &it.spec).await?.profile;
    let (mut items, mut told) = read(&cx, &it, ask.rows, Vec::new(), |items: &mut Vec<Value>, table, set| {
        for (feature, numbers) in all_values(set, table)? {
            let mut sums = Sums::default();
            numbers.iter().for_each(|x| sums.add(*x));
            let Some(range) = sums.range() else { continue };
            let mut histogram = Histogram::new(range, BINS);
            numbers.iter().for_each(|x| histogram.add(*x));
            items.push(json!({"feature": feature.name, "histogram": histogram.shown()}));
        }
        Ok(())
    })
    .await?;
    // Of texts the most frequent are known from the profile, which is of all rows.
    for feature in it.spec.features.iter().filter(|feature| feature.op == super::Op::Column) {
        let column = profile.columns.iter().find(|column| column.name == feature.columns[0]);
        if let Some(column) = column.filter(|column| column.kind == ColumnType::Text) {
            items.push(json!({"feature": feature.name, "top": column.top, "distinct": column.distinct}));
        }
    }
    told["items"] = json!(items);
    Ok(told)
}

/// The most features that are correlated at once.
const CORRELATED_MAX: usize = 100;

async fn correlations(cx: Cx, it: Object<FeatureSet>, ask: Rows) -> Result<Value> {
    let (items, mut told) = read(&cx, &it, ask.rows, Vec::new(), |items: &mut Vec<Value>, table, set| {
        let mut found = all_values(set, table)?;
        // What is one number an entity stands beside no row.
        found.retain(|(feature, _)| !feature.op.aggregates());
        if found.len() > CORRELATED_MAX {
            let message = format!("more than {CORRELATED_MAX} features of numbers");
            return Err(Error::invalid("too-many-items", message).hint("make a smaller set"));
        }
        for (i, (a, xs)) in found.iter().enumerate() {
            for (b, ys) in &found[i + 1..] {
                let mut together = Together::default();
                xs.iter().zip(ys).for_each(|(x, y)| together.add(*x, *y));
                items.push(json!({"features": [a.name, b.name], "correlation": together.correlation()}));
            }
        }
        Ok(())
    })
    .await?;
    told["items"] = json!(items);
    Ok(told)
}

/// What a version of a model takes, and what it learned from.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionSpec {
    model: String,
    number: u64,
    signature: Option<Value>,
    dataset_version: Option<String>,
}

impl VersionSpec {
    fn inputs(&self) -> BTreeSet<&str> {
        let inputs = self.signature.as_ref().and_then(|it| it["inputs"].as_array());
        inputs.into_iter().flatten().filter_map(|slot| slot["name"].as_str()).collect()
    }
}

fn columns(set: &FeatureSet) -> BTreeSet<&str> {
    set.features.iter().flat_map(|feature| feature.columns.iter().map(String::as_str)).collect()
}

/// The versions of models that learned from a set's dataset and take some of its columns.
async fn using(cx: &Cx, set: &FeatureSet) -> Result<Vec<Value>> {
    if !cx.decide("catalog.model-versions.list", &cx.project).await?.allowed {
        return Ok(Vec::new());
    }
    let columns = columns(set);
    let mut items = Vec::new();
    for raw in cx.list_raw("catalog.model-versions", "", 1000).await? {
        let spec: VersionSpec = raw.spec_as()?;
        let from = spec.dataset_version.as_deref().and_then(|name| name.rsplit_once('.'));
        if from.is_none_or(|(dataset, _)| dataset != &*set.dataset) {
            continue;
        }
        let shared: Vec<&str> = spec.inputs().intersection(&columns).copied().collect();
        if !shared.is_empty() {
            items.push(json!({"model": spec.model, "version": spec.number, "columns": shared, "learnedFrom": spec.dataset_version}));
        }
    }
    Ok(items)
}

async fn consumers(cx: Cx, it: Object<FeatureSet>, _: Nothing) -> Result<Value> {
    Ok(json!({"items": using(&cx, &it.spec).await?}))
}

async fn usage(cx: Cx, it: Object<FeatureSet>, _: Nothing) -> Result<Value> {
    let query = ChangeQuery { uid: Some(it.metadata.uid.clone()), limit: 1000, ..ChangeQuery::default() };
    let mut by_actor = BTreeMap::<String, u64>::new();
    for change in cx.platform().store.history(&query).await? {
        *by_actor.entry(change.actor).or_default() += 1;
    }
    Ok(json!({"models": using(&cx, &it.spec).await?.len(), "changesBy": by_actor}))
}

async fn validate(cx: Cx, it: Object<FeatureSet>, _: Nothing) -> Result<Value> {
    let data = Data::of(&cx, &it.spec).await?;
    let mut items = Vec::new();
    for feature in &it.spec.features {
        let fits = super::fits(feature, &it.spec.entity, &data.profile);
        let found =
            feature.columns.iter().filter_map(|name| data.profile.columns.iter().find(|it| it.name == *name));
        let gaps: u64 = found.map(|column| column.missing).max().unwrap_or(0);
        items.push(json!({
            "feature": feature.name,
            "valid": fits.is_ok(),
            "message": fits.err().map(|error| error.message().to_owned()),
            "missingShare": gaps as f64 / data.profile.rows.max(1) as f64,
        }));
    }
    let valid = items.iter().all(|item| item["valid"] == true);
    Ok(json!({"version": data.version, "valid": valid, "items": items}))
}

/// Rows to work the features out for.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Sent {
    /// One object a row, with a value for each column.
    #[field(min = 1, max = 10000)]
    rows: Vec<Value>,
}

async fn transform(cx: Cx, it: Object<FeatureSet>, ask: Sent) -> Result<Value> {
    let data = Data::of(&cx, &it.spec).await?;
    let wanted = columns(&it.spec);
    let kinds: Vec<(&str, ColumnType)> = data
        .profile
        .columns
        .iter()
        .filter(|column| wanted.contains(column.name.as_str()))
        .map(|column| (column.name.as_str(), column.kind))
        .collect();
    let table = values::table(&ask.rows, &kinds);
    let mut rows = vec![serde_json::Map::new(); ask.rows.len()];
    for feature in it.spec.features.iter().filter(|feature| !feature.op.aggregates()) {
        let numbers = values::row_wise(feature, &table);
        for (i, row) in rows.iter_mut().enumerate() {
            let value = match &numbers {
                Some(numbers) if numbers[i].is_nan() => Value::Null,
                Some(_) if feature.op == super::Op::Column => ask.rows[i][&feature.columns[0]].clone(),
                Some(numbers) => json!(numbers[i]),
                None => ask.rows[i][&feature.columns[0]].clone(),
            };
            row.insert(feature.name.clone(), value);
        }
    }
    Ok(json!({"rows": rows}))
}

/// Which model.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct OfModel {
    /// Its name.
    model: Name,
}

async fn by_model(cx: Cx, ask: OfModel) -> Result<Value> {
    let mut items = Vec::new();
    for set in cx.list::<FeatureSet>("", 1000).await? {
        let versions: Vec<Value> =
            using(&cx, &set.spec).await?.into_iter().filter(|it| it["model"] == ask.model.as_str()).collect();
        if !versions.is_empty() {
            items.push(json!({"featureSet": set.name(), "uid": set.metadata.uid, "versions": versions}));
        }
    }
    Ok(json!({"items": items}))
}
