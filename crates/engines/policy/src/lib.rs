//! Decides who may, with Cedar: a principal's grants become policies, parsed once.
//!
//! Nothing is allowed unless a policy permits it; a forbidding policy beats every permitting one, and one that
//! cannot be evaluated forbids. A policy never reaches beyond the principal's own organization, but for grants on
//! the platform. Of many policies only those that name the permission are evaluated.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    str::FromStr,
    sync::Arc,
};

use base::{Error, Result};
use cedar_policy::{
    Authorizer, Context, Decision as Answer, Entities, EntityId, EntityTypeName, EntityUid, Expression,
    Policy as Rule, PolicyId, PolicySet, Request, RestrictedExpression,
};
use kernel::access::{Asks, Decider, Decision, Grant, Policy, Principal, Question, Sort};

mod conditions;

pub use conditions::rules;

/// Makes grants ready to decide with.
pub fn cedar() -> Arc<dyn Policy> {
    Arc::new(Cedar)
}

struct Cedar;

impl Policy for Cedar {
    fn compile(&self, principal: &Principal, grants: &[Grant]) -> Result<Arc<dyn Decider>> {
        let mut rules = Vec::with_capacity(grants.len() + 1);
        for (i, grant) in grants.iter().enumerate() {
            rules.push(Compiled::of(format!("grant{i}"), &text(principal, grant), grant)?);
        }
        if !principal.scopes.is_empty() {
            let text =
                format!("forbid(principal, action, resource) unless {{ {} }};", like(&principal.scopes));
            let scopes = Grant { forbid: true, ..Grant::of("the scopes of the credential", &["*"]) };
            rules.push(Compiled::of("scopes".to_owned(), &text, &scopes)?);
        }
        let mut by_start: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, rule) in rules.iter().enumerate() {
            let starts: HashSet<&str> = rule.permissions.iter().map(|pattern| start(pattern)).collect();
            for start in starts {
                by_start.entry(start.to_owned()).or_default().push(i);
            }
        }
        Ok(Arc::new(Ready {
            asks: asks(grants),
            rules,
            by_start,
            facts: facts(principal),
            who: uid("Principal", &principal.actor())?,
            action: uid("Action", "any")?,
            what: uid("Resource", "any")?,
            authorizer: Authorizer::new(),
        }))
    }

    fn check(&self, condition: &str) -> Result<()> {
        let wrong = |error: String| {
            Error::invalid("bad-condition", format!("the condition is no Cedar expression: {error}"))
                .at("spec.condition")
                .hint("for example: context.ip.isInRange(ip(\"10.0.0.0/8\")) && context.hour >= 8")
        };
        Expression::from_str(condition).map_err(|error| wrong(error.to_string()))?;
        // What parses alone may still end the policy it stands in.
        let text = format!("permit(principal, action, resource) when {{ ({condition}) }};");
        Rule::parse(None, &text).map(drop).map_err(|error| wrong(error.to_string()))
    }

    fn text(&self, principal: &Principal, grant: &Grant) -> String {
        text(principal, grant)
    }
}

/// What the answers depend on beyond permission and place.
fn asks(grants: &[Grant]) -> Asks {
    let mentions = |word: &str| {
        grants.iter().any(|grant| grant.condition.as_ref().is_some_and(|condition| condition.contains(word)))
    };
    Asks {
        object: grants.iter().any(|grant| !grant.objects.is_empty()) || mentions("object"),
        origin: mentions("ip"),
        minute: mentions("hour") || mentions("weekday") || mentions("minute"),
    }
}

/// One policy, and what tells without evaluating it that it says nothing of a question.
struct Compiled {
    rule: Rule,
    source: String,
    permissions: Vec<String>,
    project: Option<String>,
}

impl Compiled {
    fn of(id: String, text: &str, grant: &Grant) -> Result<Self> {
        let rule = Rule::parse(Some(PolicyId::new(id)), text)
            .map_err(|error| Error::internal(format!("{error}: {text}")))?;
        let (permissions, project) = (grant.permissions.clone(), grant.project.clone());
        Ok(Self { rule, source: grant.source.clone(), permissions, project })
    }

    fn concerns(&self, question: &Question) -> bool {
        self.project.as_ref().is_none_or(|project| *project == question.project)
            && self.permissions.iter().any(|pattern| fits(pattern, &question.permission))
    }
}

/// The kind a pattern names, the service where it names several kinds, or nothing where it names several services.
fn start(pattern: &str) -> &str {
    let literal = pattern.find('*').map_or(pattern, |at| &pattern[..at]);
    let mut dots = literal.match_indices('.').map(|(at, _)| at);
    let first = dots.next();
    dots.next().or(first).map_or("", |at| &literal[..at])
}

/// Whether a text is what a pattern with `*` for any rest describes: Cedar's `like`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut rest = rest;
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

