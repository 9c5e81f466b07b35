//! Objects for tests: a small thing with a title, a size, a switch, a moment and tags, all indexed.

use base::{Time, Uid};
use kernel::{
    index::{self, Cell, Term},
    journal::PURGE,
    store::{Commit, Expect, Record, Store, Write},
};
use serde_json::{Value, json};

/// The moment everything in these tests begins.
pub const START: i64 = 1_767_225_600_000_000;

/// An object on its way into a store.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it will be.
    pub record: Record,
    spec: Value,
    labels: Value,
}

impl Draft {
    /// One with a name, in organization `acme`, project `default`.
    pub fn new(name: &str) -> Self {
        Self {
            record: Record {
                org: "acme".into(),
                kind: "demo.things".into(),
                project: "default".into(),
                name: name.into(),
                uid: Uid::known(format!("thg_{name}")),
                version: 0,
                generation: 1,
                created: Time::from_micros(START),
                deleted: None,
                body: String::new(),
            },
            spec: json!({}),
            labels: json!({}),
        }
    }

    /// With this spec.
    pub fn spec(mut self, spec: Value) -> Self {
        self.spec = spec;
        self
    }

    /// With these labels.
    pub fn labels(mut self, labels: Value) -> Self {
        self.labels = labels;
        self
    }

    /// Under this identifier.
    pub fn uid(mut self, uid: &str) -> Self {
        self.record.uid = Uid::known(uid);
        self
    }

    /// In this organization and project.
    pub fn within(mut self, org: &str, project: &str) -> Self {
        self.record.org = org.into();
        self.record.project = project.into();
        self
    }

    /// The object as it will be stored.
    pub fn record(&self) -> Record {
        let mut record = self.record.clone();
        let mut metadata = json!({
            "name": record.name,
            "uid": record.uid,
            "generation": record.generation,
            "creationTimestamp": record.created,
            "labels": self.labels,
        });
        if !record.project.is_empty() {
            metadata["namespace"] = json!(record.project);
        }
        if let Some(deleted) = record.deleted {
            metadata["deletionTimestamp"] = json!(deleted);
        }
        record.body = json!({"metadata": metadata, "spec": self.spec}).to_string();
        record
    }

    /// A write that makes it.
    pub fn create(&self) -> Write {
        let record = self.record();
        let terms_in = terms(&record);
        write(record, "create", Expect::Absent, terms_in, Vec::new())
    }

    /// A write that replaces what stands at a version, which was this.
    pub fn replace(&self, version: u64, before: &Self) -> Write {
        let (record, before) = (self.record(), before.record());
        let (new, old) = (terms(&record), terms(&before));
        write(record, "replace", Expect::Version(version), new, old)
    }

    /// A write that puts it in the trash.
    pub fn trash(&mut self, version: u64) -> Write {
        let old = terms(&self.record());
        self.record.deleted = Some(Time::from_micros(START).plus_s(60));
        let expect = Expect::Version(version);
        write(self.record(), "delete", expect, Vec::new(), old)
    }

    /// A write that takes it back from there.
    pub fn restore(&mut self, version: u64) -> Write {
        self.record.deleted = None;
        let new = terms(&self.record());
        let expect = Expect::Version(version);
        write(self.record(), "restore", expect, new, Vec::new())
    }

    /// A write that takes it out for good.
    pub fn purge(&self, version: u64) -> Write {
        let record = self.record();
        // In the trash there are no terms left.
        let old = if record.deleted.is_none() { terms(&record) } else { Vec::new() };
        let expect = Expect::Version(version);
        let mut write = write(record, PURGE, expect, Vec::new(), old);
        write.purge = true;
        write
    }
}

fn write(record: Record, verb: &str, expect: Expect, terms_in: Vec<Term>, terms_out: Vec<Term>) -> Write {
    Write {
        record,
        expect,
        terms_in,
        terms_out,
        verb: verb.into(),
        actor: "user:ada".into(),
        trace: String::new(),
        time: Time::from_micros(START).plus_s(60),
        purge: false,
    }
}

/// The index terms of a thing, as the kernel would make them from its field table.
pub fn terms(record: &Record) -> Vec<Term> {
    let body: Value = serde_json::from_str(&record.body).expect("a draft's body is JSON");
    let spec = &body["spec"];
    let cells = [
        ("spec.title", spec["title"].as_str().map(|text| Cell::Text(text.into()))),
        ("spec.size", spec["size"].as_f64().map(Cell::Number)),
        ("spec.on", spec["on"].as_bool().map(Cell::Bool)),
        ("spec.at", spec["at"].as_str().and_then(|text| text.parse().ok()).map(Cell::Time)),
    ];
    let fields = cells
        .into_iter()
        .map(|(key, cell)| Term { key: key.into(), value: index::encode(&cell.unwrap_or(Cell::Null)) });
    let tags = spec["tags"].as_array().into_iter().flatten().map(|tag| Term {
        key: "spec.tags".into(),
        value: index::encode(&Cell::Text(tag.as_str().unwrap_or_default().into())),
    });
    let labels = body["metadata"]["labels"].as_object().into_iter().flatten();
    let labels = labels.map(|(key, value)| Term {
        key: format!("label:{key}"),
        value: index::encode(&Cell::Text(value.as_str().unwrap_or_default().into())),
    });
    fields.chain(tags).chain(labels).collect()
}

/// A commit of some writes.
pub fn commit(writes: impl IntoIterator<Item = Write>) -> Commit {
    Commit { writes: writes.into_iter().collect(), ..Commit::default() }
}

/// Makes objects `0000`, `0001` … a hundred at a time, each with the spec of its number.
pub async fn fill(store: &dyn Store, count: usize, spec: impl Fn(usize) -> Value) {
    for start in (0..count).step_by(100) {
        let numbers = start..(start + 100).min(count);
        let drafts = numbers.map(|i| Draft::new(&format!("{i:04}")).spec(spec(i)).create());
        store.commit(commit(drafts)).await.expect("the objects are new");
    }
}
