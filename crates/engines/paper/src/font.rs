//! What is known of Helvetica: the bytes of its characters in Windows-1252, and how wide each is.

/// Characters of Windows-1252 from 0x80 to 0x9f; a space where there is none.
const UPPER: [char; 32] = [
    '€', ' ', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', ' ', 'Ž', ' ', ' ', '‘', '’', '“', '”',
    '•', '–', '—', '˜', '™', 'š', '›', 'œ', ' ', 'ž', 'Ÿ',
];

/// Widths of the characters from 0x20 to 0x7e in thousandths of the size (Adobe's font metrics of Helvetica).
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556,
    556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278,
    500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469,
    556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500,
    278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// How wide a character is, in thousandths of the size.
pub fn width(byte: u8) -> f32 {
    let ascii = byte.checked_sub(0x20).and_then(|at| WIDTHS.get(usize::from(at)));
    // Bold letters and accented capitals are wider than plain ones; a little room does no harm.
    f32::from(ascii.copied().unwrap_or(667)) * 1.04
}

/// A text in Windows-1252; what that has no byte for is written as its code point.
pub fn encoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => bytes.push(c as u8),
            '\u{a0}'..='\u{ff}' => bytes.push(u8::try_from(u32::from(c)).unwrap_or(b'?')),
            c if c.is_control() => bytes.push(b' '),
            c => match UPPER.iter().position(|known| *known == c) {
                Some(at) => bytes.push(0x80 + u8::try_from(at).unwrap_or(0)),
                None => bytes.extend(format!("U+{:04X}", u32::from(c)).bytes()),
            },
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_have_bytes_or_are_named() {
        assert_eq!(encoded("aé€—中\n"), b"a\xe9\x80\x97U+4E2D ");
    }
}
