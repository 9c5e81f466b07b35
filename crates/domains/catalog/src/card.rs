//! The model card: generated from recorded facts, with what nobody recorded marked as missing.

use bytes::Bytes;
use futures::stream;
use kernel::prelude::*;
use ports::{
    document::{Document, Paper, Section},
    notary::{Notary, Tree, statement},
};

use crate::{
    dataset::Dataset, dataset_version, logged, model::Model, model_version::Version, run::ExperimentRun,
};

/// The card of a version, headings after Mitchell et al. (2019), *Model Cards for Model Reporting*.
pub async fn of(cx: &Cx, it: &Object<Version>) -> Result<Value> {
    let model = cx.get_opt::<Model>(&it.spec.model).await?;
    let run = match &it.spec.run {
        Some(run) => cx.get_opt::<ExperimentRun>(run).await?,
        None => None,
    };
    let data = match &it.spec.dataset_version {
        Some(version) => cx.get_opt::<dataset_version::Version>(version).await?,
        None => None,
    };
    let dataset = match &data {
        Some(data) => cx.get_opt::<Dataset>(&data.spec.dataset).await?,
        None => None,
    };
    let code = code(cx, run.as_ref()).await?;
    let tree = places::Manifest::of(cx, it.spec.source.as_deref()).await?.tree();
    let mut missing = Vec::new();
    let mut noted = |heading: &str, fact: Value| {
        if fact.is_null() || fact == json!({}) {
            missing.push(heading.to_owned());
        }
        fact
    };
    let card = json!({
        "modelDetails": {
            "name": it.spec.model,
            "version": it.spec.number,
            "created": it.metadata.creation_timestamp,
            "task": noted("task", json!(it.spec.task)),
            "target": noted("target", json!(it.spec.target)),
            "format": it.spec.blob.map_or("files", |_| "ONNX"),
            "source": it.spec.source,
            "digest": digest(it, tree.as_ref()),
            "bytes": it.status.bytes.or(tree.as_ref().map(|tree| tree.bytes)),
            "stage": it.status.stage,
        },
        "intendedUse": noted("intendedUse", json!(model.and_then(|model| model.spec.description))),
        "trainingData": {
            "dataset": noted("trainingData", json!(data.as_ref().map(|data| data.spec.dataset.clone()))),
            "version": data.as_ref().map(|data| data.spec.number),
            "digest": it.spec.dataset_digest,
            "rows": data.as_ref().and_then(|data| data.status.rows),
            "license": noted("license", json!(dataset.as_ref().and_then(|it| it.spec.license.clone()))),
            "description": dataset.and_then(|it| it.spec.description),
        },
        "training": {
            "run": it.spec.run,
            "code": noted("code", json!(code)),
            "environment": run.as_ref().map(|run| run.spec.environment.clone()),
            "parameters": noted("parameters", json!(run.as_ref().map(|run| run.spec.parameters.clone()))),
            "candidates": run.as_ref().and_then(|run| run.status.trials.clone()),
        },
        "evaluation": {
            "metrics": noted("metrics", json!(it.spec.metrics)),
            "errors": run.as_ref().and_then(|run| run.status.errors.clone()),
        },
        "explanation": {"importance": run.and_then(|run| run.status.importance)},
        "signature": it.spec.signature,
        "caveats": noted("caveats", json!(it.spec.description)),
    });
    let mut card = card;
    card["missing"] = json!(missing);
    Ok(card)
}

/// The version of the code a run ran: as it is recorded, or as MLflow's client tagged it.
async fn code(cx: &Cx, run: Option<&Object<ExperimentRun>>) -> Result<Option<String>> {
    const COMMIT: &str = "mlflow.source.git.commit";
    let Some(run) = run else { return Ok(None) };
    if run.spec.code.is_some() {
        return Ok(run.spec.code.clone());
    }
    let tags = logged::found(cx, run).await?.tags;
    Ok(tags.into_iter().find(|tag| tag.key == COMMIT).map(|tag| tag.value))
}

/// The digest of the ONNX file, or of the list of files where there is none.
fn digest(it: &Object<Version>, tree: Option<&Tree>) -> Option<String> {
    it.spec.blob.map(|blob| blob.to_string()).or(tree.map(|tree| tree.blake3.clone()))
}

/// What is said in cards that are signed.
const PREDICATE: &str = "https://aic.dev/attestations/model-card/v1";

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// For people, as a file.
    #[default]
    Pdf,
    /// For people, as text.
    Markdown,
    /// For proof: the card as a statement of in-toto in an envelope of DSSE.
    Json,
}

/// Which form of a card.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Evidence {
    /// `pdf`, `markdown` or `json`.
    #[field(default = "pdf")]
    format: Form,
}

