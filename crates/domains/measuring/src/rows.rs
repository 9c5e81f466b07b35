//! Rows of a version of a dataset: some drawn by a seed, or all of them part by part.

use asking::Row;
use base::Chance;
use futures::{SinkExt, channel::mpsc, executor::block_on};
use kernel::prelude::*;
use ports::table::{Format, Profile, Table, Tables, cells};

use crate::subject::permitted;

/// The kind of versions of datasets.
const DATASET_VERSIONS: &str = "catalog.dataset-versions";

/// A version of a dataset that has been profiled.
pub struct Source {
    /// Its rows and columns.
    pub profile: Profile,
    blob: Digest,
    format: Format,
}

/// What is read of a version.
#[derive(Deserialize)]
struct Spec {
    dataset: String,
    blob: Digest,
    format: Format,
}

impl Source {
    /// The version of a name, of a dataset whose rows the caller may read.
    pub async fn of(cx: &Cx, version: &str) -> Result<Self> {
        let raw = cx.read(DATASET_VERSIONS, version).await?;
        let spec = raw.spec_as::<Spec>()?;
        permitted(cx, "catalog.datasets.download", &spec.dataset).await?;
        let profile = raw.status.get("profile").cloned().ok_or_else(|| {
            Error::conflict("version-not-ready", "this version has not been profiled")
                .at("datasetVersion")
                .hint("wait for its run")
        })?;
        let profile = serde_json::from_value(profile).map_err(Error::internal)?;
        Ok(Self { profile, blob: spec.blob, format: spec.format })
    }

    /// Whether there is a column of a name.
    pub fn has(&self, column: &str) -> bool {
        self.profile.columns.iter().any(|it| it.name == column)
    }

    /// So many rows at most, each as likely as any other: the same for the same seed (Vitter's algorithm R, "Random sampling
    /// with a reservoir", ACM Transactions on Mathematical Software 11, 1985).
    pub async fn sample(&self, cx: &Cx, watch: impl Watch + 'static, ask: (usize, u64)) -> Result<Vec<Row>> {
        let (most, seed) = ask;
        let path = cx.platform().blobs.local(self.blob).await?;
        let (tables, profile, format) = (cx.port::<dyn Tables>()?, self.profile.clone(), self.format);
        cx.blocking(move || {
            let (mut chance, mut seen, mut kept) = (Chance::from(seed), 0_u64, Vec::new());
            tables.scan((format, &path), &profile, &watch, &mut |table| {
                for at in 0..table.rows {
                    seen += 1;
                    if kept.len() < most {
                        kept.push(row(&table, at));
                    } else if let Ok(place) = usize::try_from(chance.below(seen))
                        && place < most
                    {
                        kept[place] = row(&table, at);
                    }
                }
                Ok(())
            })?;
            Ok(kept)
        })
        .await
    }

    /// All rows in order, some thousands at a time, in memory that does not grow with the file: the reading, which must be
    /// waited for beside the taking, and where the rows come out. Who drops that stops the reading.
    pub async fn parts(
        &self,
        cx: &Cx,
        watch: impl Watch + 'static,
    ) -> Result<(impl Future<Output = Result<()>> + Send, mpsc::Receiver<Vec<Row>>)> {
        let path = cx.platform().blobs.local(self.blob).await?;
        let (tables, profile, format) = (cx.port::<dyn Tables>()?, self.profile.clone(), self.format);
        let (mut told, heard) = mpsc::channel(1);
        let inside = cx.clone();
        let reading = async move {
            let scanned = inside.blocking(move || {
                tables.scan((format, &path), &profile, &watch, &mut |table| {
                    let rows = (0..table.rows).map(|at| row(&table, at)).collect();
                    // Whoever no longer listens has failed, and says so.
                    block_on(told.send(rows)).map_err(|_| Error::internal("nobody takes rows any more"))
                })
            });
            scanned.await
        };
        Ok((reading, heard))
    }
}

fn row(table: &Table, at: usize) -> Row {
    table.columns.iter().map(|column| (column.name.clone(), cells::value(column, at))).collect()
}
