//! Directories of people: LDAP (RFC 4511).

use std::collections::BTreeMap;

use base::Secret;

use crate::Later;

/// How a directory is reached and searched.
#[derive(Clone, Debug)]
pub struct Server {
    /// `ldap://` or `ldaps://`, host and port.
    pub url: String,
    /// Whether to speak TLS over the plain port (RFC 4511 section 4.14).
    pub start_tls: bool,
    /// Who searches; anonymous when empty.
    pub bind_dn: String,
    /// The password of who searches.
    pub bind_password: Secret,
    /// Where the search begins.
    pub base_dn: String,
    /// Milliseconds until an answer is given up.
    pub timeout_ms: u64,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its distinguished name.
    pub dn: String,
    /// Its attributes, names in lower case.
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// Asks directories.
pub trait Directory: Send + Sync {
    /// The entries a filter (RFC 4515) finds, at most `limit`. Values in it must be escaped already: see [`escaped`].
    ///
    /// # Errors
    /// `directory-unreachable` (503), `directory-refused` (503) when the search is not allowed.
    fn search<'a>(&'a self, server: &'a Server, filter: &'a str, limit: u32) -> Later<'a, Vec<Entry>>;

    /// Whether a password is the one of an entry. An empty password never is.
    ///
    /// # Errors
    /// `directory-unreachable` (503).
    fn verify<'a>(&'a self, server: &'a Server, dn: &'a str, password: &'a Secret) -> Later<'a, bool>;
}

/// A text as a value in a filter (RFC 4515 section 3).
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'*' | b'(' | b')' | b'\\' | 0 => safe.push_str(&format!("\\{byte:02x}")),
            0x20..=0x7e => safe.push(byte as char),
            _ => safe.push_str(&format!("\\{byte:02x}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_place_in_a_filter() {
        assert_eq!(escaped("ada"), "ada");
        assert_eq!(escaped("*)(uid=*"), "\\2a\\29\\28uid=\\2a");
        assert_eq!(escaped("é\0\\"), "\\c3\\a9\\00\\5c");
    }
}
