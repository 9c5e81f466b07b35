//! Tokens: `aic_` and a sort, the name of the object behind it, 32 random bytes, and a check sum
//! that lets a scanner tell a token from noise.

use kernel::prelude::*;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A login.
    Session,
    /// A program's key.
    Key,
}

impl Sort {
    fn word(self) -> &'static str {
        match self {
            Self::Session => "aics",
            Self::Key => "aick",
        }
    }
}

/// A fresh token for an object, and the digest to keep of it.
pub fn fresh(cx: &Cx, sort: Sort, org: &str, name: &str) -> (String, Digest) {
    let secret = Digest::new(cx.random::<32>()).to_string();
    let start = format!("{}_{org}_{name}_{secret}", sort.word());
    let check = &Digest::of(start.as_bytes()).to_string()[..6];
    let token = format!("{start}_{check}");
    let digest = Digest::of(token.as_bytes());
    (token, digest)
}

/// What a token says of itself, if it is one of ours.
pub fn parse(token: &str) -> Option<(Sort, &str, &str)> {
    let (start, check) = token.rsplit_once('_')?;
    if Digest::of(start.as_bytes()).to_string()[..6] != *check {
        return None;
    }
    let mut parts = start.split('_');
    let sort = match parts.next()? {
        "aics" => Sort::Session,
        "aick" => Sort::Key,
        _ => return None,
    };
    Some((sort, parts.next()?, parts.next()?))
}

/// Whether a token is the one a digest was kept of. Digests are compared, so time tells nothing.
pub fn fits(token: &str, digest: &Digest) -> bool {
    Digest::of(token.as_bytes()) == *digest
}
