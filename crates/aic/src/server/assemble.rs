//! Puts the parts together: store, blobs, engines, domains. The lists here are the platform's map.

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use base::{Entropy, Error, Result, Secret};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain_identity::oauth::Provider;
use domain_monitoring::Baselines;
use domain_serving::Serving;
use engine_blobs::Collected;
use engine_vault::{MasterKey, Sealed};
use face_web::metrics::Metrics;
use kernel::{
    domain::Domain,
    platform::{Parts, Platform, Ports},
    store::Store,
};
use ports::{
    acme::Acme,
    archive::Archive,
    directory::Directory,
    document::Paper,
    fetch::Fetch,
    gateway::Gateway,
    infer::{Infer, load::Runners},
    learn::Learn,
    mail::Mail,
    measure::{Host, Traffic},
    notary::Notary,
    passkey::Passkeys,
    site::Site,
    syslog::Syslog,
    table::Tables,
    telemetry::{Spans, Untold},
    usage::Tallies,
};

use super::{Ambient, Settled, archive::Files, collect, fresh_password, gate::Keeper, outset, telemetry};

/// The binary that runs, even where its file was replaced since.
const OURSELVES: &str = "/proc/self/exe";

/// The platform, running.
pub struct Assembled {
    /// The platform.
    pub platform: Arc<Platform>,
    /// The password of the first administrator, if this was the first start and it was made up.
    pub first_password: Option<String>,
    /// What was settled.
    pub settled: Settled,
    /// What all faces count.
    pub metrics: Arc<Metrics>,
}

/// Opens what is there, makes what is not, and starts everything.
pub async fn assemble(settled: &Settled) -> Result<Assembled> {
    private_dir(&settled.data_dir)?;
    refuse_unfinished(&settled.data_dir)?;
    outset::begin(settled).await?;
    let store = vaulted(settled, open_store(settled).await?).await?;
    let notary = notary(settled, &*store).await?;
    let blobs = open_blobs(settled)?;
    let archive = Arc::new(Files::new(settled));
    let metrics = Arc::new(Metrics::default());
    let tracking = open_tracking(settled).await?;
    let mut parts = parts(settled, store, blobs.clone(), &metrics)?;
    parts.ports = engine_tracking::behind(&tracking, outward(settled, parts.ports)?)
        .with(Arc::clone(&archive) as Arc<dyn Archive>)
        .with(notary);
    let platform = Platform::new(parts)?;
    archive.keep(&platform);
    let given = settled.password.clone();
    let password = given.clone().unwrap_or_else(fresh_password);
    let who = domain_admin::Administrator {
        username: "admin".to_owned(),
        password: Secret::new(password.as_str()),
        platform: true,
    };
    let is_first = domain_admin::bootstrap(&platform, &who).await?;
    domain_operations::maintenance::prepare(&platform).await?;
    let gateway = platform.port::<engine_proxy::Gateway>()?;
    gateway.guarded_by(Arc::new(Keeper(Arc::clone(&platform))));
    platform.start();
    // Whoever is answered first finds every route.
    domain_gateway::refresh(&platform).await?;
    tokio::spawn(domain_gateway::follow(Arc::clone(&platform)));
    tokio::spawn(domain_search::follow(Arc::clone(&platform)));
    tokio::spawn(domain_serving::rest(Arc::clone(&platform)));
    tokio::spawn(domain_serving::follow(Arc::clone(&platform)));
    if let Ok(collector) = platform.port::<engine_telemetry::Collector>() {
        tokio::spawn(collector.tell());
    }
    tokio::spawn(collect::again_and_again(Arc::clone(&platform), blobs));
    let first_password = (is_first && given.is_none()).then_some(password);
    Ok(Assembled { platform, first_password, settled: settled.clone(), metrics })
}

/// The store that was settled: SQLite in the data directory, or PostgreSQL.
pub async fn open_store(settled: &Settled) -> Result<Arc<dyn Store>> {
    match &settled.database_url {
        Some(url) => store_postgres::open(url).await,
        None => store_sqlite::open(&settled.data_dir),
    }
}

/// What is logged to runs, beside the store: in the data directory, whose lock the store holds, or in its database.
pub async fn open_tracking(settled: &Settled) -> Result<Arc<engine_tracking::Engine>> {
    match &settled.database_url {
        Some(url) => engine_tracking::open_url(url, settled.tracking_bytes).await,
        None => engine_tracking::open(&settled.data_dir, settled.tracking_bytes),
    }
}

/// What the platform serves.
fn domains() -> Vec<Domain> {
    vec![
        domain_admin::domain(),
        domain_identity::domain(),
        domain_operations::domain(),
        domain_catalog::domain(),
        domain_serving::domain(),
        domain_monitoring::domain(),
        domain_measuring::domain(),
        domain_pipelines::domain(),
        domain_market::domain(),
        domain_governance::domain(),
        domain_features::domain(),
        domain_tracking::domain(),
        domain_gateway::domain(),
        domain_provenance::domain(),
        domain_search::domain(),
        domain_views::domain(),
    ]
}

