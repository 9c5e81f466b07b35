//! Signs notes with Ed25519 (RFC 8032), in the form of C2SP signed-note, and verifies them.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use aws_lc_rs::{
    digest,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base::{Error, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use ports::notary::Notary;

/// The type of an Ed25519 key (C2SP signed-note, section Signature types).
const ED25519_TYPE: u8 = 1;

/// Opens the key in a file, and makes one where there is none; only its owner can read the file.
///
/// # Errors
/// `notary-unusable` (503) if the file cannot be read or written, or holds no key.
pub fn open(file: &Path, name: &str) -> Result<Arc<dyn Notary>> {
    let unusable = |why: &dyn std::fmt::Display| {
        Error::unavailable("notary-unusable", format!("`{}` cannot be used: {why}", file.display()))
            .hint("it holds the key that signs checkpoints; bring it back from where it is kept safe")
    };
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new())
                .map_err(|error| unusable(&error))?;
            let mut options = OpenOptions::new();
            let made = options.write(true).create_new(true).mode(0o600).open(file);
            let mut made = made.map_err(|error| unusable(&error))?;
            made.write_all(key.as_ref()).and_then(|()| made.sync_all()).map_err(|error| unusable(&error))?;
            key.as_ref().to_vec()
        }
        Err(error) => return Err(unusable(&error)),
    };
    let pair = Ed25519KeyPair::from_pkcs8(&bytes).map_err(|error| unusable(&error))?;
    Ok(Arc::new(Key { name: name.to_owned(), pair }))
}

struct Key {
    name: String,
    pair: Ed25519KeyPair,
}

impl Notary for Key {
    fn name(&self) -> &str {
        &self.name
    }

    fn public_key(&self) -> String {
        let public = self.pair.public_key().as_ref();
        let mut bytes = vec![ED25519_TYPE];
        bytes.extend_from_slice(public);
        let id = key_id(&self.name, public);
        format!("{}+{}+{}", self.name, hex(&id), BASE64_STANDARD.encode(bytes))
    }

    fn sign(&self, text: &str) -> Result<String> {
        if !text.ends_with('\n') {
            return Err(Error::internal("a note ends with a line end"));
        }
        let mut bytes = key_id(&self.name, self.pair.public_key().as_ref()).to_vec();
        bytes.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        Ok(format!("{text}\n\u{2014} {} {}\n", self.name, BASE64_STANDARD.encode(bytes)))
    }
}

/// The first four bytes of SHA-256 over name, line end, type and key.
fn key_id(name: &str, public: &[u8]) -> [u8; 4] {
    let mut told = name.as_bytes().to_vec();
    told.extend_from_slice(&[b'\n', ED25519_TYPE]);
    told.extend_from_slice(public);
    let hash = digest::digest(&digest::SHA256, &told);
    let mut id = [0; 4];
    id.copy_from_slice(&hash.as_ref()[..4]);
    id
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a note that this key has signed.
///
/// # Errors
/// `note-unverified` (422) if the note is none, or none of its signatures is the key's.
pub fn verified<'a>(note: &'a str, public_key: &str) -> Result<&'a str> {
    let refused = |why: &str| Error::invalid("note-unverified", format!("the note does not verify: {why}"));
    let mut parts = public_key.trim().splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refused("the key is not written as `name+id+key`"));
    };
    let key = BASE64_STANDARD.decode(key).map_err(|_| refused("the key is no base64"))?;
    let [ED25519_TYPE, public @ ..] = key.as_slice() else {
        return Err(refused("the key is not one of Ed25519"));
    };
    if hex(&key_id(name, public)) != id {
        return Err(refused("the key's name and id do not fit it"));
    }
    let end = note.rfind("\n\n").ok_or_else(|| refused("it carries no signature"))? + 1;
    let (text, signatures) = (&note[..end], &note[end + 1..]);
    let start = format!("\u{2014} {name} ");
    for signature in signatures.lines().filter_map(|line| line.strip_prefix(&start)) {
        let Ok(bytes) = BASE64_STANDARD.decode(signature) else { continue };
        let Some((given, signature)) = bytes.split_at_checked(4) else { continue };
        if given != key_id(name, public) {
            continue;
        }
        if UnparsedPublicKey::new(&ED25519, public).verify(text.as_bytes(), signature).is_ok() {
            return Ok(text);
        }
    }
    Err(refused("no signature on it is this key's"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification itself.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_example_of_the_specification_verifies() {
        let text = verified(NOTE, KEY).unwrap();
        assert!(text.starts_with("If you think") && text.ends_with("problem is.\n"));
        let altered = NOTE.replace("answer", "cause");
        assert_eq!(verified(&altered, KEY).unwrap_err().code(), "note-unverified");
    }

    #[test]
    fn a_key_is_made_once_and_signs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let (one, again) =
            (open(&file, "aic.example/journal").unwrap(), open(&file, "aic.example/journal").unwrap());
        assert_eq!(one.public_key(), again.public_key());
        let note = one.sign("hello\n").unwrap();
        assert_eq!(verified(&note, &again.public_key()).unwrap(), "hello\n");
        let other = open(&directory.path().join("other"), "aic.example/journal").unwrap();
        assert!(verified(&note, &other.public_key()).is_err());
        assert!(verified("hello\n", &one.public_key()).is_err());
        fs::write(&file, b"rubbish").unwrap();
        assert_eq!(open(&file, "x").map(drop).unwrap_err().code(), "notary-unusable");
    }
}
