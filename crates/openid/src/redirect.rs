//! Where people may be sent with a code: compared letter by letter (RFC 9700 section 4.1).

/// Whether a text is an address people can be sent to without telling others (RFC 8252 section 8.3, RFC 9700 section 2.6).
pub fn is_redirect(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic())
        && !text.contains(['#', '\\', '<', '>', '"', '\'', '`']);
    let host = rest.trim_start_matches("//").split(['/', '?']).next().unwrap_or_default();
    if !plain || text.len() > 2000 || host.contains(['@', '*']) {
        return false;
    }
    match scheme {
        "https" => rest.starts_with("//") && !host.is_empty(),
        "http" => rest.starts_with("//") && is_loopback(host),
        // A program's own scheme is named after a domain of its maker's (RFC 8252 section 7.1).
        scheme => {
            scheme.contains('.')
                && scheme
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-+".contains(&byte))
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let name = if host.starts_with('[') {
        host.split_inclusive(']').next().unwrap_or_default()
    } else {
        host.split(':').next().unwrap_or_default()
    };
    ["127.0.0.1", "[::1]", "localhost"].contains(&name)
}

/// Whether people may be sent there: letter by letter, but for the port of a program on the same machine (RFC 8252 section 7.3).
pub fn is_registered(known: &[String], public: bool, uri: &str) -> bool {
    let bare = |uri: &str| {
        let rest = uri.strip_prefix("http://")?;
        let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| rest.starts_with(host))?;
        let rest = &rest[host.len()..];
        let (port, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let plain = port.is_empty() || port.strip_prefix(':')?.parse::<u16>().is_ok();
        plain.then(|| format!("{host}{path}"))
    };
    is_redirect(uri)
        && known.iter().any(|it| it == uri || (public && bare(it).is_some_and(|it| Some(it) == bare(uri))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_to_plain_addresses_only() {
        for uri in [
            "https://rp.example/cb",
            "http://127.0.0.1:3000/cb",
            "http://[::1]/cb",
            "http://localhost:1/x?y=z",
            "com.example.app:/cb",
        ] {
            assert!(is_redirect(uri), "{uri}");
        }
        for uri in [
            "http://rp.example/cb",
            "https://rp.example/#x",
            "https://u@rp.example/",
            "https://*.example/",
            "javascript:alert(1)",
            "https:///x",
            "data:text/html,x",
            "http://127.0.0.1.evil.example/",
            "http://localhost@evil.example/",
            "",
            "https://rp.example/ x",
        ] {
            assert!(!is_redirect(uri), "{uri}");
        }
    }

    #[test]
    fn only_the_port_of_the_own_machine_may_differ() {
        let registered =
            |public: bool, known: &str, uri: &str| is_registered(&[known.to_owned()], public, uri);
        assert!(registered(true, "http://127.0.0.1/cb", "http://127.0.0.1:4711/cb"));
        for uri in [
            "http://127.0.0.1:4711/cb/",
            "http://127.0.0.1:x/cb",
            "http://127.0.0.1.evil/cb",
            "http://[::1]/cb",
        ] {
            assert!(!registered(true, "http://127.0.0.1/cb", uri), "{uri}");
        }
        assert!(!registered(false, "http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"));
        assert!(registered(false, "https://rp.example/cb", "https://rp.example/cb"));
        for uri in [
            "https://rp.example/cb/",
            "https://rp.example/cb?x=1",
            "https://rp.example/CB",
            "https://rp.example:443/cb",
            "https://rp.example/../cb",
            "https://rp.example/cb#",
            "https://evil.example/cb",
        ] {
            assert!(!registered(false, "https://rp.example/cb", uri), "{uri}");
        }
    }
}
