//! Arrows between crates go down: base, then kernel and ports, engines and domains, faces, the roof.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::tree::{File, Tree};
use super::{Finding, finding};

/// Where a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Floor {
    Base,
    Derive,
    /// What the kernel and the engines agree on: the store's contract, field tables, the filter's grammar.
    Ground,
    /// What stands on several of those: a filter held against a field table, the words of a protocol.
    Selection,
    Kernel,
    Ports,
    /// What several domains and faces do alike, on the kernel and the ports.
    Shared,
    Testing,
    Engine,
    Domain,
    Face,
    Roof,
    /// Tools and measurements, which nothing of the platform may use.
    Outside,
}

impl Floor {
    fn of(manifest: &str) -> Self {
        let parts: Vec<&str> = manifest.split('/').collect();
        match parts.as_slice() {
            ["crates", "base", _] => Self::Base,
            ["crates", "store" | "fields" | "filter" | "patch" | "rates" | "shares" | "statistics", _] => {
                Self::Ground
            }
            ["crates", "openid" | "selection", _] => Self::Selection,
            ["crates", "kernel-derive", _] => Self::Derive,
            ["crates", "kernel", _] => Self::Kernel,
            ["crates", "ports", _] => Self::Ports,
            ["crates", "asking" | "behalf" | "forms" | "places" | "usage", _] => Self::Shared,
            ["crates", "testing", _] => Self::Testing,
            ["crates", "engines", ..] => Self::Engine,
            ["crates", "domains", ..] => Self::Domain,
            ["crates", "faces", ..] => Self::Face,
            ["crates", "aic", _] => Self::Roof,
            _ => Self::Outside,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Base => "`base`",
            Self::Ground => "the ground",
            Self::Selection => "`selection`",
            Self::Derive => "`kernel-derive`",
            Self::Kernel => "the kernel",
            Self::Ports => "`ports`",
            Self::Shared => "what domains share",
            Self::Testing => "`testing`",
            Self::Engine => "an engine",
            Self::Domain => "a domain",
            Self::Face => "a face",
            Self::Roof => "the roof",
            Self::Outside => "a tool",
        }
    }

    /// The floors it may stand on when it ships.
    fn stands_on(self) -> &'static [Self] {
        match self {
            Self::Base | Self::Derive => &[],
            Self::Ground => &[Self::Base],
            Self::Selection => &[Self::Base, Self::Ground],
            Self::Kernel => &[Self::Base, Self::Ground, Self::Selection, Self::Derive],
            Self::Ports => &[Self::Base],
            // Transcripts speak a real face to a real store, because there are no second, pretended ones.
            Self::Testing => {
                &[Self::Base, Self::Ground, Self::Derive, Self::Kernel, Self::Ports, Self::Engine, Self::Face]
            }
            // One engine may be built from another: a store from a dialect, a search from blobs.
            Self::Engine => {
                &[Self::Base, Self::Ground, Self::Derive, Self::Kernel, Self::Ports, Self::Engine]
            }
            Self::Shared => &[Self::Base, Self::Ground, Self::Derive, Self::Kernel, Self::Ports],
            Self::Domain => &[
                Self::Base,
                Self::Ground,
                Self::Selection,
                Self::Derive,
                Self::Kernel,
                Self::Ports,
                Self::Shared,
            ],
            Self::Face => &[
                Self::Base,
                Self::Ground,
                Self::Selection,
                Self::Derive,
                Self::Kernel,
                Self::Ports,
                Self::Shared,
                Self::Domain,
                Self::Face,
            ],
            Self::Roof => &[
                Self::Base,
                Self::Ground,
                Self::Derive,
                Self::Kernel,
                Self::Ports,
                Self::Engine,
                Self::Domain,
                Self::Face,
            ],
            Self::Outside => &[
                Self::Base,
                Self::Ground,
                Self::Derive,
                Self::Kernel,
                Self::Ports,
                Self::Testing,
                Self::Engine,
                Self::Domain,
                Self::Face,
                Self::Outside,
            ],
        }
    }

    /// What its tests may use beside that.
    fn tests_stand_on(self, other: Self) -> bool {
        let high = matches!(self, Self::Face | Self::Roof | Self::Testing | Self::Outside);
        other == Self::Testing || (high && other != Self::Roof)
    }
}

/// Reads every manifest and names the arrows that go up or sideways.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let manifests: Vec<(&File, Table)> = tree
        .files
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
        .filter_map(|file| Some((file, file.text.parse().ok()?)))
        .collect();
    let floors: BTreeMap<String, Floor> = manifests
        .iter()
        .filter_map(|(file, table)| Some((package(table)?.to_owned(), Floor::of(&file.path))))
        .collect();
    manifests.iter().flat_map(|(file, table)| arrows_of(file, table, &floors)).collect()
}

