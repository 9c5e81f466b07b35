//! One value of every run of an experiment, in the order of their places.

use std::collections::HashMap;

use ports::tracking::{Op, Test};

use crate::block::rank;

/// What stands where a run has no such number; it sorts last, and no number has this rank.
pub const MISSING: u64 = u64::MAX;
/// The rank of `NaN`.
const NAN: u64 = u64::MAX - 1;
/// What parts the texts of a run that has several; none contains it.
pub const APART: char = '\u{0}';

/// A column.
#[derive(Debug)]
pub enum Column {
    /// Numbers by their rank.
    Numbers(Vec<u64>),
    /// Texts.
    Texts(Texts),
}

/// Texts by numbers, from 1; 0 is none.
#[derive(Debug, Default)]
pub struct Texts {
    codes: Vec<u32>,
    known: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    heap: usize,
}

impl Texts {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.numbers.get(text) {
            return *code;
        }
        self.known.push(text.into());
        let code = self.known.len() as u32;
        self.numbers.insert(text.into(), code);
        self.heap += 2 * text.len() + 48;
        code
    }

    /// The text at a place.
    pub fn at(&self, place: usize) -> Option<&str> {
        match self.codes.get(place) {
            None | Some(0) => None,
            Some(code) => Some(&self.known[*code as usize - 1]),
        }
    }

    /// The place of each text among all of them, by its number; what is missing comes last.
    pub fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.known.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.known[*a as usize].cmp(&self.known[*b as usize]));
        let mut ranks = vec![u32::MAX; self.known.len() + 1];
        for (rank, at) in order.into_iter().enumerate() {
            ranks[at as usize + 1] = rank as u32;
        }
        ranks
    }

    /// The number of the text at a place.
    pub fn code_at(&self, place: usize) -> usize {
        self.codes.get(place).map_or(0, |code| *code as usize)
    }
}

impl Column {
    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Numbers(ranks) => ranks.capacity() * 8,
            Self::Texts(texts) => texts.codes.capacity() * 4 + texts.heap,
        }
    }

    /// Says that a place has none.
    pub fn clear(&mut self, place: usize) {
        match self {
            Self::Numbers(ranks) => *slot(ranks, place, MISSING) = MISSING,
            Self::Texts(texts) => *slot(&mut texts.codes, place, 0) = 0,
        }
    }

    /// Sets a number.
    pub fn number(&mut self, place: usize, value: f64) {
        if let Self::Numbers(ranks) = self {
            *slot(ranks, place, MISSING) = rank(value);
        }
    }

    /// Sets a text.
    pub fn text(&mut self, place: usize, text: &str) {
        if let Self::Texts(texts) = self {
            let code = texts.code(text);
            *slot(&mut texts.codes, place, 0) = code;
        }
    }

    /// Adds a text to those a place has.
    pub fn add(&mut self, place: usize, text: &str) {
        if let Self::Texts(texts) = self {
            let joined = match texts.at(place) {
                Some(before) => format!("{before}{APART}{text}"),
                None => text.to_owned(),
            };
            self.text(place, &joined);
        }
    }

    /// Leaves of some places those whose value passes.
    pub fn retain(&self, places: &mut Vec<u32>, test: &Test) {
        match self {
            Self::Numbers(ranks) => {
                let rank_at = |place: u32| ranks.get(place as usize).copied().unwrap_or(MISSING);
                match number_test(test) {
                    Some((op, bound)) => places.retain(|place| holds(op, rank_at(*place), bound)),
                    None => {
                        let wanted = *test == Test::Present;
                        places.retain(|place| (rank_at(*place) != MISSING) == wanted);
                    }
                }
            }
            Self::Texts(texts) => {
                let mut passes = vec![*test == Test::Missing];
                passes.extend(texts.known.iter().map(|text| text.split(APART).any(|it| text_fits(test, it))));
                places.retain(|place| passes[texts.code_at(*place as usize)]);
            }
        }
    }
}

fn slot<T: Copy>(values: &mut Vec<T>, place: usize, none: T) -> &mut T {
    if values.len() <= place {
        values.resize(place + 1, none);
    }
    &mut values[place]
}

