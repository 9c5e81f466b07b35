//! An identity provider: another OpenID provider or an LDAP directory that knows an organization's people.

use std::collections::BTreeMap;

use kernel::{
    access::Principal,
    index::Cell,
    predicate::{Op, Place, Predicate},
    prelude::*,
    store::{Projects, Query, Sort},
};

use super::{directory, openid};

/// What providers serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<IdentityProvider>) -> KindBuilder<IdentityProvider> {
    kind.without(&["clone"])
        .admit(well_formed)
        .action("test", "Reaches the provider once, and tells what it answered.", test)
        .needs("update")
}

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// OpenID Connect: people log in on the provider's own page.
    Oidc,
    /// LDAP: people type the directory's password here.
    Ldap,
}

/// Another OpenID provider or an LDAP directory that knows an organization's people.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "identity-provider", prefix = "idp", scope = "organization")]
pub struct IdentityProvider {
    /// What it speaks.
    #[field(indexed, immutable)]
    pub protocol: Protocol,
    /// How people call it; the login page shows it.
    #[field(max = 200, example = "Corporate login")]
    pub display_name: Option<String>,
    /// The domains of the e-mail addresses whose people it knows; a domain belongs to one organization.
    #[field(max = 50, indexed, example = "corp.example")]
    pub email_domains: Vec<String>,
    /// OpenID Connect: the issuer, as its tokens name it.
    #[field(max = 2000, example = "https://idp.corp.example")]
    pub issuer: Option<String>,
    /// OpenID Connect: what we are called there; the address people come back to is `/oauth2/callback`.
    #[field(max = 300)]
    pub client_id: Option<String>,
    /// OpenID Connect: what we prove it with; a public client has none.
    #[field(max = 1000)]
    pub client_secret: Option<Secret>,
    /// OpenID Connect: the scopes to ask for; `openid profile email` when none is named.
    #[field(max = 20)]
    pub scopes: Vec<String>,
    /// LDAP: where the directory listens.
    #[field(max = 2000, example = "ldaps://ldap.corp.example")]
    pub url: Option<String>,
    /// LDAP: whether to speak TLS over the plain port.
    #[field(default = false)]
    pub start_tls: bool,
    /// LDAP: who searches; anonymous when absent.
    #[field(max = 1000, example = "cn=reader,dc=corp,dc=example")]
    pub bind_dn: Option<String>,
    /// LDAP: the password of who searches.
    #[field(max = 1000)]
    pub bind_password: Option<Secret>,
    /// LDAP: where the search begins.
    #[field(max = 1000, example = "ou=people,dc=corp,dc=example")]
    pub base_dn: Option<String>,
    /// LDAP: how a person is found; `{username}` becomes what was typed.
    #[field(default = "(&(objectClass=person)(uid={username}))", max = 1000)]
    pub user_filter: String,
    /// The claim or attribute that never changes; `sub` or `entryUUID` when absent, the entry's name where there is none.
    #[field(max = 100)]
    pub id_claim: Option<String>,
    /// The claim or attribute of the name; `preferred_username` or `uid` when absent.
    #[field(max = 100)]
    pub username_claim: Option<String>,
    /// The claim or attribute of the name to show; `name` or `cn` when absent.
    #[field(max = 100)]
    pub name_claim: Option<String>,
    /// The claim or attribute of the e-mail address; `email` or `mail` when absent.
    #[field(max = 100)]
    pub email_claim: Option<String>,
    /// The claim or attribute of the groups; `groups` or `memberOf` when absent.
    #[field(max = 100)]
    pub groups_claim: Option<String>,
    /// From the provider's groups to ours; grants to a group then give its people their roles.
    #[field(max = 500)]
    pub groups: BTreeMap<String, String>,
    /// Whether somebody who is not known yet becomes a user at the first login.
    #[field(default = true)]
    pub create_users: bool,
    /// Whether somebody is taken for the user of the same e-mail address, if the provider has verified it.
    #[field(default = false)]
    pub adopt_users: bool,
    /// Whether nobody may log in by it.
    #[field(default = false)]
    pub disabled: bool,
}

impl IdentityProvider {
    /// The claim that was named, or the protocol's own.
    pub fn claim<'a>(&self, named: &'a Option<String>, openid: &'a str, ldap: &'a str) -> &'a str {
        let usual = if self.protocol == Protocol::Oidc { openid } else { ldap };
        named.as_deref().unwrap_or(usual)
    }

    /// Our groups for those of the provider.
    pub fn our_groups(&self, theirs: &[String]) -> Vec<String> {
        let mut ours: Vec<String> = theirs.iter().filter_map(|it| self.groups.get(it).cloned()).collect();
        ours.sort();
        ours.dedup();
        ours
    }
}

