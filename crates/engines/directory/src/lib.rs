//! Directories of people by LDAP (RFC 4511), over TLS or not, at addresses that were checked before.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base::{Error, Result, Secret};
use engine_fetch::Ways;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchOptions, StdStream};
use ports::{
    Later,
    directory::{Directory, Entry, Server},
};

/// The result code of a wrong password (RFC 4511 appendix A).
const INVALID_CREDENTIALS: u32 = 49;
/// The result codes of an entry that is not there, or of a name that is none.
const NO_SUCH: [u32; 2] = [32, 34];

/// Makes the engine over the ways out that were settled.
pub fn open(ways: Ways) -> Arc<dyn Directory> {
    Arc::new(Engine { ways })
}

struct Engine {
    ways: Ways,
}

fn unreachable(server: &Server, why: impl std::fmt::Display) -> Error {
    Error::unavailable("directory-unreachable", format!("the directory `{}` did not answer", server.url))
        .because(why)
}

fn refused(server: &Server, why: impl std::fmt::Display) -> Error {
    Error::unavailable("directory-refused", format!("the directory `{}` does not let us search", server.url))
        .because(why)
        .hint("look at `bindDn`, `bindPassword` and `baseDn` of the identity provider")
}

impl Engine {
    /// A connection, not yet bound; within a time.
    async fn connected(&self, server: &Server) -> Result<Ldap> {
        let stream = self.ways.connect(&server.url).await.map_err(|error| match error.code() {
            "upstream-unreachable" => unreachable(server, error.cause().unwrap_or_default()),
            _ => error,
        })?;
        let stream = stream.into_std().map_err(|error| unreachable(server, error))?;
        let time = Duration::from_millis(server.timeout_ms);
        let settings = LdapConnSettings::new()
            .set_conn_timeout(time)
            .set_starttls(server.start_tls)
            .set_config(self.ways.tls())
            .set_std_stream(StdStream::Tcp(stream));
        let (connection, ldap) = LdapConnAsync::with_settings(settings, &server.url)
            .await
            .map_err(|error| unreachable(server, error))?;
        tokio::spawn(async move {
            // It ends with the handle; what broke it is told where it was used.
            let _ = connection.drive().await;
        });
        Ok(ldap)
    }

    async fn found(&self, server: &Server, filter: &str, limit: u32) -> Result<Vec<Entry>> {
        let mut ldap = self.connected(server).await?;
        let lost = |error: ldap3::LdapError| unreachable(server, error);
        if !server.bind_dn.is_empty() {
            let bound =
                ldap.simple_bind(&server.bind_dn, server.bind_password.reveal()).await.map_err(lost)?;
            bound.success().map_err(|error| refused(server, error))?;
        }
        let limit_of = i32::try_from(limit).unwrap_or(i32::MAX);
        let search = ldap.with_search_options(SearchOptions::new().sizelimit(limit_of));
        let found = search.search(&server.base_dn, Scope::Subtree, filter, vec!["*", "memberOf"]).await;
        let ldap3::SearchResult(entries, result) = found.map_err(lost)?;
        // Too many (4) are answered up to the limit.
        if ![0, 4].contains(&result.rc) {
            return Err(refused(server, result));
        }
        let _ = ldap.unbind().await;
        let entries = entries.into_iter().filter(|entry| !entry.is_ref()).take(limit as usize);
        Ok(entries.map(|entry| read(ldap3::SearchEntry::construct(entry))).collect())
    }
}

fn read(entry: ldap3::SearchEntry) -> Entry {
    let lower = |(name, values): (String, Vec<String>)| (name.to_lowercase(), values);
    Entry { dn: entry.dn, attributes: entry.attrs.into_iter().map(lower).collect::<BTreeMap<_, _>>() }
}

async fn within<T>(server: &Server, work: impl Future<Output = Result<T>>) -> Result<T> {
    let time = Duration::from_millis(server.timeout_ms);
    tokio::time::timeout(time, work).await.map_err(|_| unreachable(server, "it took too long"))?
}

impl Directory for Engine {
    fn search<'a>(&'a self, server: &'a Server, filter: &'a str, limit: u32) -> Later<'a, Vec<Entry>> {
        Box::pin(within(server, self.found(server, filter, limit)))
    }

    fn verify<'a>(&'a self, server: &'a Server, dn: &'a str, password: &'a Secret) -> Later<'a, bool> {
        Box::pin(within(server, async move {
            // A directory takes a bind without a password for an anonymous one, and says that it went well.
            if password.reveal().is_empty() || dn.is_empty() {
                return Ok(false);
            }
            let mut ldap = self.connected(server).await?;
            let bound =
                ldap.simple_bind(dn, password.reveal()).await.map_err(|error| unreachable(server, error))?;
            let _ = ldap.unbind().await;
            match bound.rc {
                0 => Ok(true),
                INVALID_CREDENTIALS => Ok(false),
                code if NO_SUCH.contains(&code) => Ok(false),
                _ => Err(refused(server, bound)),
            }
        }))
    }
}
