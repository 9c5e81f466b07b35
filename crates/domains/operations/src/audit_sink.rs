//! An audit's sink: a webhook or a collector of logs that is sent every entry of the organization, at least once.

use kernel::{access::Principal, journal::Change, prelude::*, read, store::reader};
use ports::{
    fetch::{self, Fetch},
    syslog::Syslog,
};

/// What sinks serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Sink>) -> KindBuilder<Sink> {
    kind.admit(reachable)
        .view("position", "Up to which entry the sink has taken everything, and how many wait.", position)
        .needs("get")
        .action("flush", "Sends what waits now, not at the next turn.", flush)
        .needs("update")
}

/// Where entries are sent.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "audit-sink", prefix = "snk", scope = "organization", status = "Status")]
pub struct Sink {
    /// How they are sent.
    #[field(indexed)]
    pub form: Form,
    /// Where to: an `http` address for a webhook, `udp://host:port` or `tcp://host:port` for syslog.
    #[field(max = 2000)]
    pub address: Secret,
    /// For a webhook: what to show as `Authorization: Bearer`.
    #[field(max = 1000)]
    pub token: Option<Secret>,
    /// Whether the journal is sent from its beginning; otherwise from when the sink was made.
    #[field(default = false, immutable)]
    pub from_beginning: bool,
    /// Whether it is sent to.
    #[field(default = true)]
    pub enabled: bool,
}

/// How entries are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// By a POST of JSON lines.
    Webhook,
    /// As messages of RFC 5424.
    Syslog,
}

/// How a sink is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Why it did not take the last entries; nothing when it did.
    pub error: Option<String>,
    /// Since when.
    pub since: Option<Time>,
}

/// Where the positions sinks have taken are kept.
const SPACE: &str = "audit-sink";
/// Entries read at once.
const BATCH: u32 = 500;
/// Batches sent to one sink in one turn, so that a new one does not keep the others waiting.
const BATCHES_MAX: u32 = 20;

async fn reachable(cx: Cx, it: Object<Sink>, old: Option<Object<Sink>>) -> Result<Object<Sink>> {
    let address = it.spec.address.reveal();
    match it.spec.form {
        Form::Webhook => fetch::check_url(address).map_err(|error| error.at("spec.address"))?,
        Form::Syslog => {
            let host = address.strip_prefix("udp://").or_else(|| address.strip_prefix("tcp://"));
            let port =
                host.and_then(|host| host.rsplit_once(':')).and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return Err(Error::invalid(
                    "bad-url",
                    "a collector is `udp://host:port` or `tcp://host:port`",
                )
                .at("spec.address"));
            }
        }
    }
    if old.is_none() && !it.spec.from_beginning && !cx.dry_run {
        let head = *cx.platform().store.head().borrow();
        keep(&cx, &it.metadata.uid, head).await?;
    }
    Ok(it)
}

async fn kept(cx: &Cx, uid: &Uid) -> Result<u64> {
    reader::position(&*cx.platform().store, (SPACE, uid), cx.now()).await
}

async fn keep(cx: &Cx, uid: &Uid, position: u64) -> Result<()> {
    reader::keep(&*cx.platform().store, (SPACE, uid), position).await
}

/// How far a sink is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Position {
    /// Everything up to this entry was taken.
    position: u64,
    /// The journal's last entry.
    head: u64,
}

/// Up to which entry the sink has taken everything.
async fn position(cx: Cx, it: Object<Sink>, _: Nothing) -> Result<Position> {
    let head = *cx.platform().store.head().borrow();
    Ok(Position { position: kept(&cx, &it.metadata.uid).await?, head })
}

/// Sends what waits now.
async fn flush(cx: Cx, it: Object<Sink>, _: Nothing) -> Result<Position> {
    send(&cx, &it).await?;
    position(cx, it, Nothing {}).await
}

