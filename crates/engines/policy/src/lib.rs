//! Decides who may, with Cedar: a principal's grants become a small set of policies, compiled once.
//!
//! Nothing is allowed unless a policy permits it; a forbidding policy beats every permitting one.
//! A policy never reaches beyond the principal's own organization, but for grants on the platform.

use std::{collections::HashMap, fmt::Write, str::FromStr, sync::Arc};

use base::{Error, Result};
use cedar_policy::{
    Authorizer, Context, Decision as Answer, Entities, EntityId, EntityTypeName, EntityUid, Policy as Rule,
    PolicyId, PolicySet, Request, RestrictedExpression,
};
use kernel::access::{Decider, Decision, Grant, Policy, Principal, Question};

/// Makes grants ready to decide with.
pub fn cedar() -> Arc<dyn Policy> {
    Arc::new(Cedar)
}

struct Cedar;

impl Policy for Cedar {
    fn compile(&self, principal: &Principal, grants: &[Grant]) -> Result<Arc<dyn Decider>> {
        let mut rules = PolicySet::new();
        let mut sources = HashMap::new();
        for (i, grant) in grants.iter().enumerate() {
            let id = PolicyId::new(format!("grant{i}"));
            add(&mut rules, id.clone(), &of_grant(principal, grant))?;
            sources.insert(id, grant.source.clone());
        }
        if !principal.scopes.is_empty() {
            let id = PolicyId::new("scopes");
            let text =
                format!("forbid(principal, action, resource) unless {{ {} }};", like(&principal.scopes));
            add(&mut rules, id.clone(), &text)?;
            sources.insert(id, "the scopes of the credential".to_owned());
        }
        let who = uid("Principal", &principal.actor())?;
        let what = uid("Resource", "any")?;
        let action = uid("Action", "any")?;
        Ok(Arc::new(Compiled { rules, sources, who, action, what, authorizer: Authorizer::new() }))
    }
}

fn add(rules: &mut PolicySet, id: PolicyId, text: &str) -> Result<()> {
    let rule = Rule::parse(Some(id), text).map_err(|error| Error::internal(format!("{error}: {text}")))?;
    rules.add(rule).map_err(Error::internal)
}

/// A grant in Cedar's words.
fn of_grant(principal: &Principal, grant: &Grant) -> String {
    let effect = if grant.forbid { "forbid" } else { "permit" };
    let home = quoted(&principal.org);
    let mut place = match &grant.project {
        Some(project) => format!("context.org == {home} && context.project == {}", quoted(project)),
        None => format!("context.org == {home}"),
    };
    if grant.platform {
        place = format!("(({place}) || context.org == \"\")");
    }
    format!("{effect}(principal, action, resource) when {{ ({}) && {place} }};", like(&grant.permissions))
}

/// One of the patterns fits the permission; of no patterns, none does.
fn like(patterns: &[String]) -> String {
    let mut text = String::from("false");
    for pattern in patterns {
        // Writing to a text does not fail.
        let _ = write!(text, " || context.permission like {}", quoted(pattern));
    }
    text
}

/// A Cedar string literal. A `*` keeps its meaning for `like`, and has none elsewhere.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(literal, "\\u{{{:x}}}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

fn uid(kind: &str, id: &str) -> Result<EntityUid> {
    let kind = EntityTypeName::from_str(kind).map_err(Error::internal)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

struct Compiled {
    rules: PolicySet,
    sources: HashMap<PolicyId, String>,
    who: EntityUid,
    action: EntityUid,
    what: EntityUid,
    authorizer: Authorizer,
}

impl Compiled {
    fn ask(&self, question: &Question) -> Result<Decision> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let context = Context::from_pairs([
            ("permission".to_owned(), text(&question.permission)),
            ("org".to_owned(), text(&question.org)),
            ("project".to_owned(), text(&question.project)),
        ])
        .map_err(Error::internal)?;
        let (who, action, what) = (self.who.clone(), self.action.clone(), self.what.clone());
        let request = Request::new(who, action, what, context, None).map_err(Error::internal)?;
        let response = self.authorizer.is_authorized(&request, &self.rules, &Entities::empty());
        let mut reasons: Vec<String> =
            response.diagnostics().reason().filter_map(|id| self.sources.get(id).cloned()).collect();
        reasons.sort();
        let allowed = response.decision() == Answer::Allow;
        if reasons.is_empty() {
            reasons.push(format!("no grant covers `{}` here", question.permission));
        }
        Ok(Decision { allowed, reasons })
    }
}

impl Decider for Compiled {
    fn decide(&self, question: &Question) -> Decision {
        // A question that cannot be decided is denied.
        self.ask(question)
            .unwrap_or_else(|error| Decision { allowed: false, reasons: vec![error.to_string()] })
    }
}

#[cfg(test)]
mod tests {
    use kernel::access::Sort;

    use super::*;

    fn ada(scopes: &[&str]) -> Principal {
        Principal {
            sort: Sort::User,
            name: "ada".to_owned(),
            org: "acme".to_owned(),
            groups: Vec::new(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        }
    }

    fn grant(permission: &str) -> Grant {
        Grant {
            source: format!("grant of {permission}"),
            permissions: vec![permission.to_owned()],
            project: None,
            platform: false,
            forbid: false,
        }
    }

    fn may(who: &Principal, grants: &[Grant], ask: (&str, &str, &str)) -> bool {
        let (permission, org, project) = (ask.0.to_owned(), ask.1.to_owned(), ask.2.to_owned());
        let decider = cedar().compile(who, grants).unwrap();
        decider.decide(&Question { permission, org, project }).allowed
    }

    #[test]
    fn nothing_is_allowed_unless_granted() {
        assert!(!may(&ada(&[]), &[], ("catalog.models.get", "acme", "p")));
        assert!(!may(&ada(&[]), &[grant("catalog.models.list")], ("catalog.models.get", "acme", "p")));
        assert!(may(&ada(&[]), &[grant("catalog.*.get")], ("catalog.models.get", "acme", "p")));
    }

    #[test]
    fn a_grant_ends_at_its_project_and_organization() {
        let there = Grant { project: Some("p".to_owned()), ..grant("*") };
        assert!(may(&ada(&[]), std::slice::from_ref(&there), ("catalog.models.get", "acme", "p")));
        assert!(!may(&ada(&[]), std::slice::from_ref(&there), ("catalog.models.get", "acme", "q")));
        assert!(!may(&ada(&[]), &[grant("*")], ("catalog.models.get", "evil", "p")));
        assert!(!may(&ada(&[]), &[grant("*")], ("admin.organizations.create", "", "")));
        let platform = Grant { platform: true, ..grant("*") };
        assert!(may(&ada(&[]), &[platform], ("admin.organizations.create", "", "")));
    }

    #[test]
    fn forbidding_beats_permitting_and_scopes_narrow() {
        let forbid = Grant { forbid: true, ..grant("catalog.models.delete") };
        let grants = [grant("*"), forbid];
        assert!(!may(&ada(&[]), &grants, ("catalog.models.delete", "acme", "p")));
        assert!(may(&ada(&[]), &grants, ("catalog.models.get", "acme", "p")));
        assert!(!may(&ada(&["catalog.*.get"]), &grants, ("catalog.models.list", "acme", "p")));
    }

    #[test]
    fn names_cannot_smuggle_policies() {
        let hostile = "p\" }; permit(principal, action, resource);//";
        let there = Grant { project: Some(hostile.to_owned()), ..grant("*") };
        assert!(!may(&ada(&[]), &[there], ("catalog.models.get", "acme", "q")));
    }
}
