//! Everything about a run but its histories, as one record: what a search answers is read at once, and a column
//! is filled from it without building it.

use ports::tracking::{Attribute, Batch, Data, Found, Input, Metric, Output, Pair, Run, State, differs};

use base::{Error, Result, Uid};

use crate::{
    block::rank,
    wire::{Damaged, Read, Reader, Writer},
};

/// The form of the record; another one is another number.
const FORM: u64 = 1;

/// The latest value of a metric, and where its history stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// The value.
    pub metric: Metric,
    /// The first block that is not full.
    pub open: u64,
    /// The number of the next block.
    pub next: u64,
}

/// The record.
#[derive(Clone, Debug, PartialEq)]
pub struct Doc {
    /// The attributes.
    pub run: Run,
    /// By key.
    pub metrics: Vec<Latest>,
    /// By key.
    pub params: Vec<Pair>,
    /// By key.
    pub tags: Vec<Pair>,
    /// As they came.
    pub inputs: Vec<Input>,
    /// As they came.
    pub models: Vec<String>,
    /// As they came.
    pub outputs: Vec<Output>,
    /// The latest value by model, key and data.
    pub measured: Vec<Metric>,
}

/// Whether a value comes after another of the same metric: by step, time, value.
fn later(new: &Metric, old: &Metric) -> bool {
    (new.step, new.time_ms, rank(new.value)) >= (old.step, old.time_ms, rank(old.value))
}

impl Doc {
    /// One to which nothing was logged.
    pub fn new(run: Run) -> Self {
        let (metrics, params, tags) = (Vec::new(), Vec::new(), Vec::new());
        let (inputs, models, outputs, measured) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { run, metrics, params, tags, inputs, models, outputs, measured }
    }

    /// Refuses what cannot be logged to it.
    pub fn admit(&self, batch: &Batch) -> Result<()> {
        for pair in &batch.params {
            if let Some(known) = find(&self.params, &pair.key).filter(|known| known.value != pair.value) {
                return Err(differs(&pair.key, &known.value, &pair.value));
            }
        }
        match batch.untag.iter().find(|key| find(&self.tags, key).is_none()) {
            None => Ok(()),
            Some(key) => Err(Error::not_found("tag-unknown", format!("the run has no tag `{key}`"))
                .at("key")
                .hint("it may have been taken away already")),
        }
    }

    /// Takes in a batch that was admitted, but for histories.
    pub fn log(&mut self, batch: &Batch) {
        for metric in &batch.metrics {
            match self.metrics.binary_search_by(|it| it.metric.key.as_str().cmp(&metric.key)) {
                Ok(at) if later(metric, &self.metrics[at].metric) => {
                    self.metrics[at].metric.clone_from(metric)
                }
                Ok(_) => {}
                Err(at) => self.metrics.insert(at, Latest { metric: metric.clone(), open: 0, next: 0 }),
            }
            if metric.model.is_some() {
                self.measure(metric);
            }
        }
        for key in &batch.untag {
            self.tags.retain(|tag| tag.key != *key);
        }
        batch.params.iter().for_each(|pair| set(&mut self.params, pair));
        batch.tags.iter().for_each(|pair| set(&mut self.tags, pair));
        for input in &batch.inputs {
            match self.inputs.iter_mut().find(|it| it.data == input.data) {
                Some(known) => input.tags.iter().for_each(|pair| set(&mut known.tags, pair)),
                None => self.inputs.push(input.clone()),
            }
        }
        for model in &batch.models {
            if !self.models.contains(model) {
                self.models.push(model.clone());
            }
        }
        for output in &batch.outputs {
            if !self.outputs.contains(output) {
                self.outputs.push(output.clone());
            }
        }
    }

    fn measure(&mut self, metric: &Metric) {
        let same =
            |it: &&mut Metric| it.model == metric.model && it.key == metric.key && it.data == metric.data;
        match self.measured.iter_mut().find(same) {
            Some(known) if later(metric, known) => known.clone_from(metric),
            Some(_) => {}
            None => self.measured.push(metric.clone()),
        }
    }

    /// As it is answered.
    pub fn found(self) -> Found {
        let metrics = self.metrics.into_iter().map(|latest| latest.metric).collect();
        let Self { run, params, tags, inputs, models, outputs, .. } = self;
        Found { run, metrics, params, tags, inputs, models, outputs }
    }