/// The vault over a store: what is secret or personal is sealed beneath it.
pub async fn vaulted(settled: &Settled, store: Arc<dyn Store>) -> Result<Arc<dyn Store>> {
    let mut sealed = Sealed::default();
    for domain in domains() {
        for kind in domain.kinds() {
            sealed.add(&kind.id(), kind.fields, kind.status);
        }
    }
    Ok(engine_vault::open(store, &master_key(settled)?, sealed, Arc::new(Ambient)).await?)
}

/// The key above all others: from the file that was named, or from the data directory, where it is made at the
/// first start.
pub fn master_key(settled: &Settled) -> Result<MasterKey> {
    let own = settled.data_dir.join(MASTER_KEY);
    let path = settled.master_key_file.as_ref().unwrap_or(&own);
    match fs::read_to_string(path) {
        Ok(text) => MasterKey::parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && settled.master_key_file.is_none() => {
            let key = MasterKey::parse(&fresh_master_key())?;
            keep_master_key(settled, &key)?;
            Ok(key)
        }
        Err(error) => Err(unusable(path, &error)),
    }
}

/// A new master key as text.
pub fn fresh_master_key() -> String {
    let mut bytes = [0; 32];
    Ambient.fill(&mut bytes);
    written(&MasterKey::new(bytes))
}

fn written(key: &MasterKey) -> String {
    let hex: String = key.bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}\n")
}

/// Wraps every key under a new master key, and keeps that one where the old one was; answers how many.
pub async fn rekey(settled: &Settled, new: &str) -> Result<u64> {
    let new = MasterKey::parse(new)?;
    let store = open_store(settled).await?;
    let count = engine_vault::rewrap(&*store, &master_key(settled)?, &new, &Ambient).await?;
    if settled.master_key_file.is_none() {
        keep_master_key(settled, &new)?;
    }
    Ok(count)
}

/// The file of the master key in a data directory.
const MASTER_KEY: &str = "master.key";

/// Writes the master key where only its owner reads it.
pub fn keep_master_key(settled: &Settled, key: &MasterKey) -> Result<()> {
    let path = settled.data_dir.join(MASTER_KEY);
    crate::config::write_private(&path, written(key).as_bytes()).map_err(|error| unusable(&path, &error))
}

/// The blobs that were settled: in the data directory, or in an object store with a cache there.
pub fn open_blobs(settled: &Settled) -> Result<Arc<dyn Collected>> {
    match &settled.blobs_url {
        Some(url) => open_remote(url, settled),
        None => engine_blobs::open(&settled.data_dir.join("blobs")),
    }
}

#[cfg(feature = "cloud")]
fn open_remote(url: &str, settled: &Settled) -> Result<Arc<dyn Collected>> {
    let cache = settled.data_dir.join("blob-cache");
    engine_blobs::open_url(url, settled.blobs_settings.clone(), &cache)
}

#[cfg(not(feature = "cloud"))]
fn open_remote(url: &str, settled: &Settled) -> Result<Arc<dyn Collected>> {
    let told = settled.blobs_settings.len();
    let message =
        format!("this build keeps no blobs at `{url}` ({told} settings of object stores were given)");
    Err(Error::invalid("blobs-unsupported", message)
        .at("AIC_BLOBS_URL")
        .hint("build `aic` with `--features cloud`"))
}

/// Everything a platform is made of.
pub fn parts(
    settled: &Settled,
    store: Arc<dyn Store>,
    blobs: Arc<dyn Collected>,
    metrics: &Arc<Metrics>,
) -> Result<Parts> {
    let native: Arc<dyn Infer> = Arc::new(engine_infer::open());
    let learn: Arc<dyn Learn> = Arc::new(engine_learn::open(Arc::clone(&native)));
    let infer = engine_onnxruntime::open(settled.onnxruntime(), native)?;
    let tables: Arc<dyn Tables> = Arc::new(engine_tables::open());
    let egress = engine_fetch::Egress::parse(&settled.egress)?;
    let proxy = engine_proxy::Gateway::new(egress.clone());
    let gateway: Arc<dyn Gateway> = Arc::clone(&proxy) as _;
    let ways = engine_fetch::Ways::open(egress, settled.egress_ca.as_deref())?;
    let fetch: Arc<dyn Fetch> = engine_fetch::open(ways.clone());
    let directory: Arc<dyn Directory> = engine_directory::open(ways.clone());
    let acme: Arc<dyn Acme> = engine_acme::open(Arc::clone(&fetch));
    let site = Site::default();
    if let Some(url) = &settled.public_url {
        site.listens(url);
    }
    let passkeys: Arc<dyn Passkeys> = Arc::new(engine_passkeys::open());
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let ports = told(settled, measured(settled, metrics))?;
    Ok(Parts {
        store,
        blobs,
        clock: Arc::new(Ambient),
        entropy: Arc::new(Ambient),
        policy: engine_policy::cedar(),
        domains: domains(),
        ports: ports
            .with(infer)
            .with(Arc::new(engine_batch::open()) as Arc<dyn Runners>)
            .with(engine_pyfunc::open(settled.python.clone(), engine_sandbox::open(Path::new(OURSELVES)))?)
            .with(engine_remote::open(
                ways,
                engine_sandbox::open(Path::new(OURSELVES)),
                settled.programs.clone(),
            ))
            .with(learn)
            .with(Arc::clone(&tables))
            .with(gateway)
            .with(proxy)
            .with(fetch)
            .with(acme)
            .with(directory)
            .with(passkeys)
            .with(Arc::new(engine_paper::open()) as Arc<dyn Paper>)
            .with(engine_search::open(&settled.data_dir.join("search"))?)
            .with(Arc::new(domain_search::Feed::default()))
            .with(Arc::new(domain_views::Computed::default()))
            .with(engine_requestlog::open(&settled.data_dir.join("requests"), Arc::clone(&tables))?)
            .with(Arc::new(Serving::default()))
            .with(Arc::new(Baselines::default()))
            .with(Arc::new(Tallies::default()))
            .with(engine_policy::rules())
            .with(Arc::new(site))
            .with(Arc::new(Provider::default()))
            .with(domain_admin::sessions())
            .with(domain_identity::identities()),
        workers: settled.workers,
        blocking: cores * 4,
        holder: holder(settled)?,
    })
}

