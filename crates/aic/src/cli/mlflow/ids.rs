//! What is called what on the other side: identifiers there, and wherever they stand in texts.

use std::collections::HashMap;

/// Identifiers of the source, and what they have become.
#[derive(Debug, Default)]
pub struct Ids {
    /// Experiments.
    pub experiments: HashMap<String, String>,
    /// Runs.
    pub runs: HashMap<String, String>,
    /// Logged models.
    pub models: HashMap<String, String>,
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

impl Ids {
    /// A run's identifier over there; one that is not known stays.
    pub fn run(&self, id: &str) -> String {
        self.runs.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// A logged model's.
    pub fn model(&self, id: &str) -> String {
        self.models.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    /// A text in which runs, logged models and, within places of artifacts, experiments are called what they are over there.
    pub fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let (before, from) = rest.split_at(start);
            let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            out.push_str(before);
            let known = self.runs.get(word).or_else(|| self.models.get(word));
            match known.or_else(|| self.experiments.get(word).filter(|_| self.is_place(before, after))) {
                Some(other) => out.push_str(other),
                None => out.push_str(word),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// Whether what stands between is the experiment of a place: behind it comes a run or `models`.
    fn is_place(&self, before: &str, after: &str) -> bool {
        let Some(after) = after.strip_prefix('/') else { return false };
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        before.ends_with('/') && (&after[..end] == "models" || self.runs.contains_key(&after[..end]))
    }

    /// Where a version's files are, without the name of a server's host.
    pub fn place(&self, text: &str) -> String {
        match super::source::proxied(text) {
            Some(path) => self.text(&format!("mlflow-artifacts:/{path}")),
            None => self.text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_changed_wherever_they_stand_whole() {
        let mut ids = Ids::default();
        ids.experiments.insert("1".to_owned(), "exp_A".to_owned());
        ids.runs.insert("0a1b".to_owned(), "xrn_B".to_owned());
        ids.models.insert("m-1".to_owned(), "m-2".to_owned());
        for (from, to) in [
            ("models:/m-1", "models:/m-2"),
            ("runs:/0a1b/model", "runs:/xrn_B/model"),
            ("mlflow-artifacts:/1/0a1b/artifacts/x", "mlflow-artifacts:/exp_A/xrn_B/artifacts/x"),
            (
                "mlflow-artifacts://host:5000/1/models/m-1/artifacts",
                "mlflow-artifacts:/exp_A/models/m-2/artifacts",
            ),
            ("s3://bucket/1/else", "s3://bucket/1/else"),
            ("0a1bc m-1x", "0a1bc m-1x"),
            ("ü 0a1b ü", "ü xrn_B ü"),
        ] {
            assert_eq!(ids.place(from), to);
        }
    }
}