    /// As bytes. What columns are filled from comes first.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer(Vec::with_capacity(256));
        let run = &self.run;
        to.number(FORM);
        to.number(run.state as u64);
        to.signed(run.started_ms);
        to.number(u64::from(run.ended_ms.is_some()) + 2 * u64::from(run.deleted_ms.is_some()));
        to.signed(run.ended_ms.unwrap_or(0));
        to.signed(run.deleted_ms.unwrap_or(0));
        [run.id.as_str(), &run.name, &run.user, &run.artifacts].iter().for_each(|text| to.text(text));
        [&run.org, &run.project, run.experiment.as_str()].iter().for_each(|text| to.text(text));
        to.number(self.metrics.len() as u64);
        for latest in &self.metrics {
            metric(&mut to, &latest.metric);
            to.number(latest.open);
            to.number(latest.next);
        }
        pairs(&mut to, &self.params);
        pairs(&mut to, &self.tags);
        to.number(self.inputs.len() as u64);
        for input in &self.inputs {
            [&input.data.name, &input.data.digest].iter().for_each(|text| to.text(text));
            [&input.source_type, &input.source].iter().for_each(|text| to.text(text));
            to.maybe(input.schema.as_deref());
            to.maybe(input.profile.as_deref());
            pairs(&mut to, &input.tags);
        }
        to.number(self.models.len() as u64);
        self.models.iter().for_each(|model| to.text(model));
        to.number(self.outputs.len() as u64);
        for output in &self.outputs {
            to.text(&output.model);
            to.signed(output.step);
        }
        to.number(self.measured.len() as u64);
        self.measured.iter().for_each(|it| metric(&mut to, it));
        to.0
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Read<Self> {
        let (head, mut from) = Head::read(bytes)?;
        let texts = [from.text()?, from.text()?, from.text()?].map(str::to_owned);
        let [org, project, experiment] = texts;
        let run = Run {
            org,
            project,
            experiment: Uid::known(experiment),
            id: Uid::known(head.id),
            name: head.name.to_owned(),
            user: head.user.to_owned(),
            state: head.state,
            started_ms: head.started_ms,
            ended_ms: head.ended_ms,
            deleted_ms: head.deleted_ms,
            artifacts: head.artifacts.to_owned(),
        };
        let mut doc = Self::new(run);
        for _ in 0..from.count()? {
            let metric = read_metric(&mut from)?;
            doc.metrics.push(Latest { metric, open: from.number()?, next: from.number()? });
        }
        doc.params = read_pairs(&mut from)?;
        doc.tags = read_pairs(&mut from)?;
        for _ in 0..from.count()? {
            let data = Data { name: from.text()?.to_owned(), digest: from.text()?.to_owned() };
            let (source_type, source) = (from.text()?.to_owned(), from.text()?.to_owned());
            let (schema, profile) = (from.maybe()?.map(str::to_owned), from.maybe()?.map(str::to_owned));
            let tags = read_pairs(&mut from)?;
            doc.inputs.push(Input { data, source_type, source, schema, profile, tags });
        }
        for _ in 0..from.count()? {
            doc.models.push(from.text()?.to_owned());
        }
        for _ in 0..from.count()? {
            doc.outputs.push(Output { model: from.text()?.to_owned(), step: from.signed()? });
        }
        for _ in 0..from.count()? {
            doc.measured.push(read_metric(&mut from)?);
        }
        Ok(doc)
    }
}

fn find<'a>(pairs: &'a [Pair], key: &str) -> Option<&'a Pair> {
    pairs.binary_search_by(|it| it.key.as_str().cmp(key)).ok().map(|at| &pairs[at])
}

fn set(pairs: &mut Vec<Pair>, pair: &Pair) {
    match pairs.binary_search_by(|it| it.key.cmp(&pair.key)) {
        Ok(at) => pairs[at].value.clone_from(&pair.value),
        Err(at) => pairs.insert(at, pair.clone()),
    }
}

fn metric(to: &mut Writer, metric: &Metric) {
    to.text(&metric.key);
    to.real(metric.value);
    to.signed(metric.step);
    to.signed(metric.time_ms);
    to.maybe(metric.model.as_deref());
    to.maybe(metric.data.as_ref().map(|data| data.name.as_str()));
    to.text(metric.data.as_ref().map_or("", |data| &data.digest));
}

