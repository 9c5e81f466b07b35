//! Paths and hosts as routes compare them.

use std::borrow::Cow;

use http::{HeaderMap, Uri, header};
use percent_encoding::percent_decode_str;

/// Whether a path has a segment `.` or `..`, in any encoding: what it names depends on who reads it.
pub fn has_dot_segment(path: &str) -> bool {
    // Nearly every path has neither dot nor escape behind a slash.
    let bytes = path.as_bytes();
    let suspicious = bytes.windows(2).any(|two| {
        matches!(two[0], b'/' | b'\\') && matches!(two[1], b'.' | b'%') || two[0] == b'%' && two[1] == b'5'
    });
    suspicious
        && path.split(['/', '\\']).any(|segment| {
            let decoded: Cow<'_, [u8]> = percent_decode_str(segment).into();
            decoded.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| part == b"." || part == b"..")
        })
}

/// The host a request names, in lower case and without its port.
pub fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<Cow<'a, str>> {
    let named = match uri.host() {
        Some(host) => host,
        None => without_port(headers.get(header::HOST)?.to_str().ok()?),
    };
    Some(lower(named))
}

/// A text in lower case; borrowed where it is already.
pub fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// `example.org` of `example.org:8080`; `[::1]` of `[::1]:80`.
pub fn without_port(text: &str) -> &str {
    match text.rfind(':') {
        Some(at) if !text[at..].contains(']') => &text[..at],
        _ => text,
    }
}

/// The prefixes of a path that end where a segment does, longest first: `/a/b`, `/a`, `/`.
pub fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path.strip_suffix('/').filter(|it| !it.is_empty()).unwrap_or(path));
    std::iter::from_fn(move || {
        let now = rest?;
        rest = match now.rfind('/') {
            Some(0) if now.len() > 1 => Some("/"),
            Some(at) if at > 0 => Some(&now[..at]),
            _ => None,
        };
        Some(now)
    })
}

/// The value of a query parameter, decoded.
pub fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let same = key == name || percent_decode_str(key).decode_utf8_lossy() == name;
        same.then(|| percent_decode_str(value).decode_utf8_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_segment_hides_behind_no_encoding() {
        for path in [
            "/a/../b",
            "/..",
            "/a/.",
            "/%2e%2e/b",
            "/a/.%2E/b",
            "/a/%2e",
            "/a\\..\\b",
            "/a%5c..%5cb",
            "/a/..%2fb",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in
            ["/", "/a/b", "/a/.well-known", "/.well-known/x", "/a/...", "/v1.2/%20", "/a/b..c", "/%2efile"]
        {
            assert!(!has_dot_segment(path), "{path}");
        }
    }

    #[test]
    fn prefixes_end_with_segments() {
        assert_eq!(prefixes("/a/b/c").collect::<Vec<_>>(), ["/a/b/c", "/a/b", "/a", "/"]);
        assert_eq!(prefixes("/a/").collect::<Vec<_>>(), ["/a", "/"]);
        assert_eq!(prefixes("/").collect::<Vec<_>>(), ["/"]);
        assert_eq!(prefixes("*").collect::<Vec<_>>(), ["*"]);
    }

    #[test]
    fn a_host_has_no_port() {
        assert_eq!(without_port("a.example:80"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
    }
}
