//! Cuts a filter into words, texts, comparators and parentheses.

use base::Result;

use crate::bad;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A bare word: a field's path, a number, `true`, a plain text.
    Word(String),
    /// A quoted text.
    Text(String),
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`, `:`
    Comparator(&'static str),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `NOT` or a leading `-`
    Not,
}

/// A token and where it starts, in characters.
pub type Placed = (usize, Token);

const COMPARATORS: [&str; 7] = ["!=", "<=", ">=", "=", "<", ">", ":"];

/// All tokens of a filter.
pub fn tokens(text: &str) -> Result<Vec<Placed>> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let token = if c == '(' {
            at += 1;
            Token::Open
        } else if c == ')' {
            at += 1;
            Token::Close
        } else if c == '"' || c == '\'' {
            let (text, end) = quoted(&chars, at)?;
            at = end;
            Token::Text(text)
        } else if let Some(comparator) = comparator(&chars[at..]) {
            at += comparator.len();
            Token::Comparator(comparator)
        } else if c == '-' && chars.get(at + 1).is_some_and(|next| next.is_alphabetic() || *next == '(') {
            at += 1;
            Token::Not
        } else if is_word(c) {
            while chars.get(at).copied().is_some_and(is_word) {
                at += 1;
            }
            word(chars[start..at].iter().collect())
        } else {
            return Err(bad(at, &format!("`{c}` is not expected; put texts into quotes")));
        };
        tokens.push((start, token));
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_-.*/+".contains(c)
}

fn word(text: String) -> Token {
    match text.as_str() {
        "AND" => Token::And,
        "OR" => Token::Or,
        "NOT" => Token::Not,
        _ => Token::Word(text),
    }
}

fn comparator(chars: &[char]) -> Option<&'static str> {
    COMPARATORS
        .into_iter()
        .find(|candidate| candidate.chars().eq(chars.iter().copied().take(candidate.len())))
}

/// The text in quotes that starts at `start`, and where it ends.
fn quoted(chars: &[char], start: usize) -> Result<(String, usize)> {
    let quote = chars[start];
    let mut text = String::new();
    let mut at = start + 1;
    while let Some(&c) = chars.get(at) {
        if c == quote {
            return Ok((text, at + 1));
        }
        if c == '\\' {
            at += 1;
            match chars.get(at) {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(&other) => text.push(other),
                None => break,
            }
        } else {
            text.push(c);
        }
        at += 1;
    }
    Err(bad(start, "the quote is never closed"))
}
