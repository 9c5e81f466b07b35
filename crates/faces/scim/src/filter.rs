//! Filters (RFC 7644 section 3.4.2.2): a tree, and whether a resource fits it.

use base::{Error, Result};
use serde_json::Value;

use crate::path::{LENGTH_MAX, bare, get};

/// How deep parentheses and brackets may nest.
const DEPTH_MAX: usize = 32;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Both.
    And(Box<Self>, Box<Self>),
    /// One or both.
    Or(Box<Self>, Box<Self>),
    /// Not.
    Not(Box<Self>),
    /// The attribute has a value.
    Present(Vec<String>),
    /// The attribute compares so with a value.
    Compare(Vec<String>, Operator, Value),
    /// One of the attribute's values fits.
    Some(String, Box<Self>),
}

/// How an attribute is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// It is.
    Equal,
    /// It is not.
    NotEqual,
    /// It has it inside.
    Contains,
    /// It begins so.
    StartsWith,
    /// It ends so.
    EndsWith,
    /// It is greater.
    Greater,
    /// It is greater or the same.
    GreaterOrEqual,
    /// It is less.
    Less,
    /// It is less or the same.
    LessOrEqual,
}

fn wrong(position: usize, what: &str) -> Error {
    Error::bad_request("bad-scim-filter", format!("{what}, at position {}", position + 1))
        .at("filter")
        .hint("for example: userName eq \"ada\" and emails[value ew \"@example.org\"]")
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    OpenWhich,
    CloseWhich,
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenWhich,
            ']' => Token::CloseWhich,
            '"' => {
                let mut end = None;
                let mut escaped = false;
                for (i, c) in chars.by_ref() {
                    match c {
                        '\\' if !escaped => escaped = true,
                        '"' if !escaped => {
                            end = Some(i);
                            break;
                        }
                        _ => escaped = false,
                    }
                }
                let end = end.ok_or_else(|| wrong(at, "a text does not end"))?;
                let text: String = serde_json::from_str(&text[at..=end])
                    .map_err(|_| wrong(at, "this is no text as JSON writes it"))?;
                Token::Text(text)
            }
            _ => {
                let mut end = at + c.len_utf8();
                while let Some((i, c)) = chars.next_if(|(_, c)| !c.is_whitespace() && !"()[]\"".contains(*c))
                {
                    end = i + c.len_utf8();
                }
                Token::Word(text[at..end].to_owned())
            }
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

/// Reads a filter.
///
/// # Errors
/// `bad-scim-filter`.
pub fn parse(text: &str) -> Result<Filter> {
    if text.len() > LENGTH_MAX {
        return Err(wrong(LENGTH_MAX, "the filter is too long"));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len() };
    let filter = parser.any(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(filter),
        Some((at, _)) => Err(wrong(*at, "`and`, `or` or the end is missing")),
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    end: usize,
}

impl Parser<'_> {
    fn position(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(at, _)| *at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).map(|(_, token)| token.clone());
        self.at += 1;
        token
    }

    fn takes(&mut self, word: &str) -> bool {
        let is =
            matches!(self.tokens.get(self.at), Some((_, Token::Word(it))) if it.eq_ignore_ascii_case(word));
        self.at += usize::from(is);
        is
    }

    fn any(&mut self, depth: usize) -> Result<Filter> {
        let mut filter = self.all(depth)?;
        while self.takes("or") {
            filter = Filter::Or(Box::new(filter), Box::new(self.all(depth)?));
        }
        Ok(filter)
    }

    fn all(&mut self, depth: usize) -> Result<Filter> {
        let mut filter = self.one(depth)?;
        while self.takes("and") {
            filter = Filter::And(Box::new(filter), Box::new(self.one(depth)?));
        }
        Ok(filter)
    }

    fn one(&mut self, depth: usize) -> Result<Filter> {
        if depth > DEPTH_MAX {
            return Err(wrong(self.position(), "the filter nests too deep"));
        }
        if self.takes("not") {
            return Ok(Filter::Not(Box::new(self.grouped(depth)?)));
        }
        if matches!(self.tokens.get(self.at), Some((_, Token::Open))) {
            return self.grouped(depth);
        }
        let position = self.position();
        let Some(Token::Word(name)) = self.next() else {
            return Err(wrong(position, "an attribute is missing"));
        };
        let path: Vec<String> = bare(&name).split('.').map(str::to_owned).collect();
        if path.len() > 2 || path.iter().any(String::is_empty) {
            return Err(wrong(position, "this is no attribute"));
        }
        if matches!(self.tokens.get(self.at), Some((_, Token::OpenWhich))) {
            self.at += 1;
            let inside = self.any(depth + 1)?;
            let end = self.position();
            if self.next() != Some(Token::CloseWhich) {
                return Err(wrong(end, "`]` is missing"));
            }
            return Ok(Filter::Some(path.join("."), Box::new(inside)));
        }
        if self.takes("pr") {
            return Ok(Filter::Present(path));
        }
        let operator = self.operator()?;
        let position = self.position();
        let value = match self.next() {
            Some(Token::Text(text)) => Value::String(text),
            Some(Token::Word(word)) => serde_json::from_str(&word)
                .ok()
                .filter(|value: &Value| !value.is_object() && !value.is_array())
                .ok_or_else(|| wrong(position, "a text stands in quotes"))?,
            _ => return Err(wrong(position, "a value is missing")),
        };
        Ok(Filter::Compare(path, operator, value))
    }

    fn grouped(&mut self, depth: usize) -> Result<Filter> {
        let position = self.position();
        if self.next() != Some(Token::Open) {
            return Err(wrong(position, "`(` is missing"));
        }
        let filter = self.any(depth + 1)?;
        let position = self.position();
        if self.next() != Some(Token::Close) {
            return Err(wrong(position, "`)` is missing"));
        }
        Ok(filter)
    }

    fn operator(&mut self) -> Result<Operator> {
        let position = self.position();
        let Some(Token::Word(word)) = self.next() else {
            return Err(wrong(position, "an operator is missing"));
        };
        Ok(match word.to_ascii_lowercase().as_str() {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return Err(wrong(position, "an operator is eq, ne, co, sw, ew, pr, gt, ge, lt or le")),
        })
    }
}

