//! Proof Key for Code Exchange (RFC 7636), by `S256` alone.

use crate::jws;

/// Whether a verifier is one, and the challenge was made of it.
pub fn verifier_fits(verifier: &str, challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(plain) && jws::sha256(verifier) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_fits_and_nothing_near_it() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(verifier_fits(verifier, challenge));
        assert!(!verifier_fits(challenge, challenge));
        assert!(!verifier_fits("", challenge));
        assert!(!verifier_fits(&verifier[1..], challenge));
    }
}
