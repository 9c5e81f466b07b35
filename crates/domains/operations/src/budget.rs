//! A project's budget: what its work may cost. Work reserves before it begins and settles when it ends; raising
//! the limit takes two people. Everything stands in one object, so that each step is one transaction.

use std::collections::BTreeMap;

use kernel::{
    access::{Principal, Sort},
    prelude::*,
};

/// What budgets serve; each is of the project of the request.
pub fn serve(kind: KindBuilder<Budget>) -> KindBuilder<Budget> {
    kind.without(&["create", "update", "clone", "import"])
        .view_of_all("current", "What the project's work may cost, and what it has cost.", show)
        .needs("get")
        .action_on_all("set", "Sets what the project's work may cost, and who may approve more.", set)
        .needs("update")
        .action_on_all("request", "Asks for more.", request)
        .action_on_all("approve", "Grants a request for more; never one's own.", approve)
        .action_on_all("reject", "Refuses a request for more.", reject)
        .needs("approve")
        .action_on_all("reserve", "Sets something aside for work that is about to begin.", reserve)
        .needs("spend")
        .action_on_all("settle", "Records what work has cost.", settle)
        .needs("spend")
}

/// What a project's work may cost. Its name is the project's.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "budget", prefix = "bud", scope = "organization", status = "Status")]
pub struct Budget {
    /// How much may be spent, in credits.
    #[field(min = 0, max = 1e12)]
    pub limit: f64,
    /// Who may approve a raise, and up to how much at once.
    #[field(max = 100)]
    pub approvers: Vec<Approver>,
    /// What is paid, in credits, by what is used; a credit for a second when absent.
    pub prices: Option<Prices>,
}

impl Budget {
    fn training_second(&self) -> f64 {
        self.prices.as_ref().map_or(1.0, |prices| prices.training_second)
    }
}

/// Who may approve a raise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Approver {
    /// Who, as `user:ada` or `group:finance`.
    #[field(max = 300, example = "group:finance")]
    subject: String,
    /// Up to how much at once.
    #[field(min = 0, max = 1e12)]
    limit: f64,
}

/// What is paid by what is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Prices {
    /// For a second of training.
    #[field(min = 0, max = 1000000, default = 1.0)]
    pub training_second: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self { training_second: 1.0 }
    }
}

/// What was spent and is spoken for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What was spent.
    #[field(default = 0.0)]
    pub spent: f64,
    /// What was spent, by what it was spent on.
    pub spent_on: BTreeMap<String, f64>,
    /// What work under way has reserved.
    pub reserved: Vec<Reservation>,
    /// What was approved beyond the limit.
    #[field(default = 0.0)]
    pub approved: f64,
    /// Requests for more, newest last.
    pub requests: Vec<Request>,
    /// How many requests there ever were.
    #[field(default = 0)]
    pub requested: u64,
}

/// What one piece of work has reserved.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
pub struct Reservation {
    /// The piece of work.
    key: String,
    /// How much.
    amount: f64,
    /// When it is given back if the work has not settled by then.
    until: Time,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has decided.
    #[default]
    Pending,
    /// Granted.
    Approved,
    /// Refused.
    Rejected,
}

/// A request for more.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Its number.
    id: u64,
    /// How much more.
    amount: f64,
    /// What for.
    reason: String,
    /// Who asked.
    by: String,
    /// When.
    at: Time,
    /// Where it is.
    state: State,
    /// Who decided.
    decided_by: Option<String>,
    /// When.
    decided_at: Option<Time>,
    /// What that somebody said.
    note: Option<String>,
}

/// How often a change is tried when others are faster.
const TRIES: u32 = 50;
/// Requests kept; the oldest that are decided go first.
const REQUESTS_MAX: usize = 200;
/// Pieces of work that may have reserved at once.
const RESERVATIONS_MAX: usize = 1_000;

impl Status {
    fn reserved(&self, now: Time) -> f64 {
        self.reserved.iter().filter(|it| it.until > now).map(|it| it.amount).sum()
    }
}

fn left(it: &Object<Budget>, now: Time) -> f64 {
    it.spec.limit + it.status.approved - it.status.spent - it.status.reserved(now)
}

/// A budget as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
struct Shown {
    /// Whether there is one; without, work costs nothing.
    exists: bool,
    /// How much may be spent, what was approved included.
    limit: f64,
    /// What was spent.
    spent: f64,
    /// What it was spent on.
    spent_on: BTreeMap<String, f64>,
    /// What work under way has reserved.
    reserved: f64,
    /// What is left.
    left: f64,
    /// What is paid by what is used.
    prices: Prices,
    /// Who may approve a raise.
    approvers: Vec<Approver>,
    /// Requests for more, newest last.
    requests: Vec<Request>,
}

