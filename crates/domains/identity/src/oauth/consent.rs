//! A consent: what somebody lets a client know and do, until they take it back.

use kernel::prelude::*;

use openid::scope;

use super::{client::Found, token};

/// What consents serve: they are given on a page, and taken back by deleting them.
pub fn serve(kind: KindBuilder<Consent>) -> KindBuilder<Consent> {
    kind.without(&["create", "update", "clone", "import"])
        .view_of_all("mine", "What the caller lets clients know and do.", mine)
        .open_to(OpenTo::Caller)
        .action_on_all("withdraw", "Takes back what the caller let a client know and do.", withdraw)
        .open_to(OpenTo::Caller)
}

/// What somebody lets a client know and do.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "consent", prefix = "cns", scope = "organization")]
pub struct Consent {
    /// Who gave it.
    #[field(indexed, immutable)]
    pub user: String,
    /// The client, as its `client_id`.
    #[field(indexed, immutable)]
    pub client: String,
    /// The scopes.
    #[field(max = 50)]
    pub scopes: Vec<String>,
}

/// One consent.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Given {
    /// The client, as its `client_id`.
    client: String,
    /// The scopes.
    scopes: Vec<String>,
}

/// All consents of somebody.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct AllGiven {
    /// One entry a client.
    items: Vec<Given>,
}

async fn mine(cx: Cx, _: Nothing) -> Result<AllGiven> {
    let all = cx.list::<Consent>(&format!("spec.user = \"{}\"", cx.principal.name), 1000).await?;
    let one = |it: Object<Consent>| Given { client: it.spec.client, scopes: it.spec.scopes };
    Ok(AllGiven { items: all.into_iter().map(one).collect() })
}

/// Which client.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Which {
    /// The client, as its `client_id`.
    #[field(max = 100)]
    client: String,
}

async fn withdraw(cx: Cx, ask: Which) -> Result<Nothing> {
    let given = cx.get_opt::<Consent>(&name(&ask.client, &cx.principal.name)).await?;
    if let Some(it) = given.filter(|it| it.spec.user == cx.principal.name) {
        cx.doing("withdraw").delete::<Consent>(it.metadata.uid.as_str()).await?;
    }
    Ok(Nothing {})
}

/// One name for each client and person; what is no name is nobody's.
fn name(client: &str, user: &str) -> String {
    format!("{}.{user}", client.to_lowercase().replace('_', "-"))
}

/// Whether somebody lets a client have all of these scopes.
pub async fn covers(cx: &Cx, client: &Found, (org, user): (&str, &str), scopes: &[String]) -> Result<bool> {
    if client.spec.trusted {
        return Ok(true);
    }
    let inside = token::inside(cx, org);
    let given = inside.get_opt::<Consent>(&name(&client.id, user)).await?;
    Ok(given.is_some_and(|it| scope::within(scopes, &it.spec.scopes).len() == scopes.len()))
}

/// Remembers that somebody lets a client have these scopes too.
pub async fn give(cx: &Cx, client: &Found, (org, user): (&str, &str), scopes: &[String]) -> Result<()> {
    let inside = token::inside(cx, org).doing("consent");
    match inside.get_opt::<Consent>(&name(&client.id, user)).await? {
        Some(mut it) => {
            let new =
                scopes.iter().filter(|scope| !it.spec.scopes.contains(scope)).cloned().collect::<Vec<_>>();
            it.spec.scopes.extend(new);
            inside.save(&it).await?;
        }
        None => {
            let spec = Consent { user: user.to_owned(), client: client.id.clone(), scopes: scopes.to_vec() };
            inside.create(Draft::new(name(&client.id, user), spec)).await?;
        }
    }
    Ok(())
}
