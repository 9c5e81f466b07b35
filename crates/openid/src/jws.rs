//! Signed tokens in compact form (RFC 7515): the key says which algorithm it signs by, the header never does.

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{self, Ed25519KeyPair, KeyPair, RsaPublicKeyComponents},
};
use base::{Error, Result, Secret};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as URL},
};
use fields::kind::{Shape, Shaped};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// How a key signs (RFC 7518 section 3.1, RFC 8037).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Algorithm {
    /// Ed25519: short and fast.
    #[default]
    EdDSA,
    /// RSA with SHA-256, which every client knows.
    RS256,
}

impl Shaped for Algorithm {
    const SHAPE: Shape = Shape::Enum(&["EdDSA", "RS256"]);
}

impl Algorithm {
    /// Its name in a header.
    pub fn word(self) -> &'static str {
        match self {
            Self::EdDSA => "EdDSA",
            Self::RS256 => "RS256",
        }
    }
}

/// A private key ready to sign.
pub enum Signer {
    /// Ed25519.
    Ed(Box<Ed25519KeyPair>),
    /// RSA.
    Rsa(Box<RsaKeyPair>),
}

impl Signer {
    /// A fresh private key as text to keep; takes its time for RSA.
    pub fn fresh(algorithm: Algorithm, seed: [u8; 32]) -> Result<Secret> {
        let bytes = match algorithm {
            Algorithm::EdDSA => seed.to_vec(),
            Algorithm::RS256 => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(Error::internal)?;
                AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key)
                    .map_err(Error::internal)?
                    .as_ref()
                    .to_vec()
            }
        };
        Ok(Secret::new(BASE64_STANDARD.encode(bytes)))
    }

    /// The key a kept text is.
    pub fn open(algorithm: Algorithm, kept: &Secret) -> Result<Self> {
        let bytes = BASE64_STANDARD.decode(kept.reveal()).map_err(Error::internal)?;
        Ok(match algorithm {
            Algorithm::EdDSA => {
                Self::Ed(Box::new(Ed25519KeyPair::from_seed_unchecked(&bytes).map_err(Error::internal)?))
            }
            Algorithm::RS256 => Self::Rsa(Box::new(RsaKeyPair::from_pkcs8(&bytes).map_err(Error::internal)?)),
        })
    }

    /// Its public part as a JSON Web Key (RFC 7517), without a name.
    pub fn public(&self) -> Value {
        match self {
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": URL.encode(key.public_key().as_ref())})
            }
            Self::Rsa(key) => {
                let public = key.public_key();
                let n = URL.encode(public.modulus().big_endian_without_leading_zero());
                let e = URL.encode(public.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": n, "e": e})
            }
        }
    }

    /// Signs claims under a key's name.
    pub fn sign<T: Serialize>(&self, kid: &str, sort: &str, claims: &T) -> Result<String> {
        let algorithm = match self {
            Self::Ed(_) => Algorithm::EdDSA,
            Self::Rsa(_) => Algorithm::RS256,
        };
        let header = json!({"alg": algorithm.word(), "typ": sort, "kid": kid}).to_string();
        let claims = serde_json::to_vec(claims).map_err(Error::internal)?;
        let signed = format!("{}.{}", URL.encode(header), URL.encode(claims));
        let signature = match self {
            Self::Ed(key) => key.sign(signed.as_bytes()).as_ref().to_vec(),
            Self::Rsa(key) => {
                let mut bytes = vec![0; key.public_modulus_len()];
                let random = SystemRandom::new();
                key.sign(&signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut bytes)
                    .map_err(Error::internal)?;
                bytes
            }
        };
        Ok(format!("{signed}.{}", URL.encode(signature)))
    }
}

/// A public key with the one way its signatures are checked.
pub struct Verifier(Form);

enum Form {
    Plain(&'static dyn signature::VerificationAlgorithm, Vec<u8>),
    Rsa(&'static signature::RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
}

impl Verifier {
    /// A JSON Web Key that signs by an algorithm of this list: nothing for any other.
    pub fn of(key: &Value, algorithm: &str) -> Option<Self> {
        let bytes = |name: &str| URL.decode(key[name].as_str()?).ok();
        // A key that says what it is for is used for nothing else.
        if key["use"].as_str().is_some_and(|to| to != "sig")
            || key["alg"].as_str().is_some_and(|alg| alg != algorithm)
        {
            return None;
        }
        let point = || {
            let mut point = vec![4];
            point.extend(bytes("x")?);
            point.extend(bytes("y")?);
            Some(point)
        };
        let rsa = || Some(RsaPublicKeyComponents { n: bytes("n")?, e: bytes("e")? });
        Some(Self(match (key["kty"].as_str()?, key["crv"].as_str().unwrap_or_default(), algorithm) {
            ("OKP", "Ed25519", "EdDSA") => Form::Plain(&signature::ED25519, bytes("x")?),
            ("EC", "P-256", "ES256") => Form::Plain(&signature::ECDSA_P256_SHA256_FIXED, point()?),
            ("EC", "P-384", "ES384") => Form::Plain(&signature::ECDSA_P384_SHA384_FIXED, point()?),
            ("RSA", _, "RS256") => Form::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256, rsa()?),
            ("RSA", _, "PS256") => Form::Rsa(&signature::RSA_PSS_2048_8192_SHA256, rsa()?),
            _ => return None,
        }))
    }

    fn fits(&self, signed: &[u8], given: &[u8]) -> bool {
        match &self.0 {
            Form::Plain(algorithm, key) => {
                signature::UnparsedPublicKey::new(*algorithm, key).verify(signed, given).is_ok()
            }
            Form::Rsa(parameters, key) => key.verify(parameters, signed, given).is_ok(),
        }
    }
}

/// What stands in front of a token.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Header {
    /// The algorithm it claims.
    #[serde(default)]
    pub alg: String,
    /// What sort of token it is.
    #[serde(default)]
    pub typ: String,
    /// The key it claims.
    #[serde(default)]
    pub kid: String,
    /// What a reader must understand; we understand nothing of the sort.
    crit: Option<Value>,
}

