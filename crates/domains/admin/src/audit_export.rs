//! The journal as a file: JSON lines whose chain can be followed and verified without the platform, or CSV.
//!
//! Entries of other organizations are told by their digest alone, so that the chain has no gaps and
//! nobody reads what is not theirs. No file carries objects: a body may hold secrets, and its digest proves as much.

use bytes::Bytes;
use futures::stream;
use kernel::{journal::Change, prelude::*, store::proof::Line};

/// Entries read at once.
const BATCH: u32 = 1000;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values (RFC 4180), the organization's own entries only.
    Csv,
}

/// What to export.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Export {
    /// In which form.
    #[field(default = "jsonl")]
    format: Form,
    /// From this entry on.
    #[field(min = 1, default = 1)]
    from: u64,
    /// Up to this entry; to the end when absent.
    to: Option<u64>,
    /// With the entries of every organization, for administrators of the platform.
    #[field(default = false)]
    all: bool,
}

/// The journal, piece by piece.
pub async fn export(cx: Cx, ask: Export) -> Result<Output> {
    if ask.all {
        cx.authorize("admin.organizations.list", "").await?;
    }
    // What is written while the file is read belongs into the next one.
    let head = *cx.platform().store.head().borrow();
    let to = ask.to.unwrap_or(head).min(head);
    let (media, ending, header) = match ask.format {
        Form::Jsonl => ("application/x-ndjson", "jsonl", ""),
        Form::Csv => ("text/csv; charset=utf-8", "csv", CSV_HEADER),
    };
    let start = (Some(ask.from.saturating_sub(1)), header.to_owned());
    let bytes = stream::try_unfold(start, move |(after, mut text)| {
        let cx = cx.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            // Hashes are over what was written, sealed where it was sealed.
            let store = &*cx.platform().store;
            let changes = store.as_written().unwrap_or(store).changes(after, BATCH).await?;
            let next = changes.last().map(|change| change.position).filter(|last| *last < to);
            for change in changes.iter().filter(|change| change.position <= to) {
                let own = ask.all || change.org == *cx.org;
                match ask.format {
                    Form::Jsonl => text.push_str(&json_line(change, own)?),
                    Form::Csv if own => text.push_str(&csv_line(change)),
                    Form::Csv => {}
                }
            }
            Ok(Some((Bytes::from(text), (next, String::new()))))
        }
    });
    let filename = Some(format!("audit.{ending}"));
    Ok(Output::Bytes { media: media.to_owned(), filename, bytes: Box::pin(bytes) })
}

fn json_line(change: &Change, own: bool) -> Result<String> {
    let line = if own { Line::told(change) } else { Line::hidden(change) };
    serde_json::to_string(&line).map(|line| line + "\n").map_err(Error::internal)
}

const CSV_HEADER: &str = "position,time,actor,verb,kind,name,uid,project,organization,trace,deleted,hash\r\n";

fn csv_line(change: &Change) -> String {
    let cells = [
        change.position.to_string(),
        change.time.to_string(),
        change.actor.clone(),
        change.verb.clone(),
        change.kind.clone(),
        change.name.clone(),
        change.uid.to_string(),
        change.project.clone(),
        change.org.clone(),
        change.trace.clone(),
        change.deleted.to_string(),
        change.hash.to_string(),
    ];
    cells.map(|cell| quoted(&cell)).join(",") + "\r\n"
}

/// A cell as RFC 4180 writes it; one that a spreadsheet would take for a formula gets an apostrophe in front.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", guarded.replace('"', "\"\""));
    }
    guarded
}
