//! The one place that takes time and randomness from the machine.

use base::{Clock, Entropy, Time};

/// The machine's clock and randomness.
#[derive(Debug, Default)]
pub struct Ambient;

impl Clock for Ambient {
    #[expect(clippy::disallowed_methods, reason = "the one clock of the platform")]
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// Crockford's base 32, in the order of its values and of ASCII.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl Entropy for Ambient {
    fn fill(&self, bytes: &mut [u8]) {
        // The operating system's generator only fails before it is seeded, at boot.
        getrandom::fill(bytes).unwrap_or_else(|error| panic!("the system gives no randomness: {error}"));
    }

    /// A UUIDv7 (RFC 9562) as 26 digits of base 32.
    fn id(&self, now: Time) -> String {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let bytes = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128();
        (0..26).rev().map(|i| DIGITS[(bytes >> (5 * i)) as usize & 31] as char).collect()
    }
}

/// A password nobody can guess and a person can type.
pub fn fresh_password() -> String {
    let mut bytes = [0; 20];
    Ambient.fill(&mut bytes);
    let digits = b"abcdefghjkmnpqrstuvwxyz23456789x";
    let text: Vec<char> = bytes.iter().map(|byte| digits[usize::from(byte & 31)] as char).collect();
    text.chunks(5).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}