/// A secret as the text to show elsewhere.
pub(super) fn opened(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::reveal).filter(|text| !text.is_empty())
}

async fn well_formed(
    cx: Cx,
    mut it: Object<IdentityProvider>,
    old: Option<Object<IdentityProvider>>,
) -> Result<Object<IdentityProvider>> {
    let spec = &mut it.spec;
    let missing = |field: &str, given: bool| {
        if given {
            return Ok(());
        }
        Err(Error::invalid("missing-field", format!("`{field}` must be given for this protocol"))
            .at(format!("spec.{field}")))
    };
    let bad_address = |field: &str| {
        Error::invalid("invalid-url", "this is no address of such a provider").at(format!("spec.{field}"))
    };
    match spec.protocol {
        Protocol::Oidc => {
            missing("issuer", spec.issuer.is_some())?;
            missing("clientId", spec.client_id.is_some())?;
            let issuer = spec.issuer.as_deref().unwrap_or_default();
            if !(issuer.starts_with("https://") || issuer.starts_with("http://"))
                || issuer.contains(['?', '#'])
            {
                return Err(bad_address("issuer"));
            }
        }
        Protocol::Ldap => {
            missing("url", spec.url.is_some())?;
            missing("baseDn", spec.base_dn.is_some())?;
            let url = spec.url.as_deref().unwrap_or_default();
            if !(url.starts_with("ldaps://") || url.starts_with("ldap://")) {
                return Err(bad_address("url"));
            }
            if !spec.user_filter.contains("{username}") {
                return Err(Error::invalid("bad-filter", "the filter must have `{username}` in it")
                    .at("spec.userFilter"));
            }
        }
    }
    for domain in &mut spec.email_domains {
        *domain = domain.trim().to_lowercase();
    }
    let before = old.map(|old| old.spec.email_domains).unwrap_or_default();
    for domain in it.spec.email_domains.iter().filter(|domain| !before.contains(domain)) {
        if home_of(&cx, domain).await?.is_some_and(|org| org != *cx.org) {
            return Err(Error::conflict(
                "domain-taken",
                format!("`{domain}` belongs to another organization"),
            )
            .at("spec.emailDomains")
            .hint("an administrator of the platform can say whose it is"));
        }
    }
    Ok(it)
}

/// The organization that the people of an e-mail domain belong to: one look at an index, however many there are.
pub async fn home_of(cx: &Cx, domain: &str) -> Result<Option<String>> {
    let place = Place::Term("spec.emailDomains".to_owned());
    let cell = Cell::Text(domain.to_lowercase());
    let query = Query {
        org: None,
        kind: cx.platform().kind_of::<IdentityProvider>()?.id(),
        projects: Projects::All,
        deleted: false,
        filter: Some(Predicate::Compare { place, op: Op::Equal, cell }),
        sort: Sort { place: Place::Uid, descending: false },
        after: None,
        limit: 1,
    };
    Ok(cx.platform().store.list(&query).await?.into_iter().next().map(|record| record.org))
}

/// The providers of an organization that speak a protocol and are not disabled.
pub(super) async fn all(inside: &Cx, protocol: &str) -> Result<Vec<Object<IdentityProvider>>> {
    let mut all = inside.list::<IdentityProvider>(&format!("spec.protocol = \"{protocol}\""), 50).await?;
    all.retain(|it| !it.spec.disabled);
    Ok(all)
}

/// The OpenID providers people of an organization may choose from: name, title, e-mail domains.
pub async fn openid_providers(cx: &Cx, org: &str) -> Result<Vec<(String, String, Vec<String>)>> {
    let inside = cx.platform().cx_of(Principal::system("login", org), "");
    let one = |it: Object<IdentityProvider>| {
        let title = it.spec.display_name.unwrap_or_else(|| it.metadata.name.clone());
        (it.metadata.name, title, it.spec.email_domains)
    };
    Ok(all(&inside, "oidc").await?.into_iter().map(one).collect())
}

/// What a provider answered.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Answered {
    /// In words.
    message: String,
}

async fn test(cx: Cx, it: Object<IdentityProvider>, _: Nothing) -> Result<Answered> {
    let message = match it.spec.protocol {
        Protocol::Oidc => openid::describe(&cx, &it.spec).await?,
        Protocol::Ldap => directory::describe(&cx, &it.spec).await?,
    };
    Ok(Answered { message })
}
