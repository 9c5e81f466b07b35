//! The list of a version's files: what is signed of a version that is a directory, and what must still lie there.
//!
//! Files are blobs, named by the BLAKE3 of their bytes, so that the list is made without reading one of them.

use crate::{Path, Place, resolved};
use base::{Digest, Error, Result};
use kernel::{
    cx::Cx,
    object::{Fields, Raw},
};
use ports::{
    notary::{self, Made, NAMED_MAX, Named, Notary, Tree},
    tracking::file::{Artifacts, File},
};
use serde_json::Value;

/// The most files a version has.
const FILES_MAX: usize = 100_000;
/// How many files are asked for at once.
const PAGE: u32 = 10_000;
/// The most bytes of a version that are read again before they are given to somebody who loads them.
pub const READ_MAX: u64 = 4 << 30;

/// The files of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// By path below the version's directory, in the order of the paths' bytes.
    files: Vec<(String, Digest, u64)>,
}

impl Manifest {
    /// The files of a version that says where they are; none if they are not here.
    ///
    /// # Errors
    /// `version-too-large` (422) if there are more than 100,000.
    pub async fn of(cx: &Cx, source: Option<&str>) -> Result<Self> {
        let Some(place) = place(cx, source).await? else { return Ok(Self::default()) };
        let kept = cx.port::<dyn Artifacts>()?;
        let mut files: Vec<(String, Digest, u64)> = Vec::new();
        let mut after = String::new();
        loop {
            let found = kept.files(&cx.org, place.get(), &after, PAGE).await?;
            let is_last = found.len() < PAGE as usize;
            if files.len() + found.len() > FILES_MAX {
                return Err(too_many());
            }
            for file in found {
                files.push((below(&place.path, &file), file.blob, file.bytes));
                after = file.path;
            }
            if is_last {
                files.sort_unstable();
                return Ok(Self { files });
            }
        }
    }

    /// Its files: their paths below the version's directory, their blobs and their lengths.
    pub fn files(&self) -> &[(String, Digest, u64)] {
        &self.files
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How many bytes all of them have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, _, bytes)| bytes).sum()
    }

    /// The digest of the list: of a line for each file with its digest, its length and its path.
    pub fn digest(&self) -> Digest {
        // No path has a line end, so no two lists are the same text.
        let lines = self.files.iter().map(|(path, blob, bytes)| format!("{blob} {bytes} {path}\n"));
        Digest::of(lines.collect::<String>().as_bytes())
    }

    /// As it is signed; nothing of no file.
    pub fn tree(&self) -> Option<Tree> {
        let named = |(path, blob, bytes): &(String, Digest, u64)| Named {
            path: path.clone(),
            blake3: blob.to_string(),
            bytes: *bytes,
        };
        let is_long = self.files.len() > NAMED_MAX;
        (!self.is_empty()).then(|| Tree {
            files: self.files.len() as u64,
            bytes: self.bytes(),
            blake3: self.digest().to_string(),
            named: if is_long { Vec::new() } else { self.files.iter().map(named).collect() },
        })
    }

    /// What there is now that was not signed so; nothing if all is as it was.
    fn differs(&self, signed: Option<&Tree>) -> Option<String> {
        let is = self.tree();
        if is.as_ref().map(Tree::sum) == signed.map(Tree::sum) {
            return None;
        }
        let is_named = |tree: Option<&Tree>| tree.is_none_or(|it| !it.named.is_empty());
        if !is_named(signed) || !is_named(is.as_ref()) {
            return Some("its files are others".to_owned());
        }
        let named = |tree: Option<&Tree>| tree.map_or_else(Vec::new, |it| it.named.clone());
        let (before, now) = (named(signed), named(is.as_ref()));
        for it in &before {
            match now.iter().find(|other| other.path == it.path) {
                None => return Some(format!("its file `{}` is missing", it.path)),
                Some(found) if found != it => return Some(format!("its file `{}` was changed", it.path)),
                Some(_) => {}
            }
        }
        let added = now.iter().find(|it| before.iter().all(|other| other.path != it.path));
        added.map(|it| format!("its file `{}` was added", it.path))
    }

    /// Reads every byte of every file again; what is remembered as read and was not touched since is not read twice.
    ///
    /// # Errors
    /// `version-tampered` (409) naming the file whose bytes are not what its name says, or are gone.
    pub async fn read(&self, cx: &Cx, version: &str) -> Result<()> {
        for (path, blob, _) in &self.files {
            if let Err(error) = cx.platform().blobs.local(*blob).await {
                let is_broken = matches!(error.code(), "blob-damaged" | "blob-not-found");
                let why = format!("the bytes of its file `{path}` are not what they were");
                return Err(if is_broken { notary::tampered(version, &why).because(error) } else { error });
            }
        }
        Ok(())
    }
}

fn too_many() -> Error {
    Error::invalid("version-too-large", format!("a version has at most {FILES_MAX} files"))
        .at("spec.source")
        .hint("pack them, or name the directory of the model alone")
}

