//! Whom a monitor tells: an alert of the service `admin` over the monitors that are breached, which has channels, is
//! acknowledged and resolved like any other.

use std::collections::BTreeMap;

use kernel::{
    access::Principal,
    declare::Body,
    dispatch::{self, Call, Verb},
    prelude::*,
};

use crate::monitor::Monitor;

/// The kind of alerts.
const ALERTS: &str = "admin.alerts";

/// How bad a breach is, and through which channels people are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Alarm {
    /// How bad it is.
    #[field(default = "warning")]
    pub severity: Severity,
    /// Through which channels of alerts people are told.
    #[field(reference = "admin.alert-channels", max = 20)]
    #[serde(default)]
    pub channels: Vec<Ref>,
}

/// How bad something is.
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

/// What the alert of a monitor is called.
pub fn name_of(it: &Object<Monitor>) -> String {
    // The uid tells monitors of the same name in two projects apart.
    let tail = it.metadata.uid.as_str().rsplit('_').next().unwrap_or_default().to_lowercase();
    let front: String = it.name().chars().take(40).collect();
    format!("monitor-{front}-{}", &tail[tail.len().saturating_sub(8)..])
}

/// Who may not make alerts may not make them by monitors.
pub async fn may(cx: Cx, it: Object<Monitor>, old: Option<Object<Monitor>>) -> Result<Object<Monitor>> {
    let changed = old.is_none_or(|old| old.spec.alert != it.spec.alert);
    if it.spec.alert.is_some() && changed {
        cx.authorize("admin.alerts.create", "").await.map_err(|error| error.at("spec.alert"))?;
    }
    Ok(it)
}

async fn asked(cx: &Cx, verb: Verb, id: Option<&str>, body: Body) -> Result<()> {
    let inside = cx.platform().cx_of(Principal::system("monitors", &cx.org), "");
    let call = Call {
        kind: inside.platform().kind(ALERTS)?,
        verb,
        id: id.map(str::to_owned),
        parent: None,
        params: BTreeMap::new(),
        body,
        if_match: None,
    };
    dispatch::call(inside, call).await.map(|_| ())
}

/// The alert is as the monitor wants it; answers its name.
pub async fn settle(cx: &Cx, it: &Object<Monitor>) -> Result<Option<String>> {
    let name = name_of(it);
    let Some(alarm) = &it.spec.alert else {
        if it.status.alert.is_some() {
            end(cx, it).await?;
        }
        return Ok(None);
    };
    let spec = json!({
        "description": format!("monitor `{}` of endpoint `{}` in project `{}`", it.name(), it.spec.endpoint, it.metadata.namespace),
        "count": {
            "kind": "catalog.monitors",
            "filter": format!("metadata.name = \"{}\" AND status.breached = true", it.name()),
            "project": it.metadata.namespace,
        },
        "comparison": "above",
        "threshold": 0,
        "severity": alarm.severity,
        "channels": alarm.channels,
    });
    let there = match cx.read(ALERTS, &name).await {
        Ok(raw) => Some(raw.spec),
        Err(error) if error.code() == "not-found" => None,
        Err(error) => return Err(error),
    };
    match there {
        None => {
            let body = json!({"metadata": {"name": name}, "spec": spec});
            asked(cx, Verb::Create, None, Body::Json(body)).await?;
        }
        Some(there) => {
            let same = |field: &str| {
                there.get(field).unwrap_or(&Value::Null) == &spec[field]
                    || (spec[field] == json!([]) && !there.contains_key(field))
            };
            if !["description", "count", "severity", "channels"].into_iter().all(same) {
                let patch = Verb::Patch(kernel::change::PatchForm::Merge);
                asked(cx, patch, Some(&name), Body::Json(json!({"spec": spec}))).await?;
            }
        }
    }
    Ok(Some(name))
}

/// The alert goes with the monitor.
pub async fn end(cx: &Cx, it: &Object<Monitor>) -> Result<()> {
    match asked(cx, Verb::Delete, Some(&name_of(it)), Body::Empty).await {
        Err(error) if error.code() == "not-found" => Ok(()),
        other => other,
    }
}
