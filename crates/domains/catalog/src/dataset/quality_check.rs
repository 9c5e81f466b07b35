//! A check of quality: every rule of a dataset held against all rows of one version, and what came of it.

use std::collections::HashSet;

use kernel::prelude::*;
use ports::table::{Profile, Table, Tables, Values, cells};

use super::{
    Dataset, Ordered,
    quality_rule::{Check as What, Rule, Severity},
    version_of,
    written::{self, Source},
};
use crate::dataset_version::Version;

/// What checks serve beyond the verbs every kind has; they are made by checking.
pub fn serve(kind: KindBuilder<Check>) -> KindBuilder<Check> {
    kind.child_of("datasets", "dataset").without(&["create", "update", "clone", "import"])
}

/// Every rule held against one version.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "quality-check", prefix = "qck", status = "Status")]
pub struct Check {
    /// The dataset.
    #[field(reference = "catalog.datasets", indexed, immutable)]
    pub dataset: Ref,
    /// The version.
    #[field(reference = "catalog.dataset-versions", indexed, immutable)]
    pub version: Ref,
    /// The run that checked.
    #[field(indexed, immutable)]
    pub work: String,
}

/// What came of a check.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Whether no rule of the severity `error` failed.
    #[field(indexed, default = false)]
    pub passed: bool,
    /// The rows that were read.
    pub rows: u64,
    /// One finding a rule.
    pub findings: Vec<Finding>,
}

/// What came of one rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// How bad it is when it does not hold.
    pub severity: String,
    /// Whether it holds.
    pub passed: bool,
    /// The rows it was held against.
    pub checked: u64,
    /// The rows for which it does not hold.
    pub failed: u64,
    /// The first of them, with the row's number from 0 and the value.
    pub examples: Vec<Value>,
    /// Why, where rows are not the point.
    pub message: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Input {
    version: String,
}

/// Of which version.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Which {
    /// Its number; the latest when not given.
    version: Option<u64>,
}

/// Orders a check of every rule.
pub async fn order(cx: Cx, it: Object<Dataset>, ask: Which) -> Result<Ordered> {
    let version = version_of(&cx, &it, ask.version).await?;
    if rules(&cx, it.name()).await?.is_empty() {
        return Err(Error::conflict("no-rules", format!("dataset `{}` has no rules of quality", it.name()))
            .hint("declare one with `POST …/quality-rules`"));
    }
    let input = json!({"version": version.name()});
    let mut order = Order::new("catalog.check", input);
    order.subject = Some(format!("catalog.dataset-versions/{}", version.name()));
    Ok(Ordered { run: cx.order(order).await?.metadata.name })
}

async fn rules(cx: &Cx, dataset: &str) -> Result<Vec<Object<Rule>>> {
    let mut rules = cx.list::<Rule>(&format!("spec.dataset = \"{dataset}\""), 1000).await?;
    rules.retain(|rule| rule.spec.enabled);
    Ok(rules)
}

/// The rules, and what the last check of them found.
pub async fn latest(cx: Cx, it: Object<Dataset>, _: Nothing) -> Result<Value> {
    let filter = format!("spec.dataset = \"{}\"", it.name());
    let rules = cx.list::<Rule>(&filter, 1000).await?;
    let checks = cx.list::<Check>(&filter, 1000).await?;
    let last = checks.iter().max_by_key(|check| check.metadata.creation_timestamp);
    Ok(json!({
        "rules": rules.iter().map(|rule| json!({"name": rule.name(), "spec": rule.spec})).collect::<Vec<_>>(),
        "last": last.map(|check| json!({
            "check": check.name(),
            "version": check.spec.version,
            "at": check.metadata.creation_timestamp,
            "passed": check.status.passed,
            "rows": check.status.rows,
            "findings": check.status.findings,
        })),
        "checks": checks.len(),
    }))
}

/// The work of checking.
pub fn checking() -> Workflow {
    Workflow::new("catalog.check").step("check", check)
}

