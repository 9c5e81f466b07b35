//! Percentiles, and figures printed beside their targets.

#![allow(clippy::print_stdout)]

/// The value below which a part of the values lies.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Prints a figure that has no target.
pub fn tell(what: &str, value: f64, unit: &str) {
    println!("{what:<48} {value:>10} {unit}", value = short(value));
}

/// Prints a figure that shall be at most its target.
pub fn at_most(what: &str, value: f64, target: f64, unit: &str) {
    judged(what, (value, unit), value <= target, &format!("at most {}", short(target)), value / target);
}

/// Prints a figure that shall be at least its target.
pub fn at_least(what: &str, value: f64, target: f64, unit: &str) {
    judged(what, (value, unit), value >= target, &format!("at least {}", short(target)), value / target);
}

fn judged(what: &str, (value, unit): (f64, &str), holds: bool, target: &str, ratio: f64) {
    let verdict = if holds { "holds" } else { "MISSES" };
    let value = short(value);
    println!("{what:<48} {value:>10} {unit:<10} {verdict} {target} {unit}: {ratio:.2} of it");
}

fn short(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 100.0 => 0,
        middle if middle >= 1.0 => 2,
        _ => 4,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_values_are_values() {
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(percentile(&mut [3.0, 1.0, 2.0], 0.99), 3.0);
        assert!(percentile(&mut [], 0.5).is_nan());
    }
}
