//! In which form a file is sent (RFC 9110 section 12.5.3).

/// The forms a file is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Brotli (RFC 7932).
    Brotli,
    /// Gzip (RFC 1952).
    Gzip,
    /// As it is.
    Plain,
}

impl Form {
    /// Its word in `Content-Encoding`.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Plain => None,
        }
    }
}

/// The smallest form a caller takes.
pub fn best(accepts: &str) -> Form {
    let takes = |word: &str| {
        accepts.split(',').any(|part| {
            let (name, weight) = part.split_once(';').unwrap_or((part, ""));
            let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
            name.trim().eq_ignore_ascii_case(word) && !refused
        })
    };
    if takes("br") {
        Form::Brotli
    } else if takes("gzip") {
        Form::Gzip
    } else {
        Form::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_that_is_not_refused() {
        assert_eq!(best("gzip, deflate, br, zstd"), Form::Brotli);
        assert_eq!(best("br;q=0, gzip;q=0.5"), Form::Gzip);
        assert_eq!(best("identity"), Form::Plain);
        assert_eq!(best(""), Form::Plain);
    }
}