/// What tells spans to a collector, where one was named.
fn told(settled: &Settled, ports: Ports) -> Result<Ports> {
    let mut salt = [0; 8];
    Ambient.fill(&mut salt);
    Ok(match telemetry::collector(settled, u64::from_le_bytes(salt))? {
        Some(collector) => ports.with(Arc::clone(&collector) as Arc<dyn Spans>).with(collector),
        None => ports.with(Arc::new(Untold) as Arc<dyn Spans>),
    })
}

/// What reaches people and other machines.
fn outward(settled: &Settled, ports: Ports) -> Result<Ports> {
    let mail: Arc<dyn Mail> = match &settled.smtp_url {
        Some(url) => engine_mail::smtp(url, &settled.mail_from)?,
        None => engine_mail::files(&settled.mail_dir, &settled.mail_from)?,
    };
    let egress = engine_fetch::Egress::parse(&settled.egress)?;
    let syslog: Arc<dyn Syslog> =
        engine_syslog::open(Arc::new(move |host, address| egress.allows(host, address)));
    Ok(ports.with(mail).with(syslog))
}

/// What signs, with the one key of all processes on a store. Where an earlier version kept it in a file, that key goes on.
async fn notary(settled: &Settled, store: &dyn Store) -> Result<Arc<dyn Notary>> {
    let fresh = match fs::read(settled.data_dir.join("audit.key")) {
        Ok(bytes) => BASE64_STANDARD.encode(bytes),
        Err(_) => engine_notary::fresh()?,
    };
    let key = engine_vault::signing_key(store, &master_key(settled)?, &Ambient, &fresh).await?;
    engine_notary::open(&key, "aic.dev/journal")
}

/// What tells how the platform is.
fn measured(settled: &Settled, metrics: &Arc<Metrics>) -> Ports {
    let host: Arc<dyn Host> = engine_host::open(&settled.data_dir);
    let traffic: Arc<dyn Traffic> = Arc::clone(metrics) as _;
    Ports::default().with(host).with(traffic).with(Arc::new(domain_operations::History::default()))
}

/// This process's name to the holders of leases. Only one process can have a data directory open,
/// so it keeps its name over a crash and takes up at once what it left.
fn holder(settled: &Settled) -> Result<String> {
    let path = settled.data_dir.join("node");
    if let Ok(name) = fs::read_to_string(&path)
        && !name.trim().is_empty()
    {
        return Ok(name.trim().to_owned());
    }
    let mut bytes = [0; 8];
    Ambient.fill(&mut bytes);
    let name = format!("node-{:016x}", u64::from_le_bytes(bytes));
    fs::write(&path, &name).map_err(|error| unusable(&path, &error))?;
    Ok(name)
}

/// Makes a directory for its owner only; one that is there keeps the mode it was given.
fn private_dir(path: &Path) -> Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| unusable(path, &error))
}

/// The file that says that a restore has begun and not ended.
const UNFINISHED: &str = "restoring";

/// Marks a data directory as one that is being restored; answers the mark.
pub fn mark_unfinished(data_dir: &Path) -> Result<PathBuf> {
    let mark = data_dir.join(UNFINISHED);
    private_dir(data_dir)?;
    fs::write(&mark, "").map_err(|error| unusable(&mark, &error))?;
    Ok(mark)
}

/// Part of a platform must not be taken for all of it.
fn refuse_unfinished(data_dir: &Path) -> Result<()> {
    if !data_dir.join(UNFINISHED).exists() {
        return Ok(());
    }
    let message = format!("a restore into `{}` has begun and not ended", data_dir.display());
    Err(Error::conflict("restore-unfinished", message)
        .hint("remove the directory, and restore the backup once more"))
}

fn unusable(path: &Path, error: &std::io::Error) -> Error {
    Error::unavailable("data-dir-unusable", format!("`{}` cannot be used: {error}", path.display()))
        .hint("choose another with `--data-dir`")
}