/// The card for people and for proof. What people read ends with the signature of what machines read.
pub async fn evidence(cx: Cx, it: Object<Version>, ask: Evidence) -> Result<Output> {
    let card = of(&cx, &it).await?;
    let notary = cx.port::<dyn Notary>()?;
    let digests = json!({"blake3": card["modelDetails"]["digest"]});
    let envelope = notary.attest(&statement(it.name(), &digests, PREDICATE, card.clone()));
    let document = || {
        let mut document = document(&it, &card);
        let signature = envelope.signatures.first();
        let facts = [
            ("key", signature.map(|it| it.keyid.clone())),
            ("signature", signature.map(|it| it.sig.clone())),
        ];
        document.sections.push(Section {
            heading: "Signature".to_owned(),
            note: Some(
                "Ed25519 over the same card as JSON (`format=json`): DSSE 1.0, in-toto Statement 1."
                    .to_owned(),
            ),
            facts: facts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect(),
        });
        document
    };
    let (media, ending, bytes) = match ask.format {
        Form::Json => {
            let text = serde_json::to_vec_pretty(&envelope).map_err(Error::internal)?;
            ("application/vnd.dsse.envelope+json", "card.dsse.json", text)
        }
        Form::Markdown => ("text/markdown; charset=utf-8", "card.md", document().markdown().into_bytes()),
        Form::Pdf => ("application/pdf", "card.pdf", cx.port::<dyn Paper>()?.pdf(&document())?),
    };
    let bytes = stream::once(async move { Ok(Bytes::from(bytes)) });
    let filename = Some(format!("{}.{ending}", it.name()));
    Ok(Output::Bytes { media: media.to_owned(), filename, bytes: Box::pin(bytes) })
}

/// Headings as they are read, in order.
const HEADINGS: [(&str, &str); 8] = [
    ("modelDetails", "Model details"),
    ("intendedUse", "Intended use"),
    ("trainingData", "Training data"),
    ("training", "Training"),
    ("evaluation", "Evaluation"),
    ("explanation", "Explanation"),
    ("signature", "Inputs and outputs"),
    ("caveats", "Caveats"),
];

fn document(it: &Object<Version>, card: &Value) -> Document {
    let section = |(field, heading): (&str, &str)| {
        let mut facts = Vec::new();
        flatten("", &card[field], &mut facts);
        let note = facts.is_empty().then(|| "Not recorded.".to_owned());
        Section { heading: heading.to_owned(), note, facts }
    };
    let mut sections: Vec<Section> = HEADINGS.into_iter().map(section).collect();
    let missing: Vec<&str> =
        card["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !missing.is_empty() {
        let note = format!("Nobody recorded: {}.", missing.join(", "));
        sections.push(Section { heading: "Missing".to_owned(), note: Some(note), facts: Vec::new() });
    }
    Document {
        title: format!("Model card: {}, version {}", it.spec.model, it.spec.number),
        subtitle: format!("{} · {} · generated from recorded facts", it.org, it.metadata.namespace),
        sections,
    }
}

/// The most facts of one section; a wide table's inputs would fill a book.
const FACTS_MAX: usize = 200;

/// Values by their paths.
fn flatten(path: &str, value: &Value, to: &mut Vec<(String, String)>) {
    if to.len() >= FACTS_MAX {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(&below(key), value, to)),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let texts: Vec<String> = items.iter().map(plain).collect();
            to.push((path.to_owned(), texts.join(", ")));
        }
        Value::Array(items) => {
            // An item is one line: what it is made of, one after the other.
            for (at, item) in items.iter().enumerate().take(FACTS_MAX) {
                let mut parts = Vec::new();
                flatten("", item, &mut parts);
                let parts: Vec<String> =
                    parts.into_iter().map(|(name, text)| format!("{name} {text}")).collect();
                to.push((below(&(at + 1).to_string()), parts.join("; ")));
            }
        }
        Value::String(text) if text.is_empty() => {}
        other => to.push((path.to_owned(), plain(other))),
    }
}

/// A value as people read it: of a number with a point, six digits that count.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or_default();
            let digits = (5 - number.abs().max(1e-9).log10().floor() as i32).clamp(0, 12);
            let text = format!("{number:.*}", digits as usize);
            let text =
                if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
            text.to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        let shown = |number: f64| plain(&json!(number));
        assert_eq!(
            (shown(0.983_664_445_8), shown(1.0), shown(12_345_678.9)),
            ("0.983664".into(), "1".into(), "12345679".into())
        );
        assert_eq!(
            (shown(0.000_012_345_67), shown(-2.5), shown(0.0)),
            ("0.0000123457".into(), "-2.5".into(), "0".into())
        );
    }
}
