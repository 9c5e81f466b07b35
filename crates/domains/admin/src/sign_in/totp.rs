//! Codes of authenticator apps: TOTP (RFC 6238) with SHA-1, six digits and thirty seconds, which is what the apps know.

use kernel::prelude::*;
use totp_rs::{Algorithm, Secret as Encoded, TOTP};

/// Seconds a code lasts.
const STEP_S: u64 = 30;
/// How many steps a clock may be off.
const SKEW: u64 = 1;

/// A fresh secret in base 32 (RFC 4648 section 6): 160 bits, as RFC 4226 section 4 advises.
pub fn fresh(cx: &Cx) -> Secret {
    Secret::new(Encoded::Raw(cx.random::<20>().to_vec()).to_encoded().to_string())
}

/// What an app scans: `otpauth://totp/…`.
pub fn address(secret: &Secret, org: &str, user: &str) -> String {
    let secret = secret.reveal();
    format!(
        "otpauth://totp/AIC:{user}%40{org}?secret={secret}&issuer=AIC&algorithm=SHA1&digits=6&period={STEP_S}"
    )
}

/// The step whose code this is, if it is one of now.
pub fn step(secret: &Secret, code: &str, now: Time) -> Result<Option<u64>> {
    let bytes = Encoded::Encoded(secret.reveal().to_owned()).to_bytes().map_err(Error::internal)?;
    let totp = TOTP::new(Algorithm::SHA1, 6, 0, STEP_S, bytes).map_err(Error::internal)?;
    let present = u64::try_from(now.millis()).unwrap_or(0) / 1000 / STEP_S;
    let fits = |step: &u64| totp.check(code, step * STEP_S);
    Ok((present.saturating_sub(SKEW)..=present + SKEW).find(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238 appendix B, the SHA-1 rows, their last six digits; the secret is "12345678901234567890".
        let secret = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            let now = Time::from_micros(at * 1_000_000);
            assert_eq!(step(&secret, code, now).unwrap(), Some(at as u64 / 30));
            assert_eq!(step(&secret, code, now.plus_s(30)).unwrap(), Some(at as u64 / 30));
            assert_eq!(step(&secret, code, now.plus_s(90)).unwrap(), None);
            assert_eq!(step(&secret, "000000", now).unwrap(), None);
        }
    }
}