impl Filter {
    /// Whether a resource, or a value of an attribute with several, fits.
    pub fn fits(&self, it: &Value) -> bool {
        match self {
            Self::And(a, b) => a.fits(it) && b.fits(it),
            Self::Or(a, b) => a.fits(it) || b.fits(it),
            Self::Not(a) => !a.fits(it),
            Self::Present(path) => values(it, path).iter().any(|value| is_there(value)),
            Self::Compare(path, Operator::NotEqual, wanted) => {
                !values(it, path).iter().any(|value| compare(path, value, Operator::Equal, wanted))
            }
            Self::Compare(path, operator, wanted) => {
                let found = values(it, path);
                let nothing = found.is_empty() && *operator == Operator::Equal && wanted.is_null();
                nothing || found.iter().any(|value| compare(path, value, *operator, wanted))
            }
            Self::Some(name, inside) => {
                values(it, std::slice::from_ref(name)).iter().any(|it| inside.fits(it))
            }
        }
    }

    /// The text one attribute must be equal to, if that is all the filter asks.
    pub fn only_equals(&self, name: &str) -> Option<&str> {
        match self {
            Self::Compare(path, Operator::Equal, Value::String(text)) => {
                path.join(".").eq_ignore_ascii_case(name).then_some(text)
            }
            _ => None,
        }
    }
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The values at a path, those of lists one by one.
fn values<'a>(it: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let mut found = vec![it];
    for name in path {
        let mut next = Vec::new();
        for value in found.into_iter().filter_map(|value| get(value, name)) {
            match value {
                Value::Array(items) => next.extend(items),
                value => next.push(value),
            }
        }
        found = next;
    }
    found
}

