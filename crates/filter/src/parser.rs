//! Builds the tree of a filter from its tokens.

use base::Result;

use crate::{
    DEPTH_MAX, bad,
    lexer::{Placed, Token},
};

/// The value on the right of a comparator.
#[derive(Clone, Debug, PartialEq)]
pub struct Literal {
    /// Its text.
    pub text: String,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// A filter before its names and types are known.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// Every part.
    All(Vec<Self>),
    /// Some part.
    Any(Vec<Self>),
    /// Not so.
    Not(Box<Self>),
    /// A bare text: the name contains it.
    Bare(Literal),
    /// A field, a comparator, a value.
    Compare {
        /// Where it starts.
        position: usize,
        /// The field's path.
        path: String,
        /// `=`, `!=`, …
        comparator: &'static str,
        /// The value.
        value: Literal,
    },
}

struct Parser<'a> {
    tokens: &'a [Placed],
    at: usize,
}

/// The tree of a filter, or nothing for an empty one.
pub fn tree(tokens: &[Placed]) -> Result<Option<Tree>> {
    if tokens.is_empty() {
        return Ok(None);
    }
    let mut parser = Parser { tokens, at: 0 };
    let tree = parser.expression(0)?;
    match parser.peek() {
        None => Ok(Some(tree)),
        Some((position, _)) => Err(bad(*position, "this is not expected here")),
    }
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, token: &Token) -> bool {
        let found = self.peek().is_some_and(|(_, next)| next == token);
        self.at += usize::from(found);
        found
    }

    fn end(&self) -> usize {
        self.tokens.last().map_or(0, |(position, _)| position + 1)
    }

    /// Factors joined by `AND` or by a blank.
    fn expression(&mut self, depth: usize) -> Result<Tree> {
        let mut parts = vec![self.factor(depth)?];
        loop {
            let explicit = self.takes(&Token::And);
            match self.peek() {
                None | Some((_, Token::Close)) if !explicit => break,
                _ => parts.push(self.factor(depth)?),
            }
        }
        Ok(one_or(parts, Tree::All))
    }

    /// Terms joined by `OR`.
    fn factor(&mut self, depth: usize) -> Result<Tree> {
        let mut parts = vec![self.term(depth)?];
        while self.takes(&Token::Or) {
            parts.push(self.term(depth)?);
        }
        Ok(one_or(parts, Tree::Any))
    }

    fn term(&mut self, depth: usize) -> Result<Tree> {
        let mut negated = false;
        while self.takes(&Token::Not) {
            negated = !negated;
        }
        let tree = self.simple(depth)?;
        Ok(if negated { Tree::Not(Box::new(tree)) } else { tree })
    }

    fn simple(&mut self, depth: usize) -> Result<Tree> {
        let Some((position, token)) = self.peek().cloned() else {
            return Err(bad(self.end(), "something is missing"));
        };
        self.at += 1;
        match token {
            Token::Open if depth >= DEPTH_MAX => Err(bad(position, "the parentheses nest too deep")),
            Token::Open => {
                let tree = self.expression(depth + 1)?;
                if self.takes(&Token::Close) {
                    return Ok(tree);
                }
                Err(bad(position, "the parenthesis is never closed"))
            }
            Token::Word(path) => match self.peek().cloned() {
                Some((_, Token::Comparator(comparator))) => {
                    self.at += 1;
                    let value = self.literal()?;
                    Ok(Tree::Compare { position, path, comparator, value })
                }
                _ => Ok(Tree::Bare(Literal { text: path, quoted: false })),
            },
            Token::Text(text) => Ok(Tree::Bare(Literal { text, quoted: true })),
            Token::Close | Token::Comparator(_) | Token::And | Token::Or | Token::Not => {
                Err(bad(position, "a field or a text is expected here"))
            }
        }
    }

    fn literal(&mut self) -> Result<Literal> {
        let position = self.peek().map_or(self.end(), |(position, _)| *position);
        let literal = match self.peek().cloned() {
            Some((_, Token::Word(text))) => Literal { text, quoted: false },
            Some((_, Token::Text(text))) => Literal { text, quoted: true },
            _ => return Err(bad(position, "a value is expected behind the comparator")),
        };
        self.at += 1;
        Ok(literal)
    }
}

fn one_or(mut parts: Vec<Tree>, join: fn(Vec<Tree>) -> Tree) -> Tree {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
