//! The platform itself: whether it is well, what it holds, and what it keeps in memory.

use kernel::{kind::Scope, prelude::*, store::Projects};
use ports::measure::Host;

use crate::{license::count, maintenance, metric};

/// What is served of the platform itself.
pub fn serve(kind: KindBuilder<Platform>) -> KindBuilder<Platform> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "The platform's name and version.", about)
        .needs("get")
        .view_of_all("health", "Whether every part answers, part by part.", health)
        .needs("get")
        .view_of_all("status", "What the platform is doing and holds.", status)
        .needs("get")
        .view_of_all("caches", "What is kept in memory to be answered faster.", caches)
        .needs("get")
        .action_on_all(
            "clear-caches",
            "Forgets what is kept in memory; it is read again when it is needed.",
            clear,
        )
        .needs("update")
}

/// The platform itself.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "platform", plural = "platform", prefix = "plt", scope = "platform")]
pub struct Platform {
    /// Its name.
    pub name: Option<String>,
}

/// Which platform it is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct About {
    /// Its name.
    name: String,
    /// Its version.
    version: String,
}

/// Which platform it is.
async fn about(_: Cx, _: Nothing) -> Result<About> {
    Ok(About { name: "AIC".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// How one part is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Part {
    /// The part.
    name: String,
    /// Whether it is well.
    healthy: bool,
    /// Why not, or how well.
    message: String,
}

/// How all parts are.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Health {
    /// Whether all of them are well.
    healthy: bool,
    /// When it was found out.
    at: Time,
    /// One entry a part.
    parts: Vec<Part>,
}

/// Below this share of room left the disk counts as unwell.
const DISK_MIN: f64 = 0.02;

/// Whether every part answers.
async fn health(cx: Cx, _: Nothing) -> Result<Health> {
    let mut parts = Vec::new();
    let mut part = |name: &str, found: Result<String>| {
        let healthy = found.is_ok();
        let message = found.unwrap_or_else(|error| error.message().to_owned());
        parts.push(Part { name: name.to_owned(), healthy, message });
    };
    part("store", cx.platform().store.ping().await.map(|()| "answers and writes".to_owned()));
    part("blobs", write_and_read(&cx).await);
    part("disk", disk(&cx));
    let head = *cx.platform().store.head().borrow();
    part("journal", Ok(format!("{head} entries")));
    Ok(Health { healthy: parts.iter().all(|part| part.healthy), at: cx.now(), parts })
}

/// Puts a blob away and reads it back; the same bytes each time, so that only one is ever kept.
async fn write_and_read(cx: &Cx) -> Result<String> {
    let told = b"the blobs answer\n";
    let mut upload = cx.platform().blobs.create().await?;
    upload.write(told.to_vec()).await?;
    let stored = upload.finish().await?;
    let back = cx.platform().blobs.range(stored.digest, 0, stored.bytes).await?;
    if back == told {
        return Ok("answer and write".to_owned());
    }
    Err(Error::unavailable("blobs-unusable", "what was written was not what was read"))
}

fn disk(cx: &Cx) -> Result<String> {
    let machine = cx.port::<dyn Host>()?.machine()?;
    let share = machine.disk_free_bytes as f64 / machine.disk_bytes.max(1) as f64;
    let words = format!("{:.1} % of {} MiB left", share * 100.0, machine.disk_bytes >> 20);
    if share >= DISK_MIN { Ok(words) } else { Err(Error::unavailable("disk-nearly-full", words)) }
}

/// What the platform is doing and holds.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Doing {
    /// Its version.
    version: String,
    /// The present moment.
    at: Time,
    /// Whether it is in maintenance.
    maintenance: bool,
    /// Organizations there are.
    organizations: u64,
    /// Kinds that are served.
    kinds: u64,
    /// What the process uses and the machine has.
    resources: metric::Resources,
}

/// What the platform is doing and holds.
async fn status(cx: Cx, _: Nothing) -> Result<Doing> {
    Ok(Doing {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: cx.now(),
        maintenance: maintenance::state(cx.platform()).await?.is_some(),
        organizations: count(&cx, "admin.organizations", Projects::All, "").await?,
        kinds: cx.platform().kinds_in(Scope::Project).count() as u64
            + cx.platform().kinds_in(Scope::Organization).count() as u64
            + cx.platform().kinds_in(Scope::Platform).count() as u64,
        resources: metric::resources(cx.clone(), Nothing {}).await?,
    })
}

/// What one cache holds.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Cache {
    /// What is in it.
    name: String,
    /// How many entries.
    entries: u64,
    /// Of at most so many.
    limit: u64,
}

/// All caches.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Caches {
    /// One entry a cache.
    items: Vec<Cache>,
}

/// What is kept in memory.
async fn caches(cx: Cx, _: Nothing) -> Result<Caches> {
    let cache = |(name, entries, limit): (&str, usize, usize)| Cache {
        name: name.to_owned(),
        entries: entries as u64,
        limit: limit as u64,
    };
    Ok(Caches { items: cx.platform().caches().into_iter().map(cache).collect() })
}

/// Forgets what is kept in memory.
async fn clear(cx: Cx, _: Nothing) -> Result<Caches> {
    cx.platform().forget();
    caches(cx, Nothing {}).await
}
