//! `cargo xtask tidy`: what the compiler cannot check, checked in a second.
//!
//! Every check reads the same tree of texts and answers findings; none touches the disk, so each
//! is tested on a handful of lines.

mod arrows;
mod lengths;
mod pages;
mod prose;
mod source;
mod tree;
mod words;

use std::fmt;

use crate::place::Place;
use crate::report;
use tree::Tree;

/// One thing to change, and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    path: String,
    line: usize,
    sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.sentence)
    }
}

fn finding(path: &str, line: usize, sentence: impl Into<String>) -> Finding {
    Finding { path: path.to_owned(), line, sentence: sentence.into() }
}

/// All checks, in the order of their importance.
const CHECKS: &[fn(&Tree) -> Vec<Finding>] = &[
    arrows::check,
    lengths::files,
    lengths::crates,
    lengths::lock,
    words::first_line,
    words::names,
    words::macros,
    words::globs,
    pages::check,
    prose::check,
];

/// Prints every finding; any finding is a failure.
pub fn run(place: &Place) -> Result<(), String> {
    let tree = Tree::load(&place.root)?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.sort();
    for finding in &findings {
        report::say(&finding.to_string());
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err("one finding above; tidy it up".to_owned()),
        more => Err(format!("{more} findings above; tidy them up")),
    }
}

/// Whether any crate has code in its documentation comments.
pub fn has_doc_tests(place: &Place) -> bool {
    Tree::load(&place.root).is_ok_and(|tree| tree.rust().any(|file| documents_code(&file.text)))
}

fn documents_code(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(fence) = doc.and_then(|doc| doc.trim().strip_prefix("```")) else {
            continue;
        };
        // A fence that names another language is not compiled.
        if !inside && matches!(fence, "" | "rust" | "no_run" | "should_panic" | "compile_fail") {
            return true;
        }
        inside = !inside;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rust_in_documentation_is_compiled() {
        assert!(documents_code("/// ```\n/// f();\n/// ```\n"));
        assert!(!documents_code("/// ```text\n/// words\n/// ```\n"));
    }
}
