//! One cell: what a text in a table means.
//!
//! Blanks around a cell do not count. A cell is missing when it is empty or, in any case of
//! letters, `NA`, `N/A`, `NaN`, `null` or `?`. `None` and `-` are texts: tables use them as categories.

use jiff::{Timestamp, civil, tz::TimeZone};
use ports::table::ColumnType;

/// The largest whole number that a double holds exactly.
pub const WHOLE_MAX: i64 = 1 << 53;

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    Missing,
    Integer(f64),
    Number(f64),
    Boolean(bool),
    /// Seconds since 1970.
    Time(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// Reads a text as the narrowest type that fits.
    pub fn of(text: &'a str) -> Self {
        let text = text.trim();
        if is_missing(text) {
            return Self::Missing;
        }
        if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            return Self::Boolean(text.len() == 4);
        }
        let first = text.as_bytes()[0];
        if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
            return Self::Text(text);
        }
        number(text).or_else(|| time(text).map(Self::Time)).unwrap_or(Self::Text(text))
    }

    /// Reads a text as a known type; none when it is not of that type.
    pub fn of_type(text: &'a str, kind: ColumnType) -> Option<Self> {
        let text = text.trim();
        if is_missing(text) {
            return Some(Self::Missing);
        }
        if kind == ColumnType::Text {
            return Some(Self::Text(text));
        }
        let cell = Self::of(text);
        (cell.kind() == Some(kind) || matches!((kind, cell), (ColumnType::Number, Self::Integer(_))))
            .then_some(cell)
    }

    /// Its type; none when it is missing.
    pub fn kind(self) -> Option<ColumnType> {
        Some(match self {
            Self::Missing => return None,
            Self::Integer(_) => ColumnType::Integer,
            Self::Number(_) => ColumnType::Number,
            Self::Boolean(_) => ColumnType::Boolean,
            Self::Time(_) => ColumnType::Time,
            Self::Text(_) => ColumnType::Text,
        })
    }

    /// Its value as a number; NaN where it has none.
    pub fn as_number(self) -> f64 {
        match self {
            Self::Integer(x) | Self::Number(x) | Self::Time(x) => x,
            Self::Boolean(x) => f64::from(u8::from(x)),
            Self::Missing | Self::Text(_) => f64::NAN,
        }
    }
}

fn is_missing(text: &str) -> bool {
    const WORDS: [&str; 5] = ["na", "n/a", "nan", "null", "?"];
    text.is_empty() || (text.len() <= 4 && WORDS.iter().any(|it| text.eq_ignore_ascii_case(it)))
}

/// A whole number or a fraction. Digits behind a leading zero are a code, such as a post code,
/// and so are more digits than a double can hold.
fn number(text: &str) -> Option<Cell<'_>> {
    let digits = text.trim_start_matches(['+', '-']).as_bytes();
    if text.len() - digits.len() > 1 || matches!(digits, [b'0', b'0'..=b'9', ..]) {
        return None;
    }
    if digits.iter().all(u8::is_ascii_digit) {
        let whole: i64 = text.parse().ok()?;
        return (whole.abs() <= WHOLE_MAX).then_some(Cell::Integer(whole as f64));
    }
    let first = digits.first()?;
    if !first.is_ascii_digit() && *first != b'.' {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    number.is_finite().then_some(Cell::Number(number))
}

/// A date, a date and time (then UTC is meant), or a moment of RFC 3339.
fn time(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let moment = if bytes.len() == 10 {
        let date: civil::Date = text.parse().ok()?;
        date.to_zoned(TimeZone::UTC).ok()?.timestamp()
    } else if let Ok(moment) = text.parse::<Timestamp>() {
        moment
    } else {
        let civil: civil::DateTime = text.parse().ok()?;
        civil.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    Some(moment.as_microsecond() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::Cell;

    #[test]
    fn a_cell_is_read_as_the_narrowest_type() {
        for (text, cell) in [
            ("", Cell::Missing),
            (" ? ", Cell::Missing),
            ("n/A", Cell::Missing),
            ("NaN", Cell::Missing),
            ("None", Cell::Text("None")),
            ("42", Cell::Integer(42.0)),
            ("-7", Cell::Integer(-7.0)),
            ("+1.5e3", Cell::Number(1500.0)),
            (".5", Cell::Number(0.5)),
            // A post code, not a number.
            ("01234", Cell::Text("01234")),
            ("--1", Cell::Text("--1")),
            ("-", Cell::Text("-")),
            ("inf", Cell::Text("inf")),
            ("1e999", Cell::Text("1e999")),
            // More digits than a double holds.
            ("9007199254740993", Cell::Text("9007199254740993")),
            ("TRUE", Cell::Boolean(true)),
            ("1970-01-02", Cell::Time(86_400.0)),
            ("1970-01-01 00:01:00", Cell::Time(60.0)),
            ("1970-01-01T01:00:00+01:00", Cell::Time(0.0)),
            ("2024-13-01", Cell::Text("2024-13-01")),
            ("  two words ", Cell::Text("two words")),
        ] {
            assert_eq!(Cell::of(text), cell, "{text:?}");
        }
    }
}
