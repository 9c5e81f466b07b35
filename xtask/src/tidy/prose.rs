//! Words that sell instead of saying something, looked for in our own documents.

use super::tree::Tree;
use super::{Finding, finding};

const EMPTY_WORDS: &[&str] = &[
    "simply",
    "easily",
    "effortless",
    "effortlessly",
    "seamless",
    "seamlessly",
    "obviously",
    "leverage",
    "utilize",
    "blazing",
    "cutting-edge",
    "state-of-the-art",
    "world-class",
    "revolutionary",
];

/// Names each such word and its place; code between back-quotes is not prose.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        let mut in_code = false;
        for (index, line) in file.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            let prose = if in_code { String::new() } else { without_code(line) };
            for word in prose.split(|c: char| !c.is_alphanumeric() && c != '-') {
                let word = word.to_lowercase();
                if EMPTY_WORDS.contains(&word.as_str()) {
                    let sentence = format!("`{word}` says nothing; leave it out or give the figure");
                    findings.push(finding(&file.path, index + 1, sentence));
                }
            }
        }
    }
    findings
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    #[test]
    fn empty_words_are_found_in_prose_and_not_in_code() {
        let text = "Use `simply` and\nSimply start.\n```\nsimply\n```\n";
        let found = check(&tree(&[("README.md", text)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].to_string().starts_with("README.md:2:"));
    }
}
