//! `cargo xtask bless`: rewrites what is generated from the declarations, and asks whether it is up to date.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::build::{self, Profile};
use crate::place::Place;
use crate::report::{self, End};
use crate::shell;

/// Writes `api/` anew and formats; a person reads the diff.
pub fn run(place: &Place) -> Result<(), String> {
    let aic = build::aic(place, Profile::Dev)?;
    generate(place, &aic, &place.root.join("api"))?;
    shell::show(&mut shell::cargo(&place.root, &["fmt", "--all"]))?;
    report::say("blessed; now read `git diff` as a user would");
    Ok(())
}

/// Compares `api/` with what the binary would write.
pub fn up_to_date(place: &Place, aic: &Path) -> End {
    if !can_generate(place, aic) {
        return End::Skipped("`aic` has no `api generate` yet".to_owned());
    }
    let fresh = place.target.join("xtask/api");
    if fresh.exists()
        && let Err(error) = fs::remove_dir_all(&fresh)
    {
        return End::Failed(format!("`{}` cannot be emptied: {error}", fresh.display()));
    }
    if let Err(how) = generate(place, aic, &fresh) {
        return End::Failed(how);
    }
    let stale = differences(&texts(&place.root.join("api")), &texts(&fresh));
    if stale.is_empty() {
        return End::Passed(String::new());
    }
    for name in &stale {
        report::say(&format!(
            "api/{name}: differs from the declarations; run `cargo xtask bless` and read the diff"
        ));
    }
    End::Failed(format!("{} generated files are out of date", stale.len()))
}

fn can_generate(place: &Place, aic: &Path) -> bool {
    shell::succeeds(shell::command(aic, &place.root).args(["api", "generate", "--help"]))
}

fn generate(place: &Place, aic: &Path, into: &Path) -> Result<(), String> {
    shell::show(shell::command(aic, &place.root).args(["api", "generate", "--dir"]).arg(into))
}

/// The files of one directory by name; generated directories are flat.
fn texts(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap_or_default())
        })
        .collect()
}

fn differences(kept: &BTreeMap<String, Vec<u8>>, fresh: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut names: Vec<&String> = kept.keys().chain(fresh.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().filter(|name| kept.get(*name) != fresh.get(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_appeared_or_vanished_is_named() {
        let files = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
        };
        let kept = files(&[("same", "1"), ("changed", "1"), ("gone", "1")]);
        let fresh = files(&[("same", "1"), ("changed", "2"), ("new", "1")]);
        assert_eq!(differences(&kept, &fresh), ["changed", "gone", "new"]);
    }
}
