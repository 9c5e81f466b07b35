//! Holds what was found against conditions, puts it in order and cuts it into pages: for what there are thousands of.

use std::cmp::Ordering;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    ask::whole,
    fault::{Fault, Result},
    grammar::{Condition, Op, Operand, Order, like},
};

/// A value to compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// Nothing.
    Nothing,
}

impl Cell {
    /// A text that may be missing.
    pub fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.to_owned()))
    }
}

/// Whether a condition holds for a value.
pub fn holds(condition: &Condition, cell: &Cell) -> bool {
    match (condition.op, cell, &condition.value) {
        (Op::IsNull, cell, _) => *cell == Cell::Nothing,
        (Op::IsNotNull, cell, _) => *cell != Cell::Nothing,
        (op, Cell::Text(text), Operand::Text(wanted)) => match op {
            Op::Equal => text == wanted,
            Op::NotEqual => text != wanted,
            Op::Less => text < wanted,
            Op::LessOrEqual => text <= wanted,
            Op::More => text > wanted,
            Op::MoreOrEqual => text >= wanted,
            Op::Like => like(text, wanted),
            Op::Ilike => like(&text.to_lowercase(), &wanted.to_lowercase()),
            Op::Rlike | Op::In | Op::NotIn | Op::IsNull | Op::IsNotNull => false,
        },
        (Op::In, Cell::Text(text), Operand::Texts(wanted)) => wanted.contains(text),
        (Op::NotIn, Cell::Text(text), Operand::Texts(wanted)) => !wanted.contains(text),
        (op, Cell::Number(number), Operand::Number(wanted, _)) => match op {
            Op::Equal => number == wanted,
            Op::NotEqual => number != wanted,
            Op::Less => number < wanted,
            Op::LessOrEqual => number <= wanted,
            Op::More => number > wanted,
            Op::MoreOrEqual => number >= wanted,
            _ => false,
        },
        _ => false,
    }
}

/// Which keys a search knows.
pub struct Known {
    /// Attributes that are texts.
    pub texts: &'static [&'static str],
    /// Attributes that are numbers.
    pub numbers: &'static [&'static str],
    /// Attributes of which a list may be given.
    pub lists: &'static [&'static str],
    /// Attributes to order by.
    pub orders: &'static [&'static str],
    /// Whether it can be asked if there is a tag at all.
    pub nulls: bool,
    /// Whether one attribute may be ordered by only once.
    pub once: bool,
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// An attribute.
    Attribute,
    /// A tag.
    Tag,
}

impl Known {
    /// Refuses a condition that this search does not know; says what it is about.
    pub fn about(&self, condition: &Condition) -> Result<About> {
        let at = condition.at;
        match condition.entity.as_str() {
            "attribute" | "attributes" | "attr" => {}
            "tag" | "tags" => {
                let fits = match condition.value {
                    Operand::Text(_) => condition.op.is_textual(),
                    Operand::Nothing => self.nulls,
                    Operand::Number(..) | Operand::Texts(_) => false,
                };
                if !fits {
                    return Err(Fault::invalid(format!(
                        "Invalid comparator for tag, or no quoted string value (e.g. 'my-value'): '{}' at position {at}",
                        condition.op.word()
                    )));
                }
                return Ok(About::Tag);
            }
            other => {
                return Err(Fault::invalid(format!(
                    "Invalid entity type '{other}'. Valid entity types are ('attribute', 'tag', 'tags') at position {at}"
                )));
            }
        }
        let key = condition.key.as_str();
        if self.numbers.contains(&key) {
            if !matches!(condition.value, Operand::Number(..)) {
                return Err(Fault::invalid(format!(
                    "Expected numeric value type for numeric attribute: {key} at position {at}"
                )));
            }
            return Ok(About::Attribute);
        }
        if !self.texts.contains(&key) {
            let mut valid: Vec<&str> = self.texts.iter().chain(self.numbers).copied().collect();
            valid.sort_unstable();
            return Err(Fault::invalid(format!(
                "Invalid attribute key '{key}' specified. Valid keys are {valid:?} at position {at}"
            )));
        }
        self.text_fits(condition).map(|()| About::Attribute)
    }

