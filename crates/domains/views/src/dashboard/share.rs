//! Sharing a dashboard: with users and groups of the organization by a policy, and by links that end.
//!
//! What is shared is the dashboard. What its widgets show is read with the rights of whoever looks.

use std::collections::BTreeMap;

use kernel::{
    access::Principal,
    declare::Body,
    dispatch::{Call, Verb, call},
    prelude::*,
    slot,
    store::{Projects, Query, Sort},
};

use super::{Dashboard, whole};

/// Adds what sharing serves.
pub fn serve(kind: KindBuilder<Dashboard>) -> KindBuilder<Dashboard> {
    kind.action("share", "Lets users and groups of the organization read it, or makes a link.", share)
        .action("unshare", "Takes that back.", unshare)
        .needs("share")
        .view_of_all("shared", "Dashboards of any project that are shared with the caller.", shared)
        .open_to(OpenTo::Caller)
        .view_of_all(
            "open",
            "The dashboard a link leads to, as far as the caller may read what it shows.",
            open,
        )
        .open_to(OpenTo::Caller)
}

/// The kind that says who may.
const POLICIES: &str = "admin.policies";
/// What sharing lets others do with the dashboard: reading it, and what it shows them.
const PERMISSION: &str = "views.dashboards.get";
/// The most with whom one is shared, which is what a policy takes.
const SUBJECTS_MAX: usize = 100;
/// The most links at once.
const LINKS_MAX: usize = 50;

/// A link to a dashboard; the link itself is told once and not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Link {
    /// What it is called, to take it back.
    pub id: String,
    /// Who made it.
    pub by: String,
    /// When it ends.
    pub expires: Time,
}

fn policy_name(it: &Object<Dashboard>) -> String {
    format!("views.{}", it.metadata.uid.as_str().to_lowercase().replace('_', "-"))
}

async fn write(cx: &Cx, verb: Verb, id: Option<String>, body: Body) -> Result<()> {
    let kind = cx.platform().kind(POLICIES)?;
    // The platform keeps these policies: who shares need not have the right to write policies by hand.
    let platform = cx.platform().cx_of(Principal::system("views", &cx.org), &cx.project);
    let asked = Call { kind, verb, id, parent: None, params: BTreeMap::new(), body, if_match: None };
    call(platform, asked).await.map(|_| ())
}

/// Makes the policy say with whom the dashboard is shared.
async fn settle(cx: &Cx, it: &Object<Dashboard>, subjects: &[String]) -> Result<()> {
    let name = policy_name(it);
    if subjects.is_empty() {
        return match write(cx, Verb::Delete, Some(name), Body::Empty).await {
            Err(error) if error.code() == "not-found" => Ok(()),
            other => other,
        };
    }
    let body = || {
        Body::Json(json!({
            "metadata": {"name": name},
            "spec": {
                "description": format!("the dashboard {} of project {} is shared", it.name(), it.metadata.namespace),
                "effect": "permit", "subjects": subjects, "permissions": [PERMISSION],
                "project": it.metadata.namespace, "objects": [it.name()],
            },
        }))
    };
    match write(cx, Verb::Create, None, body()).await {
        Err(error) if error.code() == "already-exists" => {
            write(cx, Verb::Replace, Some(name.clone()), body()).await
        }
        other => other,
    }
}

/// Nobody reads by a policy what is gone.
pub async fn end(cx: &Cx, it: &Object<Dashboard>) -> Result<()> {
    if it.status.shared_with.is_empty() || cx.dry_run { Ok(()) } else { settle(cx, it, &[]).await }
}

/// With whom.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Wish {
    /// Users and groups of the organization: `user:ada`, `group:science`, or `everyone`.
    #[field(max = 100, example = "group:science")]
    subjects: Vec<String>,
    /// Whether to make a link, which anybody of the organization who has it may open.
    #[field(default = false)]
    link: bool,
    /// After how many days the link ends.
    #[field(min = 1, max = 365, default = 30)]
    days: u32,
}