/// The budget of a project.
async fn show(cx: Cx, _: Nothing) -> Result<Shown> {
    let found = found(&cx).await?;
    let exists = found.is_some();
    Ok(found.map_or_else(
        || Shown {
            exists,
            limit: 0.0,
            spent: 0.0,
            spent_on: BTreeMap::new(),
            reserved: 0.0,
            left: 0.0,
            prices: Prices::default(),
            approvers: Vec::new(),
            requests: Vec::new(),
        },
        |it| shown(&it, cx.now()),
    ))
}

fn shown(it: &Object<Budget>, now: Time) -> Shown {
    Shown {
        exists: true,
        limit: it.spec.limit + it.status.approved,
        spent: it.status.spent,
        spent_on: it.status.spent_on.clone(),
        reserved: it.status.reserved(now),
        left: left(it, now),
        prices: it.spec.prices.clone().unwrap_or_default(),
        approvers: it.spec.approvers.clone(),
        requests: it.status.requests.clone(),
    }
}

/// Changes a budget, trying again when somebody else was faster.
async fn change<T>(
    cx: &Cx,
    change: impl Fn(&mut Object<Budget>) -> Result<T>,
) -> Result<(Object<Budget>, T)> {
    for _ in 0..TRIES {
        let mut it = found(cx).await?.ok_or_else(|| none(&cx.project))?;
        let told = change(&mut it)?;
        match cx.save(&it).await {
            Err(error) if error.code() == "stale-version" => {}
            saved => return Ok((saved?, told)),
        }
    }
    Err(Error::conflict("too-busy", "others keep changing it").hint("try again"))
}

/// The budget of the project of a context.
async fn found(cx: &Cx) -> Result<Option<Object<Budget>>> {
    // A project nobody has made has no budget, and gets none.
    cx.read("admin.projects", &cx.project).await?;
    cx.get_opt::<Budget>(&cx.project).await
}

fn none(project: &str) -> Error {
    Error::conflict("budget-missing", format!("project `{project}` has no budget"))
        .hint("set one first: `PUT /api/v1/admin/projects/{id}/budget`")
}

/// Sets the budget. Lowering the limit is free; raising the one there is takes a request and somebody else's approval.
async fn set(cx: Cx, ask: Budget) -> Result<Shown> {
    for (at, approver) in ask.approvers.iter().enumerate() {
        if !matches!(approver.subject.split_once(':'), Some(("user" | "group", name)) if !name.is_empty()) {
            return Err(Error::invalid("bad-subject", "an approver is `user:NAME` or `group:NAME`")
                .at(format!("approvers[{at}].subject")));
        }
    }
    let now = cx.now();
    if found(&cx).await?.is_none() {
        return Ok(shown(&cx.create(Draft::new(cx.project.to_string(), ask)).await?, now));
    }
    let (saved, ()) = change(&cx, |it| {
        if ask.limit > it.spec.limit {
            return Err(Error::conflict(
                "raise-needs-approval",
                "the limit is raised by a request that somebody else approves",
            )
            .at("limit")
            .hint("ask for the difference: `POST /api/v1/admin/projects/{id}/budget/request`"));
        }
        it.spec = ask.clone();
        Ok(())
    })
    .await?;
    Ok(shown(&saved, now))
}

/// A wish for more.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wish {
    /// How much more.
    #[field(min = 0.000001, max = 1e12)]
    amount: f64,
    /// What for.
    #[field(min = 1, max = 2000)]
    reason: String,
}

/// Asks for more.
async fn request(cx: Cx, ask: Wish) -> Result<Request> {
    let (by, at) = (cx.principal.actor(), cx.now());
    let (_, request) = change(&cx, |it| {
        let status = &mut it.status;
        status.requested += 1;
        let request = Request {
            id: status.requested,
            amount: ask.amount,
            reason: ask.reason.clone(),
            by: by.clone(),
            at,
            state: State::Pending,
            decided_by: None,
            decided_at: None,
            note: None,
        };
        if status.requests.len() >= REQUESTS_MAX {
            let oldest = status.requests.iter().position(|it| it.state != State::Pending);
            let oldest = oldest.ok_or_else(|| {
                Error::conflict("too-many-requests", format!("{REQUESTS_MAX} requests wait for a decision"))
            })?;
            status.requests.remove(oldest);
        }
        status.requests.push(request.clone());
        Ok(request)
    })
    .await?;
    Ok(request)
}

/// A decision.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Ruling {
    /// The request's number.
    request: u64,
    /// Why.
    #[field(max = 2000)]
    note: Option<String>,
}

/// The most a principal may approve at once; nothing if it may not approve.
fn reach(approvers: &[Approver], principal: &Principal) -> Option<f64> {
    let fits = |it: &&Approver| match it.subject.split_once(':') {
        Some(("group", name)) => principal.groups.iter().any(|group| group == name),
        Some(("user", name)) => principal.sort == Sort::User && principal.name == name,
        _ => false,
    };
    approvers.iter().filter(fits).map(|it| it.limit).max_by(f64::total_cmp)
}

