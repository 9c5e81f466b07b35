//! AES-256-GCM, and the form a sealed text has: `sealed:1:` and base64 of nonce, ciphertext and tag.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Entropy, Error, Result};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// What a sealed text begins with: the form's name and number.
const MARK: &str = "sealed:1:";

/// The key above all others. It never prints.
#[derive(Clone)]
pub struct MasterKey([u8; KEY_LEN]);

impl MasterKey {
    /// Takes the bytes.
    pub fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// `master-key-unreadable`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = || {
            Error::invalid("master-key-unreadable", "the master key is not 64 hexadecimal digits")
                .hint("make one with `openssl rand -hex 32`")
        };
        let text = text.trim();
        if text.len() != 2 * KEY_LEN || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; KEY_LEN];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

/// A key made ready.
pub struct Key(LessSafeKey);

impl Key {
    /// Makes a key ready.
    pub fn new(bytes: &[u8; KEY_LEN]) -> Result<Self> {
        UnboundKey::new(&AES_256_GCM, bytes).map(|key| Self(LessSafeKey::new(key))).map_err(Error::internal)
    }

    /// Seals a text for one place: it opens nowhere else.
    pub fn seal(&self, text: &str, place: &str, entropy: &dyn Entropy) -> Result<String> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut bytes = text.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut bytes,
            )
            .map_err(Error::internal)?;
        Ok(format!("{MARK}{}", BASE64_STANDARD_NO_PAD.encode([&nonce[..], &bytes].concat())))
    }

    /// Opens a sealed text; nothing if it was sealed with another key, for another place, or altered.
    pub fn open(&self, sealed: &str, place: &str) -> Option<String> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(sealed.strip_prefix(MARK)?).ok()?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(place.as_bytes()), &mut rest).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

/// Whether a text is in the sealed form.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}