fn read_metric(from: &mut Reader<'_>) -> Read<Metric> {
    let key = from.text()?.to_owned();
    let (value, step, time_ms) = (from.real()?, from.signed()?, from.signed()?);
    let model = from.maybe()?.map(str::to_owned);
    let (name, digest) = (from.maybe()?, from.text()?);
    let data = name.map(|name| Data { name: name.to_owned(), digest: digest.to_owned() });
    Ok(Metric { key, value, step, time_ms, model, data })
}

fn pairs(to: &mut Writer, pairs: &[Pair]) {
    to.number(pairs.len() as u64);
    for pair in pairs {
        to.text(&pair.key);
        to.text(&pair.value);
    }
}

fn read_pairs(from: &mut Reader<'_>) -> Read<Vec<Pair>> {
    (0..from.count()?).map(|_| Ok(Pair::new(from.text()?, from.text()?))).collect()
}

/// The attributes at the front of a record, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Where it is.
    pub state: State,
    /// When it began.
    pub started_ms: i64,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// When it was put in the trash.
    pub deleted_ms: Option<i64>,
    /// Its identifier.
    pub id: &'a str,
    name: &'a str,
    user: &'a str,
    artifacts: &'a str,
}

impl<'a> Head<'a> {
    /// Reads it, and answers what follows.
    pub fn read(bytes: &'a [u8]) -> Read<(Self, Reader<'a>)> {
        let mut from = Reader(bytes);
        if from.number()? != FORM {
            return Err(Damaged);
        }
        let state = *State::ALL.get(from.number()? as usize).ok_or(Damaged)?;
        let (started_ms, which) = (from.signed()?, from.number()?);
        let (ended, deleted) = (from.signed()?, from.signed()?);
        let (ended_ms, deleted_ms) = ((which & 1 != 0).then_some(ended), (which & 2 != 0).then_some(deleted));
        let (id, name, user, artifacts) = (from.text()?, from.text()?, from.text()?, from.text()?);
        Ok((Self { state, started_ms, ended_ms, deleted_ms, id, name, user, artifacts }, from))
    }

    /// An attribute that is a text.
    pub fn text(&self, attribute: Attribute) -> &'a str {
        match attribute {
            Attribute::Id => self.id,
            Attribute::Name => self.name,
            Attribute::User => self.user,
            Attribute::Artifacts => self.artifacts,
            Attribute::State => self.state.as_str(),
            Attribute::Started | Attribute::Ended => "",
        }
    }
}

/// What of a record columns are filled from.
pub trait Cells {
    /// The latest value of a metric.
    fn metric(&mut self, key: &str, value: f64);
    /// A parameter.
    fn param(&mut self, key: &str, value: &str);
    /// A tag.
    fn tag(&mut self, key: &str, value: &str);
    /// Data that went in, and its context if it has one.
    fn data(&mut self, name: &str, digest: &str, context: Option<&str>);
}

/// Shows the cells of a record, from where [`Head::read`] left it. Nothing is copied.
pub fn show(mut from: Reader<'_>, cells: &mut dyn Cells) -> Read<()> {
    for _ in 0..3 {
        from.text()?;
    }
    for _ in 0..from.count()? {
        let (key, value) = (from.text()?, from.real()?);
        cells.metric(key, value);
        from.signed()?;
        from.signed()?;
        from.maybe()?;
        from.maybe()?;
        from.text()?;
        from.number()?;
        from.number()?;
    }
    for _ in 0..from.count()? {
        let (key, value) = (from.text()?, from.text()?);
        cells.param(key, value);
    }
    for _ in 0..from.count()? {
        let (key, value) = (from.text()?, from.text()?);
        cells.tag(key, value);
    }
    for _ in 0..from.count()? {
        let (name, digest) = (from.text()?, from.text()?);
        from.text()?;
        from.text()?;
        from.maybe()?;
        from.maybe()?;
        let mut context = None;
        for _ in 0..from.count()? {
            let (key, value) = (from.text()?, from.text()?);
            if key == "mlflow.data.context" {
                context = Some(value);
            }
        }
        cells.data(name, digest, context);
    }
    Ok(())
}
