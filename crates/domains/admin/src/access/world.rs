//! The rules of an organization: roles, grants and policies as one, whether as they are or as they might become.

use std::collections::{BTreeMap, HashMap};

use kernel::{
    access::{Grant as Rule, Principal},
    kind::Fields,
    literal,
    prelude::*,
    validate,
};
use serde::de::DeserializeOwned;

use super::{
    grant::Grant,
    permission_group::PermissionGroup,
    policy::{self, Policy},
    role::{self, Role},
};

/// The most grants, policies or roles of an organization that are looked at together.
const LOOKED_AT_MAX: u32 = 10_000;

/// Roles, grants and policies.
#[derive(Default)]
pub struct World {
    roles: BTreeMap<String, Role>,
    groups: HashMap<String, PermissionGroup>,
    grants: BTreeMap<String, Grant>,
    policies: BTreeMap<String, Policy>,
}

/// What a rule is made for: the principal itself, its groups, everybody.
fn subjects(principal: &Principal) -> Vec<String> {
    let groups = principal.groups.iter().map(|group| format!("group:{group}"));
    std::iter::once(principal.actor()).chain(groups).collect()
}

impl World {
    /// Everything there is in the organization.
    pub async fn whole(cx: &Cx) -> Result<Self> {
        let mut world = Self::default();
        for role in cx.list::<Role>("", LOOKED_AT_MAX).await? {
            world.roles.insert(role.metadata.name, role.spec);
        }
        for group in cx.list::<PermissionGroup>("", LOOKED_AT_MAX).await? {
            world.groups.insert(group.metadata.name, group.spec);
        }
        for grant in cx.list::<Grant>("", LOOKED_AT_MAX).await? {
            world.grants.insert(grant.metadata.name, grant.spec);
        }
        for policy in cx.list::<Policy>("", LOOKED_AT_MAX).await? {
            world.policies.insert(policy.metadata.name, policy.spec);
        }
        Ok(world)
    }

    /// What concerns one principal.
    pub async fn around(cx: &Cx, principal: &Principal) -> Result<Self> {
        let mut world = Self::default();
        for subject in subjects(principal) {
            let subject = literal(&subject);
            for grant in cx.list::<Grant>(&format!("spec.subject = {subject}"), LOOKED_AT_MAX).await? {
                world.add_role(cx, &grant.spec.role).await?;
                world.grants.insert(grant.metadata.name, grant.spec);
            }
            for policy in cx.list::<Policy>(&format!("spec.subjects:{subject}"), LOOKED_AT_MAX).await? {
                world.policies.insert(policy.metadata.name, policy.spec);
            }
        }
        for policy in cx.list::<Policy>("spec.subjects:\"everyone\"", LOOKED_AT_MAX).await? {
            world.policies.insert(policy.metadata.name, policy.spec);
        }
        Ok(world)
    }

    /// A role with its parents and permission groups.
    async fn add_role(&mut self, cx: &Cx, name: &str) -> Result<()> {
        let mut next = Some(name.to_owned());
        while let Some(name) = next.filter(|name| !self.roles.contains_key(name)) {
            // A role that was deleted grants nothing.
            let Some(role) = cx.get_opt::<Role>(&name).await? else { break };
            for group in &role.spec.groups {
                if let Some(found) = cx.get_opt::<PermissionGroup>(group).await? {
                    self.groups.insert(group.to_string(), found.spec);
                }
            }
            next = role.spec.parent.as_ref().map(ToString::to_string);
            self.roles.insert(name, role.spec);
        }
        Ok(())
    }

    /// One role, as resolved here.
    pub async fn role(cx: &Cx, name: &str) -> Result<role::Resolved> {
        let mut world = Self::default();
        world.add_role(cx, name).await?;
        Ok(world.resolved(name))
    }

    /// A role and its parents as one.
    fn resolved(&self, name: &str) -> role::Resolved {
        let mut resolved = role::Resolved { permissions: Vec::new(), platform: false };
        let mut next = Some(name.to_owned());
        for _ in 0..role::HEIGHT_MAX {
            let Some(role) = next.and_then(|name| self.roles.get(&name)) else { break };
            resolved.permissions.extend(role.permissions.iter().cloned());
            let groups = role.groups.iter().filter_map(|group| self.groups.get(&**group));
            resolved.permissions.extend(groups.flat_map(|group| group.permissions.iter().cloned()));
            resolved.platform |= role.platform;
            next = role.parent.as_ref().map(ToString::to_string);
        }
        resolved
    }

    /// What it would be with an object made, replaced (a spec) or deleted (none).
    pub fn with(mut self, kind: &str, name: &str, spec: Option<Value>) -> Result<Self> {
        match kind {
            "roles" => replace(&mut self.roles, name, spec)?,
            "grants" => replace(&mut self.grants, name, spec)?,
            "policies" => replace(&mut self.policies, name, spec)?,
            _ => {
                return Err(Error::invalid("unknown-value", "`kind` is policies, grants or roles").at("kind"));
            }
        }
        Ok(self)
    }

    /// Everybody named in a grant.
    pub fn granted(&self) -> impl Iterator<Item = &str> {
        self.grants.values().map(|grant| grant.subject.as_str())
    }

    /// The rules that apply to a principal.
    pub fn rules(&self, principal: &Principal) -> Vec<Rule> {
        let subjects = subjects(principal);
        let mut rules = Vec::new();
        for (name, grant) in self.grants.iter().filter(|(_, grant)| subjects.contains(&grant.subject)) {
            let role = self.resolved(&grant.role);
            rules.push(Rule {
                permissions: role.permissions,
                project: grant.project.as_ref().map(ToString::to_string),
                platform: role.platform && grant.project.is_none(),
                objects: grant.objects.clone(),
                ..Rule::of(format!("grant/{name} (role {})", grant.role), &[])
            });
        }
        let concerns = |policy: &Policy| {
            let named = |subject: &String| subject == policy::EVERYONE || subjects.contains(subject);
            policy.enabled && policy.subjects.iter().any(named)
        };
        for (name, policy) in self.policies.iter().filter(|(_, policy)| concerns(policy)) {
            rules.push(policy.rule(name));
        }
        rules
    }
}

fn typed<T: Fields + DeserializeOwned>(mut spec: Value) -> Result<T> {
    if let Value::Object(fields) = &mut spec {
        validate::accept(T::FIELDS, fields, "spec")?;
    }
    serde_json::from_value(spec).map_err(|error| Error::invalid("invalid-body", error.to_string()).at("spec"))
}

fn replace<T: Fields + DeserializeOwned>(
    all: &mut BTreeMap<String, T>,
    name: &str,
    spec: Option<Value>,
) -> Result<()> {
    match spec {
        Some(spec) => drop(all.insert(name.to_owned(), typed(spec)?)),
        None => drop(all.remove(name)),
    }
    Ok(())
}