async fn share(cx: Cx, it: Object<Dashboard>, ask: Wish) -> Result<Value> {
    let mut subjects = it.status.shared_with.clone();
    for subject in ask.subjects {
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    if subjects.len() > SUBJECTS_MAX {
        let message = format!("a dashboard is shared with {SUBJECTS_MAX} users and groups at most");
        return Err(Error::invalid("too-many-items", message).at("subjects").hint("share it with groups"));
    }
    if subjects != it.status.shared_with && !cx.dry_run {
        settle(&cx, &it, &subjects).await?;
    }
    let secret = if ask.link { Some(linked(&cx, &it, ask.days).await?) } else { None };
    let saved = cx
        .update_status::<Dashboard>(it.metadata.uid.as_str(), |status| {
            status.shared_with.clone_from(&subjects);
            status.links.retain(|link| link.expires > cx.now());
            status.links.extend(secret.iter().map(|(_, link)| link.clone()));
        })
        .await?;
    let mut told = json!({"sharedWith": saved.status.shared_with, "links": saved.status.links});
    if let Some((secret, link)) = secret {
        told["link"] = json!({"id": link.id, "token": secret, "expires": link.expires});
    }
    Ok(told)
}

/// What a link leads to.
#[derive(Serialize, Deserialize)]
struct Target {
    org: String,
    dashboard: Uid,
    id: String,
}

/// A new link: its secret, and what is kept of it.
async fn linked(cx: &Cx, it: &Object<Dashboard>, days: u32) -> Result<(String, Link)> {
    let living = it.status.links.iter().filter(|link| link.expires > cx.now()).count();
    if living >= LINKS_MAX {
        let message = format!("{LINKS_MAX} links lead to it already");
        return Err(Error::conflict("too-many-items", message).hint("take one back with `unshare`"));
    }
    let (secret, seconds) = (slot::secret(cx), i64::from(days) * 86_400);
    let digest = slot::digest(&secret);
    let id = digest[..12].to_owned();
    let link = Link { id: id.clone(), by: cx.principal.actor(), expires: cx.now().plus_s(seconds) };
    let target = Target { org: it.org.clone(), dashboard: it.metadata.uid.clone(), id };
    if !cx.dry_run {
        slot::put(cx, LINKS, &digest, &target, seconds).await?;
    }
    Ok((secret, link))
}

/// Where links are kept, by the digest of their secret.
const LINKS: &str = "views/links";

/// Who shall not read it any more.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Back {
    /// Users and groups.
    #[field(max = 100)]
    subjects: Vec<String>,
    /// Links, by what they are called.
    #[field(max = 50)]
    links: Vec<String>,
}

async fn unshare(cx: Cx, it: Object<Dashboard>, ask: Back) -> Result<Value> {
    let stay = |subject: &String| !ask.subjects.contains(subject);
    let subjects: Vec<String> =
        it.status.shared_with.iter().filter(|subject| stay(subject)).cloned().collect();
    if subjects.len() != it.status.shared_with.len() && !cx.dry_run {
        settle(&cx, &it, &subjects).await?;
    }
    // A link counts while the dashboard knows of it.
    let saved = cx
        .update_status::<Dashboard>(it.metadata.uid.as_str(), |status| {
            status.shared_with.clone_from(&subjects);
            status.links.retain(|link| !ask.links.contains(&link.id));
        })
        .await?;
    Ok(json!({"sharedWith": saved.status.shared_with, "links": saved.status.links}))
}

/// Dashboards that are shared with the caller, or with a group or all.
async fn shared(cx: Cx, _: Nothing) -> Result<Value> {
    let kind = cx.platform().kind_of::<Dashboard>()?;
    let mut names = vec![cx.principal.actor(), "everyone".to_owned()];
    names.extend(cx.principal.groups.iter().map(|group| format!("group:{group}")));
    let asked: Vec<String> =
        names.iter().map(|name| format!("status.sharedWith:{}", kernel::literal(name))).collect();
    let query = Query {
        org: Some(cx.org.to_string()),
        kind: kind.id(),
        projects: Projects::All,
        deleted: false,
        filter: kernel::selection::parse(&*kind, &asked.join(" OR "))?,
        sort: Sort { place: kernel::predicate::Place::Uid, descending: true },
        after: None,
        limit: 200,
    };
    let mut items = Vec::new();
    for record in cx.platform().store.list(&query).await? {
        let it: Object<Dashboard> = Raw::from_record(&kind, &record)?.typed()?;
        // The policy decides; what the dashboard says of itself only finds it.
        if cx.decide_on(PERMISSION, (&it.metadata.namespace, it.name())).await?.allowed {
            items.push(json!({
                "name": it.name(), "uid": it.metadata.uid, "project": it.metadata.namespace, "title": it.spec.title,
            }));
        }
    }
    Ok(json!({"items": items}))
}

/// A link.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Token {
    /// The secret of the link.
    #[field(min = 1, max = 100)]
    token: String,
}

async fn open(cx: Cx, ask: Token) -> Result<Value> {
    let ended = || {
        Error::not_found("link-ended", "this link leads nowhere")
            .hint("ask whoever gave it to you for another")
    };
    let target: Option<Target> = slot::get(&cx, LINKS, &slot::digest(&ask.token)).await?;
    let target = target.filter(|target| *target.org == *cx.org).ok_or_else(ended)?;
    // The link opens the dashboard's project for this one thing.
    let platform = cx.platform().cx_of(Principal::system("views", &cx.org), "-");
    let it = platform.get_opt::<Dashboard>(target.dashboard.as_str()).await?.ok_or_else(ended)?;
    if !it.status.links.iter().any(|link| link.id == target.id && link.expires > cx.now()) {
        return Err(ended());
    }
    whole(&cx.in_project(&it.metadata.namespace), &it).await
}