/// Bytes beyond which nothing is a token.
const LENGTH_MAX: usize = 16 << 10;

/// A token's parts: not yet to be believed.
pub struct Parts<'a> {
    /// Its header.
    pub header: Header,
    signed: &'a [u8],
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// Takes a token apart; nothing for what is none.
pub fn parts(token: &str) -> Option<Parts<'_>> {
    if token.len() > LENGTH_MAX {
        return None;
    }
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL.decode(header).ok()?).ok()?;
    if header.crit.is_some() {
        return None;
    }
    let (claims, signature) = (URL.decode(claims).ok()?, URL.decode(signature).ok()?);
    Some(Parts { header, signed: signed.as_bytes(), claims, signature })
}

impl Parts<'_> {
    /// The claims, if a key signed them.
    pub fn claims<T: DeserializeOwned>(&self, key: &Verifier) -> Option<T> {
        if !key.fits(self.signed, &self.signature) {
            return None;
        }
        serde_json::from_slice(&self.claims).ok()
    }

    /// The claims, signed or not: to find out whose key to ask for.
    pub fn unproven(&self) -> Option<Value> {
        serde_json::from_slice(&self.claims).ok()
    }
}

/// The first half of a digest as `at_hash` wants it (OpenID Connect Core section 3.1.3.6).
pub fn half_digest(algorithm: Algorithm, text: &str) -> String {
    use aws_lc_rs::digest;
    let of = match algorithm {
        Algorithm::EdDSA => &digest::SHA512,
        Algorithm::RS256 => &digest::SHA256,
    };
    let digest = digest::digest(of, text.as_bytes());
    URL.encode(&digest.as_ref()[..digest.as_ref().len() / 2])
}

/// SHA-256 in base 64, as PKCE's `S256` wants it (RFC 7636 section 4.2).
pub fn sha256(text: &str) -> String {
    URL.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(algorithm: Algorithm) -> Signer {
        Signer::open(algorithm, &Signer::fresh(algorithm, [7; 32]).unwrap()).unwrap()
    }

    #[test]
    fn what_a_key_signed_it_knows_again() {
        for algorithm in [Algorithm::EdDSA, Algorithm::RS256] {
            let key = signer(algorithm);
            let token = key.sign("k", "JWT", &json!({"sub": "ada"})).unwrap();
            let verifier = Verifier::of(&key.public(), algorithm.word()).unwrap();
            let claims: Value = parts(&token).unwrap().claims(&verifier).unwrap();
            assert_eq!(claims["sub"], "ada");
            let other = if algorithm == Algorithm::EdDSA { "RS256" } else { "EdDSA" };
            assert!(Verifier::of(&key.public(), other).is_none());
        }
    }

    #[test]
    fn a_token_changed_or_signed_by_nobody_is_not_believed() {
        let key = signer(Algorithm::EdDSA);
        let verifier = Verifier::of(&key.public(), "EdDSA").unwrap();
        let token = key.sign("k", "JWT", &json!({"sub": "ada"})).unwrap();
        let forged = |claims: &str, signature: &str| {
            let header = token.split('.').next().unwrap();
            format!("{header}.{}.{signature}", URL.encode(claims))
        };
        let good = token.rsplit('.').next().unwrap();
        for text in [forged("{\"sub\":\"eve\"}", good), forged("{\"sub\":\"ada\"}", "")] {
            assert!(parts(&text).unwrap().claims::<Value>(&verifier).is_none(), "{text}");
        }
        for text in ["", "a.b", "a.b.c", "..", &"x".repeat(LENGTH_MAX + 1)] {
            assert!(parts(text).is_none(), "{text}");
        }
        let critical = URL.encode(json!({"alg": "EdDSA", "crit": ["b64"]}).to_string());
        assert!(parts(&format!("{critical}.e30.AA")).is_none());
    }
}