/// Names of attributes whose texts differ by case (RFC 7643 section 7).
const EXACT: [&str; 3] = ["id", "externalid", "value"];

fn compare(path: &[String], value: &Value, operator: Operator, wanted: &Value) -> bool {
    // A comparison with an attribute of several parts means its `value`.
    if let Some(inner) = value.as_object().and_then(|_| get(value, "value")) {
        return compare(path, inner, operator, wanted);
    }
    let ordered = |order: std::cmp::Ordering| match operator {
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Equal => order.is_eq(),
        Operator::NotEqual | Operator::Contains | Operator::StartsWith | Operator::EndsWith => false,
    };
    match (value, wanted) {
        (Value::String(a), Value::String(b)) => {
            let last = path.last().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
            let is_exact = EXACT.contains(&last.as_str()) && path.len() == 1;
            let fold = |text: &str| if is_exact { text.to_owned() } else { text.to_lowercase() };
            let (a, b) = (fold(a), fold(b));
            match operator {
                Operator::Contains => a.contains(&b),
                Operator::StartsWith => a.starts_with(&b),
                Operator::EndsWith => a.ends_with(&b),
                _ => ordered(a.cmp(&b)),
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().zip(b.as_f64()).and_then(|(a, b)| a.partial_cmp(&b)).is_some_and(ordered)
        }
        (a, b) => operator == Operator::Equal && a == b,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn ada() -> Value {
        json!({
            "id": "usr_01", "userName": "Ada", "active": true,
            "name": {"familyName": "Lovelace"},
            "emails": [{"value": "ada@example.org", "primary": true}, {"value": "countess@example.com"}],
            "meta": {"created": "2026-01-01T00:00:00.000000Z"},
        })
    }

    #[test]
    fn filters_mean_what_the_rfc_says() {
        for (text, is) in [
            ("userName eq \"ada\"", true),
            ("USERNAME Eq \"ADA\"", true),
            ("userName ne \"ada\"", false),
            ("id eq \"USR_01\"", false),
            ("name.familyName sw \"love\"", true),
            ("name.familyName co \"VEL\" and active eq true", true),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName ew \"da\"", true),
            ("emails[value ew \"example.org\" and primary eq true]", true),
            ("emails[value ew \"example.com\" and primary eq true]", false),
            ("emails.value eq \"countess@example.com\"", true),
            ("emails eq \"ada@example.org\"", true),
            ("title pr", false),
            ("title pr or emails pr", true),
            ("not (title pr)", true),
            ("title eq null", true),
            ("active eq false or (userName eq \"x\" and active eq true)", false),
            ("meta.created gt \"2025-12-31T00:00:00Z\"", true),
        ] {
            assert_eq!(parse(text).unwrap().fits(&ada()), is, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_its_place() {
        for (text, position) in [
            ("", 1),
            ("userName", 9),
            ("userName is \"x\"", 10),
            ("userName eq x", 13),
            ("userName eq \"x", 13),
            ("userName eq \"x\" userName", 17),
            ("(userName pr", 13),
            ("emails[value pr", 16),
            ("a.b.c pr", 1),
            ("not userName pr", 5),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.code(), "bad-scim-filter");
            let told = error.message().to_owned();
            assert!(told.ends_with(&format!("position {position}")), "{text}: {told}");
        }
        let deep = format!("{}a pr{}", "(".repeat(1_000), ")".repeat(1_000));
        assert!(parse(&deep).unwrap_err().message().contains("too deep"));
        let nested = format!("{}a pr{}", "not (".repeat(500), ")".repeat(500));
        assert!(parse(&nested).is_err());
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,200}") {
            if let Ok(filter) = parse(&text) {
                filter.fits(&ada());
            }
        }
    }
}