async fn check(step: StepCx) -> Result<Value> {
    let cx = &step.cx;
    let version = cx.get::<Version>(&step.input::<Input>()?.version).await?;
    let source = Source::of(cx, &version).await?;
    let rules = rules(cx, &version.spec.dataset).await?;
    let tables = cx.port::<dyn Tables>()?;
    let age_s = cx.now().seconds_since(version.metadata.creation_timestamp);
    let (now, watch, profile) = (cx.now(), step.clone(), source.profile.clone());
    let found = cx.blocking(move || {
        let mut tests = rules.iter().map(|rule| Test::new(rule, &profile)).collect::<Result<Vec<Test>>>()?;
        let mut row = 0;
        written::scan((&*tables, &watch), &source, &mut |table| {
            for test in &mut tests {
                test.look(&table, row)?;
            }
            row += table.rows as u64;
            Ok(())
        })?;
        Ok(tests.into_iter().map(|test| test.finding(row, now, age_s)).collect::<Vec<Finding>>())
    });
    let findings = found.await?;
    for finding in &findings {
        let word = if finding.passed { "holds" } else { "fails" };
        step.line(&format!("{}: {word}, {} of {} rows fail", finding.rule, finding.failed, finding.checked));
    }
    let passed = findings.iter().all(|it| it.passed || it.severity == "warning");
    let name = format!("{}.{}", version.spec.dataset, step.run);
    let status = Status { passed, rows: version.status.rows.unwrap_or(0), findings };
    if cx.get_opt::<Check>(&name).await?.is_none() {
        let spec = Check {
            dataset: version.spec.dataset.clone(),
            version: Ref::to(version.name()),
            work: step.run.clone(),
        };
        let kind = cx.platform().kind("catalog.datasets")?;
        let mut draft = Draft::new(&name, spec).with_status(status.clone());
        draft.owners.push(cx.read("catalog.datasets", &version.spec.dataset).await?.owner(&kind));
        cx.doing("check").create(draft).await?;
    }
    Ok(json!({"check": name, "passed": passed, "rules": status.findings.len()}))
}

/// How many failing rows are shown.
const EXAMPLES: usize = 5;
/// The most different values `unique` remembers.
const DISTINCT_MAX: usize = 50_000_000;

/// One rule at work.
struct Test<'a> {
    rule: &'a Object<Rule>,
    pattern: Option<regex::Regex>,
    seen: HashSet<[u8; 16]>,
    newest: f64,
    column: bool,
    finding: Finding,
}

impl<'a> Test<'a> {
    fn new(rule: &'a Object<Rule>, profile: &Profile) -> Result<Self> {
        let severity = match rule.spec.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let named = rule.spec.column.as_deref();
        let there = named.is_none_or(|name| profile.columns.iter().any(|column| column.name == name));
        let mut finding =
            Finding { rule: rule.metadata.name.clone(), severity: severity.to_owned(), ..Finding::default() };
        if !there {
            finding.message = Some(format!("the data has no column `{}`", named.unwrap_or_default()));
        }
        let pattern = rule.spec.compiled()?;
        Ok(Self { rule, pattern, seen: HashSet::new(), newest: f64::NEG_INFINITY, column: there, finding })
    }

    /// Holds the rule against some rows; the first has a number.
    fn look(&mut self, table: &Table, first: u64) -> Result<()> {
        let rule = &self.rule.spec;
        let Some(at) =
            rule.column.as_ref().and_then(|name| table.columns.iter().position(|it| it.name == *name))
        else {
            return Ok(());
        };
        let column = &table.columns[at];
        let text = |row| cells::text(column, row).unwrap_or_default();
        for row in 0..table.rows {
            let fails = match rule.check {
                What::NotNull => cells::missing(column, row),
                What::RowCount => false,
                What::Freshness => {
                    if let Values::Numbers(numbers) = &column.values
                        && numbers[row] > self.newest
                    {
                        self.newest = numbers[row];
                    }
                    false
                }
                _ if cells::missing(column, row) => continue,
                What::Unique => !self.seen.insert(cells::digest(table, &[at], row)),
                What::Range => match &column.values {
                    Values::Numbers(numbers) => {
                        rule.min.is_some_and(|min| numbers[row] < min)
                            || rule.max.is_some_and(|max| numbers[row] > max)
                    }
                    Values::Texts { .. } => true,
                },
                What::Regex => !self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(&text(row))),
                What::Set => !rule.values.contains(&text(row)),
            };
            self.finding.checked += 1;
            if fails {
                self.finding.failed += 1;
                if self.finding.examples.len() < EXAMPLES {
                    let value = cells::value(column, row);
                    self.finding.examples.push(json!({"row": first + row as u64, "value": value}));
                }
            }
        }
        if self.seen.len() > DISTINCT_MAX {
            let message = format!("more than {DISTINCT_MAX} different values in `{}`", column.name);
            return Err(Error::invalid("too-many-rows", message));
        }
        Ok(())
    }

    fn finding(mut self, rows: u64, now: Time, age_s: f64) -> Finding {
        let rule = &self.rule.spec;
        let finding = &mut self.finding;
        finding.passed = self.column
            && match rule.check {
                What::RowCount => {
                    finding.checked = rows;
                    finding.message = Some(format!("{rows} rows"));
                    rule.min.is_none_or(|min| rows as f64 >= min)
                        && rule.max.is_none_or(|max| rows as f64 <= max)
                }
                What::Freshness => {
                    let age = match rule.column {
                        Some(_) => now.micros() as f64 / 1e6 - self.newest,
                        None => age_s,
                    };
                    finding.message = Some(format!("the newest is {age:.0} seconds old"));
                    age <= rule.max_age_seconds.unwrap_or(0) as f64
                }
                _ => finding.failed as f64 <= rule.tolerance * finding.checked as f64,
            };
        self.finding
    }
}
