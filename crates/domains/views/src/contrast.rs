//! The contrast of two colours, as WCAG 2.2 defines it.

use kernel::prelude::*;

/// A colour as red, green and blue.
pub type Colour = [u8; 3];

/// Reads `#rrggbb`.
pub fn parse(text: &str) -> Option<Colour> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

/// The relative luminance (WCAG 2.2, "relative luminance").
fn luminance(colour: Colour) -> f64 {
    let linear = colour.map(|part| {
        let share = f64::from(part) / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

/// The contrast ratio, from 1 to 21 (WCAG 2.2, "contrast ratio").
pub fn ratio(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// A share of the second colour in the first, as `#rrggbb`.
pub fn mixed(one: Colour, other: Colour, share: f64) -> String {
    let part = |at: usize| (f64::from(one[at]) * (1.0 - share) + f64::from(other[at]) * share).round() as u8;
    format!("#{:02x}{:02x}{:02x}", part(0), part(1), part(2))
}

/// One pair of colours and whether it can be told apart well enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Fields)]
pub struct Pair {
    /// In which appearance: `light` or `dark`.
    pub mode: String,
    /// The colour in front.
    pub front: String,
    /// The colour behind.
    pub behind: String,
    /// The ratio of the two.
    pub ratio: f64,
    /// The least there must be: 4.5 for text (success criterion 1.4.3).
    pub least: f64,
    /// Whether there is as much.
    pub passes: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_those_of_the_definition() {
        let of = |a: &str, b: &str| ratio(parse(a).unwrap(), parse(b).unwrap());
        assert!((of("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((of("#777777", "#ffffff") - 4.478_089).abs() < 1e-5);
        assert!((of("#767676", "#ffffff") - 4.542_225).abs() < 1e-5);
        assert_eq!(of("#123456", "#123456"), 1.0);
        assert_eq!(mixed([0, 0, 0], [255, 255, 255], 0.5), "#808080");
        assert_eq!(parse("#12345"), None);
        assert_eq!(parse("#12345g"), None);
    }
}
