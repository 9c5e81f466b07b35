//! The table the gateway goes by: read from the objects whenever one of them changes.

use std::{collections::BTreeMap, sync::Arc};

use kernel::{
    access::Principal, journal::Change, kind::Kind, platform::Platform, prelude::*, store::ChangeQuery,
};
use ports::gateway::{self, By, Gateway, Owned, Placed, Table};
use serde::de::DeserializeOwned;

use crate::{
    backend::Backend,
    certificate::{self, Certificate},
    condition::Status,
    rate_limit::RateLimit,
    route::Route,
    service_policy::ServicePolicy,
};

/// Where passwords are tried.
pub const SIGN_IN: &str = "/api/v1/admin/auth/login";
/// The services whose documented login is that one.
const SIGN_IN_SERVICES: [&str; 10] = [
    "admin",
    "agents",
    "assets",
    "catalog",
    "cicd",
    "composables",
    "connections",
    "data",
    "deployments",
    "system",
];
/// Where else a password, a code or a link is tried.
const SIGN_IN_PATHS: [&str; 7] = [
    "/api/v1/admin/sessions",
    "/api/v1/admin/invitations/accept",
    "/oauth2/login",
    "/oauth2/forgot",
    "/oauth2/password",
    "/oauth2/invitation",
    "/oauth2/device",
];
/// How often, from one address, in a minute.
const SIGN_INS: u32 = 100;
/// The kinds the table is read from.
const KINDS: [&str; 5] = [
    "gateway.routes",
    "gateway.backends",
    "gateway.rate-limits",
    "gateway.service-policies",
    "gateway.certificates",
];

