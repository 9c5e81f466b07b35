//! A key the provider signs with: made by itself ahead of need, shown until its last token has ended.
//!
//! A successor is shown a week before it signs, so that clients that keep the set for a while know it.

use std::sync::Arc;

use kernel::{access::Principal, prelude::*};

use openid::jws::{Algorithm, Signer, Verifier};

use super::Provider;

/// Seconds a key signs.
const SIGNS_S: i64 = 90 * 86_400;
/// Seconds before its end from which its successor is shown.
const AHEAD_S: i64 = 7 * 86_400;
/// Seconds the longest-lived token lives.
pub const TOKEN_MAX_S: i64 = 86_400;

/// What keys serve beyond the verbs every kind has: they are made by rotation.
pub fn serve(kind: KindBuilder<SigningKey>) -> KindBuilder<SigningKey> {
    kind.without(&["create", "update", "clone", "import"]).action_on_all(
        "rotate",
        "Makes a new key that signs from now on; the old one is only shown.",
        rotate,
    )
}

/// A key the provider signs with.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "signing-key", prefix = "sgk", scope = "platform")]
pub struct SigningKey {
    /// How it signs.
    #[field(indexed, immutable)]
    pub algorithm: Algorithm,
    /// The private part; sealed at rest and never returned.
    #[field(immutable)]
    pub private_key: Secret,
    /// The public part, a JSON Web Key (RFC 7517).
    #[field(immutable)]
    pub public_key: Value,
    /// From when it signs.
    #[field(immutable)]
    pub signs_from: Time,
    /// Until when it signs.
    pub signs_until: Time,
    /// Until when it is shown, because a token it signed may live that long.
    pub shown_until: Time,
}

/// What is asked of a rotation.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rotate {
    /// The algorithm whose key is rotated.
    #[field(default = "EdDSA")]
    algorithm: Algorithm,
}

/// What a rotation made.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Rotated {
    /// The new key's name, a token's `kid`.
    name: String,
}

/// The platform acting for the provider, above all organizations.
pub(crate) fn above(cx: &Cx) -> Cx {
    cx.platform().cx_of(Principal::system("openid-provider", ""), "").doing("rotate")
}

async fn rotate(cx: Cx, ask: Rotate) -> Result<Rotated> {
    let above = above(&cx);
    let now = above.now();
    let old = all(&above).await?;
    let made = make(&above, ask.algorithm, now).await?;
    for mut key in old.into_iter().filter(|key| key.spec.algorithm == ask.algorithm) {
        if key.spec.signs_until > now && key.name() != made.name() {
            // A successor that never signed is of no use any more either.
            key.spec.signs_until = now;
            key.spec.shown_until = now.plus_s(TOKEN_MAX_S);
            cx.doing("rotate").save(&key).await?;
        }
    }
    Ok(Rotated { name: made.metadata.name })
}

async fn all(above: &Cx) -> Result<Vec<Object<SigningKey>>> {
    above.list::<SigningKey>("", 100).await
}

async fn make(above: &Cx, algorithm: Algorithm, from: Time) -> Result<Object<SigningKey>> {
    // From the beginning of its second on, so that whoever finds the one of another maker can sign by it at once.
    let from = Time::from_micros(from.micros().div_euclid(1_000_000) * 1_000_000);
    let seed = above.random::<32>();
    let (private_key, public_key) = above
        .blocking(move || {
            let kept = Signer::fresh(algorithm, seed)?;
            let public = Signer::open(algorithm, &kept)?.public();
            Ok((kept, public))
        })
        .await?;
    // Two replicas that need the key of one moment at once make one.
    let name = format!("{}-{}", algorithm.word().to_lowercase(), from.micros() / 1_000_000);
    let spec = SigningKey {
        algorithm,
        private_key,
        public_key,
        signs_from: from,
        signs_until: from.plus_s(SIGNS_S),
        shown_until: from.plus_s(SIGNS_S + TOKEN_MAX_S),
    };
    match above.create(Draft::new(name.clone(), spec)).await {
        Err(error) if error.code() == "already-exists" => above.get::<SigningKey>(&name).await,
        other => other,
    }
}

/// The key that signs now; made, and its successor too, when it is time.
async fn current(cx: &Cx, algorithm: Algorithm) -> Result<Object<SigningKey>> {
    let (above, now) = (above(cx), cx.now());
    let mut keys = all(&above).await?;
    keys.retain(|key| key.spec.algorithm == algorithm && key.spec.signs_until > now);
    keys.sort_by_key(|key| key.spec.signs_from);
    let last = match keys.last() {
        Some(last) if last.spec.signs_until > now.plus_s(AHEAD_S) => None,
        Some(last) => Some(make(&above, algorithm, last.spec.signs_until).await?),
        None => Some(make(&above, algorithm, now).await?),
    };
    keys.extend(last);
    let signing = keys.into_iter().rfind(|key| key.spec.signs_from <= now);
    signing.ok_or_else(|| Error::internal("no key signs now"))
}

/// The private part of a key.
fn opened(key: &SigningKey) -> &Secret {
    &key.private_key
}

/// Something to sign with, and the name of its key.
pub struct Signing {
    pub kid: String,
    pub signer: Arc<Signer>,
}

/// What signs now by an algorithm.
pub async fn signing(cx: &Cx, algorithm: Algorithm) -> Result<Signing> {
    let provider = cx.port::<Provider>()?;
    let now = cx.now();
    if let Some(kid) = provider.current(algorithm, now) {
        let above = above(cx);
        // One that was deleted signs no more.
        if let Some(key) = above.get_opt::<SigningKey>(&kid).await?
            && key.spec.signs_until > now
        {
            let signer = provider.signer(&kid, || Signer::open(algorithm, opened(&key.spec)))?;
            return Ok(Signing { kid, signer });
        }
    }
    let key = current(cx, algorithm).await?;
    let signer = provider.signer(key.name(), || Signer::open(algorithm, opened(&key.spec)))?;
    provider.remember_current(algorithm, key.name(), now.plus_s(60));
    Ok(Signing { kid: key.metadata.name, signer })
}

/// The key a token names, if it is still shown.
pub(crate) async fn verifier(cx: &Cx, kid: &str) -> Result<Option<(Algorithm, Arc<Verifier>)>> {
    if Name::new(kid).is_err() {
        return Ok(None);
    }
    let Some(key) = above(cx).get_opt::<SigningKey>(kid).await? else { return Ok(None) };
    if key.spec.shown_until <= cx.now() {
        return Ok(None);
    }
    let algorithm = key.spec.algorithm;
    let verifier = cx.port::<Provider>()?.verifier(kid, || {
        Verifier::of(&key.spec.public_key, algorithm.word())
            .ok_or_else(|| Error::internal(format!("signing key `{kid}` is not one")))
    })?;
    Ok(Some((algorithm, verifier)))
}

/// The public keys (RFC 7517 section 5): those that sign, those that will, those whose tokens still live.
pub async fn jwks(cx: &Cx) -> Result<Value> {
    for algorithm in [Algorithm::EdDSA, Algorithm::RS256] {
        current(cx, algorithm).await?;
    }
    let now = cx.now();
    let mut keys = all(&above(cx)).await?;
    keys.retain(|key| key.spec.shown_until > now);
    let keys: Vec<Value> = keys
        .into_iter()
        .map(|key| {
            let mut public = key.spec.public_key.clone();
            public["kid"] = key.name().into();
            public["use"] = "sig".into();
            public["alg"] = key.spec.algorithm.word().into();
            public
        })
        .collect();
    Ok(json!({ "keys": keys }))
}
