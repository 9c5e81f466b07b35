//! The platform's own address, as people and other servers reach it.

use std::sync::OnceLock;

use base::{Error, Result};

/// Where this platform is. It is said once, at the latest when the platform listens.
#[derive(Debug, Default)]
pub struct Site(OnceLock<String>);

impl Site {
    /// A platform at a known address.
    pub fn at(url: &str) -> Self {
        let site = Self::default();
        site.listens(url);
        site
    }

    /// Says where the platform is; the first word counts.
    pub fn listens(&self, url: &str) {
        let _ = self.0.set(url.trim_end_matches('/').to_owned());
    }

    /// The address without a slash at the end: the issuer's identifier too (OpenID Connect Discovery section 3).
    ///
    /// # Errors
    /// `issuer-unknown` (503) until it was said.
    pub fn url(&self) -> Result<&str> {
        self.0.get().map(String::as_str).ok_or_else(|| {
            Error::unavailable("issuer-unknown", "the server does not know its own address yet")
                .hint("say it with `aic up --public-url`")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_counts() {
        let site = Site::default();
        assert_eq!(site.url().unwrap_err().code(), "issuer-unknown");
        site.listens("https://aic.example/");
        site.listens("http://127.0.0.1:1");
        assert_eq!(site.url().unwrap(), "https://aic.example");
    }
}