/// A spec as the gateway's own type: the same JSON, without what is absent.
pub fn plain<T: DeserializeOwned>(spec: &impl Serialize) -> Result<T> {
    let mut value = serde_json::to_value(spec).map_err(Error::internal)?;
    without_nulls(&mut value);
    serde_json::from_value(value).map_err(Error::internal)
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Where an object is, in the gateway's words.
pub fn place<K: Kind>(cx: &Cx, it: &Object<K>) -> Owned {
    Owned { org: cx.org.to_string(), project: it.metadata.namespace.clone(), name: it.name().to_owned() }
}

/// Something that was read, with its place, and how its status stands.
struct Read<K: Kind> {
    place: Owned,
    it: Object<K>,
}

async fn all<K: Kind>(platform: &Arc<Platform>) -> Result<Vec<Read<K>>> {
    let read = |it: Object<K>| {
        let (org, project) = (it.org.clone(), it.metadata.namespace.clone());
        Read { place: Owned { org, project, name: it.name().to_owned() }, it }
    };
    Ok(platform.everywhere::<K>().await?.into_iter().map(read).collect())
}

fn placed<K: Kind, T: DeserializeOwned>(all: &[Read<K>]) -> Result<Vec<Placed<T>>> {
    let one = |read: &Read<K>| {
        let (place, created) = (read.place.clone(), read.it.metadata.creation_timestamp);
        Ok(Placed { place, created, spec: plain(&read.it.spec)? })
    };
    all.iter().map(one).collect()
}

/// Everything that was read.
struct All {
    routes: Vec<Read<Route>>,
    backends: Vec<Read<Backend>>,
    policies: Vec<Read<ServicePolicy>>,
    certificates: Vec<Read<Certificate>>,
}

/// What came of a table.
type Refused = Vec<(Owned, Error)>;

/// Reads everything and hands it to the gateway.
async fn apply(platform: &Arc<Platform>) -> Result<(All, Refused)> {
    let position = *platform.store.head().borrow();
    let all = All {
        routes: all(platform).await?,
        backends: all(platform).await?,
        policies: all(platform).await?,
        certificates: all(platform).await?,
    };
    let limits: Vec<Read<RateLimit>> = self::all(platform).await?;
    let mut policies = placed(&all.policies)?;
    if !all.policies.iter().any(|read| read.place.name == "sign-in") {
        policies.extend(sign_in());
    }
    let table = Table {
        position,
        routes: placed(&all.routes)?,
        backends: placed(&all.backends)?,
        rate_limits: placed(&limits)?,
        policies,
        certificates: all.certificates.iter().filter_map(|read| certificate::opened(&read.it.spec)).collect(),
    };
    let refused = platform.port::<dyn Gateway>()?.apply(table);
    Ok((all, refused))
}

/// What holds for logins unless somebody says otherwise. It is one limit, wherever somebody tries.
fn sign_in() -> impl Iterator<Item = Placed<gateway::ServicePolicy>> {
    let services = SIGN_IN_SERVICES.iter().map(|service| format!("/api/v1/{service}/auth/login"));
    services.chain(SIGN_IN_PATHS.map(str::to_owned)).map(|path| {
        let limit =
            gateway::RateLimit { requests: SIGN_INS, window_s: 60, by: By::Address, ..Default::default() };
        let place = Owned { name: "sign-in".to_owned(), ..Owned::default() };
        let spec = gateway::ServicePolicy {
            path,
            methods: vec!["POST".to_owned()],
            rate_limits: vec![limit],
            ..gateway::ServicePolicy::default()
        };
        Placed { place, created: Time::from_micros(0), spec }
    })
}

/// Reads the table anew, for this process.
pub async fn refresh(platform: &Arc<Platform>) -> Result<()> {
    apply(platform).await.map(|_| ())
}

/// Follows the journal and reads the table anew after each change, in every process that listens.
pub async fn follow(platform: Arc<Platform>) {
    use tokio::sync::broadcast::error::RecvError::{Closed, Lagged};
    let mut changes = platform.follow();
    loop {
        if let Err(error) = refresh(&platform).await {
            tracing::error!(?error, "the gateway keeps its last table");
        }
        loop {
            match changes.recv().await {
                Ok(change) if KINDS.contains(&change.kind.as_str()) && !is_observed(&change) => break,
                Ok(_) => {}
                Err(Lagged(_)) => break,
                Err(Closed) => return,
            }
        }
        // Whatever else has come meanwhile is read with it.
        while changes.try_recv().is_ok() {}
    }
}

/// Whether a change only tells how something is.
fn is_observed(change: &Change) -> bool {
    change.actor.starts_with("system:gateway-")
}

/// Whether a later change of the kind is there already: what is read then holds this one too.
async fn is_followed(platform: &Arc<Platform>, change: &Change) -> Result<bool> {
    let query = ChangeQuery { kind: Some(change.kind.clone()), limit: 20, ..ChangeQuery::default() };
    let newest = platform.store.history(&query).await?;
    Ok(newest.iter().any(|it| it.position > change.position && !is_observed(it)))
}

/// Something changed: the table is read anew, and everybody is told whether they are in use.
pub async fn changed(cx: Cx, change: Change) -> Result<()> {
    let platform = Arc::clone(cx.platform());
    if is_observed(&change) || is_followed(&platform, &change).await? {
        return Ok(());
    }
    let (all, refused) = apply(&platform).await?;
    let refused: BTreeMap<&Owned, &Error> = refused.iter().map(|(place, error)| (place, error)).collect();
    for read in &all.routes {
        tell(&platform, read, refused.get(&read.place).copied(), |it| &it.status).await?;
    }
    for read in &all.backends {
        tell(&platform, read, refused.get(&read.place).copied(), |it| &it.status).await?;
    }
    for read in &all.policies {
        tell(&platform, read, refused.get(&read.place).copied(), |it| &it.status).await?;
    }
    for read in &all.certificates {
        tell(&platform, read, refused.get(&read.place).copied(), |it| &it.status).await?;
    }
    Ok(())
}

async fn tell<K: Kind<Status = Status>>(
    platform: &Arc<Platform>,
    read: &Read<K>,
    refused: Option<&Error>,
    status: fn(&Object<K>) -> &Status,
) -> Result<()> {
    let generation = read.it.metadata.generation;
    if status(&read.it).says(refused, generation) {
        return Ok(());
    }
    let principal = Principal::system("gateway-status", &read.place.org);
    let cx = platform.cx_of(principal, &read.place.project).doing("observe");
    let now = cx.now();
    let told = cx.update_status::<K>(read.it.metadata.uid.as_str(), |status| {
        *status = Status::of(refused, generation, now);
    });
    match told.await {
        // Gone meanwhile; there is nobody to tell.
        Err(error) if error.code() == "not-found" => Ok(()),
        other => other.map(|_| ()),
    }
}
