//! The licence: what was agreed about an organization's seats. It counts; it never blocks anything.

use kernel::{
    predicate::Place,
    prelude::*,
    store::{Projects, Query, Sort},
};

/// What is served of the licence; there is one for an organization.
pub fn serve(kind: KindBuilder<License>) -> KindBuilder<License> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "The licence, and how it is used.", show)
        .needs("get")
        .action_on_all("settle", "Sets what was agreed.", settle)
        .needs("update")
        .action_on_all(
            "validate",
            "Whether what is agreed covers what is used. Nothing is ever blocked by it.",
            validate,
        )
        .needs("get")
        .view_of_all("features", "Everything the platform has; all of it is on.", features)
        .needs("get")
        .view_of_all("seats", "Seats agreed and taken.", seats)
        .needs("get")
}

/// The one licence of an organization.
const ONLY: &str = "license";

/// What was agreed.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "license", plural = "license", prefix = "lic", scope = "organization")]
pub struct License {
    /// With whom.
    #[field(max = 300)]
    pub holder: String,
    /// What it is called.
    #[field(max = 100, default = "Apache-2.0")]
    pub plan: String,
    /// How many people are agreed; without a number, any.
    pub seats: Option<u64>,
    /// Until when; without a time, for ever.
    pub expires: Option<Time>,
}

/// People counted.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Seats {
    /// How many are agreed; any where there is no number.
    agreed: Option<u64>,
    /// Users who may log in.
    taken: u64,
    /// Users who may not.
    disabled: u64,
    /// How many could still be made.
    left: Option<u64>,
}

/// The licence and its use.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Shown {
    /// What was agreed; nothing where nothing was.
    license: Option<License>,
    /// Seats agreed and taken.
    seats: Seats,
}

/// Whether what is agreed covers what is used.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Verdict {
    /// Whether it does.
    valid: bool,
    /// Why not.
    problems: Vec<String>,
}

/// A service and what it serves.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Offer {
    /// The service.
    service: String,
    /// The kinds it serves.
    kinds: Vec<String>,
    /// Whether it is on.
    enabled: bool,
}

/// Everything there is.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Offers {
    /// One entry a service.
    items: Vec<Offer>,
}

async fn found(cx: &Cx) -> Result<Option<License>> {
    Ok(cx.get_opt::<License>(ONLY).await?.map(|it| it.spec))
}

/// How many users a filter finds in the organization.
async fn users(cx: &Cx, filter: &str) -> Result<u64> {
    count(cx, "admin.users", Projects::These(vec![String::new()]), filter).await
}

/// How many objects of a kind there are in the caller's organization.
pub async fn count(cx: &Cx, kind: &str, projects: Projects, filter: &str) -> Result<u64> {
    let kind = cx.platform().kind(kind)?;
    let query = Query {
        org: Some(if kind.scope == kernel::kind::Scope::Platform {
            String::new()
        } else {
            cx.org.to_string()
        }),
        kind: kind.id(),
        projects,
        deleted: false,
        filter: kernel::selection::parse(&*kind, filter)?,
        sort: Sort { place: Place::Uid, descending: false },
        after: None,
        limit: 1,
    };
    cx.platform().store.count(&query).await
}

async fn counted(cx: &Cx, agreed: Option<u64>) -> Result<Seats> {
    let disabled = users(cx, "spec.disabled = true").await?;
    let taken = users(cx, "").await? - disabled;
    Ok(Seats { agreed, taken, disabled, left: agreed.map(|agreed| agreed.saturating_sub(taken)) })
}

/// The licence, and how it is used.
async fn show(cx: Cx, _: Nothing) -> Result<Shown> {
    let license = found(&cx).await?;
    let seats = counted(&cx, license.as_ref().and_then(|it| it.seats)).await?;
    Ok(Shown { license, seats })
}

/// Sets what was agreed.
async fn settle(cx: Cx, ask: License) -> Result<Shown> {
    match cx.get_opt::<License>(ONLY).await? {
        Some(mut it) => {
            it.spec = ask;
            cx.save(&it).await?;
        }
        None => {
            cx.create(Draft::new(ONLY, ask)).await?;
        }
    }
    show(cx, Nothing {}).await
}

/// Whether what is agreed covers what is used.
async fn validate(cx: Cx, _: Nothing) -> Result<Verdict> {
    let mut problems = Vec::new();
    match found(&cx).await? {
        None => problems.push("nothing was agreed yet".to_owned()),
        Some(license) => {
            if license.expires.is_some_and(|expires| expires <= cx.now()) {
                problems.push("it has ended".to_owned());
            }
            let seats = counted(&cx, license.seats).await?;
            if seats.agreed.is_some_and(|agreed| seats.taken > agreed) {
                problems.push(format!("{} seats are taken, more than agreed", seats.taken));
            }
        }
    }
    Ok(Verdict { valid: problems.is_empty(), problems })
}

/// Everything the platform has.
async fn features(cx: Cx, _: Nothing) -> Result<Offers> {
    let mut items: Vec<Offer> = Vec::new();
    for kind in cx.platform().kinds() {
        match items.iter_mut().find(|offer| offer.service == kind.service) {
            Some(offer) => offer.kinds.push(kind.plural.to_owned()),
            None => items.push(Offer {
                service: kind.service.to_owned(),
                kinds: vec![kind.plural.to_owned()],
                enabled: true,
            }),
        }
    }
    Ok(Offers { items })
}

/// Seats agreed and taken.
async fn seats(cx: Cx, _: Nothing) -> Result<Seats> {
    let agreed = found(&cx).await?.and_then(|it| it.seats);
    counted(&cx, agreed).await
}
