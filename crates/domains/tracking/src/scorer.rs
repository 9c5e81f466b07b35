//! A scorer: how the answers of a model or an agent are judged. Every registration is a version that does not change.

use kernel::prelude::*;

/// What scorers serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Scorer>) -> KindBuilder<Scorer> {
    kind.check(is_json).without(&["clone"])
}

/// How answers are judged.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "scorer", prefix = "scr")]
pub struct Scorer {
    /// The experiment it belongs to.
    #[field(reference = "catalog.experiments", indexed, immutable)]
    pub experiment: Ref,
    /// What people call it; all its versions are called so.
    #[field(max = 256, indexed, immutable)]
    pub title: String,
    /// The version's number, from 1.
    #[field(min = 1, indexed, immutable)]
    pub number: u64,
    /// The scorer, as its client wrote it: a JSON object. It is never run here.
    #[field(max = 1000000, immutable)]
    pub serialized: String,
    /// Which traces it is to judge by itself, as MLflow's clients tell: an object with `id`, `rate` and `filter`. No scorer is
    /// run here, so the rate is 0.
    pub online: Option<Value>,
}

fn is_json(it: &Object<Scorer>) -> Result<()> {
    let rate = it.spec.online.as_ref().and_then(|online| online.get("rate"));
    if rate.is_some_and(|rate| rate.as_f64() != Some(0.0)) {
        return Err(
            Error::invalid("wrong-type", "scorers are not run here, so their rate is 0").at("spec.online")
        );
    }
    match serde_json::from_str::<Value>(&it.spec.serialized) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err(Error::invalid("wrong-type", "a scorer is written as a JSON object").at("spec.serialized")),
    }
}
