//! Versions made by work: rows are written to a blob while others are still read, then the version is made and
//! profiled.

use futures::future::join_all;
use kernel::{
    blob::{Stored, Upload},
    prelude::*,
};
use ports::table::{Rows, Table, Tables};

use crate::{
    dataset::Dataset,
    dataset_version::{self, Format, Version},
    files,
};

/// What rows are read from and what becomes of them.
pub type Work = Box<dyn FnOnce(&mut [Box<dyn Rows>], &dyn Tables) -> Result<Vec<u64>> + Send>;

/// Runs work that writes so many files; answers each file with its rows. Nothing is kept when the work fails.
pub async fn files(step: &StepCx, format: Format, count: usize, work: Work) -> Result<Vec<(Stored, u64)>> {
    let cx = &step.cx;
    let tables = cx.port::<dyn Tables>()?;
    let mut rows = Vec::new();
    let mut uploads = Vec::new();
    for _ in 0..count {
        let (pipe, written) = files::pipe(cx);
        rows.push(tables.begin(dataset_version::engine_format(format), Box::new(pipe)));
        uploads.push(written);
    }
    let worked = cx.blocking(move || {
        let counts = work(&mut rows, &*tables)?;
        for file in rows {
            file.finish()?;
        }
        Ok(counts)
    });
    let (worked, uploads) = futures::future::join(worked, join_all(uploads)).await;
    let uploads = uploads.into_iter().collect::<Result<Vec<Box<dyn Upload>>>>()?;
    let mut stored = Vec::new();
    for (upload, rows) in uploads.into_iter().zip(worked?) {
        stored.push((upload.finish().await?, rows));
    }
    Ok(stored)
}

/// Reads all rows of a version, some thousands at a time.
pub fn scan(
    (tables, step): (&dyn Tables, &StepCx),
    source: &Source,
    take: &mut dyn FnMut(Table) -> Result<()>,
) -> Result<()> {
    let format = dataset_version::engine_format(source.format);
    tables.scan((format, &source.path), &source.profile, step, take)
}

/// A version ready to be read.
#[derive(Clone)]
pub struct Source {
    /// How it is written.
    pub format: Format,
    /// Where its bytes are.
    pub path: std::path::PathBuf,
    /// What is known of it.
    pub profile: ports::table::Profile,
}

impl Source {
    /// A version's file and profile.
    pub async fn of(cx: &Cx, version: &Object<Version>) -> Result<Self> {
        let path = cx.platform().blobs.local(version.spec.blob).await?;
        Ok(Self { format: version.spec.format, path, profile: version.status.profile()? })
    }
}

/// Makes a version of a dataset, which is made too where there is none, and orders its profile. A try before
/// this one may have done it already.
pub async fn keep(step: &StepCx, dataset: &str, spec: Version) -> Result<String> {
    let cx = &step.cx;
    let filter = format!("spec.work = \"{}\" AND spec.dataset = \"{dataset}\"", step.run);
    if let Some(there) = cx.list::<Version>(&filter, 1).await?.pop() {
        return Ok(there.metadata.name);
    }
    if cx.get_opt::<Dataset>(dataset).await?.is_none() {
        let from = spec.derived_from.as_ref().map(|from| format!("made from {from}"));
        let made = Dataset { description: from, license: None, archived: false, contract: None };
        match cx.doing("derive").create(Draft::new(dataset, made)).await {
            Err(error) if error.code() == "already-exists" => {}
            other => drop(other?),
        }
    }
    let version = dataset_version::create(cx, Version { work: Some(step.run.clone()), ..spec }).await?;
    dataset_version::order_profile(cx, &version).await?;
    Ok(version.metadata.name)
}
