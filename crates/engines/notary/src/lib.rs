//! Signs with Ed25519 (RFC 8032), notes in the form of C2SP signed-note and statements in envelopes (DSSE), and verifies
//! both.

use std::sync::Arc;

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base::{Error, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use ports::notary::{Envelope, IN_TOTO, Notary, Signature, untrusted};
use serde_json::Value;

/// The type of an Ed25519 key (C2SP signed-note, section Signature types).
const ED25519_TYPE: u8 = 1;

/// A new key (PKCS #8), in base64.
///
/// # Errors
/// `internal` if there is no randomness.
pub fn fresh() -> Result<String> {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| no_key("none can be made"))?;
    Ok(BASE64_STANDARD.encode(key.as_ref()))
}

/// The key in a text that [`fresh`] made.
///
/// # Errors
/// `notary-unusable` (503) if it is no such text.
pub fn open(key: &str, name: &str) -> Result<Arc<dyn Notary>> {
    let bytes = BASE64_STANDARD.decode(key.trim()).map_err(|_| no_key("it is no base64"))?;
    let pair = Ed25519KeyPair::from_pkcs8(&bytes).map_err(|_| no_key("it holds no Ed25519 key"))?;
    Ok(Arc::new(Key { name: name.to_owned(), pair }))
}

fn no_key(why: &str) -> Error {
    Error::unavailable("notary-unusable", format!("the key that signs cannot be used: {why}"))
        .hint("restore the store from a backup with its `.keys` file")
}

/// What stands before an Ed25519 key in DER (RFC 8410 section 4).
const DER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The bytes an envelope's signature is over (DSSE 1.0, section Protocol).
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
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

    fn public_pem(&self) -> String {
        let text = BASE64_STANDARD.encode(self.der());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    fn attest(&self, statement: &Value) -> Envelope {
        let payload = statement.to_string().into_bytes();
        let sig = self.pair.sign(&encoded(IN_TOTO, &payload));
        Envelope {
            payload_type: IN_TOTO.to_owned(),
            payload: BASE64_STANDARD.encode(&payload),
            signatures: vec![Signature { keyid: self.keyid(), sig: BASE64_STANDARD.encode(sig.as_ref()) }],
        }
    }

    fn attested(&self, envelope: &Envelope) -> Result<Value> {
        if envelope.payload_type != IN_TOTO {
            return Err(untrusted("it holds no statement"));
        }
        let payload = BASE64_STANDARD.decode(&envelope.payload).map_err(|_| untrusted("it is no base64"))?;
        let told = encoded(&envelope.payload_type, &payload);
        let key = UnparsedPublicKey::new(&ED25519, self.pair.public_key().as_ref());
        let by_us = |it: &&Signature| it.keyid == self.keyid();
        let signature =
            envelope.signatures.iter().find(by_us).ok_or_else(|| untrusted("another key signed it"))?;
        let sig = BASE64_STANDARD.decode(&signature.sig).map_err(|_| untrusted("it is no base64"))?;
        key.verify(&told, &sig).map_err(|_| untrusted("its signature does not fit it"))?;
        serde_json::from_slice(&payload).map_err(|_| untrusted("it holds no JSON"))
    }

    fn sha256(&self, bytes: &[u8]) -> String {
        hex(digest::digest(&digest::SHA256, bytes).as_ref())
    }
}

impl Key {
    fn der(&self) -> Vec<u8> {
        [&DER, self.pair.public_key().as_ref()].concat()
    }

    fn keyid(&self) -> String {
        self.sha256(&self.der())
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
    fn a_key_signs_what_it_alone_verifies() {
        let key = fresh().unwrap();
        let (one, again) =
            (open(&key, "aic.example/journal").unwrap(), open(&key, "aic.example/journal").unwrap());
        assert_eq!(one.public_key(), again.public_key());
        let note = one.sign("hello\n").unwrap();
        assert_eq!(verified(&note, &again.public_key()).unwrap(), "hello\n");
        let other = open(&fresh().unwrap(), "aic.example/journal").unwrap();
        assert!(verified(&note, &other.public_key()).is_err());
        assert!(verified("hello\n", &one.public_key()).is_err());
        assert_eq!(open("rubbish", "x").map(drop).unwrap_err().code(), "notary-unusable");
    }

    #[test]
    fn an_envelope_that_was_changed_is_refused() {
        let (one, other) = (open(&fresh().unwrap(), "x").unwrap(), open(&fresh().unwrap(), "x").unwrap());
        let statement = serde_json::json!({"a": 1});
        let envelope = one.attest(&statement);
        assert_eq!(one.attested(&envelope).unwrap(), statement);
        assert_eq!(other.attested(&envelope).unwrap_err().code(), "attestation-untrusted");
        let payload = BASE64_STANDARD.encode(r#"{"a":2}"#);
        let changed = Envelope { payload, ..envelope.clone() };
        assert_eq!(one.attested(&changed).unwrap_err().code(), "attestation-untrusted");
        let unsigned = Envelope { signatures: Vec::new(), ..envelope };
        assert!(one.attested(&unsigned).is_err());
        assert!(one.public_pem().contains("MCowBQYDK2VwAyEA"));
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of DSSE, section Test Vectors.
        assert_eq!(
            encoded("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
