//! Predictions as spans: each that is sampled says who answered it, how long it waited and how long the model took.

use std::sync::Arc;

use kernel::prelude::*;
use ports::{
    infer::load::{Ran, Timing},
    telemetry::{Attribute, Span, Spans},
};

use super::{Endpoint, Picked};

/// A prediction that becomes a span.
pub struct Traced {
    spans: Arc<dyn Spans>,
    began: Time,
    /// Where the way through the model is told.
    pub timing: Arc<Timing>,
}

/// How a prediction ended.
pub struct Ended<'a> {
    /// `answered`, `refused` or `failed`.
    pub outcome: &'static str,
    /// Why it was not answered.
    pub error: Option<&'a Error>,
    /// How many rows it was for.
    pub rows: usize,
}

/// A prediction that begins now, where it is sampled.
pub fn begin(cx: &Cx, began: Time) -> Option<Traced> {
    let spans = cx.port::<dyn Spans>().ok().filter(|it| it.wants(cx.trace.parent.as_ref()))?;
    Some(Traced { spans, began, timing: Arc::default() })
}

impl Traced {
    /// Hands the span over.
    pub fn end(self, cx: &Cx, it: &Object<Endpoint>, picked: Option<&Picked>, how: Ended<'_>) {
        let text = |text: &str| Attribute::Text(text.to_owned());
        let number = |number: u64| Attribute::Integer(i64::try_from(number).unwrap_or(i64::MAX));
        let mut attributes = vec![
            ("aic.organization", text(&it.org)),
            ("aic.project", text(&it.metadata.namespace)),
            ("aic.endpoint", text(it.name())),
            ("aic.rows", number(how.rows as u64)),
            ("aic.outcome", text(how.outcome)),
        ];
        if let Some(picked) = picked {
            let target = picked.target();
            attributes.extend([
                ("aic.revision", number(target.number)),
                ("aic.model", text(&target.loaded.name)),
                ("aic.model.version", number(target.loaded.number)),
            ]);
            if let Some(prediction) = picked.prediction() {
                attributes.push(("aic.prediction", text(prediction.as_str())));
            }
        }
        if let Some(Ran { queued, took, rows, requests }) = self.timing.get() {
            attributes.extend([
                ("aic.queue.seconds", Attribute::Number(queued.as_secs_f64())),
                ("aic.model.seconds", Attribute::Number(took.as_secs_f64())),
                ("aic.batch.rows", number(*rows as u64)),
                ("aic.batch.requests", number(*requests as u64)),
            ]);
        }
        let mut failure = None;
        if let Some(error) = how.error {
            attributes.push(("error.type", text(error.code())));
            // What a caller did wrong is no failure of whoever answers.
            failure = (how.outcome == "failed").then(|| error.message().to_owned());
        }
        let [high, low, id] = [cx.random::<8>(), cx.random::<8>(), cx.random::<8>()].map(u64::from_le_bytes);
        self.spans.offer(Span {
            trace: cx.trace.parent.map_or(u128::from(high) << 64 | u128::from(low), |it| it.trace),
            id,
            parent: cx.trace.parent.map(|it| it.span),
            name: format!("predict {}", it.name()),
            began: self.began,
            ended: cx.now(),
            attributes,
            failure,
        });
    }
}
