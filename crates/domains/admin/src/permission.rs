//! Permissions: not objects but words, one for each verb and action of each kind.

use kernel::{access::Decision, declare::KindDef, prelude::*};

/// What is served of permissions.
pub fn serve(kind: KindBuilder<Permission>) -> KindBuilder<Permission> {
    kind.without(&["create", "update", "delete", "clone", "import"])
        .view_of_all("", "Every permission there is.", all)
        .needs("list")
        .view_of_all("categories", "The services permissions belong to, and how many each has.", categories)
        .needs("list")
        .action_on_all("check", "Whether the caller may, and which rules decide.", check)
        .open_to(OpenTo::Caller)
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
