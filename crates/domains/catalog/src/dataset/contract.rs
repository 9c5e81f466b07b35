//! A dataset's contract: the columns every version must have, and of which types.

use kernel::prelude::*;
use ports::table::{ColumnType, Profile};

use super::{Dataset, version_of};

/// What every version's columns must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Contract {
    /// The columns.
    #[field(max = 2000)]
    pub columns: Vec<Column>,
    /// Whether a version may have others beside them.
    #[field(default = true)]
    pub additional: bool,
    /// Whether a version that differs is refused: it then never becomes the latest.
    #[field(default = false)]
    pub enforced: bool,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Column {
    /// Its header.
    #[field(min = 1, max = 500)]
    pub name: String,
    /// The type of its values.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether a row may come without a value.
    #[field(default = true)]
    pub nullable: bool,
    /// What it means.
    #[field(max = 2000)]
    pub description: Option<String>,
}

/// The type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Whole numbers.
    Integer,
    /// Numbers, whole ones among them.
    Number,
    /// `true` and `false`.
    Boolean,
    /// Moments or dates.
    Time,
    /// Texts.
    Text,
}

impl Type {
    /// The engine's word for it.
    pub fn engine(self) -> ColumnType {
        match self {
            Self::Integer => ColumnType::Integer,
            Self::Number => ColumnType::Number,
            Self::Boolean => ColumnType::Boolean,
            Self::Time => ColumnType::Time,
            Self::Text => ColumnType::Text,
        }
    }

    fn takes(self, found: ColumnType) -> bool {
        found == self.engine() || matches!((self, found), (Self::Number, ColumnType::Integer))
    }
}

/// One difference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
pub struct Breach {
    /// The column.
    pub column: String,
    /// `missing`, `type`, `null` or `additional`.
    pub kind: String,
    /// A sentence.
    pub message: String,
}

impl Contract {
    /// What of a profile differs.
    pub fn breaches(&self, profile: &Profile) -> Vec<Breach> {
        let mut found = Vec::new();
        let mut note = |column: &str, kind: &str, message: String| {
            found.push(Breach { column: column.to_owned(), kind: kind.to_owned(), message });
        };
        for wanted in &self.columns {
            let name = &wanted.name;
            match profile.columns.iter().find(|column| column.name == *name) {
                None => note(name, "missing", format!("column `{name}` is missing")),
                Some(column) if column.count > 0 && !wanted.kind.takes(column.kind) => {
                    let (has, wants) = (column.kind, wanted.kind);
                    note(name, "type", format!("column `{name}` is {has:?}, not {wants:?}").to_lowercase());
                }
                Some(column) if column.missing > 0 && !wanted.nullable => {
                    note(name, "null", format!("column `{name}` lacks a value in {} rows", column.missing));
                }
                Some(_) => {}
            }
        }
        if !self.additional {
            let known = |name: &str| self.columns.iter().any(|column| column.name == name);
            for column in profile.columns.iter().filter(|column| !known(&column.name)) {
                let name = &column.name;
                note(name, "additional", format!("column `{name}` is not in the contract"));
            }
        }
        found
    }
}

/// All differences in one sentence.
pub fn refusal(breaches: &[Breach]) -> String {
    let told: Vec<&str> = breaches.iter().take(5).map(|breach| breach.message.as_str()).collect();
    let more = breaches.len().saturating_sub(5);
    let rest = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("the version breaks the dataset's contract: {}{rest}", told.join(", "))
}

/// Settles the contract that versions are held against.
pub async fn set(cx: Cx, mut it: Object<Dataset>, ask: Contract) -> Result<Contract> {
    let mut names: Vec<&str> = ask.columns.iter().map(|column| column.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = format!("the contract names the column `{}` twice", pair[0]);
        return Err(Error::invalid("table-duplicate-column", message).at("columns"));
    }
    it.spec.contract = Some(ask.clone());
    cx.doing("set-schema").save(&it).await?;
    Ok(ask)
}

/// Of which version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Its number; the latest when not given.
    pub version: Option<u64>,
}

/// What came of holding a version against the contract.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Verdict {
    /// The version.
    version: String,
    /// Whether nothing differs.
    valid: bool,
    /// What differs.
    breaches: Vec<Breach>,
}

/// Holds a version against the contract.
pub async fn validate(cx: Cx, it: Object<Dataset>, ask: Which) -> Result<Verdict> {
    let Some(contract) = &it.spec.contract else {
        return Err(Error::conflict("no-contract", format!("dataset `{}` has no contract", it.name()))
            .hint("settle one with `PUT …/schema`"));
    };
    let version = version_of(&cx, &it, ask.version).await?;
    let breaches = contract.breaches(&version.status.profile()?);
    Ok(Verdict { version: version.metadata.name, valid: breaches.is_empty(), breaches })
}
