//! What Rust files may not hold: missing first sentences, leftovers, stray printing, wide imports, nameless names.

use super::tree::{File, Tree};
use super::{Finding, finding};

/// File names that say nothing about what is inside.
const NAMELESS: &[&str] = &["utils", "util", "helpers", "helper", "misc", "common"];
const LEFTOVERS: &[&str] = &["todo!", "unimplemented!", "dbg!"];
const PRINTERS: &[&str] = &["println!", "print!", "eprintln!", "eprint!"];
/// Who may talk to a terminal.
const TALKERS: &[&str] = &["crates/aic/", "xtask/", "benches/"];

/// Every file says in its first line what it is.
pub fn first_line(tree: &Tree) -> Vec<Finding> {
    let silent = tree.rust().filter(|file| !file.text.starts_with("//! "));
    silent
        .map(|file| finding(&file.path, 1, "start with `//!` and one sentence that says what this is"))
        .collect()
}

/// File names carry meaning.
pub fn names(tree: &Tree) -> Vec<Finding> {
    let findings = tree.rust().filter_map(|file| {
        let name = file.path.rsplit('/').next()?.strip_suffix(".rs")?;
        if name == "mod" {
            let sentence = "name the file after its module instead of `mod.rs`";
            return Some(finding(&file.path, 1, sentence));
        }
        let sentence = format!("`{name}` names nothing; put each thing where it belongs");
        NAMELESS.contains(&name).then(|| finding(&file.path, 1, sentence))
    });
    findings.collect()
}

/// Nothing unfinished, and printing only where a person listens.
pub fn macros(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(source) = &file.source else { continue };
        let talks = TALKERS.iter().any(|start| file.path.starts_with(start));
        for (index, line) in source.code.lines().enumerate() {
            let mut note = |sentence: String| findings.push(finding(&file.path, index + 1, sentence));
            if let Some(word) = LEFTOVERS.iter().find(|word| calls(line, word)) {
                note(format!("`{word}` is unfinished work; finish it or leave it out"));
            }
            let quiet = !talks && !source.is_test(index + 1);
            if let Some(word) = PRINTERS.iter().find(|word| quiet && calls(line, word)) {
                note(format!("`{word}` talks past the log; use `tracing` or answer a value"));
            }
        }
    }
    findings
}

/// Imports say what they bring.
pub fn globs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (line, path) in wide_imports(file) {
            let in_test = file.source.as_ref().is_some_and(|source| source.is_test(line));
            let in_test = in_test || file.path.ends_with("/tests.rs");
            let for_tests = ["super", "proptest::prelude"].contains(&path.as_str());
            let allowed = path == "kernel::prelude" || (in_test && for_tests);
            if !allowed {
                let sentence = format!("`use {path}::*` hides what comes in; name each thing");
                findings.push(finding(&file.path, line, sentence));
            }
        }
    }
    findings
}

/// Every `*` of every import, with the path in front of it and the line the import starts on.
fn wide_imports(file: &File) -> Vec<(usize, String)> {
    let Some(source) = &file.source else { return Vec::new() };
    let mut found = Vec::new();
    let mut offset = 0;
    for (index, line) in source.code.split_inclusive('\n').enumerate() {
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        let statement = &source.code[start..];
        let tree = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
            .iter()
            .find_map(|word| statement.strip_prefix(word))
            .and_then(|rest| rest.split(';').next());
        let mut paths = Vec::new();
        expand("", tree.unwrap_or_default(), &mut paths);
        found.extend(paths.into_iter().map(|path| (index + 1, path)));
    }
    found
}

/// The paths before the stars of `a::{b::*, c::{d, *}}`.
fn expand(before: &str, tree: &str, found: &mut Vec<String>) {
    let (mut depth, mut start) = (0, 0);
    for (at, character) in tree.char_indices().chain([(tree.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branch(before, tree[start..at].trim(), found);
                start = (at + 1).min(tree.len());
            }
            _ => (),
        }
    }
}

fn branch(before: &str, branch: &str, found: &mut Vec<String>) {
    let joined = |path: &str| {
        let path = path.trim_end_matches("::");
        if before.is_empty() || path.is_empty() {
            format!("{before}{path}")
        } else {
            format!("{before}::{path}")
        }
    };
    if let Some((path, inner)) = branch.split_once('{') {
        let inner = inner.strip_suffix('}').unwrap_or(inner);
        expand(&joined(path), inner, found);
    } else if let Some(path) = branch.strip_suffix('*') {
        found.push(joined(path));
    }
}

/// Whether a macro is called in this line: `print!` is not found in `println!` nor in `my_print!`.
fn calls(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    fn shown(findings: Vec<Finding>) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_says_what_it_is_and_has_a_name() {
        let checked = tree(&[
            ("crates/base/src/utils.rs", "//! Things.\n"),
            ("crates/base/src/a/mod.rs", "use std::fmt;\n"),
        ]);
        assert_eq!(first_line(&checked)[0].path, "crates/base/src/a/mod.rs");
        assert_eq!(
            shown(names(&checked)),
            [
                "crates/base/src/a/mod.rs:1: name the file after its module instead of `mod.rs`",
                "crates/base/src/utils.rs:1: `utils` names nothing; put each thing where it belongs",
            ]
        );
    }

    #[test]
    fn leftovers_are_found_in_code_and_not_in_words_about_them() {
        let text = "//! Talks of todo!.\nfn a() {\n    todo!()\n}\nfn b() { my_dbg!(\"dbg!\") }\n";
        assert_eq!(
            shown(macros(&tree(&[("crates/base/src/a.rs", text)]))),
            ["crates/base/src/a.rs:3: `todo!` is unfinished work; finish it or leave it out"]
        );
    }

    #[test]
    fn printing_is_for_the_roof_tools_and_tests() {
        let text = "fn a() {\n    println!();\n}\n#[test]\nfn t() {\n    println!();\n}\n";
        assert_eq!(macros(&tree(&[("crates/base/src/a.rs", text)])).len(), 1);
        assert!(macros(&tree(&[("crates/aic/src/output.rs", text)])).is_empty());
    }

    #[test]
    fn a_star_is_found_wherever_it_hides() {
        let text =
            "use kernel::{access::Principal, prelude::*};\nuse std::{\n    io::{self, *},\n    fmt,\n};\n";
        let found = shown(globs(&tree(&[("crates/base/src/a.rs", text)])));
        assert_eq!(found, ["crates/base/src/a.rs:2: `use std::io::*` hides what comes in; name each thing"]);
    }

    #[test]
    fn only_the_prelude_and_a_tests_own_module_come_in_whole() {
        let text = "use kernel::prelude::*;\nuse std::io::*;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\nuse super::*;\n";
        let found = shown(globs(&tree(&[("crates/base/src/a.rs", text)])));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/base/src/a.rs:2:"));
        assert!(found[1].starts_with("crates/base/src/a.rs:7:"));
    }
}
