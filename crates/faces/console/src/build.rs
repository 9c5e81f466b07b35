//! The files of the checked-in build, as `cargo xtask console` packed them.

use std::{collections::HashMap, io::Read, path::Path, sync::LazyLock};

use base::{Digest, Error, Result};
use bytes::Bytes;
use flate2::read::GzDecoder;
use include_dir::{Dir, include_dir};

use crate::coding::Form;

static BUILD: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../../console/dist");

/// What the build was made of. That the compiler reads this file has it look at the build anew when that changed.
const SOURCES: &str = include_str!("../../../../console/dist/sources.txt");

/// A file of the build.
pub struct Stored {
    /// Its media type.
    pub media: &'static str,
    /// Its entity tag, the same in every form: the forms differ in `Vary`.
    pub tag: String,
    brotli: &'static [u8],
    gzip: &'static [u8],
}

impl Stored {
    /// Its bytes in a form.
    ///
    /// # Errors
    /// When the build is damaged.
    pub fn bytes(&self, form: Form) -> Result<Bytes> {
        Ok(match form {
            Form::Brotli => Bytes::from_static(self.brotli),
            Form::Gzip => Bytes::from_static(self.gzip),
            Form::Plain => {
                let mut plain = Vec::new();
                GzDecoder::new(self.gzip).read_to_end(&mut plain).map_err(Error::internal)?;
                Bytes::from(plain)
            }
        })
    }
}

static FILES: LazyLock<HashMap<String, Stored>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    collect(&BUILD, &mut files);
    files
});

/// A file by its path in the build.
pub fn file(path: &str) -> Option<&'static Stored> {
    FILES.get(path)
}

fn collect(dir: &'static Dir<'static>, files: &mut HashMap<String, Stored>) {
    for gzip in dir.files().filter(|file| file.path().extension().is_some_and(|it| it == "gz")) {
        let path = gzip.path().with_extension("");
        let Some(brotli) = BUILD.get_file(format!("{}.br", path.display())) else { continue };
        let stored = Stored {
            media: media(&path),
            tag: format!(
                "\"{}\"",
                &Digest::of(&[SOURCES.as_bytes(), gzip.contents()].concat()).to_string()[..16]
            ),
            brotli: brotli.contents(),
            gzip: gzip.contents(),
        };
        files.insert(path.to_string_lossy().into_owned(), stored);
    }
    dir.dirs().for_each(|dir| collect(dir, files));
}

/// The media types of what a build is made of (RFC 9239, RFC 2318).
fn media(path: &Path) -> &'static str {
    match path.extension().and_then(|it| it.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    /// FNV-1a, as `console/scripts/fingerprint.mjs` has it: it tells changes apart, not forgeries.
    pub fn fingerprint(bytes: &[u8]) -> String {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    fn sources(root: &std::path::Path, under: &str, into: &mut Vec<String>) {
        for entry in fs::read_dir(root.join(under)).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let path = if under.is_empty() { name.clone() } else { format!("{under}/{name}") };
            if entry.path().is_dir() {
                if !["node_modules", "dist"].contains(&name.as_str()) {
                    sources(root, &path, into);
                }
            } else if name != "README.md" {
                into.push(format!("{} {path}", fingerprint(&fs::read(entry.path()).unwrap())));
            }
        }
    }

    #[test]
    fn the_checked_in_build_is_of_these_sources() {
        let root = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../console"));
        let mut found = Vec::new();
        sources(root, "", &mut found);
        found.sort_by(|a, b| a[17..].cmp(&b[17..]));
        let built: Vec<&str> = super::SOURCES.lines().collect();
        let changed: Vec<&String> = found.iter().filter(|line| !built.contains(&line.as_str())).collect();
        let gone: Vec<&&str> = built.iter().filter(|line| !found.iter().any(|it| it == **line)).collect();
        assert!(
            changed.is_empty() && gone.is_empty(),
            "run `cargo xtask console`; changed since the build: {changed:?}, gone: {gone:?}"
        );
    }
}