/// Grants a request: by somebody else than who asked, who may approve that much.
async fn approve(cx: Cx, ask: Ruling) -> Result<Request> {
    decide(&cx, ask, State::Approved).await
}

/// Refuses a request: by an approver, or by who asked.
async fn reject(cx: Cx, ask: Ruling) -> Result<Request> {
    decide(&cx, ask, State::Rejected).await
}

async fn decide(cx: &Cx, ask: Ruling, state: State) -> Result<Request> {
    let (actor, now) = (cx.principal.actor(), cx.now());
    let (_, request) = change(cx, |it| {
        let reach = reach(&it.spec.approvers, &cx.principal);
        let request =
            it.status.requests.iter_mut().find(|request| request.id == ask.request).ok_or_else(|| {
                Error::not_found("not-found", format!("there is no request `{}` here", ask.request))
                    .at("request")
            })?;
        if request.state != State::Pending {
            return Err(Error::conflict("already-decided", "somebody has decided this request"));
        }
        let own = request.by == actor;
        match state {
            State::Approved if own => {
                return Err(Error::forbidden("second-person-needed", "who asked cannot approve")
                    .hint("ask one of the budget's approvers"));
            }
            State::Rejected if own => {}
            _ => match reach {
                None => {
                    return Err(Error::forbidden(
                        "not-an-approver",
                        "you are none of the budget's approvers",
                    ));
                }
                Some(limit) if state == State::Approved && limit < request.amount => {
                    return Err(Error::forbidden(
                        "approver-limit",
                        format!("you may approve {limit} at once, and this is {}", request.amount),
                    )
                    .hint("ask an approver with a higher limit"));
                }
                Some(_) => {}
            },
        }
        request.state = state;
        request.decided_by = Some(actor.clone());
        request.decided_at = Some(now);
        request.note.clone_from(&ask.note);
        let request = request.clone();
        if state == State::Approved {
            it.status.approved += request.amount;
        }
        Ok(request)
    })
    .await?;
    Ok(request)
}

/// What a piece of work wants to reserve.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Reserve {
    /// The piece of work; the same one reserves once.
    #[field(max = 300)]
    key: String,
    /// How many seconds of training at most.
    #[field(min = 0, max = 100000000)]
    seconds: f64,
    /// Seconds after which it is given back by itself.
    #[field(min = 1, max = 8640000)]
    lasts: u32,
    /// Only say whether there is room.
    #[field(default = false)]
    probe: bool,
}

/// Sets something aside for work that is about to begin; refused when it would be too much.
async fn reserve(cx: Cx, ask: Reserve) -> Result<Nothing> {
    let Some(found) = found(&cx).await? else { return Ok(Nothing {}) };
    let now = cx.now();
    let reserve = |it: &mut Object<Budget>| {
        it.status.reserved.retain(|held| held.until > now && held.key != ask.key);
        let amount = ask.seconds * it.spec.training_second();
        let left = left(it, now);
        if amount > left {
            return Err(exceeded(&cx.project, amount, left));
        }
        if it.status.reserved.len() >= RESERVATIONS_MAX {
            return Err(
                Error::conflict("too-busy", "too much work has reserved at once").hint("try again later")
            );
        }
        let until = now.plus_s(i64::from(ask.lasts));
        it.status.reserved.push(Reservation { key: ask.key.clone(), amount, until });
        Ok(())
    };
    if ask.probe {
        return reserve(&mut found.clone()).map(|()| Nothing {});
    }
    change(&cx, reserve).await.map(|_| Nothing {})
}

fn exceeded(project: &str, amount: f64, left: f64) -> Error {
    Error::conflict(
        "budget-exceeded",
        format!("this may cost {amount}, and budget/{project} has {left} left"),
    )
    .hint("make the work smaller, or ask for more: `POST /api/v1/admin/projects/{id}/budget/request`")
}

/// What a piece of work has cost.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Settle {
    /// The piece of work.
    #[field(max = 300)]
    key: String,
    /// What it was spent on, as `training`.
    #[field(max = 100)]
    on: String,
    /// How many seconds of training it took.
    #[field(min = 0, max = 100000000)]
    seconds: f64,
}

/// Records what work has cost, at most what it had reserved, and gives the rest back; the same work pays once.
async fn settle(cx: Cx, ask: Settle) -> Result<Nothing> {
    if found(&cx).await?.is_none() {
        return Ok(Nothing {});
    }
    change(&cx, |it| {
        // What is not reserved any more was settled before, by a try that ended in a crash.
        let Some(at) = it.status.reserved.iter().position(|held| held.key == ask.key) else { return Ok(()) };
        let held = it.status.reserved.remove(at);
        let amount = (ask.seconds * it.spec.training_second()).min(held.amount);
        it.status.spent += amount;
        *it.status.spent_on.entry(ask.on.clone()).or_default() += amount;
        Ok(())
    })
    .await
    .map(|_| Nothing {})
}
