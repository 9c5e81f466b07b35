//! Permissions: not objects but words, one for each verb and action of each kind.

use std::collections::BTreeMap;

use kernel::{
    access::{Decision, Principal, Question, Sort},
    declare::KindDef,
    prelude::*,
};

use super::{role::Role, world::World};
use crate::user::User;

/// What is served of permissions.
pub fn serve(kind: KindBuilder<Permission>) -> KindBuilder<Permission> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "Every permission there is.", all)
        .needs("list")
        .view_of_all("entry", "One permission: what it allows, and which roles have it.", entry)
        .needs("list")
        .view_of_all("categories", "The services permissions belong to, and how many each has.", categories)
        .needs("list")
        .action_on_all("check", "Whether the caller may, and which rules decide.", check)
        .open_to(OpenTo::Caller)
        .action_on_all("explain", "Whether somebody may, which rules decide, and in Cedar's words.", explain)
        .view_of_all("matrix", "Every role, and the permissions it has.", matrix)
        .needs("list")
}

/// A word that can be granted.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[kind(name = "permission", prefix = "prm", scope = "organization")]
pub struct Permission {
    /// The word, for example `catalog.models.get`.
    pub name: Option<String>,
}

const VERBS: [&str; 7] = ["list", "get", "watch", "create", "update", "delete", "restore"];

fn words(kind: &KindDef) -> Vec<String> {
    let verbs = VERBS.into_iter().filter(|verb| kind.serves(verb)).map(|verb| kind.permission(verb));
    let granted = kind.actions.iter().filter(|action| action.open_to == OpenTo::Granted);
    let mut words: Vec<String> =
        verbs.chain(granted.map(|action| kind.permission(action.permission))).collect();
    words.sort();
    words.dedup();
    words
}

/// Every permission.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Words {
    /// The words in order.
    items: Vec<String>,
}

async fn all(cx: Cx, _: Nothing) -> Result<Words> {
    Ok(Words { items: cx.platform().kinds().iter().flat_map(|kind| words(kind)).collect() })
}

/// A service and its permissions.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Category {
    /// The service.
    service: String,
    /// How many permissions it has.
    count: u64,
}

/// All services.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Categories {
    /// One entry a service.
    items: Vec<Category>,
}

async fn categories(cx: Cx, _: Nothing) -> Result<Categories> {
    let mut items: Vec<Category> = Vec::new();
    for kind in cx.platform().kinds() {
        let count = words(kind).len() as u64;
        match items.iter_mut().find(|category| category.service == kind.service) {
            Some(category) => category.count += count,
            None => items.push(Category { service: kind.service.to_owned(), count }),
        }
    }
    Ok(Categories { items })
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Ask {
    /// The permission.
    #[field(example = "catalog.models.get", max = 200)]
    permission: String,
    /// The project; the organization itself when absent.
    #[field(max = 253)]
    project: Option<String>,
}

/// Whether the caller may.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Answer {
    /// Whether.
    allowed: bool,
    /// The rules that decided.
    reasons: Vec<String>,
}

async fn check(cx: Cx, ask: Ask) -> Result<Answer> {
    let Decision { allowed, reasons } =
        cx.decide(&ask.permission, ask.project.as_deref().unwrap_or_default()).await?;
    Ok(Answer { allowed, reasons })
}

/// About whom, and what, is asked.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct About {
    /// Who, as `user:ada` or `service:ci`.
    #[field(max = 300, example = "user:ada")]
    subject: String,
    /// The permission.
    #[field(example = "catalog.models.get", max = 200)]
    permission: String,
    /// The project; the organization itself when absent.
    #[field(max = 253)]
    project: Option<String>,
    /// The name of an object.
    #[field(max = 253)]
    object: Option<String>,
    /// The address the request would come from.
    #[field(max = 50, example = "10.0.0.7")]
    origin: Option<String>,
    /// When; now when absent.
    at: Option<Time>,
}

/// Whether somebody may, and why.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Explained {
    /// Whether.
    allowed: bool,
    /// The rules that decided.
    reasons: Vec<String>,
    /// Every rule that applies to the principal, by its source, in Cedar's words.
    rules: BTreeMap<String, String>,
}