/// Sends to every sink of every organization what it has not taken yet: what is done again and again.
pub async fn send_all(cx: Cx) -> Result<()> {
    for it in cx.platform().everywhere::<Sink>().await? {
        if !it.spec.enabled {
            continue;
        }
        let inside = cx.platform().cx_of(Principal::system("audit-sinks", &it.org), "").doing("send");
        let error = send(&inside, &it).await.err().map(|error| error.message().to_owned());
        if error != it.status.error {
            let now = inside.now();
            let noted = inside.update_status::<Sink>(it.metadata.uid.as_str(), |status| {
                status.error.clone_from(&error);
                status.since = Some(now);
            });
            if let Err(error) = noted.await {
                tracing::warn!(sink = it.name(), ?error, "how a sink is was not noted");
            }
        }
    }
    Ok(())
}

/// Sends a sink what it has not taken yet. The position is kept after each batch was taken, so a crash sends some twice.
async fn send(cx: &Cx, it: &Object<Sink>) -> Result<()> {
    let mut position = kept(cx, &it.metadata.uid).await?;
    for _ in 0..BATCHES_MAX {
        let changes = cx.platform().store.changes(position, BATCH).await?;
        let Some(last) = changes.last().map(|change| change.position) else { return Ok(()) };
        let own: Vec<&Change> =
            changes.iter().filter(|change| change.org == it.org && !is_about(change, it)).collect();
        if !own.is_empty() {
            match it.spec.form {
                Form::Webhook => by_webhook(cx, it, &own).await?,
                Form::Syslog => by_syslog(cx, it, &own).await?,
            }
        }
        // With nothing of one's own behind it a position is worth no write; it is found again.
        if !own.is_empty() || changes.len() == BATCH as usize {
            keep(cx, &it.metadata.uid, last).await?;
        }
        position = last;
    }
    Ok(())
}

/// Whether a change is the note of how a sink is: sending those would never end.
fn is_about(change: &Change, it: &Object<Sink>) -> bool {
    change.verb == "send" && change.uid == it.metadata.uid
}

async fn by_webhook(cx: &Cx, it: &Object<Sink>, changes: &[&Change]) -> Result<()> {
    let mut body = String::new();
    for change in changes {
        body.push_str(&read::brief(change).to_string());
        body.push('\n');
    }
    let token = it.spec.token.as_ref().map(Secret::reveal);
    let by = cx.port::<dyn Fetch>()?;
    fetch::post(&*by, it.spec.address.reveal(), token, ("application/x-ndjson", body.into_bytes())).await
}

async fn by_syslog(cx: &Cx, it: &Object<Sink>, changes: &[&Change]) -> Result<()> {
    let messages = changes.iter().map(|change| message(change)).collect();
    cx.port::<dyn Syslog>()?.send(it.spec.address.reveal(), messages).await
}

/// Facility 13 (log audit) and severity 5 (notice): RFC 5424, section 6.2.1.
const PRIORITY: u32 = 13 * 8 + 5;

/// A change as one message (RFC 5424, section 6): the entry as structured data, and a line to read.
fn message(change: &Change) -> String {
    let pairs = [
        ("position", change.position.to_string()),
        ("org", change.org.clone()),
        ("project", change.project.clone()),
        ("actor", change.actor.clone()),
        ("verb", change.verb.clone()),
        ("kind", change.kind.clone()),
        ("uid", change.uid.to_string()),
        ("name", change.name.clone()),
        ("trace", change.trace.clone()),
        ("hash", change.hash.to_string()),
    ];
    let data: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    // 32473 is the number RFC 5612 sets aside for examples and documentation.
    format!(
        "<{PRIORITY}>1 {} - aic - {} [audit@32473 {}] {} {} {} {}",
        change.time,
        word(&change.verb),
        data.join(" "),
        change.actor,
        change.verb,
        change.kind,
        change.name
    )
}

/// A message's type: 32 printable characters at most.
fn word(text: &str) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(32).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A value of structured data (section 6.3.3).
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_its_element() {
        assert_eq!(escaped(r#"a"]\b"#), r#"a\"\]\\b"#);
        assert_eq!(word("make ready\n"), "makeready");
        assert_eq!(word(" "), "-");
    }
}
