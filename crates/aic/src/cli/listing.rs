//! Lists: all pages of one, and the table a person reads.

use serde_json::{Value, json};

use super::Cx;
use super::kinds::Kind;
use crate::client::Ask;
use crate::failure::Result;
use crate::output::{self, at, text};

/// The page asked for, and the most the server gives.
const PAGE: usize = 500;

/// Which objects, in which order, how many.
#[derive(clap::Args, Clone, Default)]
pub struct Query {
    /// Only those for which this holds: `spec.pool > 5 AND metadata.name = "sales"`.
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,
    /// In the order of this field; `-` in front turns it around.
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Only those with these labels: `team=risk,stage!=old`.
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// In every project you may see.
    #[arg(short = 'A', long)]
    pub all_projects: bool,
    /// What is in the trash, instead of what is there.
    #[arg(long)]
    pub deleted: bool,
}

/// All pages as one list.
pub fn list(cx: &Cx, path: &str, query: &Query) -> Result<Value> {
    let most = query.limit.unwrap_or(usize::MAX);
    let mut items = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let ask = Ask::get(path)
            .with("limit", PAGE.min(most - items.len()))
            .with_some("pageToken", token.as_deref())
            .with_some("filter", query.filter.as_deref())
            .with_some("sort", query.sort.as_deref())
            .with_some("labelSelector", query.selector.as_deref())
            .with_some("deleted", query.deleted.then_some(true))
            .in_project(query.all_projects.then(|| "-".to_owned()));
        let mut page = cx.client.json(ask)?;
        let next = text(&page, "metadata.nextPageToken");
        if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        // A server that gives the same token twice would be asked forever.
        let stuck = token.as_deref() == Some(&next);
        if next.is_empty() || stuck || items.len() >= most {
            items.truncate(most);
            let mut list = json!({"items": items});
            for name in ["apiVersion", "kind"] {
                if let Some(value) = page.get(name) {
                    list[name] = value.clone();
                }
            }
            if let Some(version) = at(&page, "metadata.resourceVersion") {
                list["metadata"] = json!({"resourceVersion": version});
            }
            return Ok(list);
        }
        token = Some(next);
    }
}

/// The objects of a list, or the one object it is itself.
pub fn items(value: &Value) -> Vec<&Value> {
    match value.get("items").and_then(Value::as_array) {
        Some(items) => items.iter().collect(),
        None => vec![value],
    }
}

/// A table of these headings and paths; an empty list is said, not shown.
pub fn columns(value: &Value, columns: &[(&str, &str)]) -> String {
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let rows: Vec<Vec<String>> = items(value)
        .into_iter()
        .map(|item| columns.iter().map(|(_, path)| cell(item, path)).collect())
        .collect();
    if rows.is_empty() { "nothing there\n".to_owned() } else { output::table(&headings, &rows) }
}

/// The table of a kind: name, state, its first plain fields, and when it was made.
pub fn table(value: &Value, kind: &Kind) -> String {
    let plain = kind.fields.iter().filter(|field| !field.write_only && is_plain(value, &field.path()));
    let fields: Vec<(String, String)> =
        plain.take(3).map(|field| (heading(&field.name), field.path())).collect();
    let mut all = vec![("NAME", "metadata.name"), ("STATE", "@state")];
    let projects: std::collections::BTreeSet<String> =
        items(value).into_iter().map(|item| text(item, "metadata.namespace")).collect();
    if projects.len() > 1 {
        all.insert(0, ("PROJECT", "metadata.namespace"));
    }
    all.extend(fields.iter().map(|(heading, path)| (heading.as_str(), path.as_str())));
    all.push(("CREATED", "metadata.creationTimestamp"));
    columns(value, &all)
}

fn cell(item: &Value, path: &str) -> String {
    if path == "@state" { state(item) } else { first_of(item, path) }
}

/// The first of several paths, parted by `|`, that leads to something.
pub fn first_of(item: &Value, paths: &str) -> String {
    paths.split('|').map(|path| text(item, path)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// In one word, how an object is.
pub fn state(object: &Value) -> String {
    if at(object, "metadata.deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return "Deleted".to_owned();
    }
    for path in ["status.phase", "status.state"] {
        let word = text(object, path);
        if !word.is_empty() {
            return word;
        }
    }
    let conditions = at(object, "status.conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|one| text(one, "type") == "Ready");
    match ready {
        Some(one) if text(one, "status") == "True" => "Ready".to_owned(),
        Some(one) => {
            Some(text(one, "reason")).filter(|reason| !reason.is_empty()).unwrap_or("NotReady".to_owned())
        }
        None => "-".to_owned(),
    }
}

/// Whether a field is short in every object and said in any, so that it makes a column.
fn is_plain(value: &Value, path: &str) -> bool {
    let short = |item: &&Value| at(item, path).is_none_or(|field| !field.is_object() && !field.is_array());
    let said = |item: &&Value| !text(item, path).is_empty();
    items(value).iter().all(short) && items(value).iter().any(said)
}

fn heading(name: &str) -> String {
    name.trim_start_matches("spec.").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::super::kinds::Field;
    use super::*;

    #[test]
    fn the_state_is_the_phase_or_the_condition() {
        assert_eq!(state(&json!({"status": {"phase": "Running"}})), "Running");
        let failing =
            json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NoAnswer"}]}});
        assert_eq!(state(&failing), "NoAnswer");
        assert_eq!(state(&json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})), "Deleted");
        assert_eq!(state(&json!({})), "-");
    }

    #[test]
    fn a_table_shows_plain_fields_and_no_secrets() {
        let field = |name: &str, write_only| Field { name: name.to_owned(), write_only, ..Field::default() };
        let kind = Kind {
            fields: vec![field("driver", false), field("secret", true), field("tags", false)],
            ..Kind::default()
        };
        let list = json!({"items": [{"metadata": {"name": "sales", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"driver": "pg", "secret": "s3", "tags": ["a"]}}]});
        assert_eq!(
            table(&list, &kind),
            "NAME   STATE  DRIVER  CREATED\nsales  -      pg      2026-01-01T00:00:00Z\n"
        );
        assert_eq!(table(&json!({"items": []}), &kind), "nothing there\n");
    }
}
