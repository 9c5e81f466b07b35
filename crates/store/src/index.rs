//! How a field's value becomes an index term: a text whose byte order is the value's order.

use base::Time;

/// The longest text kept in a term, in bytes; longer texts share a term and are compared in full.
pub const TEXT_MAX: usize = 200;

/// A value as filters, sorts and page tokens see it.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number.
    Number(f64),
    /// A moment.
    Time(Time),
    /// A text.
    Text(String),
}

/// A term of the index: an object's value for one key.
///
/// A declared field has one in every object, that of `Cell::Null` where it has no value, so that a
/// list sorted by it shows them all. A label has one where it is set. Stores compare by order with
/// the object's body, at the path the key tells ([`path`]); a key that is no path can be compared
/// for equality only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// A field's path such as `spec.driver`, or `label:` and a label's key.
    pub key: String,
    /// The encoded value.
    pub value: String,
}

/// The names on the way to a term's value from the top of the object.
pub fn path(key: &str) -> Vec<String> {
    match key.strip_prefix("label:") {
        Some(label) => vec!["metadata".into(), "labels".into(), label.into()],
        None => key.split('.').map(String::from).collect(),
    }
}

/// Encodes a value so that comparing the texts byte by byte compares the values.
pub fn encode(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Bool(value) => format!("b{}", u8::from(*value)),
        Cell::Number(value) => format!("n{:016x}", ordered_bits(*value)),
        Cell::Time(time) => format!("t{:016x}", (time.micros() as u64) ^ (1 << 63)),
        Cell::Text(text) => format!("s{}", prefix(text)),
    }
}

/// Whether the encoded form holds the whole value.
pub fn is_whole(cell: &Cell) -> bool {
    !matches!(cell, Cell::Text(text) if text.len() > TEXT_MAX)
}

/// IEEE 754's total order as an unsigned integer.
fn ordered_bits(value: f64) -> u64 {
    // -0.0 and 0.0 are one value to whoever filters.
    let bits = if value == 0.0 { 0 } else { value.to_bits() };
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

fn prefix(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_terms_is_the_order_of_values() {
        let numbers = [f64::NEG_INFINITY, -1e9, -1.5, -1.0, 0.0, 1e-300, 1.0, 2.0, 1e300];
        for pair in numbers.windows(2) {
            assert!(encode(&Cell::Number(pair[0])) < encode(&Cell::Number(pair[1])), "{pair:?}");
        }
        assert_eq!(encode(&Cell::Number(-0.0)), encode(&Cell::Number(0.0)));
        let times = [-5, 0, 7, 1_700_000_000_000_000].map(Time::from_micros);
        for pair in times.windows(2) {
            assert!(encode(&Cell::Time(pair[0])) < encode(&Cell::Time(pair[1])));
        }
        assert!(encode(&Cell::Null) < encode(&Cell::Text(String::new())));
    }
}
