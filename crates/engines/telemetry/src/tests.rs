//! A collector in memory that takes, refuses and comes back.

use base::Time;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1 as message,
};
use ports::{fetch::Response, telemetry::Attribute};
use prost::Message;

use super::*;

/// Answers with each status in turn, then with the last for ever.
struct Fake {
    statuses: Mutex<VecDeque<u16>>,
    seen: Mutex<Vec<Request>>,
}

impl Fake {
    fn answering(statuses: &[u16]) -> Arc<Self> {
        Arc::new(Self { statuses: Mutex::new(statuses.iter().copied().collect()), seen: Mutex::default() })
    }

    fn spans(&self) -> Vec<message::Span> {
        let seen = self.seen.lock().unwrap();
        let read = |request: &Request| ExportTraceServiceRequest::decode(&request.body[..]).unwrap();
        let spans = seen.iter().flat_map(|it| read(it).resource_spans);
        spans.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
    }
}

impl Fetch for Fake {
    fn fetch(&self, request: Request) -> Later<'_, Response> {
        let mut statuses = self.statuses.lock().unwrap();
        let status = if statuses.len() > 1 { statuses.pop_front() } else { statuses.front().copied() };
        self.seen.lock().unwrap().push(request);
        let status = status.unwrap_or(200);
        Box::pin(std::future::ready(Ok(Response { status, headers: Vec::new(), body: Vec::new() })))
    }
}

fn settings(share: f64) -> Settings {
    Settings {
        url: "http://collector/v1/traces".to_owned(),
        headers: vec![("authorization".to_owned(), Secret::new("Bearer t0"))],
        service: "aic".to_owned(),
        share,
    }
}

fn span(id: u64) -> Span {
    Span {
        trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
        id,
        parent: Some(7),
        name: "predict churn".to_owned(),
        began: Time::from_micros(1_000_000),
        ended: Time::from_micros(1_000_250),
        attributes: vec![
            ("aic.rows", Attribute::Integer(3)),
            ("aic.model.seconds", Attribute::Number(0.5)),
            ("aic.outcome", Attribute::Text("failed".to_owned())),
        ],
        failure: Some("it broke".to_owned()),
    }
}

#[tokio::test]
async fn a_span_arrives_as_it_was_made() {
    let fake = Fake::answering(&[200]);
    let collector = open(settings(1.0), Arc::clone(&fake) as _, 1);
    collector.offer(span(9));
    collector.flush().await.unwrap();
    let told = fake.spans().remove(0);
    assert_eq!(
        told.trace_id,
        [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c]
    );
    assert_eq!(
        (told.span_id, told.parent_span_id),
        (vec![0, 0, 0, 0, 0, 0, 0, 9], vec![0, 0, 0, 0, 0, 0, 0, 7])
    );
    assert_eq!((told.start_time_unix_nano, told.end_time_unix_nano), (1_000_000_000, 1_000_250_000));
    assert_eq!(told.status.map(|it| (it.code, it.message)), Some((2, "it broke".to_owned())));
    let values: Vec<_> = told.attributes.into_iter().map(|it| it.value.unwrap().value.unwrap()).collect();
    assert_eq!(
        values,
        [Value::IntValue(3), Value::DoubleValue(0.5), Value::StringValue("failed".to_owned())]
    );
    let seen = fake.seen.lock().unwrap();
    let header = |name: &str| seen[0].headers.iter().find(|it| it.0 == name).map(|it| it.1.clone());
    assert_eq!(header("content-type").as_deref(), Some("application/x-protobuf"));
    assert_eq!(header("authorization").as_deref(), Some("Bearer t0"));
    assert_eq!(collector.counts(), Counts { exported: 1, ..Counts::default() });
}

/// A collector that is tried again at once.
fn hasty(fake: &Arc<Fake>) -> Arc<Collector> {
    let mut collector = open(settings(1.0), Arc::clone(fake) as _, 1);
    Arc::get_mut(&mut collector).unwrap().pause = Duration::ZERO;
    collector
}

#[tokio::test]
async fn what_is_worth_another_try_is_tried_and_the_rest_counted() {
    let fake = Fake::answering(&[503, 429, 200]);
    let collector = hasty(&fake);
    collector.offer(span(1));
    collector.flush().await.unwrap();
    assert_eq!(collector.counts(), Counts { exported: 1, ..Counts::default() });
    for (status, tries) in [(400, 1), (503, 3)] {
        let fake = Fake::answering(&[status]);
        let collector = hasty(&fake);
        collector.offer(span(1));
        collector.flush().await.unwrap();
        assert_eq!(collector.counts(), Counts { refused: 1, ..Counts::default() });
        assert_eq!(fake.seen.lock().unwrap().len(), tries);
    }
}

#[tokio::test]
async fn more_than_there_is_room_for_are_dropped_and_counted() {
    let fake = Fake::answering(&[200]);
    let collector = open(settings(1.0), Arc::clone(&fake) as _, 1);
    for id in 0..5_000 {
        collector.offer(span(id));
    }
    collector.flush().await.unwrap();
    assert_eq!(collector.counts(), Counts { exported: 4_096, dropped: 904, refused: 0 });
    assert_eq!(fake.seen.lock().unwrap().len(), 8);
}

#[tokio::test]
async fn the_caller_decides_and_else_the_share() {
    let drawn = |share: f64| {
        let collector = open(settings(share), Fake::answering(&[200]) as _, 42);
        (0..10_000).filter(|_| collector.wants(None)).count()
    };
    assert_eq!((drawn(0.0), drawn(1.0)), (0, 10_000));
    assert!((900..1_100).contains(&drawn(0.1)), "{}", drawn(0.1));
    let collector = open(settings(0.0), Fake::answering(&[200]) as _, 42);
    let parent = |is_sampled| TraceParent { trace: 1, span: 1, is_sampled };
    assert!(collector.wants(Some(&parent(true))));
    assert!(!open(settings(1.0), Fake::answering(&[200]) as _, 42).wants(Some(&parent(false))));
}
