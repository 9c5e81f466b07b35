//! What a model says it needs: names of packages with versions (PEP 508), and nothing that would run or fetch anything else.

use base::{Digest, Error, Result};

/// The most requirements of a model, and the longest of them.
const COUNT_MAX: usize = 500;
const LENGTH_MAX: usize = 500;

/// Reads a `requirements.txt`.
///
/// # Errors
/// `requirements-refused` for options (`--index-url`, `-e`, `-r`), addresses and paths: what is installed comes from where
/// the platform's owner says.
pub fn read(text: &str) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if !is_named(line) || line.len() > LENGTH_MAX || all.len() == COUNT_MAX {
            let shown: String = line.chars().take(80).collect();
            return Err(Error::invalid(
                "requirements-refused",
                format!("the requirement `{shown}` is not installed"),
            )
            .at("requirements.txt")
            .hint(format!(
                "at most {COUNT_MAX} names of packages with versions are, such as `scikit-learn==1.5.2`"
            )));
        }
        all.push(line.to_owned());
    }
    Ok(all)
}

/// Whether a line is a name, perhaps with extras, versions and a marker.
fn is_named(line: &str) -> bool {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_.[], <>=!~*+;()'\"".contains(it);
    line.starts_with(|first: char| first.is_ascii_alphanumeric()) && line.chars().all(is_plain)
}

/// The digest of an environment: of its requirements in order, and of what it is made with.
pub fn digest(requirements: &[String], made_with: &[&str]) -> Digest {
    let mut lines: Vec<&str> = requirements.iter().map(String::as_str).collect();
    lines.sort_unstable();
    lines.extend(made_with);
    Digest::of(lines.join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_versions_are_taken_and_nothing_else() {
        let text = "mlflow==3.1.4\n# a comment\nnumpy>=1.26,<3 # another\n\nuvicorn[standard] ; python_version < '3.13'\n";
        let read_lines = read(text).unwrap();
        assert_eq!(
            read_lines,
            ["mlflow==3.1.4", "numpy>=1.26,<3", "uvicorn[standard] ; python_version < '3.13'"]
        );
        for refused in [
            "--index-url=x",
            "-e .",
            "-r other.txt",
            "evil @ https://example.org/evil.whl",
            "git+ssh://x/y",
            "./evil",
            "/tmp/evil.whl",
            "evil.tar.gz/../x",
            "a\\\nb",
        ] {
            assert_eq!(read(refused).unwrap_err().code(), "requirements-refused", "{refused}");
        }
    }

    #[test]
    fn the_order_of_requirements_makes_no_other_environment() {
        let lines = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let digest_of = |all: &[&str]| digest(&lines(all), &["3.11"]);
        assert_eq!(digest_of(&["a", "b"]), digest_of(&["b", "a"]));
        assert_ne!(digest_of(&["a", "b"]), digest_of(&["a"]));
    }
}
