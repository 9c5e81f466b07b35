//! Signing: what proves later that something was said by this platform, and was not changed since.

use base::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Signs with a key that never leaves it.
pub trait Notary: Send + Sync {
    /// The key's name, as it stands in signed notes.
    fn name(&self) -> &str;

    /// The public key in the form signed notes are verified with (C2SP signed-note, section Verifier keys).
    fn public_key(&self) -> String;

    /// The public key as PEM (RFC 8410), for whoever verifies envelopes.
    fn public_pem(&self) -> String;

    /// A text with a signature behind it (C2SP signed-note). The text ends with a line end.
    ///
    /// # Errors
    /// `internal` if the key cannot sign.
    fn sign(&self, text: &str) -> Result<String>;

    /// A statement in a signed envelope (DSSE 1.0, in-toto Attestation Framework 1).
    fn attest(&self, statement: &Value) -> Envelope;

    /// The statement of an envelope that this key has signed.
    ///
    /// # Errors
    /// `attestation-untrusted` (409) if it is no such envelope, or another key's, or was changed.
    fn attested(&self, envelope: &Envelope) -> Result<Value>;

    /// SHA-256 of bytes in hexadecimal digits, which other programs than this one know.
    fn sha256(&self, bytes: &[u8]) -> String;
}

/// A signed envelope (DSSE 1.0, section Envelope).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What the payload is, as a media type.
    pub payload_type: String,
    /// The payload in base64.
    pub payload: String,
    /// Who signed it.
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// SHA-256 of the public key as DER, in hexadecimal digits.
    pub keyid: String,
    /// The signature in base64.
    pub sig: String,
}

/// The media type of statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A statement (in-toto Statement 1): what is said of something that is known by its digests.
pub fn statement(name: &str, digests: &Value, predicate_type: &str, predicate: Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": digests}],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
}

/// The most files of a version that its statement names one by one.
pub const NAMED_MAX: usize = 1_000;

/// The files of a version that is a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// How many.
    pub files: u64,
    /// How many bytes all of them have.
    pub bytes: u64,
    /// BLAKE3 of the list of them: a line `DIGEST LENGTH PATH` for each, in the order of the paths' bytes.
    pub blake3: String,
    /// The files, if there are at most [`NAMED_MAX`].
    #[serde(skip)]
    pub named: Vec<Named>,
}

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its path in the version's directory.
    pub path: String,
    /// BLAKE3 of its bytes, in hexadecimal digits.
    pub blake3: String,
    /// Its length.
    pub bytes: u64,
}

impl Tree {
    /// What two trees of the same files have alike.
    pub fn sum(&self) -> (u64, u64, &str) {
        (self.files, self.bytes, &self.blake3)
    }
}

impl Named {
    /// As a subject of a statement (in-toto ResourceDescriptor 1).
    fn subject(&self) -> Value {
        json!({"name": self.path, "digest": {"blake3": self.blake3}, "annotations": {"bytes": self.bytes}})
    }

    fn of(subject: &Value) -> Option<Self> {
        Some(Self {
            path: subject["name"].as_str()?.to_owned(),
            blake3: subject["digest"]["blake3"].as_str()?.to_owned(),
            bytes: subject["annotations"]["bytes"].as_u64()?,
        })
    }
}

/// What is signed of a version of a model, and must still be so when it is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// The organization.
    pub organization: String,
    /// The project.
    pub project: String,
    /// The model.
    pub model: String,
    /// The number.
    pub number: u64,
    /// BLAKE3 of the ONNX file, in hexadecimal digits, where it has one.
    pub blake3: Option<String>,
    /// The run it came from.
    pub run: Option<String>,
    /// The data it learned from.
    pub dataset_version: Option<String>,
    /// The digest of that data.
    pub dataset_digest: Option<String>,
}

impl Made {
    /// What is said of versions.
    pub const PREDICATE: &str = "https://aic.dev/attestations/model-version/v1";

