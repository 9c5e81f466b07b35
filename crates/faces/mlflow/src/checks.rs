//! Names, keys and lengths, as MLflow takes them.

use serde_json::Value;

use crate::fault::{Fault, Result};

/// The longest key of a metric, parameter or tag.
pub const KEY_MAX: usize = 250;
/// The longest value of a parameter; longer ones are cut, as MLflow does.
pub const PARAM_MAX: usize = 6_000;
/// The longest value of a run's tag; longer ones are cut.
pub const TAG_MAX: usize = 8_000;
/// The longest value of an experiment's tag.
pub const EXPERIMENT_TAG_MAX: usize = 20_000;
/// The longest value of a tag in the registry.
pub const REGISTRY_TAG_MAX: usize = 100_000;
/// The longest name of an experiment.
pub const TITLE_MAX: usize = 500;
/// The longest alias.
pub const ALIAS_MAX: usize = 255;

const BAD_CHARACTERS: &str = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).";

/// MLflow's words for a value that is wrong.
pub fn invalid_value(path: &str, value: &str, message: &str) -> Fault {
    let value = Value::from(value);
    Fault::invalid(format!("Invalid value {value} for parameter '{path}' supplied: {message}"))
}

/// Refuses a key that is no name.
pub fn key(text: &str, path: &str) -> Result<()> {
    let fits = |c: char| c.is_alphanumeric() || "/_.- :".contains(c);
    if !text.chars().all(fits) {
        return Err(invalid_value(path, text, BAD_CHARACTERS));
    }
    unique_path(text, path)
}

/// Refuses a text that, taken for a path, would name something else.
pub fn unique_path(text: &str, path: &str) -> Result<()> {
    let norm = normalized(text);
    if norm != text || norm == "." || norm.starts_with("..") || norm.starts_with('/') {
        return Err(invalid_value(
            path,
            text,
            &format!(
                "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '{norm}'"
            ),
        ));
    }
    Ok(())
}

/// A path without `.`, `..` and empty parts where they can be resolved.
fn normalized(path: &str) -> String {
    let start = if path.starts_with("//") && !path.starts_with("///") {
        "//"
    } else if path.starts_with('/') {
        "/"
    } else {
        ""
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !start.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{start}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// Refuses what is longer than allowed.
pub fn length(entity: &str, text: &str, most: usize) -> Result<()> {
    if text.len() > most && text.chars().count() > most {
        return Err(Fault::invalid(format!("'{entity}' exceeds the maximum length of {most} characters")));
    }
    Ok(())
}

/// A text without what is longer than allowed.
pub fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) if text.len() > most => text[..end].to_owned(),
        _ => text,
    }
}

/// Refuses a tag that is none.
pub fn tag((name, value): (&str, &str), most: usize) -> Result<()> {
    key(name, "key")?;
    length("key", name, KEY_MAX)?;
    length("value", value, most)
}

/// Refuses a name that no registered model has.
pub fn model_name(name: &str, field: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Fault::invalid(format!("Missing value for required parameter '{field}'.")));
    }
    if name.contains(['/', ':']) {
        return Err(Fault::invalid(format!("Invalid model name '{name}'. Names cannot contain '/' or ':'.")));
    }
    unique_path(name, "name")?;
    length("name", name, TITLE_MAX)
}

/// A version's number.
pub fn version(text: &str) -> Result<u64> {
    let number: i64 = text
        .parse()
        .map_err(|_| Fault::invalid(format!("Parameter 'version' must be an integer, got '{text}'.")))?;
    // There is no version 0.
    Ok(u64::try_from(number).unwrap_or(0))
}

/// Refuses an alias that is none, or that means something else.
pub fn alias(text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Fault::invalid("Registered model alias name cannot be empty."));
    }
    if !text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
        return Err(Fault::invalid(format!(
            "Invalid alias name: '{text}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    length("Registered model alias name", text, ALIAS_MAX)?;
    if text.eq_ignore_ascii_case("latest") {
        return Err(Fault::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = text.strip_prefix(['v', 'V']).unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Fault::invalid(format!("Version alias name '{text}' is reserved.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_that_stay_themselves_as_paths() {
        for good in ["a", "a/b", "a b", "a:b", "größe", "mlflow.user", "a-b_c.d"] {
            assert!(key(good, "key").is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "/a", "a//b", "a/../b", "a/", "./a", "a\nb", "a,b", "a\"b"] {
            assert!(key(bad, "key").is_err(), "{bad}");
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(cut("äöü".to_owned(), 2), "äö");
        assert_eq!(cut("abc".to_owned(), 3), "abc");
    }

    #[test]
    fn some_aliases_mean_something_else() {
        assert!(alias("champion").is_ok());
        for bad in ["", "latest", "Latest", "v1", "V20", "a b", "a/b"] {
            assert!(alias(bad).is_err(), "{bad}");
        }
    }
}
