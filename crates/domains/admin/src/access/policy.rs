//! A policy: a rule beside what roles grant. It permits or forbids, for some or for everyone, for some objects,
//! from some networks, at some hours. What forbids beats whatever permits.

use kernel::{access::Grant as Rule, prelude::*};

use super::{lockout, rehearsal, role};

/// What policies serve beyond the verbs every kind has.
pub fn serve(kind: KindBuilder<Policy>) -> KindBuilder<Policy> {
    kind.admit(sound)
        .leave(lockout::leave_policy)
        .view("cedar", "The policy in Cedar's words, as it is decided with.", cedar)
        .needs("get")
        .action_on_all(
            "dry-run",
            "Who would have lost or gained access in the last days, had a policy, grant or role been different.",
            rehearsal::dry_run,
        )
        .needs("list")
}

/// The subject that means every principal of the organization.
pub const EVERYONE: &str = "everyone";

/// What a policy does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It permits.
    #[default]
    Permit,
    /// It forbids.
    Forbid,
}

/// A rule beside what roles grant.
#[derive(Clone, Debug, Serialize, Deserialize, Kind)]
#[serde(rename_all = "camelCase")]
#[kind(name = "policy", plural = "policies", prefix = "pol", scope = "organization")]
pub struct Policy {
    /// What it is for.
    #[field(max = 2000)]
    pub description: Option<String>,
    /// Whether it permits or forbids.
    #[field(default = "permit")]
    pub effect: Effect,
    /// For whom: `user:ada`, `group:science`, `service:ci`, or `everyone`.
    #[field(min = 1, max = 100, indexed, example = "group:science")]
    pub subjects: Vec<String>,
    /// Permission patterns: `service.kinds.verb`, with `*` for any text.
    #[field(min = 1, max = 500, example = "catalog.models.delete")]
    pub permissions: Vec<String>,
    /// In which project; everywhere in the organization when absent.
    #[field(reference = "admin.projects")]
    pub project: Option<Ref>,
    /// Names of the objects it is about, with `*` for any text; all when empty.
    #[field(max = 100, example = "prod-*")]
    #[serde(default)]
    pub objects: Vec<String>,
    /// Only for requests from these addresses or networks (CIDR, RFC 4632).
    #[field(max = 100, example = "10.0.0.0/8")]
    #[serde(default)]
    pub networks: Vec<String>,
    /// Only for requests from elsewhere than these addresses or networks.
    #[field(max = 100)]
    #[serde(default)]
    pub except_networks: Vec<String>,
    /// Only on these days of the week (UTC), Monday 1 to Sunday 7 (ISO 8601).
    #[field(max = 7)]
    #[serde(default)]
    pub weekdays: Vec<u8>,
    /// Only from this hour of the day on (UTC).
    #[field(max = 23)]
    pub from_hour: Option<u8>,
    /// Only before this hour of the day (UTC).
    #[field(min = 1, max = 24)]
    pub until_hour: Option<u8>,
    /// What else must hold: a Cedar expression over `context` (`ip`, `hour`, `weekday`, `object`, `project`,
    /// `name`, `sort`, `groups`).
    #[field(max = 4000, example = "context.groups.contains(\"oncall\")")]
    pub condition: Option<String>,
    /// Whether it is in force.
    #[field(default = true)]
    pub enabled: bool,
}

impl Policy {
    /// The rule it is.
    pub fn rule(&self, name: &str) -> Rule {
        Rule {
            permissions: self.permissions.clone(),
            project: self.project.as_ref().map(ToString::to_string),
            forbid: self.effect == Effect::Forbid,
            objects: self.objects.clone(),
            condition: self.conditions(),
            ..Rule::of(format!("policy/{name}"), &[])
        }
    }

