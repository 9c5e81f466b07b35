//! `aic edit`: an object in the user's editor, and back as a patch of what was touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::changes::merge_patch;
use super::{Cx, documents, kinds};
use crate::client::Ask;
use crate::config::write_private;
use crate::failure::{Failure, Result};
use crate::output::{text, yaml};

/// Arguments of `aic edit`.
#[derive(clap::Args)]
pub struct Edit {
    /// The kind and the name.
    #[arg(required = true, num_args = 1..=2, value_names = ["KIND", "NAME"])]
    target: Vec<String>,
}

/// Opens the editor on the object without its status, and sends what was changed.
pub fn edit(cx: &mut Cx, it: &Edit) -> Result<()> {
    let (kind, name) = kinds::target(cx, &it.target)?;
    let object = cx.client.json(Ask::get(kind.item(&name)))?;
    let before = editable(&object);
    let path = cx.settings.scratch.join(format!("edit-{}.yaml", std::process::id()));
    write_private(&path, yaml(&Value::Object(before.clone()))?.as_bytes())
        .map_err(|error| Failure::file(path.display(), &error))?;
    open(&cx.settings.editor, &path)?;
    let after = read_back(&path).inspect_err(|_| keep(cx, &path))?;
    let mut patch = merge_patch(&before, &after);
    if patch.is_empty() {
        let _ = fs::remove_file(&path);
        return cx.out.say("nothing was changed");
    }
    // With the version it was read at, somebody else's change in between is a conflict.
    let version = text(&object, "metadata.resourceVersion");
    let metadata = patch.entry("metadata").or_insert_with(|| json!({}));
    metadata["resourceVersion"] = Value::String(version);
    let ask = Ask::patch(kind.item(&name)).json_as("application/merge-patch+json", &Value::Object(patch));
    let answer = cx.client.json(ask).inspect_err(|_| keep(cx, &path))?;
    let _ = fs::remove_file(&path);
    cx.out.value(&answer, |_| format!("{}/{name} edited\n", kind.noun()))
}

/// What a person may change: not what the server keeps itself.
fn editable(object: &Value) -> Map<String, Value> {
    let mut object = object.as_object().cloned().unwrap_or_default();
    object.remove("status");
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.retain(|name, _| matches!(name.as_str(), "name" | "namespace" | "labels" | "annotations"));
    }
    object
}

fn open(editor: &str, path: &Path) -> Result<()> {
    // By the shell, because an editor may be set with arguments and quotes, as in `code --wait`.
    let line = format!("{editor} \"$@\"");
    let status = Command::new("sh").args(["-c", &line, editor]).arg(path).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            Err(Failure::failed(format!("the editor `{editor}` ended with {status}, nothing was sent"))
                .hint("set VISUAL or EDITOR if it is the wrong one"))
        }
        Err(error) => Err(Failure::failed(format!("`sh` cannot be run: {error}"))),
    }
}

fn read_back(path: &PathBuf) -> Result<Map<String, Value>> {
    let text = fs::read_to_string(path).map_err(|error| Failure::file(path.display(), &error))?;
    let documents = documents::parsed("what was edited", &text)?;
    match documents.as_slice() {
        [one] => Ok(one.value.as_object().cloned().unwrap_or_default()),
        _ => Err(Failure::usage("what was edited must be one document")),
    }
}

/// What somebody wrote is not thrown away because it was refused.
fn keep(cx: &mut Cx, path: &Path) {
    cx.out.note(&format!("your text is kept in {}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_sees_no_status_and_nothing_the_server_keeps() {
        let object = json!({"kind": "Model", "metadata": {"name": "a", "uid": "mod_1", "resourceVersion": "7", "labels": {"x": "1"}},
            "spec": {"a": 1}, "status": {"phase": "Ready"}});
        assert_eq!(
            Value::Object(editable(&object)),
            json!({"kind": "Model", "metadata": {"name": "a", "labels": {"x": "1"}}, "spec": {"a": 1}})
        );
    }

    #[test]
    fn an_editor_that_fails_sends_nothing() {
        assert!(open("false", Path::new("/dev/null")).is_err());
        assert!(open("test -c", Path::new("/dev/null")).is_ok());
    }
}
