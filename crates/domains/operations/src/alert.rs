//! An alert: a rule over one number, and whether it holds. It fires, is acknowledged, and is resolved.

use kernel::{access::Principal, prelude::*};

use crate::{
    alert_channel::{self, Channel},
    reading::{self, Count},
};

/// What alerts serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Alert>) -> KindBuilder<Alert> {
    kind.admit(readable)
        .action(
            "acknowledge",
            "Says that somebody has seen it; it is told no more until it fires anew.",
            acknowledge,
        )
        .action("resolve", "Ends the alarm; it fires again if the rule goes on holding.", resolve)
        .action("silence", "Tells nobody for a while.", silence)
        .action("test", "Sends a test through every channel of the alert, and answers how each went.", test)
        .view("value", "The number the rule reads now, and whether the rule holds.", value)
        .needs("get")
        .action_on_all(
            "evaluate",
            "Evaluates every alert of the organization now, not at the next turn.",
            evaluate,
        )
        .needs("update")
}

/// A rule over one number.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "alert", prefix = "alt", scope = "organization", status = "Status")]
pub struct Alert {
    /// What it is about, for those who are told.
    #[field(max = 1000)]
    pub description: Option<String>,
    /// The metric it reads, as `GET /metrics` names them.
    #[field(max = 100, example = "disk.free.share")]
    pub metric: Option<String>,
    /// What it counts, instead of a metric.
    pub count: Option<Count>,
    /// How the number is compared with the threshold.
    pub comparison: Comparison,
    /// What it is compared with.
    pub threshold: f64,
    /// Seconds the rule must hold before it fires.
    #[field(max = 86400, default = 0)]
    pub for_seconds: u32,
    /// How bad it is.
    #[field(indexed, default = "warning")]
    pub severity: Severity,
    /// Through which channels people are told.
    #[field(reference = "admin.alert-channels", max = 20)]
    pub channels: Vec<Ref>,
    /// Whether it is evaluated.
    #[field(default = true)]
    pub enabled: bool,
}

/// How a number is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// It is greater.
    Above,
    /// It is smaller.
    Below,
    /// It is the same.
    Equal,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth looking at today.
    Warning,
    /// Worth waking somebody.
    Critical,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Where an alert is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The rule does not hold.
    #[default]
    Ok,
    /// It holds, but not for long enough yet.
    Pending,
    /// It has held for long enough.
    Firing,
    /// Firing, and somebody has seen it.
    Acknowledged,
}

/// How an alert is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Where it is.
    #[field(indexed, default = "ok")]
    pub state: State,
    /// Since when.
    pub since: Option<Time>,
    /// The number that was read when it came there.
    pub value: Option<f64>,
    /// Who has seen it.
    pub acknowledged_by: Option<String>,
    /// What that somebody said.
    pub note: Option<String>,
    /// Until when nobody is told.
    pub silenced_until: Option<Time>,
    /// What was and is to be told, newest last.
    pub notices: Vec<Sent>,
}

/// A notice on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// Through which channel.
    pub channel: String,
    /// `firing` or `resolved`.
    pub event: String,
    /// What happened when.
    pub at: Time,
    /// The number that was read.
    pub value: Option<f64>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was taken.
    pub delivered: Option<Time>,
    /// Why it was not taken the last time.
    pub error: Option<String>,
}

