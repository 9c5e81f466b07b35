//! A rule of quality: something that must hold for the rows of a dataset.

use kernel::prelude::*;

/// What rules serve: the verbs every kind has.
pub fn serve(kind: KindBuilder<Rule>) -> KindBuilder<Rule> {
    kind.child_of("datasets", "dataset").check(complete)
}

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Every row has a value.
    NotNull,
    /// No value comes twice.
    Unique,
    /// Numbers lie between `min` and `max`.
    Range,
    /// Texts match `pattern` as a whole.
    Regex,
    /// Values are among `values`.
    Set,
    /// The newest moment, or the version itself where no column is named, is at most `maxAgeSeconds` old.
    Freshness,
    /// There are from `min` to `max` rows.
    RowCount,
}

/// How bad it is when a rule does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The check fails.
    #[default]
    Error,
    /// It is noted.
    Warning,
}

/// Something that must hold for the rows of a dataset.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "quality-rule", prefix = "qrl")]
pub struct Rule {
    /// The dataset.
    #[field(reference = "catalog.datasets", indexed, immutable)]
    pub dataset: Ref,
    /// What must hold.
    pub check: Check,
    /// The column it is about.
    #[field(max = 500)]
    pub column: Option<String>,
    /// The smallest number, or the fewest rows.
    pub min: Option<f64>,
    /// The largest number, or the most rows.
    pub max: Option<f64>,
    /// A regular expression.
    #[field(max = 1000, example = "[A-Z]{2}[0-9]+")]
    pub pattern: Option<String>,
    /// The values there may be, as texts.
    #[field(max = 1000)]
    pub values: Vec<String>,
    /// How old the newest may be.
    #[field(min = 1, max = 315360000)]
    pub max_age_seconds: Option<u64>,
    /// The share of rows for which it need not hold.
    #[field(min = 0, max = 1, default = 0.0)]
    pub tolerance: f64,
    /// How bad it is when it does not hold.
    #[field(default = "error")]
    pub severity: Severity,
    /// Whether it is checked.
    #[field(default = true)]
    pub enabled: bool,
}

/// The most steps of memory a pattern may compile to.
const PATTERN_BYTES: usize = 1 << 20;

impl Rule {
    /// The pattern, for whole texts.
    pub fn compiled(&self) -> Result<Option<regex::Regex>> {
        let Some(pattern) = &self.pattern else { return Ok(None) };
        let built = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_BYTES).build();
        built.map(Some).map_err(|error| {
            Error::invalid("bad-pattern", "the pattern is no regular expression, or too large")
                .at("spec.pattern")
                .because(error)
        })
    }
}

/// A rule has what its check needs.
fn complete(it: &Object<Rule>) -> Result<()> {
    let rule = &it.spec;
    let need = |there: bool, field: &str| {
        if there {
            return Ok(());
        }
        Err(Error::invalid("missing-field", format!("this check needs `{field}`"))
            .at(format!("spec.{field}")))
    };
    rule.compiled()?;
    match rule.check {
        Check::NotNull | Check::Unique => need(rule.column.is_some(), "column"),
        Check::Range => {
            need(rule.column.is_some(), "column")?;
            need(rule.min.is_some() || rule.max.is_some(), "min")
        }
        Check::Regex => {
            need(rule.column.is_some(), "column")?;
            need(rule.pattern.is_some(), "pattern")
        }
        Check::Set => {
            need(rule.column.is_some(), "column")?;
            need(!rule.values.is_empty(), "values")
        }
        Check::Freshness => need(rule.max_age_seconds.is_some(), "maxAgeSeconds"),
        Check::RowCount => need(rule.min.is_some() || rule.max.is_some(), "min"),
    }
}
