//! What the spans of a trace used and cost together: a span that counts for its parts is not counted with them.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

/// What of a span counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The span.
    pub id: String,
    /// The span it is part of.
    pub parent: Option<String>,
    /// The tokens it used.
    pub usage: BTreeMap<String, f64>,
    /// What it cost.
    pub cost: BTreeMap<String, f64>,
}

/// Which of the two is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Tokens: whole numbers.
    Usage,
    /// Cost.
    Cost,
}

/// Names that always count, and names that are told where there are some.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    always: &'static [&'static str],
    also: &'static [&'static str],
}

/// Tokens.
pub const COUNTED: Names = Names {
    always: &["input_tokens", "output_tokens", "total_tokens"],
    also: &[
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation_input_tokens_above_1hr",
    ],
};

/// Cost in US dollars.
pub const PAID: Names = Names { always: &["input_cost", "output_cost", "total_cost"], also: &[] };

/// The sum as a JSON object; nothing when no span counts anything.
pub fn total(nodes: &[Node], names: Names, of: Of) -> Option<String> {
    let counts = |node: &Node| match of {
        Of::Usage => node.usage.clone(),
        Of::Cost => node.cost.clone(),
    };
    let known: HashMap<&str, &Node> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut sums: BTreeMap<&str, f64> = names.always.iter().map(|name| (*name, 0.0)).collect();
    let mut any = false;
    for node in nodes {
        let told = counts(node);
        if told.is_empty() || has_counting_ancestor(node, &known, &|it| !counts(it).is_empty()) {
            continue;
        }
        any = true;
        for name in names.always.iter().chain(names.also) {
            if let Some(count) = told.get(*name) {
                *sums.entry(name).or_default() += count;
            }
        }
    }
    let number = |value: f64| match of {
        Of::Usage => (value as i64).to_string(),
        Of::Cost => Value::from(value).to_string(),
    };
    let order = names.always.iter().chain(names.also);
    // As MLflow's clients write it: they compare the text.
    let fields: Vec<String> =
        order.filter_map(|name| Some(format!("\"{name}\": {}", number(*sums.get(name)?)))).collect();
    any.then(|| format!("{{{}}}", fields.join(", ")))
}

fn has_counting_ancestor(node: &Node, known: &HashMap<&str, &Node>, counts: &dyn Fn(&Node) -> bool) -> bool {
    // A client may tell spans that are part of each other in a circle.
    let mut seen = HashSet::from([node.id.as_str()]);
    let mut above = node.parent.as_deref();
    while let Some(id) = above {
        let Some(parent) = known.get(id).filter(|_| seen.insert(id)) else { return false };
        if counts(parent) {
            return true;
        }
        above = parent.parent.as_deref();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, parent: Option<&str>, tokens: Option<f64>) -> Node {
        let usage = tokens.map(|tokens| ("total_tokens".to_owned(), tokens)).into_iter().collect();
        Node { id: id.to_owned(), parent: parent.map(str::to_owned), usage, cost: BTreeMap::new() }
    }

    #[test]
    fn a_sum_on_top_is_not_counted_with_its_parts() {
        let nodes = [
            node("root", None, None),
            node("sum", Some("root"), Some(5.0)),
            node("part", Some("sum"), Some(2.0)),
            node("deep", Some("part"), Some(1.0)),
            node("other", Some("root"), Some(3.0)),
        ];
        let sum = total(&nodes, COUNTED, Of::Usage);
        assert_eq!(sum.as_deref(), Some(r#"{"input_tokens": 0, "output_tokens": 0, "total_tokens": 8}"#));
        assert_eq!(total(&nodes, PAID, Of::Cost), None);
    }

    #[test]
    fn a_circle_ends() {
        let nodes = [node("a", Some("b"), None), node("b", Some("a"), None), node("c", Some("a"), Some(1.0))];
        assert!(total(&nodes, COUNTED, Of::Usage).is_some());
    }
}
