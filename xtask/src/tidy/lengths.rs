//! Limits of size, so that a person can still read what there is.

use std::collections::BTreeMap;

use super::tree::Tree;
use super::{Finding, finding};

const FILE_LINES: usize = 500;
const CRATE_LINES: usize = 6_000;
const PACKAGES: usize = 1_000;

/// Files, counted without their tests.
pub fn files(tree: &Tree) -> Vec<Finding> {
    let long = tree.rust().filter_map(|file| {
        let length = file.source.as_ref()?.length();
        (length > FILE_LINES).then(|| {
            let sentence = format!(
                "{length} lines without tests, the limit is {FILE_LINES}; split it where its first sentence says `and`"
            );
            finding(&file.path, FILE_LINES, sentence)
        })
    });
    long.collect()
}

/// Each domain, and the kernel.
pub fn crates(tree: &Tree) -> Vec<Finding> {
    let mut lengths: BTreeMap<String, usize> = BTreeMap::new();
    for file in tree.rust() {
        let parts: Vec<&str> = file.path.split('/').collect();
        let limited = match parts.as_slice() {
            ["crates", "kernel", "src", ..] => "crates/kernel".to_owned(),
            ["crates", "domains", name, "src", ..] => format!("crates/domains/{name}"),
            _ => continue,
        };
        *lengths.entry(limited).or_default() += file.source.as_ref().map_or(0, |s| s.length());
    }
    let long = lengths.into_iter().filter(|(_, length)| *length > CRATE_LINES);
    long.map(|(path, length)| {
        let sentence = format!(
            "{length} lines without tests, the limit is {CRATE_LINES}; say more in declarations and move what is shared down"
        );
        finding(&format!("{path}/Cargo.toml"), 1, sentence)
    })
    .collect()
}

/// Packages of others: each one is code we ship.
pub fn lock(tree: &Tree) -> Vec<Finding> {
    let Some(lock) = tree.get("Cargo.lock") else {
        return Vec::new();
    };
    let packages = lock.text.lines().filter(|line| *line == "[[package]]").count();
    if packages <= PACKAGES {
        return Vec::new();
    }
    let sentence = format!(
        "{packages} packages, the limit is {PACKAGES}; find out with `cargo tree --duplicates` what to leave out"
    );
    vec![finding("Cargo.lock", 1, sentence)]
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    #[test]
    fn a_file_is_measured_without_its_tests() {
        let code = "fn a() {}\n".repeat(500);
        let tests = format!("{code}#[cfg(test)]\nmod tests {{\n{}}}\n", "    fn t() {}\n".repeat(300));
        assert!(files(&tree(&[("crates/base/src/a.rs", &tests)])).is_empty());
        let long = format!("{code}fn b() {{}}\n");
        let found = files(&tree(&[("crates/base/src/a.rs", &long)]));
        assert!(found[0].to_string().starts_with("crates/base/src/a.rs:500: 501 lines"));
    }

    #[test]
    fn a_domain_is_measured_as_a_whole() {
        let half = "fn a() {}\n".repeat(3_001);
        let texts =
            [("crates/domains/catalog/src/a.rs", half.as_str()), ("crates/domains/catalog/src/b.rs", &half)];
        assert_eq!(crates(&tree(&texts))[0].path, "crates/domains/catalog/Cargo.toml");
        assert!(crates(&tree(&texts[..1])).is_empty());
    }

    #[test]
    fn the_lock_may_hold_a_thousand_packages() {
        let packages = "[[package]]\nname = \"x\"\n".repeat(1_001);
        assert_eq!(lock(&tree(&[("Cargo.lock", &packages)])).len(), 1);
    }
}