fn arrows_of(file: &File, table: &Table, floors: &BTreeMap<String, Floor>) -> Vec<Finding> {
    let floor = Floor::of(&file.path);
    let mut findings = Vec::new();
    let mut domains = 0;
    for (name, tests_only) in dependencies(table) {
        let Some(other) = floors.get(&name).copied() else {
            continue;
        };
        let allowed = floor.stands_on().contains(&other) || (tests_only && floor.tests_stand_on(other));
        if !allowed {
            let sentence = format!(
                "{} may not depend on {} (`{name}`); {}",
                floor.name(),
                other.name(),
                instead(floor, other)
            );
            findings.push(finding(&file.path, line_of(&file.text, &name), sentence));
        }
        if floor == Floor::Face && other == Floor::Domain && !tests_only {
            domains += 1;
            if domains == 2 {
                let sentence = "a face sees at most one domain; go through the kernel by kind name";
                findings.push(finding(&file.path, line_of(&file.text, &name), sentence));
            }
        }
    }
    findings
}

fn instead(floor: Floor, other: Floor) -> &'static str {
    match (floor, other) {
        (_, Floor::Testing) => "make it a dev-dependency",
        (Floor::Domain, Floor::Domain) => "name the kind in a `Ref` and read it through `cx`",
        (Floor::Domain | Floor::Face, Floor::Engine) => "use the port and let `aic` choose the engine",
        _ => "arrows go down; move what is shared to a lower floor",
    }
}

fn package(table: &Table) -> Option<&str> {
    table.get("package")?.get("name")?.as_str()
}

/// The packages named under any dependency table, and whether only tests use them.
fn dependencies(table: &Table) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut tables = vec![table];
    if let Some(Value::Table(targets)) = table.get("target") {
        tables.extend(targets.values().filter_map(Value::as_table));
    }
    for table in tables {
        for (key, tests_only) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let Some(Value::Table(entries)) = table.get(key) else {
                continue;
            };
            for (name, entry) in entries {
                let renamed = entry.get("package").and_then(Value::as_str);
                found.push((renamed.unwrap_or(name).to_owned(), tests_only));
            }
        }
    }
    found
}

fn line_of(text: &str, name: &str) -> usize {
    let at = text.lines().position(|line| {
        let rest = line.trim_start().strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with([' ', '.', '=']))
    });
    at.map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::super::tree::tree;
    use super::*;

    fn manifest(name: &str, rest: &str) -> String {
        format!("[package]\nname = \"{name}\"\n{rest}")
    }

    fn findings(catalog: &str) -> Vec<String> {
        let checked = tree(&[
            ("crates/base/Cargo.toml", &manifest("base", "")),
            ("crates/kernel/Cargo.toml", &manifest("kernel", "[dependencies]\nbase.workspace = true\n")),
            ("crates/testing/Cargo.toml", &manifest("testing", "")),
            ("crates/engines/learn/Cargo.toml", &manifest("learn", "")),
            ("crates/domains/admin/Cargo.toml", &manifest("admin", "")),
            ("crates/domains/catalog/Cargo.toml", &manifest("catalog", catalog)),
        ]);
        check(&checked).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_domain_stands_on_the_kernel_and_may_be_tested_with_testing() {
        let good = "[dependencies]\nkernel.workspace = true\nserde = \"1\"\n[dev-dependencies]\ntesting.workspace = true\n";
        assert_eq!(findings(good), [""; 0]);
    }

    #[test]
    fn a_domain_stands_on_no_domain_and_no_engine_not_even_in_tests() {
        let bad = "[dependencies]\nadmin.workspace = true\n[dev-dependencies]\nlearn = { path = \"x\" }\n";
        assert_eq!(
            findings(bad),
            [
                "crates/domains/catalog/Cargo.toml:4: a domain may not depend on a domain (`admin`); name the kind in a `Ref` and read it through `cx`",
                "crates/domains/catalog/Cargo.toml:6: a domain may not depend on an engine (`learn`); use the port and let `aic` choose the engine",
            ]
        );
    }

    #[test]
    fn testing_is_for_tests() {
        let bad = "[dependencies]\ntesting.workspace = true\n";
        assert!(findings(bad)[0].ends_with("make it a dev-dependency"));
    }

    #[test]
    fn another_name_or_a_target_hides_no_arrow() {
        let bad = "[target.'cfg(unix)'.dependencies]\nother = { package = \"admin\", path = \"x\" }\n";
        assert_eq!(findings(bad).len(), 1);
    }

    #[test]
    fn the_second_domain_of_a_face_is_one_too_many() {
        let face = "[dependencies]\nadmin.workspace = true\ncatalog.workspace = true\n";
        let checked = tree(&[
            ("crates/domains/admin/Cargo.toml", &manifest("admin", "")),
            ("crates/domains/catalog/Cargo.toml", &manifest("catalog", "")),
            ("crates/faces/mlflow/Cargo.toml", &manifest("mlflow", face)),
        ]);
        assert_eq!(check(&checked).len(), 1);
    }
}