async fn explain(cx: Cx, ask: About) -> Result<Explained> {
    let principal = subject(&cx, &ask.subject).await?;
    let origin = match ask.origin.as_deref().map(str::parse) {
        None => None,
        Some(Ok(origin)) => Some(origin),
        Some(Err(_)) => {
            return Err(Error::invalid("bad-network", "this is not an address")
                .at("origin")
                .hint("for example 10.0.0.7"));
        }
    };
    let rules = World::around(&cx, &principal).await?.rules(&principal);
    let policy = cx.platform().policy();
    let at = ask.at.unwrap_or_else(|| cx.now());
    let kind = ask.permission.rsplit_once('.').and_then(|(kind, _)| cx.platform().kind(kind).ok());
    let is_above = kind.is_some_and(|kind| kind.scope == kernel::kind::Scope::Platform);
    let question = Question {
        object: ask.object.unwrap_or_default(),
        origin,
        minute: at.micros() / 60_000_000,
        ..Question::new(
            &ask.permission,
            if is_above { "" } else { &cx.org },
            ask.project.as_deref().unwrap_or_default(),
        )
    };
    let Decision { allowed, reasons } = policy.compile(&principal, &rules)?.decide(&question);
    let rules = rules.iter().map(|rule| (rule.source.clone(), policy.text(&principal, rule))).collect();
    Ok(Explained { allowed, reasons, rules })
}

async fn subject(cx: &Cx, text: &str) -> Result<Principal> {
    let (sort, name, groups) = match text.split_once(':') {
        Some(("user", name)) => (Sort::User, name, cx.get::<User>(name).await?.spec.groups),
        Some(("service", name)) => (Sort::Service, name, Vec::new()),
        _ => {
            return Err(
                Error::invalid("bad-subject", "somebody is `user:NAME` or `service:NAME`").at("subject")
            );
        }
    };
    Ok(Principal { groups, ..Principal::of(sort, name, &cx.org) })
}

/// A role and what it may.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Row {
    /// The role.
    role: String,
    /// Of each permission in the order of `permissions`, whether the role has it.
    has: Vec<bool>,
}

/// Every role, and the permissions it has.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Matrix {
    /// Every permission, in order.
    permissions: Vec<String>,
    /// One row a role.
    roles: Vec<Row>,
}

async fn matrix(cx: Cx, _: Nothing) -> Result<Matrix> {
    let permissions = all(cx.clone(), Nothing {}).await?.items;
    let anybody = Principal::system("matrix", &cx.org);
    let mut roles = Vec::new();
    for role in cx.list::<Role>("", 1_000).await? {
        let rule = kernel::access::Grant {
            permissions: World::role(&cx, role.name()).await?.permissions,
            ..kernel::access::Grant::of(role.name(), &[])
        };
        let decider = cx.platform().policy().compile(&anybody, &[rule])?;
        let has = |permission: &String| decider.decide(&Question::new(permission, &cx.org, "")).allowed;
        roles.push(Row { has: permissions.iter().map(has).collect(), role: role.metadata.name });
    }
    Ok(Matrix { permissions, roles })
}

/// Which one.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The permission.
    #[field(max = 200, example = "catalog.models.get")]
    id: String,
}

/// One permission.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Entry {
    /// The word.
    name: String,
    /// The service.
    service: String,
    /// The kind it is about.
    kind: String,
    /// What it allows.
    verb: String,
    /// The words of the kind.
    description: String,
    /// The roles that have it.
    roles: Vec<String>,
}

async fn entry(cx: Cx, ask: Which) -> Result<Entry> {
    let missing = || {
        let shown: String = ask.id.chars().take(100).collect();
        Error::not_found("not-found", format!("there is no permission `{shown}`"))
            .hint("`GET /api/v1/admin/permissions` lists what there is")
    };
    let (id, verb) = ask.id.rsplit_once('.').ok_or_else(missing)?;
    let kind = cx.platform().kind(id).map_err(|_| missing())?;
    if !words(&kind).contains(&ask.id) {
        return Err(missing());
    }
    let Matrix { permissions, roles } = matrix(cx.clone(), Nothing {}).await?;
    let at = permissions.iter().position(|permission| *permission == ask.id).ok_or_else(missing)?;
    let has = |row: Row| row.has.get(at).copied().unwrap_or(false).then_some(row.role);
    Ok(Entry {
        name: ask.id.clone(),
        service: kind.service.to_owned(),
        kind: id.to_owned(),
        verb: verb.to_owned(),
        description: kind.doc.to_owned(),
        roles: roles.into_iter().filter_map(has).collect(),
    })
}
