//! MLflow's grammar of filters and orders: comparisons joined by `AND`, keys in backticks or quotes, texts in quotes.

use ports::tracking::search;

use crate::fault::{Fault, Result};

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What stands before the first dot: `metrics`, `tag`; `attribute` when nothing does.
    pub entity: String,
    /// What stands behind it.
    pub key: String,
    /// How they are compared.
    pub op: Op,
    /// With what.
    pub value: Operand,
    /// Where it begins, in characters.
    pub at: usize,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    More,
    /// `>=`
    MoreOrEqual,
    /// `LIKE`
    Like,
    /// `ILIKE`
    Ilike,
    /// `RLIKE`
    Rlike,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

/// What is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A text.
    Text(String),
    /// A number; whether it was written whole.
    Number(f64, bool),
    /// Texts.
    Texts(Vec<String>),
    /// Nothing: `IS NULL`.
    Nothing,
}

/// One word of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What stands before the first dot.
    pub entity: String,
    /// What stands behind it.
    pub key: String,
    /// Smallest first.
    pub ascending: bool,
}

impl Op {
    /// What the port calls it, where values are put in an order or are the same.
    pub fn compared(self) -> Option<search::Op> {
        Some(match self {
            Self::Equal => search::Op::Is,
            Self::NotEqual => search::Op::IsNot,
            Self::Less => search::Op::Less,
            Self::LessOrEqual => search::Op::AtMost,
            Self::More => search::Op::More,
            Self::MoreOrEqual => search::Op::AtLeast,
            Self::Like
            | Self::Ilike
            | Self::Rlike
            | Self::In
            | Self::NotIn
            | Self::IsNull
            | Self::IsNotNull => {
                return None;
            }
        })
    }

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::More => ">",
            Self::MoreOrEqual => ">=",
            Self::Like => "LIKE",
            Self::Ilike => "ILIKE",
            Self::Rlike => "RLIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }

    /// Whether it compares texts one by one.
    pub fn is_textual(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual | Self::Like | Self::Ilike)
    }
}

/// The longest filter that is read, in bytes.
const FILTER_MAX: usize = 100_000;
/// The most comparisons of one filter.
const CONDITIONS_MAX: usize = 200;

/// Reads a filter.
pub fn filter(text: &str) -> Result<Vec<Condition>> {
    if text.len() > FILTER_MAX {
        return Err(Fault::invalid(format!("a filter has at most {FILTER_MAX} bytes")));
    }
    let mut reader = Reader { text, at: 0 };
    let mut all = Vec::new();
    reader.space();
    while !reader.is_done() {
        all.push(reader.condition()?);
        if all.len() > CONDITIONS_MAX {
            return Err(Fault::invalid(format!("a filter has at most {CONDITIONS_MAX} comparisons")));
        }
        reader.space();
        if reader.is_done() {
            break;
        }
        if !reader.word("AND") {
            return Err(reader.bad_clause());
        }
        reader.space();
        if reader.is_done() {
            return Err(reader.bad("Expected a comparison behind 'AND'"));
        }
    }
    Ok(all)
}

/// Reads one word of an order: a key, and `ASC` or `DESC` behind it.
pub fn order(text: &str) -> Result<Order> {
    let bad = || Fault::invalid(format!("Invalid order_by clause '{}'. Could not be parsed.", shown(text)));
    let mut reader = Reader { text, at: 0 };
    reader.space();
    let (entity, key) = reader.identifier().map_err(|_| bad())?;
    reader.space();
    let ascending = if reader.is_done() || reader.word("ASC") {
        true
    } else if reader.word("DESC") {
        false
    } else {
        return Err(bad());
    };
    reader.space();
    if reader.is_done() { Ok(Order { entity, key, ascending }) } else { Err(bad()) }
}

fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn is_done(&self) -> bool {
        self.at >= self.text.len()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The position in characters, from 1, as people count.
    fn position(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    fn bad(&self, what: &str) -> Fault {
        Fault::invalid(format!(
            "Invalid comparison clause. {what} at position {} of filter string '{}'",
            self.position(),
            shown(self.text)
        ))
    }

    fn bad_clause(&self) -> Fault {
        Fault::invalid(format!(
            "Invalid clause(s) in filter string: '{}' at position {}",
            shown(self.rest().trim_end()),
            self.position()
        ))
    }

    /// Takes a word, whatever its case, if it stands here by itself.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let Some(head) = rest.get(..word.len()) else { return false };
        let ends =
            rest[word.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.');
        if head.eq_ignore_ascii_case(word) && ends {
            self.at += word.len();
            return true;
        }
        false
    }

    /// What stands between two of the same quotes.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at + quote.len_utf8();
        match self.text[start..].find(quote) {
            Some(length) => {
                self.at = start + length + quote.len_utf8();
                Ok(self.text[start..start + length].to_owned())
            }
            None => Err(self.bad(&format!("The quote {quote} is not closed"))),
        }
    }

    /// A key, with what stands before its first dot.
    fn identifier(&mut self) -> Result<(String, String)> {
        let first = self.part()?;
        if self.peek() != Some('.') {
            return Ok(("attribute".to_owned(), first));
        }
        self.at += 1;
        let mut key = self.part()?;
        while self.peek() == Some('.') {
            self.at += 1;
            key = format!("{key}.{}", self.part()?);
        }
        Ok((first, key))
    }

    fn part(&mut self) -> Result<String> {
        match self.peek() {
            Some(quote @ ('`' | '"')) => self.quoted(quote),
            _ => {
                let rest = self.rest();
                let ends = |c: char| c.is_whitespace() || "=!<>()'\"`,.;".contains(c);
                let end = rest.find(ends).unwrap_or(rest.len());
                if end == 0 {
                    return Err(self.bad("Expected 'Identifier'"));
                }
                self.at += end;
                Ok(rest[..end].to_owned())
            }
        }
    }

    fn condition(&mut self) -> Result<Condition> {
        let at = self.position();
        let start = self.at;
        let clause = |reader: &Self| Reader { text: reader.text, at: start }.bad_clause();
        let (entity, key) = self.identifier().map_err(|_| clause(self))?;
        self.space();
        let Some(op) = self.op() else { return Err(clause(self)) };
        self.space();
        let value = match op {
            Op::IsNull | Op::IsNotNull => Operand::Nothing,
            Op::In | Op::NotIn => Operand::Texts(self.texts()?),
            _ => self.value()?,
        };
        Ok(Condition { entity, key, op, value, at })
    }

    fn op(&mut self) -> Option<Op> {
        let rest = self.rest();
        let signs = [
            ("!=", Op::NotEqual),
            ("<>", Op::NotEqual),
            ("<=", Op::LessOrEqual),
            (">=", Op::MoreOrEqual),
            ("=", Op::Equal),
            ("<", Op::Less),
            (">", Op::More),
        ];
        if let Some((sign, op)) = signs.iter().find(|(sign, _)| rest.starts_with(sign)) {
            self.at += sign.len();
            return Some(*op);
        }
        for (word, op) in [("LIKE", Op::Like), ("ILIKE", Op::Ilike), ("RLIKE", Op::Rlike), ("IN", Op::In)] {
            if self.word(word) {
                return Some(op);
            }
        }
        if self.word("NOT") {
            self.space();
            return self.word("IN").then_some(Op::NotIn);
        }
        if self.word("IS") {
            self.space();
            let not = self.word("NOT");
            self.space();
            return self.word("NULL").then_some(if not { Op::IsNotNull } else { Op::IsNull });
        }
        None
    }

    fn value(&mut self) -> Result<Operand> {
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(Operand::Text),
            Some('(') => self.texts().map(Operand::Texts),
            _ => {
                let rest = self.rest();
                let end = rest.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(rest.len());
                let word = &rest[..end];
                let first = word.trim_start_matches(['-', '+']).chars().next();
                let number = word
                    .parse::<f64>()
                    .ok()
                    .filter(|_| first.is_some_and(|c| c.is_ascii_digit() || c == '.'));
                match number {
                    Some(number) if number.is_finite() => {
                        self.at += end;
                        Ok(Operand::Number(number, !word.contains(['.', 'e', 'E'])))
                    }
                    _ => Err(self.bad(&format!(
                        "Expected a number or a quoted string value (e.g. 'my-value'). Got value {}",
                        shown(word)
                    ))),
                }
            }
        }
    }

    fn texts(&mut self) -> Result<Vec<String>> {
        if self.peek() != Some('(') {
            return Err(self.bad("Expected a list of quoted string values in parentheses"));
        }
        self.at += 1;
        let mut all = Vec::new();
        loop {
            self.space();
            match self.peek() {
                Some(quote @ ('\'' | '"')) => all.push(self.quoted(quote)?),
                _ => {
                    return Err(self.bad(
                        "While parsing a list in the query, expected a non-empty list of string values",
                    ));
                }
            }
            self.space();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(')') => {
                    self.at += 1;
                    return Ok(all);
                }
                _ => return Err(self.bad("Expected ',' or ')'")),
            }
        }
    }
}

