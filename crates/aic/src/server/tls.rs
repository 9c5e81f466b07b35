//! The server's own certificate authority and certificate, made on first start and kept in the data directory.
//!
//! `kubectl` sends its token over TLS only; the kubeconfig carries the authority's certificate.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::Settled;
use base::{Error, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The certificates of this server.
pub struct Certificates {
    authority_pem: String,
    /// What the listener uses.
    pub server: Arc<rustls::ServerConfig>,
}

impl Certificates {
    /// Reads those that were given, or the platform's own; makes these on first start.
    pub fn open(settled: &Settled, gateway: &Arc<engine_proxy::Gateway>) -> Result<Self> {
        let paths = match &settled.tls {
            // Whoever signed a given certificate is in its chain, or known to all.
            Some((chain, key)) => (chain.clone(), chain.clone(), key.clone()),
            None => own(&settled.data_dir)?,
        };
        let authority_pem = read(&paths.0)?;
        gateway.certificates.set_own(&read(&paths.1)?, &read(&paths.2)?)?;
        tokio::spawn(read_again(paths.1, paths.2, Arc::clone(&gateway.certificates)));
        let mut server = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&gateway.certificates) as _);
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // The strongest first, whatever a client would rather have.
        server.ignore_client_order = true;
        Ok(Self { authority_pem, server: Arc::new(server) })
    }

    /// A kubeconfig for a user of this server.
    pub fn kubeconfig(&self, host: &str, user: &str, token: &str) -> String {
        let authority = BASE64_STANDARD.encode(&self.authority_pem);
        let mut text = String::from("apiVersion: v1\nkind: Config\ncurrent-context: aic\n");
        let _ = write!(
            text,
            "clusters:\n- name: aic\n  cluster:\n    server: https://{host}\n    certificate-authority-data: {authority}\n\
             users:\n- name: {user}\n  user:\n    token: {token}\n\
             contexts:\n- name: aic\n  context:\n    cluster: aic\n    user: {user}\n    namespace: default\n",
        );
        text
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| {
        Error::unavailable("certificate-unusable", format!("`{}` cannot be read: {error}", path.display()))
            .hint("check that the file is there, is PEM, and may be read by whoever starts the platform")
    })
}

/// How often is looked whether the files changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Reads a certificate again when its file changes or the process gets SIGHUP; one that cannot be used changes nothing.
async fn read_again(chain: PathBuf, key: PathBuf, certificates: Arc<engine_proxy::Certificates>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    let changed = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    let mut seen = (changed(&chain), changed(&key));
    loop {
        let asked = tokio::select! {
            got = hangup.recv() => got.is_some(),
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        let now = (changed(&chain), changed(&key));
        if !asked && now == seen {
            continue;
        }
        seen = now;
        let told = read(&chain).and_then(|chain| certificates.set_own(&chain, &read(&key)?));
        match told {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!(?error, "the certificate was not read again; the last one stays"),
        }
    }
}

/// Where the platform's own certificates are; made if they are not there.
fn own(data_dir: &Path) -> Result<(PathBuf, PathBuf, PathBuf)> {
    let dir = data_dir.join("tls");
    fs::create_dir_all(&dir).map_err(Error::internal)?;
    let paths = (dir.join("ca.pem"), dir.join("server.pem"), dir.join("server.key"));
    if !(paths.0.is_file() && paths.1.is_file() && paths.2.is_file()) {
        let made = make().map_err(Error::internal)?;
        private(&paths.2, &made.key)?;
        fs::write(&paths.1, &made.server).map_err(Error::internal)?;
        fs::write(&paths.0, &made.authority).map_err(Error::internal)?;
    }
    Ok(paths)
}

struct Made {
    authority: String,
    server: String,
    key: String,
}

fn make() -> Result<Made, rcgen::Error> {
    let authority_key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "AIC local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let authority = params.self_signed(&authority_key)?;
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate()?;
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "AIC");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let server = params.signed_by(&key, &issuer)?;
    Ok(Made { authority: authority.pem(), server: server.pem(), key: key.serialize_pem() })
}

/// Writes a file only its owner may read.
fn private(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::internal)?;
    file.write_all(text.as_bytes()).map_err(Error::internal)
}
