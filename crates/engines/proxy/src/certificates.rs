//! Certificates by host, read anew without a restart.

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use base::{Error, Result};
use ports::gateway::{Certificate, Owned};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::path;

/// Chooses the certificate of a handshake: by the host it names, or the platform's own.
#[derive(Debug, Default)]
pub struct Certificates {
    own: ArcSwap<Option<Arc<CertifiedKey>>>,
    hosts: ArcSwap<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    /// Shows this one where no host has its own.
    ///
    /// # Errors
    /// `invalid-certificate` (422); then the last one stays.
    pub fn set_own(&self, chain: &str, key: &str) -> Result<()> {
        self.own.store(Arc::new(Some(read(chain, key)?)));
        Ok(())
    }

    /// Replaces those of hosts; what cannot be used is left out.
    pub fn apply(&self, all: &[Certificate]) -> Vec<(Owned, Error)> {
        let (mut hosts, mut refused) = (HashMap::new(), Vec::new());
        for certificate in all {
            match read(&certificate.chain, &certificate.key) {
                Ok(key) => {
                    for host in &certificate.hosts {
                        hosts.insert(host.to_ascii_lowercase(), Arc::clone(&key));
                    }
                }
                Err(error) => {
                    let name = certificate.hosts.join(" ");
                    refused.push((Owned { name, ..Owned::default() }, error));
                }
            }
        }
        self.hosts.store(Arc::new(hosts));
        refused
    }

    fn of(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let hosts = self.hosts.load();
        if hosts.is_empty() {
            return None;
        }
        let host = path::lower(host);
        // A star stands for one label (RFC 9525 section 6.3).
        let starred = || host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
        hosts.get(&*host).or_else(|| hosts.get(&starred()?)).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|host| self.of(host));
        named.or_else(|| self.own.load().as_ref().clone())
    }
}

/// Whether a certificate and its key can be used.
pub fn check(certificate: &Certificate) -> Result<()> {
    for (index, host) in certificate.hosts.iter().enumerate() {
        let at = format!("spec.hosts[{index}]");
        crate::table::check_host(host.strip_prefix("*.").unwrap_or(host), &at)?;
    }
    read(&certificate.chain, &certificate.key).map(|_| ())
}

fn read(chain: &str, key: &str) -> Result<Arc<CertifiedKey>> {
    let wrong = |at: &str, message: &str| Error::invalid("invalid-certificate", message).at(at);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| wrong("spec.chain", "this is no chain of certificates (PEM)"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes());
    let key = key.map_err(|_| wrong("spec.key", "this is no private key (PEM)"))?;
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key)
        .map_err(|_| wrong("spec.key", "keys of this type are not supported"))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(Arc::new(certified)),
        Err(_) => Err(wrong("spec.key", "the key is not that of the certificate")),
    }
}
