//! Scopes: what a token is good for. `aic` is everything its owner may; a permission pattern narrows it.

use base::{Error, Result};

/// Every permission of whom the token is for.
pub const ALL: &str = "aic";
/// The scopes that tell of a person and permit nothing (OpenID Connect Core section 5.4).
pub const ABOUT: [&str; 5] = ["openid", "profile", "email", "groups", "offline_access"];
/// How many a request may name.
const SCOPES_MAX: usize = 50;

/// The scopes a text names, each once, in order.
pub fn parse(text: &str) -> Result<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !(ABOUT.contains(&word) || word == ALL || is_pattern(word)) {
            let shown: String = word.chars().filter(char::is_ascii_graphic).take(60).collect();
            return Err(Error::bad_request("invalid-scope", format!("`{shown}` is no scope"))
                .at("scope")
                .hint("a scope is openid, profile, email, groups, offline_access, aic or a permission pattern such as catalog.*.get"));
        }
        if !scopes.iter().any(|scope| scope == word) {
            scopes.push(word.to_owned());
        }
    }
    if scopes.len() > SCOPES_MAX {
        return Err(
            Error::bad_request("invalid-scope", format!("at most {SCOPES_MAX} scopes are taken")).at("scope")
        );
    }
    Ok(scopes)
}

/// Whether a word is a permission pattern: it has a dot, so that it is not taken for a scope to come.
fn is_pattern(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-*".contains(c);
    word.len() <= 200 && word.contains('.') && word.chars().all(plain)
}

/// Whether one scope permits all another does.
pub fn covers(wide: &str, narrow: &str) -> bool {
    if wide == narrow {
        return true;
    }
    if !is_pattern(narrow) {
        return false;
    }
    wide == ALL || (is_pattern(wide) && like(wide.as_bytes(), narrow.as_bytes()))
}

/// Whether a pattern matches a text; a `*` of the text is only matched by one of the pattern.
fn like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] && text[t] != b'*' {
            (p, t) = (p + 1, t + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, t) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Of these, those another list covers.
pub fn within(wanted: &[String], allowed: &[String]) -> Vec<String> {
    let covered = |scope: &&String| allowed.iter().any(|wide| covers(wide, scope));
    wanted.iter().filter(covered).cloned().collect()
}

/// What a token's scopes narrow its owner to; nothing when they permit nothing at all.
pub fn patterns(scope: &str) -> Option<Vec<String>> {
    let words: Vec<&str> = scope.split(' ').collect();
    if words.contains(&ALL) {
        return Some(Vec::new());
    }
    let patterns: Vec<String> =
        words.into_iter().filter(|word| is_pattern(word)).map(str::to_owned).collect();
    (!patterns.is_empty()).then_some(patterns)
}

/// What a scope lets a client do, for the person who is asked.
pub fn words(scope: &str) -> String {
    match scope {
        "openid" => "Know who you are".to_owned(),
        "profile" => "See your name".to_owned(),
        "email" => "See your e-mail address".to_owned(),
        "groups" => "See the groups you are in".to_owned(),
        "offline_access" => "Stay connected while you are away".to_owned(),
        ALL => "Do everything you may do".to_owned(),
        pattern => format!("Use your permission {pattern}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_can_only_be_narrowed() {
        for (wide, narrow) in [
            ("aic", "catalog.*"),
            ("catalog.*", "catalog.models.get"),
            ("catalog.*", "catalog.*.get"),
            ("*.get", "catalog.models.get"),
            ("openid", "openid"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("catalog.*", "aic"),
            ("catalog.models.get", "catalog.*"),
            ("catalog.*.get", "catalog.*"),
            ("catalog.models.get", "catalog.models.*"),
            ("aic", "openid"),
            ("openid", "catalog.*"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn a_scope_that_is_none_is_refused() {
        assert_eq!(parse("openid  aic openid").unwrap(), ["openid", "aic"]);
        for text in ["Openid", "catalog", "a.b;c", "a.\"b"] {
            assert_eq!(parse(text).unwrap_err().code(), "invalid-scope", "{text}");
        }
    }

    #[test]
    fn what_only_tells_of_a_person_permits_nothing() {
        assert_eq!(patterns("openid profile"), None);
        assert_eq!(patterns("openid aic"), Some(Vec::new()));
        assert_eq!(patterns("openid catalog.*"), Some(vec!["catalog.*".to_owned()]));
    }
}