/// Where a version's files lie, if they lie here.
async fn place(cx: &Cx, source: Option<&str>) -> Result<Option<Place>> {
    let Some(source) = source else { return Ok(None) };
    let found = async {
        match Path::of_address(&resolved(cx, source).await?)? {
            Some(path) if !path.is_top() => path.place(cx).await.map(Some),
            _ => Ok(None),
        }
    };
    match found.await {
        // Whoever named the place is told elsewhere that it is none; there is nothing to sign.
        Err(error) if matches!(error.code(), "not-found" | "unknown-kind" | "bad-path") => Ok(None),
        found => found,
    }
}

/// A file's path below a directory; its name where the place is the file itself.
fn below(directory: &str, file: &File) -> String {
    let rest = file.path.strip_prefix(directory).unwrap_or(&file.path).trim_start_matches('/');
    if rest.is_empty() { file.path.rsplit('/').next().unwrap_or_default() } else { rest }.to_owned()
}

/// A version and what was signed of it.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The organization.
    pub org: &'a str,
    /// The project.
    pub project: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What was declared.
    pub spec: &'a Fields,
    /// What was signed.
    pub attestation: Option<&'a Value>,
}

impl<'a> Signed<'a> {
    /// As the store has it.
    pub fn of(it: &'a Raw) -> Self {
        let (org, project) = (&it.org, &it.metadata.namespace);
        let attestation = it.status.get("attestation");
        Self { org, project, name: &it.metadata.name, spec: &it.spec, attestation }
    }

    /// Refuses a version that is not what was signed, or that has files and was never signed; answers its files.
    ///
    /// # Errors
    /// `version-unsigned`, `version-tampered`, `attestation-untrusted` (all 409).
    pub async fn check(&self, cx: &Cx) -> Result<Manifest> {
        let text = |field: &str| self.spec.get(field).and_then(Value::as_str);
        let files = Manifest::of(cx, text("source")).await?;
        let attestation = self.attestation.filter(|told| !told.is_null());
        if attestation.is_none() && files.is_empty() && text("blob").is_none() {
            // There is nothing here that could be loaded.
            return Ok(files);
        }
        let Some(made) = Made::with_files(self.org, self.project, self.spec) else { return Ok(files) };
        let signed = made.check(&*cx.port::<dyn Notary>()?, attestation)?;
        match files.differs(signed.as_ref()) {
            Some(why) => Err(notary::tampered(self.name, &why)),
            None => Ok(files),
        }
    }

    /// The same, and that the bytes of its directory are still there and what they were, for whoever is about to load
    /// them. Of more than [`READ_MAX`] bytes only the list is held against what was signed.
    ///
    /// # Errors
    /// `version-unsigned`, `version-tampered`, `attestation-untrusted` (all 409).
    pub async fn loadable(&self, cx: &Cx) -> Result<()> {
        let files = self.check(cx).await?;
        if files.bytes() <= READ_MAX { files.read(cx, self.name).await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(all: &[(&str, &str)]) -> Manifest {
        let file = |(path, text): &(&str, &str)| {
            ((*path).to_owned(), Digest::of(text.as_bytes()), text.len() as u64)
        };
        Manifest { files: all.iter().map(file).collect() }
    }

    #[test]
    fn what_was_changed_taken_away_or_added_is_named() {
        let all = files(&[("MLmodel", "a"), ("model.pkl", "b")]);
        let signed = all.tree();
        assert_eq!(all.differs(signed.as_ref()), None);
        let told = |other: &[(&str, &str)]| files(other).differs(signed.as_ref()).unwrap();
        assert_eq!(told(&[("MLmodel", "a"), ("model.pkl", "c")]), "its file `model.pkl` was changed");
        assert_eq!(told(&[("MLmodel", "a")]), "its file `model.pkl` is missing");
        assert_eq!(told(&[]), "its file `MLmodel` is missing");
        assert_eq!(
            told(&[("MLmodel", "a"), ("evil.py", "c"), ("model.pkl", "b")]),
            "its file `evil.py` was added"
        );
        assert_eq!(all.differs(None).unwrap(), "its file `MLmodel` was added");
        assert_eq!(files(&[]).differs(None), None);
    }

    #[test]
    fn of_very_many_files_the_list_alone_is_signed() {
        let many = |count: usize| Manifest {
            files: (0..count).map(|i| (format!("{i:06}"), Digest::of(&[1]), 1)).collect(),
        };
        let signed = many(NAMED_MAX + 1).tree();
        assert!(signed.as_ref().unwrap().named.is_empty());
        assert_eq!(many(NAMED_MAX + 1).differs(signed.as_ref()), None);
        for count in [NAMED_MAX, NAMED_MAX + 2, 0] {
            assert!(many(count).differs(signed.as_ref()).is_some(), "{count}");
        }
        let signed = many(NAMED_MAX).tree();
        assert!(many(NAMED_MAX + 1).differs(signed.as_ref()).is_some());
    }
}
