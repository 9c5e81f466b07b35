//! The texts of a checkout that the checks read, and which part of the house each belongs to.

use std::fs;
use std::path::Path;

use super::source::Source;

/// Directories that are built, downloaded or nobody's prose.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__", "dist"];

/// One text file; the path has forward slashes and starts at the root.
pub struct File {
    pub path: String,
    pub text: String,
    /// The same text taken apart, if it is Rust.
    pub source: Option<Source>,
}

/// All of them, by path.
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the checkout.
    pub fn load(root: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        collect(root, "", &mut files)?;
        Ok(Self::of(files))
    }

    /// A tree of these texts.
    pub fn of(mut texts: Vec<(String, String)>) -> Self {
        texts.sort();
        let files = texts
            .into_iter()
            .map(|(path, text)| {
                let source = path.ends_with(".rs").then(|| Source::of(&text, is_test_file(&path)));
                File { path, text, source }
            })
            .collect();
        Self { files }
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.source.is_some())
    }

    /// The file of this very path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// Files that are not shipped: tests, examples, measurements.
fn is_test_file(path: &str) -> bool {
    let beside = ["/tests/", "/examples/", "/benches/"].iter().any(|dir| path.contains(dir));
    beside || path.ends_with("/tests.rs") || path.starts_with("benches/")
}

fn collect(root: &Path, under: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let dir = root.join(under);
    let entries = fs::read_dir(&dir).map_err(|error| format!("`{}`: {error}", dir.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if under.is_empty() { name.clone() } else { format!("{under}/{name}") };
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, files)?;
            }
        } else if kind.is_file() && is_read(&name) {
            let text = fs::read_to_string(entry.path()).map_err(|error| format!("`{path}`: {error}"))?;
            files.push((path, text));
        }
    }
    Ok(())
}

fn is_read(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, Some("rs" | "md")) || matches!(name, "Cargo.toml" | "Cargo.lock")
}

/// A tree for the tests of checks.
#[cfg(test)]
pub fn tree(texts: &[(&str, &str)]) -> Tree {
    Tree::of(texts.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
}
