//! Reports: what is known of compliance and violations, as JSON, CSV or Markdown.

use std::fmt::Write;

use bytes::Bytes;
use kernel::prelude::*;

use super::{assessment::Answer, assessments};
use crate::violation::Violation;

/// What reports serve beyond the verbs every kind has; they are made by generating.
pub fn serve(kind: KindBuilder<Report>) -> KindBuilder<Report> {
    kind.also_at("catalog/governance/reports")
        .without(&["create", "update", "clone", "import"])
        .view_of_all(
            "compliance",
            "The last assessment of each framework, requirement by requirement.",
            compliance,
        )
        .needs("list")
        .view_of_all("violations", "What does not fit a policy in the project.", violations)
        .needs("list")
        .action_on_all("generate", "Writes a report as a file that stays as it is.", generate)
        .download("download", "The file.", download)
}

/// A report as it was written.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "governance-report", prefix = "gvr")]
pub struct Report {
    /// What it is about.
    #[field(indexed, immutable)]
    pub about: About,
    /// How it is written.
    #[field(immutable)]
    pub format: Format,
    /// The digest of the file.
    #[field(immutable)]
    pub blob: Digest,
    /// Its length.
    #[field(immutable)]
    pub bytes: u64,
    /// Who asked for it.
    #[field(immutable)]
    pub who: String,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// The last assessment of each framework.
    Compliance,
    /// What does not fit a policy.
    Violations,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// Markdown.
    Markdown,
}

/// The columns of a report, and its rows.
struct Rows {
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

async fn compliance_rows(cx: &Cx) -> Result<Rows> {
    let mut rows = Vec::new();
    let mut seen = Vec::new();
    for it in assessments(cx, "").await? {
        if seen.contains(&it.spec.framework) {
            continue;
        }
        seen.push(it.spec.framework.clone());
        for finding in &it.status.findings {
            let word = match finding.answer {
                Answer::Met => "met",
                Answer::Unmet => "unmet",
                Answer::Unanswered => "unanswered",
            };
            let objects: Vec<&str> = finding.outcomes.iter().map(|it| it.object.as_str()).collect();
            rows.push(vec![
                it.spec.framework.clone(),
                finding.requirement.clone(),
                finding.title.clone(),
                finding.fact.clone(),
                word.to_owned(),
                objects.join(" "),
                it.metadata.creation_timestamp.to_string(),
            ]);
        }
    }
    Ok(Rows {
        columns: &["framework", "requirement", "title", "fact", "answer", "objects", "assessed"],
        rows,
    })
}

async fn violation_rows(cx: &Cx) -> Result<Rows> {
    let filter = format!("spec.project = {} AND status.open = true", kernel::literal(&cx.project));
    let found = cx.list::<Violation>(&filter, 1000).await?;
    let row = |it: &Object<Violation>| {
        vec![
            it.spec.policy.to_string(),
            it.spec.kind.clone(),
            it.spec.object.clone(),
            it.status.message.clone(),
            it.status.since.map(|since| since.to_string()).unwrap_or_default(),
        ]
    };
    let columns = &["policy", "kind", "object", "message", "since"];
    Ok(Rows { columns, rows: found.iter().map(row).collect() })
}

impl Rows {
    async fn of(cx: &Cx, about: About) -> Result<Self> {
        match about {
            About::Compliance => compliance_rows(cx).await,
            About::Violations => violation_rows(cx).await,
        }
    }

    fn json(&self) -> Value {
        let object = |row: &Vec<String>| {
            let pairs = self.columns.iter().zip(row).map(|(name, value)| ((*name).to_owned(), json!(value)));
            Value::Object(pairs.collect())
        };
        json!({"items": self.rows.iter().map(object).collect::<Vec<_>>()})
    }

    fn csv(&self) -> String {
        let cell = |text: &String| {
            // A cell that begins like a formula would be run by a spreadsheet.
            let text =
                if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.clone() };
            let plain = !text.contains(['"', ',', '\n', '\r']);
            if plain { text } else { format!("\"{}\"", text.replace('"', "\"\"")) }
        };
        let mut text = self.columns.join(",") + "\r\n";
        for row in &self.rows {
            text.push_str(&row.iter().map(cell).collect::<Vec<_>>().join(","));
            text.push_str("\r\n");
        }
        text
    }

    fn markdown(&self, title: &str) -> String {
        let cell = |text: &String| text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ");
        let line = "---|".repeat(self.columns.len());
        let mut text = format!("# {title}\n\n| {} |\n|{line}\n", self.columns.join(" | "));
        for row in &self.rows {
            // Writing to a text does not fail.
            let _ = writeln!(text, "| {} |", row.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
        text
    }
}

async fn compliance(cx: Cx, _: Nothing) -> Result<Value> {
    Ok(compliance_rows(&cx).await?.json())
}

async fn violations(cx: Cx, _: Nothing) -> Result<Value> {
    Ok(violation_rows(&cx).await?.json())
}

/// What to write.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Ask {
    /// What it is about.
    #[field(default = "compliance")]
    about: About,
    /// How it is written.
    #[field(default = "json")]
    format: Format,
}

/// Writes a report as a file that stays as it is.
async fn generate(cx: Cx, ask: Ask) -> Result<Value> {
    let rows = Rows::of(&cx, ask.about).await?;
    let title = match ask.about {
        About::Compliance => "Compliance",
        About::Violations => "Violations",
    };
    let text = match ask.format {
        Format::Json => serde_json::to_string_pretty(&rows.json()).map_err(Error::internal)?,
        Format::Csv => rows.csv(),
        Format::Markdown => rows.markdown(&format!("{title} of project {} as of {}", cx.project, cx.now())),
    };
    let stored = cx.platform().blobs.put(text.into_bytes()).await?;
    let id = cx.uid("x").as_str().trim_start_matches("x_").to_lowercase();
    let name = format!("{}.{}", title.to_lowercase(), &id[id.len().saturating_sub(12)..]);
    let (blob, bytes) = (stored.digest, stored.bytes);
    let spec = Report { about: ask.about, format: ask.format, blob, bytes, who: cx.principal.actor() };
    let made = cx.doing("generate").create(Draft::new(name, spec)).await?;
    Ok(json!({"report": made.name(), "rows": rows.rows.len(), "bytes": bytes, "digest": blob}))
}

/// The most bytes of a report.
const REPORT_MAX: u64 = 64 << 20;

async fn download(cx: Cx, it: Object<Report>, _: Nothing) -> Result<Output> {
    let (media, ending) = match it.spec.format {
        Format::Json => ("application/json", "json"),
        Format::Csv => ("text/csv", "csv"),
        Format::Markdown => ("text/markdown", "md"),
    };
    let bytes = cx.platform().blobs.get(it.spec.blob, REPORT_MAX).await?;
    Ok(Output::Bytes {
        media: media.to_owned(),
        filename: Some(format!("{}.{ending}", it.name())),
        bytes: Box::pin(futures::stream::once(std::future::ready(Ok(Bytes::from(bytes))))),
    })
}
