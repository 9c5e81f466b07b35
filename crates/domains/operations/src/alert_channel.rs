//! An alert's channel: where people hear of it. Addresses and tokens go in and never come out.

use kernel::prelude::*;
use ports::{
    fetch::{self, Fetch},
    mail::{Mail, Message},
};

/// What channels serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Channel>) -> KindBuilder<Channel> {
    kind.admit(reachable).action("test", "Sends a message through the channel now.", test)
}

/// Where people hear of an alert.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "alert-channel", prefix = "ach", scope = "organization")]
pub struct Channel {
    /// How they hear.
    #[field(indexed)]
    pub form: Form,
    /// For mail: whom to write to.
    #[field(max = 50, example = "ops@example.org")]
    pub recipients: Vec<String>,
    /// For a webhook and for Slack: where to post to.
    #[field(max = 2000)]
    pub url: Option<Secret>,
    /// For a webhook: what to show as `Authorization: Bearer`.
    #[field(max = 1000)]
    pub token: Option<Secret>,
}

/// How people hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// By mail.
    Mail,
    /// By a POST of the notice as JSON.
    Webhook,
    /// By a POST in the shape of Slack's incoming webhooks.
    Slack,
}

/// What is told.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Notice {
    /// The alert.
    pub alert: String,
    /// `firing`, `resolved` or `test`.
    pub event: String,
    /// How bad it is.
    pub severity: String,
    /// A sentence.
    pub text: String,
    /// The number that was read.
    pub value: Option<f64>,
    /// When it happened.
    pub at: Time,
    /// The organization.
    pub organization: String,
}

/// A channel has what its form needs.
async fn reachable(_: Cx, it: Object<Channel>, _: Option<Object<Channel>>) -> Result<Object<Channel>> {
    let spec = &it.spec;
    match spec.form {
        Form::Mail => {
            if spec.recipients.is_empty() {
                return Err(Error::invalid("missing-field", "name whom to write to").at("spec.recipients"));
            }
            let odd = spec.recipients.iter().position(|address| !address.contains('@'));
            if let Some(at) = odd {
                return Err(Error::invalid("invalid-email", "an e-mail address has an `@`")
                    .at(format!("spec.recipients[{at}]")));
            }
        }
        Form::Webhook | Form::Slack => match &spec.url {
            Some(url) => fetch::check_url(url.reveal()).map_err(|error| error.at("spec.url"))?,
            None => return Err(Error::invalid("missing-field", "name where to post to").at("spec.url")),
        },
    }
    Ok(it)
}

/// Sends a message through the channel now.
async fn test(cx: Cx, it: Object<Channel>, _: Nothing) -> Result<Nothing> {
    let notice = Notice {
        alert: "test".to_owned(),
        event: "test".to_owned(),
        severity: "info".to_owned(),
        text: format!("{} tries the channel `{}`", cx.principal.actor(), it.name()),
        value: None,
        at: cx.now(),
        organization: cx.org.to_string(),
    };
    deliver(&cx, &it.spec, &notice).await.map(|()| Nothing {})
}

/// Tells a notice through a channel.
pub async fn deliver(cx: &Cx, channel: &Channel, notice: &Notice) -> Result<()> {
    match channel.form {
        Form::Mail => by_mail(cx, channel, notice).await,
        Form::Webhook => post(cx, channel, serde_json::to_value(notice).map_err(Error::internal)?).await,
        Form::Slack => post(cx, channel, slack(notice)).await,
    }
}

async fn by_mail(cx: &Cx, channel: &Channel, notice: &Notice) -> Result<()> {
    let mail = cx.port::<dyn Mail>()?;
    for to in &channel.recipients {
        let subject = format!("[{}] {}: {}", notice.severity, notice.alert, notice.event);
        let value = notice.value.map_or_else(String::new, |value| format!("Value: {value}\n"));
        let text = format!(
            "{}\n\n{value}When: {}\nOrganization: {}\nAlert: {}\n",
            notice.text, notice.at, notice.organization, notice.alert
        );
        mail.send(Message { to: to.clone(), subject, text }).await?;
    }
    Ok(())
}

async fn post(cx: &Cx, channel: &Channel, body: Value) -> Result<()> {
    let url = channel.url.as_ref().ok_or_else(|| Error::internal("a channel without an address"))?;
    let token = channel.token.as_ref().map(Secret::reveal);
    let by = cx.port::<dyn Fetch>()?;
    fetch::post(&*by, url.reveal(), token, ("application/json", body.to_string().into_bytes())).await
}

/// The notice in the shape of Slack's incoming webhooks, which others take too.
fn slack(notice: &Notice) -> Value {
    let colour = match (notice.event.as_str(), notice.severity.as_str()) {
        ("resolved", _) => "good",
        (_, "critical") => "danger",
        (_, _) => "warning",
    };
    let title = format!("[{}] {}: {}", notice.severity, notice.alert, notice.event);
    json!({
        "text": format!("{title}\n{}", notice.text),
        "attachments": [{
            "color": colour,
            "title": title,
            "text": notice.text,
            "fields": [
                {"title": "Value", "value": notice.value.map_or_else(|| "none".to_owned(), |value| value.to_string()), "short": true},
                {"title": "Organization", "value": notice.organization, "short": true},
            ],
            "ts": notice.at.micros() / 1_000_000,
        }],
    })
}
