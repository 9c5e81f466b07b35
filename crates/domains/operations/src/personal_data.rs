//! Personal data: everything the organization keeps about one of its users, to hand out (GDPR article 15 and 20).

use bytes::Bytes;
use kernel::{
    journal::Change,
    prelude::*,
    store::{ChangeQuery, Projects, Query, Sort as Order},
};

/// What is served of personal data.
pub fn serve(kind: KindBuilder<PersonalData>) -> KindBuilder<PersonalData> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "Everything that is kept about a user, section by section.", show)
        .needs("export")
        .download_of_all("export", "The same as a file: JSON, or CSV with a row for each value.", export)
}

/// Something that is kept about a user.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "personal-data", plural = "personal-data", prefix = "per", scope = "organization")]
pub struct PersonalData {
    /// The section it stands in.
    pub section: Option<String>,
}

/// Where objects name a user: the kind, the field, and what the name begins with there.
const NAMED_IN: [(&str, &str, &str); 9] = [
    ("admin.sessions", "spec.user", ""),
    ("admin.factors", "spec.user", ""),
    ("admin.linked-identities", "spec.user", ""),
    ("admin.consents", "spec.user", ""),
    ("admin.invitations", "status.user", ""),
    ("admin.api-keys", "spec.owner", "user:"),
    ("admin.grants", "spec.subject", "user:"),
    ("admin.policies", "spec.subjects", "user:"),
    ("views.personalization", "spec.who", "user:"),
];

/// The most objects of a kind, or entries of the journal, that are told.
const TOLD_MAX: u32 = 10_000;

/// A user, and everything that names them.
pub struct Found {
    /// The user.
    pub user: Raw,
    /// What names them, living and in the trash.
    pub objects: Vec<Raw>,
}

/// Finds a user and everything that names them.
pub async fn find(cx: &Cx, user: &str) -> Result<Found> {
    let user = cx.read("admin.users", user).await?;
    let mut objects = Vec::new();
    for (kind, field, start) in NAMED_IN {
        // Another process may serve the kind, or none.
        let Ok(def) = cx.platform().kind(kind) else { continue };
        let is = if field.ends_with('s') { ":" } else { " = " };
        for name in [user.metadata.name.as_str(), user.metadata.uid.as_str()] {
            let filter = format!("{field}{is}\"{start}{name}\"");
            objects.extend(cx.list_raw(kind, &filter, TOLD_MAX).await?);
        }
        objects.extend(in_trash(cx, &def.id(), (field, start), &user).await?);
    }
    Ok(Found { user, objects })
}

/// What names the user and was deleted: the trash has no index, so all of it is looked at.
async fn in_trash(cx: &Cx, kind: &str, (field, start): (&str, &str), user: &Raw) -> Result<Vec<Raw>> {
    let def = cx.platform().kind(kind)?;
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.to_owned(),
        projects: Projects::All,
        deleted: true,
        filter: None,
        sort: Order { place: kernel::predicate::Place::Uid, descending: false },
        after: None,
        limit: TOLD_MAX,
    };
    let path: Vec<&str> = field.split('.').collect();
    let names = [&user.metadata.name, user.metadata.uid.as_str()].map(|name| format!("{start}{name}"));
    let mut found = Vec::new();
    for record in cx.platform().store.list(&query).await? {
        let raw = Raw::from_record(&def, &record)?;
        let is_named = match raw.at(&path) {
            Some(Value::String(text)) => names.contains(&text),
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).any(|it| names.iter().any(|n| n == it))
            }
            _ => false,
        };
        if is_named {
            found.push(raw);
        }
    }
    Ok(found)
}

/// Whose, and how.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Asked {
    /// The user, by name or uid.
    #[field(max = 253, example = "ada")]
    user: String,
    /// As which sort of file.
    #[field(default = "json")]
    format: Format,
}

/// A sort of file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// One JSON object.
    #[default]
    Json,
    /// Rows of section, item, field and value (RFC 4180).
    Csv,
}

async fn show(cx: Cx, ask: Asked) -> Result<Value> {
    told(&cx, &ask.user).await
}

/// Everything, section by section.
async fn told(cx: &Cx, user: &str) -> Result<Value> {
    let Found { user, objects } = find(cx, user).await?;
    let shown = |raw: &Raw| cx.platform().kind(&raw.kind).map(|kind| raw.shown(&kind));
    let mut sections = serde_json::Map::new();
    for raw in &objects {
        let section = sections.entry(raw.kind.clone()).or_insert_with(|| json!([]));
        if let Some(items) = section.as_array_mut() {
            items.push(shown(raw)?);
        }
    }
    let of = |uid: Option<Uid>, actor: Option<String>| ChangeQuery {
        org: Some(cx.org.to_string()),
        uid,
        actor,
        limit: TOLD_MAX,
        ..ChangeQuery::default()
    };
    let store = &cx.platform().store;
    let line = |change: &Change| {
        json!({
            "time": change.time, "actor": change.actor, "verb": change.verb,
            "kind": change.kind, "name": change.name, "position": change.position,
        })
    };
    let kind = cx.platform().kind("admin.users")?;
    let mut earlier = Vec::new();
    for change in store.history(&of(Some(user.metadata.uid.clone()), None)).await? {
        let mut told = line(&change);
        if !change.is_emptied() {
            told["object"] = kernel::read::raw_at(&kind, &change)?.shown(&kind);
        }
        earlier.push(told);
    }
    let actor = format!("user:{}", user.metadata.name);
    let did: Vec<Value> = store.history(&of(None, Some(actor))).await?.iter().map(line).collect();
    Ok(json!({
        "organization": &*cx.org,
        "written": cx.now(),
        "user": shown(&user)?,
        "history": earlier,
        "objects": sections,
        "activities": did,
    }))
}

async fn export(cx: Cx, ask: Asked) -> Result<Output> {
    let told = told(&cx, &ask.user).await?;
    let (media, ending, text) = match ask.format {
        Format::Json => {
            ("application/json", "json", serde_json::to_string_pretty(&told).map_err(Error::internal)?)
        }
        Format::Csv => ("text/csv; charset=utf-8", "csv", rows(&told)),
    };
    let bytes = futures::stream::once(std::future::ready(Ok(Bytes::from(text))));
    Ok(Output::Bytes {
        media: media.to_owned(),
        filename: Some(format!("{}.{ending}", ask.user)),
        bytes: Box::pin(bytes),
    })
}

/// A row for each value: where it stands, and what it is.
fn rows(told: &Value) -> String {
    fn walk(path: &str, value: &Value, text: &mut String) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    walk(&format!("{path}.{name}"), value, text);
                }
            }
            Value::Array(items) => {
                for (i, value) in items.iter().enumerate() {
                    walk(&format!("{path}[{i}]"), value, text);
                }
            }
            Value::Null => {}
            value => {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.push_str(&format!("{},{}\r\n", cell(path.trim_start_matches('.')), cell(&shown)));
            }
        }
    }
    let mut text = "field,value\r\n".to_owned();
    walk("", told, &mut text);
    text
}

/// A cell as RFC 4180 has it; a spreadsheet takes none for a formula.
fn cell(text: &str) -> String {
    let safe =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_value_and_never_a_formula() {
        let told = json!({"user": {"spec": {"email": "=cmd()", "groups": ["a", "b,\"c\""]}}, "none": null});
        assert_eq!(
            rows(&told),
            "field,value\r\nuser.spec.email,'=cmd()\r\nuser.spec.groups[0],a\r\nuser.spec.groups[1],\"b,\"\"c\"\"\"\r\n"
        );
    }
}