/// A grant in Cedar's words.
fn text(principal: &Principal, grant: &Grant) -> String {
    let effect = if grant.forbid { "forbid" } else { "permit" };
    let home = quoted(&principal.org);
    let mut place = match &grant.project {
        Some(project) => format!("context.org == {home} && context.project == {}", quoted(project)),
        None => format!("context.org == {home}"),
    };
    if grant.platform {
        place = format!("(({place}) || context.org == \"\")");
    }
    let mut text =
        format!("{effect}(principal, action, resource) when {{ ({}) && {place}", like(&grant.permissions));
    if !grant.objects.is_empty() {
        let _ = write!(text, " && ({})", like_of("object", &grant.objects));
    }
    if let Some(condition) = &grant.condition {
        let _ = write!(text, " && ({condition})");
    }
    text.push_str(" };");
    text
}

/// One of the patterns fits the permission; of no patterns, none does.
fn like(patterns: &[String]) -> String {
    like_of("permission", patterns)
}

fn like_of(fact: &str, patterns: &[String]) -> String {
    let mut text = String::from("false");
    for pattern in patterns {
        // Writing to a text does not fail.
        let _ = write!(text, " || context.{fact} like {}", quoted(pattern));
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

fn word(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

/// What a condition may ask about the principal.
fn facts(principal: &Principal) -> Vec<(String, RestrictedExpression)> {
    let sort = match principal.sort {
        Sort::User => "user",
        Sort::Service => "service",
        Sort::System => "system",
    };
    let groups = RestrictedExpression::new_set(principal.groups.iter().map(|group| word(group)));
    vec![
        ("name".to_owned(), word(&principal.name)),
        ("sort".to_owned(), word(sort)),
        ("groups".to_owned(), groups),
    ]
}

struct Ready {
    rules: Vec<Compiled>,
    /// Which of them name a kind, a service, or more than one.
    by_start: HashMap<String, Vec<usize>>,
    asks: Asks,
    facts: Vec<(String, RestrictedExpression)>,
    who: EntityUid,
    action: EntityUid,
    what: EntityUid,
    authorizer: Authorizer,
}

impl Ready {
    fn ask(&self, question: &Question) -> Result<Decision> {
        let kind = start(&question.permission);
        let service = kind.split('.').next().unwrap_or_default();
        let named = [kind, service, ""].map(|start| self.by_start.get(start));
        let concerned: Vec<&Compiled> = named
            .into_iter()
            .flatten()
            .flatten()
            .map(|i| &self.rules[*i])
            .filter(|rule| rule.concerns(question))
            .collect();
        let mut rules = PolicySet::new();
        for rule in &concerned {
            // A rule that names one service and several stands in two lists.
            if rules.policy(rule.rule.id()).is_none() {
                rules.add(rule.rule.clone()).map_err(Error::internal)?;
            }
        }
        let (who, action, what) = (self.who.clone(), self.action.clone(), self.what.clone());
        let request =
            Request::new(who, action, what, self.context(question)?, None).map_err(Error::internal)?;
        let response = self.authorizer.is_authorized(&request, &rules, &Entities::empty());
        let source = |id: &PolicyId| {
            concerned.iter().find(|rule| rule.rule.id() == id).map(|rule| rule.source.clone())
        };
        // Cedar leaves out what it cannot evaluate; of a rule that forbids, that would be an opening.
        let broken: Vec<String> = response
            .diagnostics()
            .errors()
            .filter_map(|error| {
                let cedar_policy::AuthorizationError::PolicyEvaluationError(error) = error;
                let rule = rules.policy(error.policy_id())?;
                (rule.effect() == cedar_policy::Effect::Forbid).then(|| source(error.policy_id()))?
            })
            .collect();
        if !broken.is_empty() {
            return Ok(Decision { allowed: false, reasons: broken });
        }
        let mut reasons: Vec<String> = response.diagnostics().reason().filter_map(source).collect();
        reasons.sort();
        if reasons.is_empty() {
            reasons.push(format!("no grant covers `{}` here", question.permission));
        }
        Ok(Decision { allowed: response.decision() == Answer::Allow, reasons })
    }

    fn context(&self, question: &Question) -> Result<Context> {
        let mut pairs = vec![
            ("permission".to_owned(), word(&question.permission)),
            ("org".to_owned(), word(&question.org)),
            ("project".to_owned(), word(&question.project)),
            ("object".to_owned(), word(&question.object)),
        ];
        if let Some(origin) = question.origin {
            pairs.push(("ip".to_owned(), RestrictedExpression::new_ip(origin.to_canonical().to_string())));
        }
        if self.asks.minute {
            let minute = question.minute;
            // 1970 began on a Thursday; Monday is 1 (ISO 8601).
            let weekday = (minute.div_euclid(24 * 60) + 3).rem_euclid(7) + 1;
            pairs.push(("minute".to_owned(), RestrictedExpression::new_long(minute.rem_euclid(24 * 60))));
            pairs.push((
                "hour".to_owned(),
                RestrictedExpression::new_long(minute.div_euclid(60).rem_euclid(24)),
            ));
            pairs.push(("weekday".to_owned(), RestrictedExpression::new_long(weekday)));
        }
        pairs.extend(self.facts.iter().cloned());
        Context::from_pairs(pairs).map_err(Error::internal)
    }
}

impl Decider for Ready {
    fn decide(&self, question: &Question) -> Decision {
        // A question that cannot be decided is denied.
        self.ask(question)
            .unwrap_or_else(|error| Decision { allowed: false, reasons: vec![error.to_string()] })
    }

    fn asks(&self) -> Asks {
        self.asks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada(scopes: &[&str]) -> Principal {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Principal { scopes, ..Principal::of(Sort::User, "ada", "acme") }
    }

    fn grant(permission: &str) -> Grant {
        Grant::of(format!("grant of {permission}"), &[permission])
    }

    fn may(who: &Principal, grants: &[Grant], ask: (&str, &str, &str)) -> bool {
        cedar().compile(who, grants).unwrap().decide(&Question::new(ask.0, ask.1, ask.2)).allowed
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

    #[test]
    fn a_rule_for_some_objects_says_nothing_of_others() {
        let some =
            Grant { objects: vec!["prod-*".to_owned(), "crown".to_owned()], ..grant("catalog.models.*") };
        let decider = cedar().compile(&ada(&[]), &[some]).unwrap();
        let may = |object: &str| {
            let question = Question::new("catalog.models.get", "acme", "p");
            decider.decide(&Question { object: object.to_owned(), ..question }).allowed
        };
        assert!(may("prod-1") && may("crown"));
        assert!(!may("test-1") && !may("crowns") && !may(""));
        assert!(decider.asks().object && !decider.asks().origin);
    }

    #[test]
    fn conditions_look_at_network_time_and_groups() {
        let limited = |condition: &str| Grant { condition: Some(condition.to_owned()), ..grant("*") };
        let may = |grants: &[Grant], origin: Option<&str>, minute: i64| {
            let who = Principal { groups: vec!["science".to_owned()], ..ada(&[]) };
            let decider = cedar().compile(&who, grants).unwrap();
            let question = Question::new("catalog.models.get", "acme", "p");
            let origin = origin.map(|text| text.parse().unwrap());
            decider.decide(&Question { origin, minute, ..question }).allowed
        };
        let inside = [limited("context.ip.isInRange(ip(\"10.0.0.0/8\"))")];
        assert!(may(&inside, Some("10.1.2.3"), 0) && may(&inside, Some("::ffff:10.1.2.3"), 0));
        assert!(!may(&inside, Some("11.1.2.3"), 0) && !may(&inside, None, 0));
        // 2026-11-21 was a Saturday; 09:30.
        let saturday = 29_920_890;
        let weekdays = [limited("context.weekday <= 5 && context.hour >= 8")];
        assert!(!may(&weekdays, None, saturday) && may(&weekdays, None, saturday + 2 * 24 * 60));
        assert!(!may(&weekdays, None, saturday + 2 * 24 * 60 - 120));
        assert!(may(&[limited("context.groups.contains(\"science\")")], None, 0));
        assert!(!may(&[limited("context.groups.contains(\"law\")")], None, 0));
    }

    #[test]
    fn a_forbidding_rule_that_cannot_be_evaluated_forbids() {
        let outside = Grant {
            forbid: true,
            condition: Some("!context.ip.isInRange(ip(\"10.0.0.0/8\"))".to_owned()),
            ..grant("catalog.models.get")
        };
        let grants = [grant("*"), outside];
        assert!(!may(&ada(&[]), &grants, ("catalog.models.get", "acme", "p")));
        assert!(may(&ada(&[]), &grants, ("catalog.models.list", "acme", "p")));
    }

    #[test]
    fn a_condition_is_an_expression_and_nothing_else() {
        let cedar = cedar();
        cedar.check("context.hour < 8 || context.name == \"ada\"").unwrap();
        for wrong in ["", "true) }; permit(principal, action, resource); //", "context.hour <", "true }; //"]
        {
            assert_eq!(cedar.check(wrong).unwrap_err().code(), "bad-condition", "{wrong}");
        }
    }

    #[test]
    fn a_rule_is_found_by_what_its_pattern_begins_with() {
        for (pattern, begins) in [
            ("catalog.models.get", "catalog.models"),
            ("catalog.models.*", "catalog.models"),
            ("catalog.mod*", "catalog"),
            ("catalog.*.get", "catalog"),
            ("cat*", ""),
            ("*", ""),
        ] {
            assert_eq!(start(pattern), begins, "{pattern}");
            assert!(may(&ada(&[]), &[grant(pattern)], ("catalog.models.get", "acme", "p")), "{pattern}");
        }
    }

    #[test]
    fn patterns_fit_as_in_cedar() {
        for (pattern, text, is) in [
            ("*", "catalog.models.get", true),
            ("catalog.*", "catalog.models.get", true),
            ("catalog.*.get", "catalog.models.get", true),
            ("catalog.*.get", "catalog.models.list", false),
            ("*.models.*", "catalog.models.get", true),
            ("catalog.models.get", "catalog.models.get", true),
            ("catalog.models.get", "catalog.models.gets", false),
            ("a*a", "a", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), is, "{pattern} {text}");
        }
    }
}
