//! The port of traces on top of the tables.

use std::collections::HashMap;

use base::Uid;
use ports::{
    Later,
    tracking::trace::{
        self, Edit, Page, Search, Span, Spans, Trace, Traces, Which,
        measure::{Measure, Point},
    },
};

use super::{Act, is_awaited, select};
use crate::{engine::Engine, ledger::Task};

impl Engine {
    async fn act(&self, act: Act) -> base::Result<u64> {
        self.disk.write(Task::Traces(Box::new(act))).await
    }

    async fn one(&self, org: &str, id: &str) -> base::Result<Trace> {
        let found = self.disk.traces(org, &[id.to_owned()]).await?;
        found.into_iter().next().ok_or_else(|| trace::unknown(id))
    }
}

impl Traces for Engine {
    fn begin<'a>(&'a self, trace: Trace) -> Later<'a, Trace> {
        Box::pin(async move {
            let (org, id) = (trace.org.clone(), trace.id.clone());
            self.act(Act::Begin(Box::new(trace))).await?;
            self.one(&org, &id).await
        })
    }

    fn spans_told<'a>(&'a self, told: Vec<Spans>) -> Later<'a, ()> {
        Box::pin(async move { self.act(Act::Spans(told)).await.map(drop) })
    }

    fn edit<'a>(&'a self, org: &'a str, id: &'a str, edit: Edit) -> Later<'a, Trace> {
        Box::pin(async move {
            self.act(Act::Edit(org.to_owned(), id.to_owned(), edit)).await?;
            self.one(org, id).await
        })
    }

    fn traces<'a>(&'a self, org: &'a str, ids: &'a [String]) -> Later<'a, Vec<Trace>> {
        Box::pin(async move {
            let found = self.disk.traces(org, ids).await?;
            let told = found.into_iter().filter(|trace| !is_awaited(trace));
            let mut found: HashMap<String, Trace> = told.map(|trace| (trace.id.clone(), trace)).collect();
            Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
        })
    }

    fn spans<'a>(&'a self, org: &'a str, id: &'a str) -> Later<'a, Vec<Span>> {
        self.disk.spans(org, id)
    }

    fn find<'a>(&'a self, ask: Search) -> Later<'a, Page> {
        Box::pin(async move {
            let mut traces = self.disk.find(ask.clone()).await?;
            let limit = select::limit(&ask) as usize;
            let more = traces.len() > limit;
            traces.truncate(limit);
            let next = traces.last().filter(|_| more).map(|last| select::token(&ask, last));
            Ok(Page { traces, next })
        })
    }

    fn measure<'a>(&'a self, ask: Measure) -> Later<'a, Vec<Point>> {
        self.disk.measure(ask)
    }

    fn count<'a>(&'a self, ask: Search) -> Later<'a, u64> {
        self.disk.count(ask)
    }

    fn forget_traces<'a>(&'a self, org: &'a str, experiment: &'a Uid, which: Which) -> Later<'a, u64> {
        Box::pin(self.act(Act::Forget(org.to_owned(), experiment.clone(), which)))
    }
}
