//! A feature set: the features one model or team works with, and the version of the data they are of.

use std::collections::BTreeSet;

use kernel::prelude::*;
use ports::table::Profile;

mod edit;
mod look;
mod values;

/// What feature sets serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<FeatureSet>) -> KindBuilder<FeatureSet> {
    look::serve(edit::serve(kind.admit(sound)))
}

/// The features one model or team works with.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "feature-set", prefix = "fst", short = "fs")]
pub struct FeatureSet {
    /// What the features are for.
    #[field(max = 10000)]
    pub description: Option<String>,
    /// The dataset they are of.
    #[field(reference = "catalog.datasets", indexed)]
    pub dataset: Ref,
    /// The version of it; the latest when not given.
    #[field(reference = "catalog.dataset-versions", indexed)]
    pub dataset_version: Option<Ref>,
    /// The columns that tell whom a row is about.
    #[field(max = 20)]
    pub entity: Vec<String>,
    /// The features.
    #[field(max = 500)]
    pub features: Vec<Feature>,
    /// Words to find it by.
    #[field(max = 50, indexed)]
    pub tags: Vec<String>,
}

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Feature {
    /// Its name; no other of the set has it.
    #[field(min = 1, max = 500)]
    pub name: String,
    /// How it comes about.
    #[field(default = "column")]
    pub op: Op,
    /// The columns it comes from: one, or two for what relates two.
    #[field(min = 1, max = 2)]
    pub columns: Vec<String>,
    /// What it is aggregated by; the set's entity when not given.
    #[field(max = 20)]
    pub by: Vec<String>,
    /// What it means.
    #[field(max = 2000)]
    pub description: Option<String>,
}

/// How a feature comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// It is a column.
    Column,
    /// The first number and the second.
    Sum,
    /// The first number without the second.
    Difference,
    /// The first number times the second.
    Product,
    /// The first number by the second; missing where that is 0.
    Ratio,
    /// The number without its sign.
    Absolute,
    /// The natural logarithm of one and the number; missing below -1.
    Log,
    /// 1 where the value is missing, 0 where it is there.
    IsMissing,
    /// The mean of the rows of one entity.
    MeanOf,
    /// The sum of the rows of one entity.
    SumOf,
    /// The smallest number of the rows of one entity.
    MinOf,
    /// The largest number of the rows of one entity.
    MaxOf,
    /// How many rows of one entity have a value.
    CountOf,
}

impl Op {
    /// Whether it is over many rows.
    pub fn aggregates(self) -> bool {
        matches!(self, Self::MeanOf | Self::SumOf | Self::MinOf | Self::MaxOf | Self::CountOf)
    }

    /// How many columns it takes.
    fn takes(self) -> usize {
        if matches!(self, Self::Sum | Self::Difference | Self::Product | Self::Ratio) { 2 } else { 1 }
    }

    /// Whether its columns must be numbers.
    fn needs_numbers(self) -> bool {
        !matches!(self, Self::Column | Self::IsMissing | Self::CountOf)
    }
}

/// What is read of a dataset.
#[derive(Deserialize)]
struct DatasetStatus {
    latest: Option<String>,
}

/// A version of a dataset, as far as it is needed here.
#[derive(Clone, Deserialize)]
struct VersionSpec {
    dataset: String,
    blob: Digest,
    format: ports::table::Format,
}

#[derive(Deserialize)]
struct VersionStatus {
    profile: Option<Value>,
}

/// A version ready to be read.
pub struct Data {
    /// Its name.
    version: String,
    spec: VersionSpec,
    profile: Profile,
}

impl Data {
    /// The version a set is about.
    async fn of(cx: &Cx, set: &FeatureSet) -> Result<Self> {
        let version =
            set.dataset_version.as_ref().ok_or_else(|| Error::internal("a feature set without data"))?;
        let raw = cx
            .read("catalog.dataset-versions", version)
            .await
            .map_err(|error| error.at("spec.datasetVersion"))?;
        let profile = raw.status_as::<VersionStatus>()?.profile.ok_or_else(|| {
            Error::conflict("version-not-ready", format!("version `{version}` has not been profiled"))
                .hint("wait for its run")
        })?;
        let profile = serde_json::from_value(profile).map_err(Error::internal)?;
        Ok(Self { version: version.to_string(), spec: raw.spec_as()?, profile })
    }
}

/// The data is there, and every feature is of columns it has.
async fn sound(
    cx: Cx,
    mut it: Object<FeatureSet>,
    old: Option<Object<FeatureSet>>,
) -> Result<Object<FeatureSet>> {
    let moved = old.is_some_and(|old| {
        old.spec.dataset != it.spec.dataset && old.spec.dataset_version == it.spec.dataset_version
    });
    if it.spec.dataset_version.is_none() || moved {
        let raw =
            cx.read("catalog.datasets", &it.spec.dataset).await.map_err(|error| error.at("spec.dataset"))?;
        let latest = raw.status_as::<DatasetStatus>()?.latest.ok_or_else(|| {
            Error::conflict(
                "dataset-empty",
                format!("dataset `{}` has no profiled version yet", it.spec.dataset),
            )
            .at("spec.dataset")
            .hint("upload a file, and wait for the run that profiles it")
        })?;
        it.spec.dataset_version = Some(Ref::to(latest));
    }
    let data = Data::of(&cx, &it.spec).await?;
    if data.spec.dataset != *it.spec.dataset {
        return Err(
            Error::invalid("bad-reference", "the version is of another dataset").at("spec.datasetVersion")
        );
    }
    let mut names = BTreeSet::new();
    for (i, feature) in it.spec.features.iter().enumerate() {
        let at = format!("spec.features[{i}]");
        if !names.insert(feature.name.as_str()) {
            let message = format!("there are two features `{}`", feature.name);
            return Err(Error::invalid("bad-feature", message).at(format!("{at}.name")));
        }
        fits(feature, &it.spec.entity, &data.profile).map_err(|error| {
            let field = error.field().unwrap_or_default().to_owned();
            error.at(format!("{at}.{field}"))
        })?;
    }
    for (i, name) in it.spec.entity.iter().enumerate() {
        column(&data.profile, name).map_err(|error| error.at(format!("spec.entity[{i}]")))?;
    }
    Ok(it)
}

fn column<'a>(profile: &'a Profile, name: &str) -> Result<&'a ports::table::ColumnProfile> {
    profile.columns.iter().find(|column| column.name == name).ok_or_else(|| {
        let names: Vec<&str> = profile.columns.iter().map(|it| it.name.as_str()).collect();
        let shown: String = name.chars().take(60).collect();
        Error::invalid("unknown-column", format!("the data has no column `{shown}`"))
            .hint(format!("its columns are: {}", names.join(", ")))
    })
}

fn fits(feature: &Feature, entity: &[String], profile: &Profile) -> Result<()> {
    use ports::table::ColumnType;
    if feature.columns.len() != feature.op.takes() {
        let message = format!("this takes {} columns", feature.op.takes());
        return Err(Error::invalid("bad-feature", message).at("columns"));
    }
    for name in &feature.columns {
        let found = column(profile, name).map_err(|error| error.at("columns"))?;
        if feature.op.needs_numbers() && found.kind == ColumnType::Text {
            return Err(Error::invalid("bad-feature", format!("column `{name}` holds texts, not numbers"))
                .at("columns"));
        }
    }
    for name in &feature.by {
        column(profile, name).map_err(|error| error.at("by"))?;
    }
    if feature.op.aggregates() && feature.by.is_empty() && entity.is_empty() {
        return Err(Error::invalid("missing-field", "say what it is aggregated by").at("by"));
    }
    Ok(())
}