fn number_test(test: &Test) -> Option<(Op, u64)> {
    match test {
        Test::Number(op, value) => Some((*op, rank(*value))),
        Test::Missing | Test::Present => None,
        // A text that is held against a number fits nothing: less than every number.
        Test::Text(..)
        | Test::Like(_)
        | Test::LikeAnyCase(_)
        | Test::Matches(_)
        | Test::In(_)
        | Test::NotIn(_) => Some((Op::Less, 0)),
    }
}

fn holds(op: Op, rank: u64, bound: u64) -> bool {
    if rank == NAN || bound == NAN {
        return op == Op::IsNot && rank != MISSING;
    }
    rank != MISSING
        && match op {
            Op::Is => rank == bound,
            Op::IsNot => rank != bound,
            Op::Less => rank < bound,
            Op::AtMost => rank <= bound,
            Op::More => rank > bound,
            Op::AtLeast => rank >= bound,
        }
}

/// Whether a number passes.
pub fn number_fits(test: &Test, value: Option<i64>) -> bool {
    let rank = value.map_or(MISSING, |value| rank(value as f64));
    match number_test(test) {
        Some((op, bound)) => holds(op, rank, bound),
        None => (rank != MISSING) == (*test == Test::Present),
    }
}

/// Whether a text passes.
pub fn text_fits(test: &Test, text: &str) -> bool {
    match test {
        Test::Text(op, value) => match op {
            Op::Is => text == value,
            Op::IsNot => text != value,
            Op::Less => text < value.as_str(),
            Op::AtMost => text <= value.as_str(),
            Op::More => text > value.as_str(),
            Op::AtLeast => text >= value.as_str(),
        },
        Test::Like(pattern) => like(text, pattern),
        Test::LikeAnyCase(pattern) => like(&text.to_lowercase(), &pattern.to_lowercase()),
        Test::Matches(pattern) => regex(pattern).is_some_and(|it| it.is_match(text)),
        Test::In(values) => values.iter().any(|value| value == text),
        Test::NotIn(values) => values.iter().all(|value| value != text),
        Test::Present => true,
        Test::Missing | Test::Number(..) => false,
    }
}

/// The most bytes a compiled regular expression may take.
const REGEX_BYTES: usize = 1 << 20;

/// A regular expression, if the text is one that does not take too much room.
pub fn regex(pattern: &str) -> Option<regex::Regex> {
    regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES).build().ok()
}

/// Whether a text is like a pattern; in one walk that steps back at most to the last `%`.
pub fn like(text: &str, pattern: &str) -> bool {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    let mut back: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let (mut rest, mut wanted) = (text.clone(), pattern.clone());
        match (wanted.next(), rest.next()) {
            (Some('%'), _) => {
                pattern = wanted.clone();
                back = Some((text.clone(), wanted));
                continue;
            }
            (Some(want), Some(have)) if want == '_' || want == have => {
                (text, pattern) = (rest, wanted);
                continue;
            }
            (None, None) => return true,
            _ => {}
        }
        // Here it goes no further: the last `%` takes one more.
        let Some((at, after)) = &mut back else { return false };
        if at.next().is_none() {
            return false;
        }
        (text, pattern) = (at.clone(), after.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_sql_says() {
        for (text, pattern) in [
            ("abc", "a%"),
            ("abc", "%c"),
            ("abc", "_b_"),
            ("", "%"),
            ("aXbXc", "a%b%c"),
            ("a%", "a%"),
            ("é", "_"),
        ] {
            assert!(like(text, pattern), "{text} {pattern}");
        }
        for (text, pattern) in [("abc", "b%"), ("abc", "A%"), ("abc", "__"), ("", "_"), ("aab", "a%c")] {
            assert!(!like(text, pattern), "{text} {pattern}");
        }
        let (text, pattern) = ("a".repeat(5_000), "%a".repeat(200) + "b");
        assert!(!like(&text, &pattern), "and it does not take for ever");
    }

    #[test]
    fn what_is_no_number_fits_only_is_not() {
        for op in [Op::Is, Op::Less, Op::AtMost, Op::More, Op::AtLeast] {
            assert!(!holds(op, NAN, rank(1.0)));
            assert!(!holds(op, MISSING, rank(1.0)));
        }
        assert!(holds(Op::IsNot, NAN, rank(1.0)));
        assert!(!holds(Op::IsNot, MISSING, rank(1.0)));
    }
}