/// Whether a text is like a pattern: `%` stands for any characters, `_` for one.
pub fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '%' {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '_' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Condition {
        let mut all = filter(text).unwrap();
        assert_eq!(all.len(), 1, "{text}");
        all.remove(0)
    }

    #[test]
    fn keys_are_bare_quoted_or_in_backticks() {
        let condition = one("metrics.`val acc` >= -0.5e-1");
        assert_eq!((condition.entity.as_str(), condition.key.as_str()), ("metrics", "val acc"));
        assert_eq!((condition.op, condition.value), (Op::MoreOrEqual, Operand::Number(-0.05, false)));
        assert_eq!(one("tags.mlflow.parentRunId='x'").key, "mlflow.parentRunId");
        assert_eq!(one("params.\"a b\" like '%x'").key, "a b");
        assert_eq!(one("run_id in ('a', \"b\")").value, Operand::Texts(vec!["a".into(), "b".into()]));
        assert_eq!(one("tags.x IS NOT NULL").op, Op::IsNotNull);
        assert_eq!(one("start_time > 5").value, Operand::Number(5.0, true));
        assert_eq!(filter("a = 'AND' and b NOT IN ('x')").unwrap().len(), 2);
        assert!(filter("  ").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, position) in [
            ("metrics.a > 1 OR metrics.b > 2", 15),
            ("metrics.a", 1),
            ("metrics.a > ", 13),
            ("metrics.a > x", 13),
            ("tags.a = 'x", 10),
            ("run_id IN ()", 12),
            ("a = 1 AND ", 11),
        ] {
            let message = filter(text).unwrap_err().message;
            assert!(message.contains(&format!("position {position}")), "{text}: {message}");
        }
    }

    #[test]
    fn orders_have_a_direction() {
        let by = order("metrics.`a b` desc").unwrap();
        assert_eq!((by.key.as_str(), by.ascending), ("a b", false));
        assert!(order("start_time").unwrap().ascending);
        assert!(order("a b c").is_err() && order("").is_err());
    }

    #[test]
    fn patterns_stand_for_characters() {
        assert!(
            like("abc", "a%")
                && like("abc", "%c")
                && like("abc", "a_c")
                && like("", "%")
                && like("a%c", "a%c")
        );
        assert!(!like("abc", "b%") && !like("abc", "a_") && !like("ABC", "abc"));
    }

    proptest! {
        #[test]
        fn no_filter_makes_it_fall(text in ".{0,60}") {
            let _ = (filter(&text), order(&text), like(&text, "%a_%"));
        }

        #[test]
        fn something_like_a_filter_does_not_either(text in "[a-z.`'\"()<>=! ,0-9]{0,60}") {
            let _ = (filter(&text), order(&text));
        }
    }
}
