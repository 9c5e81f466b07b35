//! Rules of thumb against common attacks: they look at path and query, decoded twice, and never at bodies.

use std::{borrow::Cow, sync::LazyLock};

use base::Error;
use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use ports::gateway::{Waf, WafMode, WafRule};
use regex::RegexSet;

use crate::path;

/// The words of each rule, in lower case; see [`WafRule`] for what they are about.
static WORDS: LazyLock<Vec<(WafRule, RegexSet)>> = LazyLock::new(|| {
    let set = |rule, words: &[&str]| {
        // The words are constants, and a test compiles them.
        (rule, RegexSet::new(words).unwrap_or_else(|_| RegexSet::empty()))
    };
    vec![
        set(
            WafRule::PathTraversal,
            &[r"(^|[/\\=])\.\.([/\\]|$)", r"/etc/(passwd|shadow)", r"/proc/self/", r"\bc:\\windows"],
        ),
        set(
            WafRule::SqlInjection,
            &[
                r"\bunion\s+(all\s+)?select\b",
                r"['\x22]\s*(or|and)\s+['\x22\w]+\s*(=|<|>|like)",
                r"\b(or|and)\s+\d+\s*=\s*\d+",
                r";\s*(drop|alter|truncate|delete|insert|update)\s+",
                r"\b(sleep|benchmark|pg_sleep|waitfor\s+delay)\s*\(?['\x22\d]",
                r"\binformation_schema\b",
                r"'\s*(--|#|/\*)",
            ],
        ),
        set(
            WafRule::CrossSiteScripting,
            &[
                r"<\s*script\b",
                r"<\s*(iframe|object|embed|svg|img|body)\b[^>]*\bon\w+\s*=",
                r"\bjavascript\s*:",
                r"\bon(error|load|click|mouseover|focus)\s*=",
                r"\bdocument\s*\.\s*(cookie|write)",
            ],
        ),
        set(
            WafRule::CommandInjection,
            &[
                r"[;&|]\s*(cat|ls|id|whoami|wget|curl|nc|bash|sh|ping|rm|chmod|python|perl)(\s|$|;)",
                r"\$\([^)]*\)",
                r"`[^`]+`",
                r"\$\{jndi:",
            ],
        ),
    ]
});

/// What a request looks like, if it looks like an attack.
pub fn suspicion(waf: &Waf, method: &Method, uri: &Uri) -> Option<WafRule> {
    let wanted = |rule: &WafRule| !waf.without.contains(rule);
    let shown = method.as_str();
    if wanted(&WafRule::Methods) && ["TRACE", "TRACK", "DEBUG"].contains(&shown) {
        return Some(WafRule::Methods);
    }
    let raw = uri.path_and_query().map_or("/", |it| it.as_str());
    if is_plain(raw) {
        return None;
    }
    if wanted(&WafRule::PathTraversal) && path::has_dot_segment(uri.path()) {
        return Some(WafRule::PathTraversal);
    }
    let text = decoded(raw);
    let control = |c: char| c.is_control() && !['\t', '\n', '\r'].contains(&c);
    if wanted(&WafRule::ControlCharacters) && text.contains(control) {
        return Some(WafRule::ControlCharacters);
    }
    WORDS.iter().find(|(rule, words)| wanted(rule) && words.is_match(&text)).map(|(rule, _)| *rule)
}

/// Whether no rule can fit: letters, digits and what stands in ordinary paths and queries.
fn is_plain(raw: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~=&?,:@".contains(&byte);
    raw.bytes().all(fine)
        && !raw.contains("..")
        && !raw.contains("/etc/")
        && !raw.contains("/proc/")
        && !raw.contains("script:")
        && !raw.contains("&&")
        && !raw.contains("information_schema")
        && !raw.contains("on")
        && !raw.contains("ON")
}

/// What an application may come to see: decoded as often as careless ones do, in lower case, `+` as a blank.
fn decoded(raw: &str) -> String {
    let once = raw.replace('+', " ");
    let once: Cow<'_, str> = percent_decode_str(&once).decode_utf8_lossy();
    let twice = percent_decode_str(&once).decode_utf8_lossy();
    twice.to_lowercase()
}

/// Refuses or notes a request that looks like an attack; answers whether it did look so.
///
/// # Errors
/// `looks-like-attack` (403), which does not tell what gave it away: the log does.
pub fn check(waf: &Waf, method: &Method, uri: &Uri) -> Result<bool, Error> {
    let Some(rule) = suspicion(waf, method, uri) else { return Ok(false) };
    tracing::warn!(?rule, mode = ?waf.mode, path = uri.path(), "a request looks like an attack");
    match waf.mode {
        WafMode::Log => Ok(true),
        WafMode::Block => Err(Error::forbidden(
            "looks-like-attack",
            "the request looks like an attack and was not passed on",
        )
        .hint("if it is none, its route may leave out the rule that says so (`protection.waf.without`)")
        .because(format!("{rule:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(uri: &str) -> Option<WafRule> {
        suspicion(&Waf::default(), &Method::GET, &uri.parse().unwrap())
    }

    #[test]
    fn attacks_are_seen_through_their_encodings() {
        let all = [
            ("/files?name=..%2f..%2fetc%2fpasswd", WafRule::PathTraversal),
            ("/files?name=%252e%252e%252fsecret", WafRule::PathTraversal),
            ("/%2e%2e/x", WafRule::PathTraversal),
            ("/a?x=%00", WafRule::ControlCharacters),
            ("/a?id=1%20UNION%20SELECT%20password", WafRule::SqlInjection),
            ("/a?id=1+or+1=1", WafRule::SqlInjection),
            ("/a?id=1'%20or%20'a'='a", WafRule::SqlInjection),
            ("/a?id=1;DROP%20TABLE%20users", WafRule::SqlInjection),
            ("/a?q=%3Cscript%3Ealert(1)", WafRule::CrossSiteScripting),
            ("/a?q=%3Cimg%20src=x%20onerror=alert(1)%3E", WafRule::CrossSiteScripting),
            ("/a?u=javascript:alert(1)", WafRule::CrossSiteScripting),
            ("/a?h=x;cat%20/tmp", WafRule::CommandInjection),
            ("/a?h=$(id)", WafRule::CommandInjection),
            ("/a?h=$%7Bjndi:ldap://x%7D", WafRule::CommandInjection),
        ];
        for (uri, rule) in all {
            assert_eq!(seen(uri), Some(rule), "{uri}");
        }
        let trace = suspicion(&Waf::default(), &Method::TRACE, &"/".parse().unwrap());
        assert_eq!(trace, Some(WafRule::Methods));
    }

    #[test]
    fn ordinary_requests_pass() {
        for uri in [
            "/",
            "/api/v1/models/credit.1?limit=10&filter=spec.name%20%3D%20%22x%22",
            "/search?q=union+station+selection",
            "/a?q=rock%20and%20roll%20or%20jazz",
            "/a?q=it's%20fine",
            "/a?onboarding=true",
            "/a?next=%2Fhome%3Fa%3D1%26b%3D2",
            "/download/report..2026.pdf",
            "/a?price=%2410",
            "/conditions?version=2&on=1",
            "/a?q=a%26b",
        ] {
            assert_eq!(seen(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_rule_that_is_left_out_sees_nothing() {
        let waf = Waf { mode: WafMode::Block, without: vec![WafRule::SqlInjection] };
        assert_eq!(suspicion(&waf, &Method::GET, &"/a?id=1+or+1=1".parse().unwrap()), None);
    }

    #[test]
    fn all_words_compile() {
        assert!(WORDS.iter().all(|(_, words)| !words.is_empty()));
    }
}
