//! Every error code has a page in `errors/`, every page a code, and every page says the same three things.

use std::collections::BTreeMap;

use super::tree::{File, Tree};
use super::{Finding, finding};

/// The makers of `base::Error` that take a code; `new` takes a status before it.
const MAKERS: &[&str] = &[
    "bad_request",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "invalid",
    "too_large",
    "unavailable",
];
const HEADINGS: &[&str] = &["## What happened", "## What to do", "## Example"];

/// Compares codes with pages, both ways.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut codes: BTreeMap<String, (&str, usize)> = BTreeMap::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/")) {
        for (code, line) in codes_in(file) {
            codes.entry(code).or_insert((&file.path, line));
        }
    }
    let mut findings = Vec::new();
    for (code, (path, line)) in &codes {
        if tree.get(&format!("errors/{code}.md")).is_none() {
            let sentence = format!("`{code}` has no page; write errors/{code}.md as errors/README.md says");
            findings.push(finding(path, *line, sentence));
        }
    }
    for page in tree.files.iter().filter(|file| is_page(&file.path)) {
        findings.extend(flaws(page, &codes));
    }
    findings
}

fn is_page(path: &str) -> bool {
    path.starts_with("errors/") && path.ends_with(".md") && path != "errors/README.md"
}

fn flaws(page: &File, codes: &BTreeMap<String, (&str, usize)>) -> Vec<Finding> {
    let code = page.path.trim_start_matches("errors/").trim_end_matches(".md");
    let mut findings = Vec::new();
    if !codes.contains_key(code) {
        let sentence =
            format!("no crate makes an error `{code}`; remove the page, or write the code as a literal");
        findings.push(finding(&page.path, 1, sentence));
    }
    if page.text.lines().next() != Some(&format!("# {code}")) {
        findings.push(finding(&page.path, 1, format!("start with the line `# {code}`")));
    }
    for heading in HEADINGS.iter().filter(|heading| !page.text.lines().any(|line| line == **heading)) {
        let sentence = format!("add the section `{heading}`");
        findings.push(finding(&page.path, 1, sentence));
    }
    findings
}

/// The codes that a file's code, not its tests, makes errors with.
fn codes_in(file: &File) -> Vec<(String, usize)> {
    let Some(source) = &file.source else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (at, _) in source.code.match_indices("::") {
        let before = &source.code[..at];
        let word = |start: &str| {
            let rest = before.strip_suffix(start);
            rest.is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        // Only its own file calls the type `Self`; elsewhere that is somebody else.
        let own = word("Self") && file.path == "crates/base/src/error.rs";
        if !(word("Error") || own) {
            continue;
        }
        let call = &source.code[at + 2..];
        let Some((maker, args)) = call.split_once('(') else {
            continue;
        };
        let offset = at + 2 + maker.len() + 1;
        let start = match maker {
            "new" => after_status(args).map(|skipped| offset + skipped),
            maker if MAKERS.contains(&maker) => Some(offset),
            _ => None,
        };
        let line = before.matches('\n').count() + 1;
        let code = start.and_then(|start| literal(&file.text[start..]));
        if let Some(code) = code.filter(|_| !source.is_test(line)) {
            found.push((code.to_owned(), line));
        }
    }
    found
}

/// How far into the arguments of `new` the one after the status begins.
fn after_status(args: &str) -> Option<usize> {
    let comma = args.find(',')?;
    args[..comma].contains("Status::").then_some(comma + 1)
}

fn literal(text: &str) -> Option<&str> {
    let inside = text.trim_start().strip_prefix('"')?;
    inside.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    const CODE: &str = "\
fn a() -> Error { Error::conflict(\"not-ready\", \"x\") }
fn b() -> Error {
    base::Error::new(
        Status::Gone,
        \"compacted\",
        \"x\",
    )
}
fn c() { io::Error::new(io::ErrorKind::Other, \"no-code\"); syn::Error::new(span, \"no-code\"); }
fn d() { Self::conflict(\"not-an-error\", 1) }
#[test]
fn t() { Error::invalid(\"made-in-a-test\", \"x\"); }
";
    const PAGE: &str = "# not-ready\n\n## What happened\n\n## What to do\n\n## Example\n";

    fn shown(texts: &[(&str, &str)]) -> Vec<String> {
        check(&tree(texts)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_code_without_a_page_is_named_where_it_is_made() {
        assert_eq!(
            shown(&[("crates/kernel/src/a.rs", CODE), ("errors/not-ready.md", PAGE)]),
            [
                "crates/kernel/src/a.rs:3: `compacted` has no page; write errors/compacted.md as errors/README.md says"
            ]
        );
    }

    #[test]
    fn a_page_without_a_code_and_a_page_without_sections_are_named() {
        let found = shown(&[("errors/lost.md", "# lost\n\n## What happened\n"), ("errors/README.md", "")]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("errors/lost.md:1: no crate makes an error `lost`"));
        assert!(found[1].contains("## What to do"));
    }
}