    /// What is to be signed of a version with an ONNX file, by its spec; nothing of one without.
    pub fn of(organization: &str, project: &str, spec: &Map<String, Value>) -> Option<Self> {
        Self::with_files(organization, project, spec).filter(|it| it.blake3.is_some())
    }

    /// What is to be signed of any version, beside its files.
    pub fn with_files(organization: &str, project: &str, spec: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| spec.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            organization: organization.to_owned(),
            project: project.to_owned(),
            model: text("model")?,
            number: spec.get("number")?.as_u64()?,
            blake3: text("blob"),
            run: text("run"),
            dataset_version: text("datasetVersion"),
            dataset_digest: text("datasetDigest"),
        })
    }

    /// The name of the version.
    pub fn name(&self) -> String {
        format!("{}.{}", self.model, self.number)
    }

    /// The statement about the ONNX file with this SHA-256 and the directory, where there are such; the first
    /// subject is the version, by the digest of the one or of the list of the other, and the files come behind it.
    pub fn statement(&self, sha256: Option<&str>, tree: Option<&Tree>) -> Value {
        let digests = match (&self.blake3, sha256) {
            (Some(blake3), Some(sha256)) => json!({"sha256": sha256, "blake3": blake3}),
            (Some(blake3), None) => json!({"blake3": blake3}),
            (None, _) => json!({"blake3": tree.map(|tree| &tree.blake3)}),
        };
        let mut predicate = json!(self);
        if let Some(tree) = tree {
            predicate["tree"] = json!(tree);
        }
        let mut statement = statement(&self.name(), &digests, Self::PREDICATE, predicate);
        if let Some(subjects) = statement["subject"].as_array_mut() {
            subjects.extend(tree.into_iter().flat_map(|tree| &tree.named).map(Named::subject));
        }
        statement
    }

    /// Refuses unless an envelope says just this; answers what it says of the version's directory.
    ///
    /// # Errors
    /// `version-unsigned`, `version-tampered`, `attestation-untrusted` (all 409).
    pub fn check(&self, notary: &dyn Notary, envelope: Option<&Value>) -> Result<Option<Tree>> {
        let name = self.name();
        let Some(envelope) = envelope.filter(|envelope| !envelope.is_null()) else {
            return Err(Error::conflict(
                "version-unsigned",
                format!("version `{name}` carries no signature"),
            )
            .hint("look where it came from, then have an administrator sign it: `POST …/{id}/sign`"));
        };
        let envelope: Envelope =
            serde_json::from_value(envelope.clone()).map_err(|_| untrusted("it is no envelope"))?;
        let statement = notary.attested(&envelope)?;
        let predicate = &statement["predicate"];
        let told: Option<Self> = serde_json::from_value(predicate.clone()).ok();
        let tree: Option<Tree> = serde_json::from_value(predicate["tree"].clone()).ok();
        let first = self.blake3.as_ref().or(tree.as_ref().map(|tree| &tree.blake3));
        let is_kind = statement["predicateType"] == Self::PREDICATE;
        if !is_kind
            || told.as_ref() != Some(self)
            || statement["subject"][0]["digest"]["blake3"].as_str() != first.map(String::as_str)
        {
            return Err(tampered(&name, ""));
        }
        let files = statement["subject"].as_array().into_iter().flatten().skip(1);
        Ok(tree.map(|tree| Tree { named: files.filter_map(Named::of).collect(), ..tree }))
    }
}

/// The refusal of a version that is not what was signed, and where it differs.
pub fn tampered(name: &str, why: &str) -> Error {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    Error::conflict("version-tampered", format!("version `{name}` is not what was signed{why}"))
        .hint("it was changed past the platform; restore it from a backup, or register it anew")
}

/// The refusal of an envelope.
pub fn untrusted(why: &str) -> Error {
    Error::conflict("attestation-untrusted", format!("the attestation does not verify: {why}")).hint(
        "it was signed by another platform or was changed; look where it came from before signing it anew",
    )
}