    /// All that must hold, as one expression.
    fn conditions(&self) -> Option<String> {
        let within = |networks: &[String]| {
            let ranges: Vec<String> =
                networks.iter().map(|net| format!("context.ip.isInRange(ip(\"{net}\"))")).collect();
            format!("(context has ip && ({}))", ranges.join(" || "))
        };
        let mut all = Vec::new();
        if !self.networks.is_empty() {
            all.push(within(&self.networks));
        }
        if !self.except_networks.is_empty() {
            all.push(format!("!{}", within(&self.except_networks)));
        }
        if !self.weekdays.is_empty() {
            let days: Vec<String> =
                self.weekdays.iter().map(|day| format!("context.weekday == {day}")).collect();
            all.push(format!("({})", days.join(" || ")));
        }
        all.extend(self.from_hour.map(|hour| format!("context.hour >= {hour}")));
        all.extend(self.until_hour.map(|hour| format!("context.hour < {hour}")));
        all.extend(self.condition.as_ref().map(|condition| format!("({condition})")));
        if all.is_empty() { None } else { Some(all.join(" && ")) }
    }
}

/// Subjects, patterns, networks and the condition are well formed, and an administrator remains.
async fn sound(cx: Cx, it: Object<Policy>, _: Option<Object<Policy>>) -> Result<Object<Policy>> {
    for (i, subject) in it.spec.subjects.iter().enumerate() {
        if subject != EVERYONE {
            super::grant::subject(subject, &format!("spec.subjects[{i}]"))?;
        }
    }
    role::patterns(&it.spec.permissions)?;
    for (field, networks) in [("networks", &it.spec.networks), ("exceptNetworks", &it.spec.except_networks)] {
        for (i, net) in networks.iter().enumerate() {
            network(net).map_err(|error| error.at(format!("spec.{field}[{i}]")))?;
        }
    }
    if let Some(day) = it.spec.weekdays.iter().find(|day| !(1..=7).contains(*day)) {
        return Err(Error::invalid("out-of-range", format!("there is no day {day} in a week"))
            .at("spec.weekdays")
            .hint("Monday is 1, Sunday is 7"));
    }
    if let Some(condition) = &it.spec.condition {
        cx.platform().policy().check(condition)?;
    }
    lockout::put(&cx, "policies", it.name(), &it.spec).await?;
    Ok(it)
}

/// An address or network that Cedar reads as we do.
fn network(text: &str) -> Result<()> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let longest = match address.parse::<std::net::IpAddr>() {
        Ok(address) if address.is_ipv4() => Some(32),
        Ok(_) => Some(128),
        Err(_) => None,
    };
    match (longest, prefix.parse::<u8>()) {
        (Some(longest), Ok(length)) if length <= longest => Ok(()),
        _ => Err(Error::invalid("bad-network", format!("`{text}` is neither an address nor a network"))
            .hint("write networks as 10.0.0.0/8 or 2001:db8::/32")),
    }
}

/// Text of a policy.
#[derive(Clone, Debug, Serialize, Deserialize, Fields)]
struct Cedar {
    /// One Cedar policy a subject.
    policies: Vec<String>,
}

/// The policy in Cedar's words.
async fn cedar(cx: Cx, it: Object<Policy>, _: Nothing) -> Result<Cedar> {
    let rule = it.spec.rule(it.name());
    let text = |subject: &String| {
        let mut principal = kernel::access::Principal::system("", &cx.org);
        principal.name.clone_from(subject);
        format!("// {subject}\n{}", cx.platform().policy().text(&principal, &rule))
    };
    Ok(Cedar { policies: it.spec.subjects.iter().map(text).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_cedar_takes() {
        for right in ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "::1"] {
            network(right).unwrap();
        }
        for wrong in
            ["", "10.0.0.0/33", "10.0.0/8", "example.org", "::1/129", "1.2.3.4/", "1.2.3.4\")) || true"]
        {
            assert_eq!(network(wrong).unwrap_err().code(), "bad-network", "{wrong}");
        }
    }
}