    fn text_fits(&self, condition: &Condition) -> Result<()> {
        let (key, at) = (condition.key.as_str(), condition.at);
        match (&condition.value, condition.op) {
            (Operand::Text(_), op) if op.is_textual() => Ok(()),
            (Operand::Texts(_), Op::In | Op::NotIn) if self.lists.contains(&key) => Ok(()),
            (Operand::Texts(_), _) => Err(Fault::invalid(format!(
                "Only {:?} attributes support comparison with a list of quoted string values at position {at}",
                self.lists
            ))),
            (Operand::Text(_), op) => Err(Fault::invalid(format!(
                "Invalid comparator for attribute: {} at position {at}",
                op.word()
            ))),
            _ => {
                Err(Fault::invalid(format!("Expected a quoted string value for attributes at position {at}")))
            }
        }
    }

    /// Reads what to order by.
    pub fn orders(&self, texts: &[String]) -> Result<Vec<Order>> {
        let mut all: Vec<Order> = Vec::new();
        for text in texts {
            let order = crate::grammar::order(text)?;
            let is_attribute = matches!(order.entity.as_str(), "attribute" | "attributes");
            if !is_attribute || !self.orders.contains(&order.key.as_str()) {
                return Err(Fault::invalid(format!(
                    "Invalid order by key '{}' specified. Valid keys are {:?}",
                    order.key, self.orders
                )));
            }
            if self.once && all.iter().any(|other| other.key == order.key) {
                return Err(Fault::invalid(format!("`order_by` contains duplicate fields: {texts:?}")));
            }
            all.push(order);
        }
        Ok(all)
    }
}

/// The text that a name must be equal to, if a filter says so.
pub fn title(conditions: &[Condition]) -> Option<&str> {
    wanted(conditions, "name")
}

/// The text that an attribute must be equal to, if a filter says so.
pub fn wanted<'a>(conditions: &'a [Condition], key: &str) -> Option<&'a str> {
    conditions.iter().find_map(|condition| match (&condition.value, condition.op) {
        (Operand::Text(text), Op::Equal) if condition.key == key && condition.entity.starts_with("attr") => {
            Some(text.as_str())
        }
        _ => None,
    })
}

/// Which of two values comes first; what has no value comes last.
pub fn compare(a: &Cell, b: &Cell, ascending: bool) -> Ordering {
    let ordering = match (a, b) {
        (Cell::Nothing, Cell::Nothing) => return Ordering::Equal,
        (Cell::Nothing, _) => return Ordering::Greater,
        (_, Cell::Nothing) => return Ordering::Less,
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Number(a), Cell::Number(b)) => match (a.is_nan(), b.is_nan()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => a.total_cmp(b),
        },
        (Cell::Text(_), Cell::Number(_)) => Ordering::Greater,
        (Cell::Number(_), Cell::Text(_)) => Ordering::Less,
    };
    if ascending { ordering } else { ordering.reverse() }
}

/// Where a page begins, from its token.
pub fn offset(token: &str) -> Result<usize> {
    if token.is_empty() {
        return Ok(0);
    }
    let bytes = BASE64_STANDARD
        .decode(token)
        .map_err(|_| Fault::invalid("Invalid page token, could not base64-decode"))?;
    let parsed: Option<Value> = serde_json::from_slice(&bytes).ok();
    let offset = parsed.as_ref().and_then(|it| whole(it.get("offset")?));
    offset
        .and_then(|offset| usize::try_from(offset).ok())
        .ok_or_else(|| Fault::invalid("Invalid page token, it names no offset"))
}

/// The token of the page that begins there.
pub fn token(offset: usize) -> String {
    BASE64_STANDARD.encode(format!("{{\"offset\": {offset}}}"))
}

/// One page of what was found, and the token of the next.
pub fn page<T>(found: Vec<T>, from: usize, most: usize) -> (Vec<T>, Option<String>) {
    let next = (found.len() > from.saturating_add(most)).then(|| token(from + most));
    (found.into_iter().skip(from).take(most).collect(), next)
}

/// A page as MLflow shows it: a list without anything in it is not shown.
pub fn shown_page(field: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = serde_json::Map::new();
    if !items.is_empty() {
        answer.insert(field.to_owned(), items.into());
    }
    if let Some(next) = next {
        answer.insert("next_page_token".to_owned(), next.into());
    }
    answer.into()
}
