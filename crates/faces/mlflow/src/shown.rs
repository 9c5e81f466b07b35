//! Runs as MLflow shows them, written straight into JSON: a search answers tens of thousands of small fields.

use ports::tracking::{Data, Found, Input, Metric, Output, Pair, Run, number};
use serde::{Serialize, Serializer, ser::SerializeStruct};

fn is_empty<T>(list: &&[T]) -> bool {
    list.is_empty()
}

/// A run's attributes.
pub struct Info<'a>(pub &'a Run);

impl Serialize for Info<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let run = self.0;
        let mut told = to.serialize_struct("RunInfo", 10)?;
        told.serialize_field("run_id", &run.id)?;
        told.serialize_field("run_uuid", &run.id)?;
        told.serialize_field("run_name", &run.name)?;
        told.serialize_field("experiment_id", &run.experiment)?;
        told.serialize_field("user_id", &run.user)?;
        told.serialize_field("status", run.state.as_str())?;
        told.serialize_field("start_time", &run.started_ms)?;
        told.serialize_field("artifact_uri", &run.artifacts)?;
        told.serialize_field("lifecycle_stage", if run.deleted_ms.is_some() { "deleted" } else { "active" })?;
        if let Some(ended) = run.ended_ms {
            told.serialize_field("end_time", &ended)?;
        }
        told.end()
    }
}

/// A value of a metric.
#[derive(Serialize)]
pub struct Point<'a> {
    key: &'a str,
    #[serde(with = "number")]
    value: f64,
    timestamp: i64,
    step: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset_digest: Option<&'a str>,
}

impl<'a> Point<'a> {
    /// With what it was measured of.
    pub fn of(it: &'a Metric) -> Self {
        let data = it.data.as_ref();
        Self {
            model_id: it.model.as_deref(),
            dataset_name: data.map(|data| data.name.as_str()),
            dataset_digest: data.map(|data| data.digest.as_str()),
            ..Self::latest(it)
        }
    }

    /// Without.
    fn latest(it: &'a Metric) -> Self {
        Self {
            key: &it.key,
            value: it.value,
            timestamp: it.time_ms,
            step: it.step,
            model_id: None,
            dataset_name: None,
            dataset_digest: None,
        }
    }
}

/// Lists without anything in them are not shown.
#[derive(Serialize)]
struct Logged<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Point<'a>>,
    #[serde(skip_serializing_if = "is_empty")]
    params: &'a [Pair],
    #[serde(skip_serializing_if = "is_empty")]
    tags: &'a [Pair],
}

#[derive(Serialize)]
struct Dataset<'a> {
    name: &'a str,
    digest: &'a str,
    source_type: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
}

#[derive(Serialize)]
struct DatasetInput<'a> {
    dataset: Dataset<'a>,
    #[serde(skip_serializing_if = "is_empty")]
    tags: &'a [Pair],
}

#[derive(Serialize)]
struct Model<'a> {
    model_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<i64>,
}

#[derive(Serialize)]
struct Inputs<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dataset_inputs: Vec<DatasetInput<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_inputs: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Outputs<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_outputs: Vec<Model<'a>>,
}

fn input(it: &Input) -> DatasetInput<'_> {
    let Data { name, digest } = &it.data;
    let dataset = Dataset {
        name,
        digest,
        source_type: &it.source_type,
        source: &it.source,
        schema: it.schema.as_deref(),
        profile: it.profile.as_deref(),
    };
    DatasetInput { dataset, tags: &it.tags }
}

fn output(it: &Output) -> Model<'_> {
    Model { model_id: &it.model, step: Some(it.step) }
}

/// A run with what was logged to it.
#[derive(Serialize)]
pub struct Shown<'a> {
    info: Info<'a>,
    data: Logged<'a>,
    inputs: Inputs<'a>,
    outputs: Outputs<'a>,
}

impl<'a> Shown<'a> {
    /// One.
    pub fn of(found: &'a Found) -> Self {
        Self {
            info: Info(&found.run),
            data: Logged {
                metrics: found.metrics.iter().map(Point::latest).collect(),
                params: &found.params,
                tags: &found.tags,
            },
            inputs: Inputs {
                dataset_inputs: found.inputs.iter().map(input).collect(),
                model_inputs: found.models.iter().map(|it| Model { model_id: it, step: None }).collect(),
            },
            outputs: Outputs { model_outputs: found.outputs.iter().map(output).collect() },
        }
    }
}

/// A page of runs.
#[derive(Serialize)]
pub struct Page<'a> {
    /// The runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Shown<'a>>,
    /// The token of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<&'a str>,
}
