//! Documents of objects: from files, directories and standard input, in YAML or JSON, several in one.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Failure, Result};

/// One document, and where it stood.
pub struct Document {
    pub source: String,
    pub value: Value,
}

/// All documents of these files and directories; `-` is standard input.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Document>> {
    let mut all = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::file("standard input", &error))?;
            all.extend(parsed("standard input", &text)?);
        } else {
            for file in files(path)? {
                let text =
                    fs::read_to_string(&file).map_err(|error| Failure::file(file.display(), &error))?;
                all.extend(parsed(&file.display().to_string(), &text)?);
            }
        }
    }
    if all.is_empty() {
        return Err(Failure::usage("the files hold no document"));
    }
    Ok(all)
}

/// The file itself, or those of a directory and the ones below it, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let failure = |error: &std::io::Error| Failure::file(path.display(), error);
    if !fs::metadata(path).map_err(|error| failure(&error))?.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path).map_err(|error| failure(&error))?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let ending = entry.extension().map(|ending| ending.to_string_lossy().into_owned());
        // A link to a directory may lead back up; it is not followed.
        if entry.is_dir() && !entry.is_symlink() {
            found.extend(files(&entry)?);
        } else if matches!(ending.as_deref(), Some("yaml" | "yml" | "json")) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The documents of one text; a `List` counts as its items.
pub fn parsed(source: &str, text: &str) -> Result<Vec<Document>> {
    let options = serde_saphyr::options! { strict_booleans: true };
    let values: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Failure::usage(format!("{source}: {error}")).hint("it must be YAML or JSON"))?;
    let mut documents = Vec::new();
    for value in values.into_iter().filter(|value| !value.is_null()) {
        let many =
            value.get("items").filter(|_| value.get("metadata").is_none_or(|m| m.get("name").is_none()));
        let values = match many.and_then(Value::as_array) {
            Some(items) => items.clone(),
            None => vec![value],
        };
        for value in values {
            if !value.is_object() {
                return Err(Failure::usage(format!("{source}: a document is not an object with fields")));
            }
            documents.push(Document { source: source.to_owned(), value });
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values(text: &str) -> Vec<Value> {
        parsed("here", text).unwrap().into_iter().map(|document| document.value).collect()
    }

    #[test]
    fn one_text_may_hold_several_documents_and_lists() {
        let text = "---\nkind: A\n---\n# nothing\n---\nkind: List\nitems:\n- kind: B\n- kind: C\n";
        assert_eq!(values(text), [json!({"kind": "A"}), json!({"kind": "B"}), json!({"kind": "C"})]);
        assert_eq!(values("{\"kind\": \"A\"}"), [json!({"kind": "A"})]);
    }

    #[test]
    fn norway_stays_a_text() {
        assert_eq!(values("country: no\nready: true\n"), [json!({"country": "no", "ready": true})]);
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let refused = |text: &str| parsed("a.yaml", text).err().unwrap().to_string();
        assert!(refused("a: [1\nb: }").starts_with("a.yaml: "));
        assert!(refused("just words").contains("not an object"));
    }

    #[test]
    fn a_directory_is_read_in_the_order_of_names() {
        let dir = std::env::temp_dir().join(format!("aic-documents-{}", std::process::id()));
        fs::create_dir_all(dir.join("b")).unwrap();
        for (name, text) in [
            ("c.json", "{\"kind\": \"C\"}"),
            ("b/x.yml", "kind: B"),
            ("a.yaml", "kind: A"),
            ("note.txt", ":"),
        ] {
            fs::write(dir.join(name), text).unwrap();
        }
        let found = read(std::slice::from_ref(&dir)).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        let kinds: Vec<&str> =
            found.iter().map(|document| document.value["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["A", "B", "C"]);
    }
}