/// How often a notice is tried.
const ATTEMPTS_MAX: u32 = 5;
/// How many notices are kept.
const NOTICES_MAX: usize = 40;
/// An alert reads something its author may read.
async fn readable(cx: Cx, it: Object<Alert>, old: Option<Object<Alert>>) -> Result<Object<Alert>> {
    let reads = |spec: &Alert| (spec.metric.clone(), spec.count.clone());
    if old.is_none_or(|old| reads(&old.spec) != reads(&it.spec)) {
        reading::check(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    }
    Ok(it)
}

fn holds(spec: &Alert, value: Option<f64>) -> bool {
    value.is_some_and(|value| match spec.comparison {
        Comparison::Above => value > spec.threshold,
        Comparison::Below => value < spec.threshold,
        Comparison::Equal => (value - spec.threshold).abs() < f64::EPSILON,
    })
}

/// What becomes of an alert when a number is read.
fn next(spec: &Alert, status: &mut Status, value: Option<f64>, now: Time) {
    let is_held = spec.enabled && holds(spec, value);
    let waited =
        |since: Option<Time>| since.is_some_and(|it| now.seconds_since(it) >= f64::from(spec.for_seconds));
    let before = status.state;
    match (before, is_held) {
        (State::Ok, true) if spec.for_seconds == 0 => status.state = State::Firing,
        (State::Ok, true) => status.state = State::Pending,
        (State::Pending, true) if waited(status.since) => status.state = State::Firing,
        (State::Pending | State::Firing | State::Acknowledged, false) => status.state = State::Ok,
        (State::Ok, false) | (State::Pending | State::Firing | State::Acknowledged, true) => {}
    }
    if status.state == before {
        return;
    }
    status.since = Some(now);
    status.value = value;
    if status.state == State::Firing {
        status.acknowledged_by = None;
        status.note = None;
        tell(spec, status, "firing", now);
    } else if status.state == State::Ok && before != State::Pending {
        tell(spec, status, "resolved", now);
    }
}

/// Puts a notice for every channel on its way, unless the alert is silenced.
fn tell(spec: &Alert, status: &mut Status, event: &str, now: Time) {
    if status.silenced_until.is_some_and(|until| now < until) {
        return;
    }
    status.notices.extend(spec.channels.iter().map(|channel| Sent {
        channel: channel.to_string(),
        event: event.to_owned(),
        at: now,
        value: status.value,
        attempts: 0,
        delivered: None,
        error: None,
    }));
    let surplus = status.notices.len().saturating_sub(NOTICES_MAX);
    status.notices.drain(..surplus);
}

fn waits(sent: &Sent) -> bool {
    sent.delivered.is_none() && sent.attempts < ATTEMPTS_MAX
}

/// Evaluates every alert of every organization: what is done again and again.
pub async fn evaluate_all(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<Alert>().await? {
        let inside = cx.platform().cx_of(Principal::system("alerts", &it.org), "").doing("evaluate");
        let name = it.name().to_owned();
        if let Err(error) = turn(&inside, it).await {
            // One alert that cannot be read must not keep the others from being evaluated.
            tracing::warn!(alert = name, org = %inside.org, ?error, "an alert was not evaluated");
        }
    }
    Ok(())
}

/// Evaluates one alert, and tells what is to be told.
async fn turn(cx: &Cx, it: Object<Alert>) -> Result<Object<Alert>> {
    let value = match it.spec.enabled {
        true => reading::read(cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?,
        false => None,
    };
    let now = cx.now();
    let mut expected = it.status.clone();
    next(&it.spec, &mut expected, value, now);
    // Most turns change nothing, and write nothing.
    let it = match expected == it.status {
        true => it,
        false => {
            let spec = it.spec.clone();
            let uid = it.metadata.uid.clone();
            cx.update_status::<Alert>(uid.as_str(), |status| next(&spec, status, value, now)).await?
        }
    };
    if it.status.notices.iter().any(waits) { deliver(cx, it).await } else { Ok(it) }
}

/// Tries every notice that waits, and notes how it went.
async fn deliver(cx: &Cx, it: Object<Alert>) -> Result<Object<Alert>> {
    let mut tried = Vec::new();
    for sent in it.status.notices.iter().filter(|sent| waits(sent)) {
        let notice = notice(&it, &sent.event, sent.value, sent.at);
        let outcome = match cx.get_opt::<Channel>(&sent.channel).await? {
            Some(channel) => alert_channel::deliver(cx, &channel.spec, &notice).await,
            None => Err(Error::not_found("not-found", "the channel is gone")),
        };
        tried.push((sent.clone(), outcome.err().map(|error| error.message().to_owned()), cx.now()));
    }
    cx.doing("notify")
        .update_status::<Alert>(it.metadata.uid.as_str(), |status| {
            for (sent, error, at) in &tried {
                let same =
                    |it: &&mut Sent| it.channel == sent.channel && it.at == sent.at && it.event == sent.event;
                if let Some(found) = status.notices.iter_mut().find(same) {
                    found.attempts += 1;
                    found.error.clone_from(error);
                    found.delivered = error.is_none().then_some(*at);
                }
            }
        })
        .await
}

fn notice(it: &Object<Alert>, event: &str, value: Option<f64>, at: Time) -> alert_channel::Notice {
    let read = match (&it.spec.metric, &it.spec.count) {
        (Some(metric), _) => metric.clone(),
        (None, Some(count)) => format!("the number of {}", count.kind),
        (None, None) => "the number".to_owned(),
    };
    let compared = match it.spec.comparison {
        Comparison::Above => "above",
        Comparison::Below => "below",
        Comparison::Equal => "equal to",
    };
    let verb = if event == "resolved" { "is no longer" } else { "is" };
    let about = it.spec.description.as_ref().map_or_else(String::new, |words| format!(": {words}"));
    alert_channel::Notice {
        alert: it.name().to_owned(),
        event: event.to_owned(),
        severity: it.spec.severity.word().to_owned(),
        text: format!("{read} {verb} {compared} {}{about}", it.spec.threshold),
        value,
        at,
        organization: it.org.clone(),
    }
}

/// What somebody says on acknowledging.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Note {
    /// What.
    #[field(max = 1000)]
    note: Option<String>,
}

/// Says that somebody has seen it.
async fn acknowledge(cx: Cx, it: Object<Alert>, ask: Note) -> Result<Status> {
    if it.status.state != State::Firing {
        return Err(Error::conflict("alert-not-firing", "there is nothing to acknowledge")
            .hint("only an alert whose state is `firing` can be acknowledged"));
    }
    let by = cx.principal.actor();
    let saved = cx
        .update_status::<Alert>(it.metadata.uid.as_str(), |status| {
            if status.state == State::Firing {
                status.state = State::Acknowledged;
                status.acknowledged_by = Some(by.clone());
                status.note.clone_from(&ask.note);
                // What has not been told yet need not be told any more.
                status.notices.retain(|sent| !waits(sent));
            }
        })
        .await?;
    Ok(saved.status)
}

/// Ends the alarm.
async fn resolve(cx: Cx, it: Object<Alert>, ask: Note) -> Result<Status> {
    if it.status.state == State::Ok {
        return Err(Error::conflict("alert-not-firing", "there is nothing to resolve"));
    }
    let (now, spec) = (cx.now(), it.spec.clone());
    let saved = cx
        .update_status::<Alert>(it.metadata.uid.as_str(), |status| {
            let was_told = status.state != State::Pending;
            status.state = State::Ok;
            status.since = Some(now);
            status.note.clone_from(&ask.note);
            if was_told {
                tell(&spec, status, "resolved", now);
            }
        })
        .await?;
    Ok(saved.status)
}

/// For how long.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Quiet {
    /// Seconds; 0 ends the silence.
    #[field(max = 2592000, default = 3600)]
    seconds: u32,
}

