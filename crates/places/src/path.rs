//! A path of `mlflow-artifacts`, and which tree of files it leads into.
//!
//! `EXPERIMENT/RUN/…` lies in the run's tree, `EXPERIMENT/models/MODEL/…` in the model's, anything else below an
//! experiment in the experiment's; what stands below none is the project's own. A tree of another project is none.

use base::{Error, Result, Uid};
use kernel::cx::Cx;
use ports::tracking::file;

use crate::{EXPERIMENTS, LOGGED, RUNS, living, missing, whole};

/// A path that leads nowhere but down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// A place in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The object whose tree it is in.
    pub tree: Uid,
    /// The path in it.
    pub path: String,
}

impl Place {
    /// As the port knows it.
    pub fn get(&self) -> file::Place<'_> {
        file::Place { tree: &self.tree, path: &self.path }
    }
}

impl Path {
    /// Reads one, decoded as often as somebody may have encoded it.
    ///
    /// # Errors
    /// `bad-path` (422) if it leads anywhere else than down.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = || Error::invalid("bad-path", "a path is relative, without `.`, `..` and empty parts");
        let mut plain = text.to_owned();
        for _ in 0..10 {
            let next =
                percent_encoding::percent_decode_str(&plain).decode_utf8().map_err(|_| bad())?.into_owned();
            if next == plain {
                break;
            }
            plain = next;
        }
        let mut chars = plain.chars();
        let is_drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
        if plain.contains('#') || plain.starts_with('/') || plain.starts_with("file:") || is_drive {
            return Err(bad());
        }
        let parts = plain.split('/').filter(|part| !part.is_empty() && *part != ".");
        let path = Self(parts.map(str::to_owned).collect());
        if path.0.is_empty() || file::path_fits(&path.0.join("/")) { Ok(path) } else { Err(bad()) }
    }

    /// The path that an address of ours (`mlflow-artifacts:/…`, or with a host) names; nothing for any other address.
    ///
    /// # Errors
    /// `bad-path` (422).
    pub fn of_address(address: &str) -> Result<Option<Self>> {
        let Some(rest) = address.strip_prefix("mlflow-artifacts:") else { return Ok(None) };
        let path = match rest.strip_prefix("//") {
            Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
            None => rest,
        };
        Self::parse(path.trim_start_matches('/')).map(Some)
    }

    /// The path of a file beneath this one.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self(self.0.iter().chain(&below.0).cloned().collect())
    }

    /// Whether it is the top of everything.
    pub fn is_top(&self) -> bool {
        self.0.is_empty()
    }

    /// As a text that is read the same again.
    pub fn text(&self) -> String {
        let part = |part: &String| {
            percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        self.0.iter().map(part).collect::<Vec<String>>().join("/")
    }

    /// The last part.
    pub fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The tree it lies in, of those that belong to the context's project.
    ///
    /// # Errors
    /// `not-found` (404) if there is nothing to keep files for.
    pub async fn place(&self, cx: &Cx) -> Result<Place> {
        let parts: Vec<&str> = self.0.iter().map(String::as_str).collect();
        let none = |id: &str| missing(format!("there is nothing called `{id}` here to keep files for"));
        match parts.as_slice() {
            [_, run, rest @ ..] if run.starts_with("xrn_") => {
                let it = whole(cx, RUNS, run).await?.ok_or_else(|| none(run))?;
                Ok(Place { tree: it.metadata.uid, path: rest.join("/") })
            }
            [_, "models", model, rest @ ..] if model.starts_with("m-") => {
                let it = living(cx, LOGGED, model).await?.ok_or_else(|| none(model))?;
                Ok(Place { tree: it.metadata.uid, path: rest.join("/") })
            }
            [experiment, rest @ ..] if experiment.starts_with("exp_") => {
                let it = whole(cx, EXPERIMENTS, experiment).await?.ok_or_else(|| none(experiment))?;
                Ok(Place { tree: it.metadata.uid, path: rest.join("/") })
            }
            parts => Ok(Place { tree: Uid::known(format!("project/{}", cx.project)), path: parts.join("/") }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_a_text_is_read_the_same_again() {
        for text in ["", "a", "ä ö/ü", "50%/x y", "exp_1/xrn_2/artifacts/x.bin"] {
            let path = Path::parse(text).unwrap();
            assert_eq!(Path::parse(&path.text()).unwrap(), path, "{text}");
        }
    }

    #[test]
    fn an_address_of_ours_names_a_path() {
        let path = Path::parse("exp_1/x").unwrap();
        for address in ["mlflow-artifacts:/exp_1/x", "mlflow-artifacts://host:80/exp_1/x"] {
            assert_eq!(Path::of_address(address).unwrap(), Some(path.clone()), "{address}");
        }
        assert_eq!(Path::of_address("s3://bucket/x").unwrap(), None);
        assert!(Path::of_address("mlflow-artifacts:/../x").is_err());
    }

    #[test]
    fn paths_lead_down_only() {
        for good in ["", "a", "a/b.txt", "ä ö/ü", "a/./b", "a//b", "50%", "exp_1/xrn_2/artifacts/x"] {
            assert!(Path::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "..",
            "a/../b",
            "/etc/passwd",
            "a\\b",
            "%2e%2e/x",
            "%252e%252e%252fx",
            "a%00b",
            "a#b",
            "C:/x",
            "file:x",
            "a/%2e%2e/%2e%2e/b",
            "%2fetc",
            "a\nb",
        ] {
            assert!(Path::parse(bad).is_err(), "{bad}");
        }
    }
}
