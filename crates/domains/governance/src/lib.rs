//! The part of the service `catalog` that governs: policies held against recorded facts, where they are assigned.
//!
//! A policy is an expression in Cedar's words over the facts of an object. One that is enforced stands in the way
//! of promotions and deployments; every one is held against everything it is assigned to when it is evaluated, and
//! what does not fit is on record as a violation until it does.

use kernel::prelude::*;

mod approval;
mod assignment;
mod compliance;
mod exception;
mod facts;
mod policy;
mod violation;

/// Everything this part of the service serves, in the order a reader meets it.
pub fn domain() -> Domain {
    Domain::new("catalog")
        .kind(policy::serve)
        .kind(assignment::serve)
        .kind(exception::serve)
        .kind(violation::serve)
        .kind(approval::serve)
        .kind(compliance::serve)
        .kind(compliance::assessment::serve)
        .kind(compliance::certification::serve)
        .kind(compliance::report::serve)
        .workflow(policy::evaluate::evaluating())
}

/// Whether a name is what a pattern with `*` for any text describes.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fit) in [
            ("*", "a", true),
            ("a*", "ab", true),
            ("a*c", "abc", true),
            ("a*c", "ab", false),
            ("a", "ab", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(super::fits(pattern, text), fit, "{pattern} {text}");
        }
    }
}