/// Tells nobody for a while.
async fn silence(cx: Cx, it: Object<Alert>, ask: Quiet) -> Result<Status> {
    let until = (ask.seconds > 0).then(|| cx.now().plus_s(i64::from(ask.seconds)));
    let uid = it.metadata.uid.clone();
    Ok(cx.update_status::<Alert>(uid.as_str(), |status| status.silenced_until = until).await?.status)
}

/// How one channel went.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Outcome {
    /// The channel.
    channel: String,
    /// Whether the message was taken.
    delivered: bool,
    /// Why not.
    error: Option<String>,
}

/// How all channels went.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Outcomes {
    /// One entry a channel.
    items: Vec<Outcome>,
}

/// Sends a test through every channel.
async fn test(cx: Cx, it: Object<Alert>, _: Nothing) -> Result<Outcomes> {
    let value = reading::read(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    let notice = notice(&it, "test", value, cx.now());
    let mut items = Vec::new();
    for name in &it.spec.channels {
        let channel = cx.get::<Channel>(name).await?;
        let error = alert_channel::deliver(&cx, &channel.spec, &notice).await.err();
        let error = error.map(|error| error.message().to_owned());
        items.push(Outcome { channel: name.to_string(), delivered: error.is_none(), error });
    }
    Ok(Outcomes { items })
}

/// A number and what the rule says of it.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Now {
    /// The number; none while there is nothing to read.
    value: Option<f64>,
    /// Whether the rule holds.
    holds: bool,
    /// When it was read.
    at: Time,
}

/// The number the rule reads now, as far as the caller may read it.
async fn value(cx: Cx, it: Object<Alert>, _: Nothing) -> Result<Now> {
    reading::check(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    let value = reading::read(&cx, it.spec.metric.as_deref(), it.spec.count.as_ref()).await?;
    Ok(Now { value, holds: holds(&it.spec, value), at: cx.now() })
}

/// An alert and where it is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Found {
    /// The alert.
    alert: String,
    /// Where it is.
    state: State,
}

/// All alerts.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct All {
    /// One entry an alert.
    items: Vec<Found>,
}

/// Evaluates every alert of the organization now.
async fn evaluate(cx: Cx, _: Nothing) -> Result<All> {
    let mut items = Vec::new();
    let inside = cx.platform().cx_of(Principal::system("alerts", &cx.org), "").doing("evaluate");
    for it in inside.list::<Alert>("", 1000).await? {
        let it = turn(&inside, it).await?;
        items.push(Found { alert: it.name().to_owned(), state: it.status.state });
    }
    Ok(All { items })
}
