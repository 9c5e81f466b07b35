//! What is learnt of one column in a pass over it, in bounded memory.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use ports::table::{ColumnProfile, ColumnType};

use crate::cell::Cell;

/// Up to so many distinct values are counted exactly.
const EXACT_MAX: usize = 10_000;

/// The most frequent values that are told.
const TOP_MAX: usize = 20;

/// Numbers kept to tell the deciles from.
const SAMPLE_MAX: usize = 10_000;

/// Of a long text so many characters are shown.
const SHOWN_MAX: usize = 100;

/// What is known so far of one column.
pub struct Sketch {
    name: String,
    count: u64,
    missing: u64,
    seen: Seen,
    numbers: Numbers,
    values: Values,
}

/// Which types have been met.
#[derive(Default)]
struct Seen {
    integer: bool,
    number: bool,
    boolean: bool,
    time: bool,
    text: bool,
}

impl Sketch {
    /// Nothing known yet of a column.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            count: 0,
            missing: 0,
            seen: Seen::default(),
            numbers: Numbers::default(),
            values: Values::default(),
        }
    }

    /// Takes in one cell and how it is written.
    pub fn add(&mut self, cell: Cell<'_>, written: &str) {
        match cell {
            Cell::Missing => {
                self.missing += 1;
                return;
            }
            Cell::Integer(_) => self.seen.integer = true,
            Cell::Number(_) => self.seen.number = true,
            Cell::Boolean(_) => self.seen.boolean = true,
            Cell::Time(_) => self.seen.time = true,
            Cell::Text(_) => self.seen.text = true,
        }
        self.count += 1;
        let number = cell.as_number();
        if !number.is_nan() {
            self.numbers.add(number);
        }
        self.values.add(cell, written.trim());
    }

    /// What is known of the column now.
    pub fn finish(self) -> ColumnProfile {
        let kind = self.seen.kind();
        let numeric = kind != ColumnType::Text && self.count > 0;
        let tell = |it: f64| numeric.then_some(it);
        ColumnProfile {
            name: self.name,
            kind,
            count: self.count,
            missing: self.missing,
            distinct: self.values.distinct(),
            min: tell(self.numbers.min),
            max: tell(self.numbers.max),
            mean: tell(self.numbers.mean),
            deviation: tell(self.numbers.deviation()),
            deciles: if numeric { self.numbers.deciles() } else { Vec::new() },
            top: self.values.top(),
        }
    }
}

impl Seen {
    /// The one type all values have; text when they have several.
    fn kind(&self) -> ColumnType {
        let numeric = self.integer || self.number;
        match (numeric, self.boolean, self.time, self.text) {
            (true, false, false, false) if self.number => ColumnType::Number,
            (true, false, false, false) => ColumnType::Integer,
            (false, true, false, false) => ColumnType::Boolean,
            (false, false, true, false) => ColumnType::Time,
            _ => ColumnType::Text,
        }
    }
}

/// Moments of numbers, by Welford's method, and a uniform sample of them, by Vitter's.
struct Numbers {
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
    sample: Vec<f64>,
    random: u64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            count: 0,
            mean: 0.0,
            squares: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sample: Vec::new(),
            // Any constant does: the same file must give the same profile.
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }
}

impl Numbers {
    fn add(&mut self, x: f64) {
        self.count += 1;
        let off = x - self.mean;
        self.mean += off / self.count as f64;
        self.squares += off * (x - self.mean);
        self.min = self.min.min(x);
        self.max = self.max.max(x);
        if self.sample.len() < SAMPLE_MAX {
            self.sample.push(x);
            return;
        }
        // xorshift64, scaled to the count.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let place = ((u128::from(self.random) * u128::from(self.count)) >> 64) as usize;
        if let Some(slot) = self.sample.get_mut(place) {
            *slot = x;
        }
    }

    fn deviation(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        (self.squares / (self.count - 1) as f64).max(0.0).sqrt()
    }

    fn deciles(mut self) -> Vec<f64> {
        self.sample.sort_unstable_by(f64::total_cmp);
        let last = self.sample.len().saturating_sub(1);
        let mut deciles: Vec<f64> = (0..=10)
            .map(|tenth| {
                let place = last as f64 * f64::from(tenth) / 10.0;
                let (below, above) = (place.floor() as usize, place.ceil() as usize);
                let (low, high) = (self.sample[below], self.sample[above]);
                low + (high - low) * place.fract()
            })
            .collect();
        // The ends are known even where the sample missed them.
        deciles[0] = self.min;
        deciles[10] = self.max;
        deciles
    }
}

/// Distinct values: counted while they are few, estimated by HyperLogLog
/// (Flajolet et al. 2007, with 4,096 registers, about 1.6 % error) when they are many.
#[derive(Default)]
struct Values {
    counts: HashMap<u64, (String, u64)>,
    registers: Vec<u8>,
}

const REGISTERS: usize = 1 << 12;

impl Values {
    fn add(&mut self, cell: Cell<'_>, written: &str) {
        let mut hasher = DefaultHasher::new();
        // `1` and `1.0` are one value.
        match cell {
            Cell::Text(text) => text.hash(&mut hasher),
            other => other.as_number().to_bits().hash(&mut hasher),
        }
        let hash = hasher.finish();
        if let Some((_, count)) = self.counts.get_mut(&hash) {
            *count += 1;
        } else if self.counts.len() < EXACT_MAX {
            let shown = written.chars().take(SHOWN_MAX).collect();
            self.counts.insert(hash, (shown, 1));
        } else {
            if self.registers.is_empty() {
                self.registers = vec![0; REGISTERS];
                for known in self.counts.keys() {
                    register(&mut self.registers, *known);
                }
            }
            register(&mut self.registers, hash);
        }
    }

    fn distinct(&self) -> u64 {
        if self.registers.is_empty() {
            return self.counts.len() as u64;
        }
        let size = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|&it| 0.5_f64.powi(i32::from(it))).sum();
        let bias = 0.7213 / (1.0 + 1.079 / size);
        let estimate = bias * size * size / sum;
        (estimate.round() as u64).max(EXACT_MAX as u64 + 1)
    }

    fn top(self) -> Vec<(String, u64)> {
        let mut top: Vec<(String, u64)> = self.counts.into_values().collect();
        top.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        top.truncate(TOP_MAX);
        top
    }
}

fn register(registers: &mut [u8], hash: u64) {
    let place = (hash >> 52) as usize;
    let rank = ((hash << 12) | (1 << 11)).leading_zeros() as u8 + 1;
    registers[place] = registers[place].max(rank);
}

#[cfg(test)]
mod tests {
    use ports::table::ColumnType;

    use super::Sketch;
    use crate::cell::Cell;

    fn profile<T: ToString>(cells: impl IntoIterator<Item = T>) -> ports::table::ColumnProfile {
        let mut sketch = Sketch::new("x");
        for cell in cells {
            let text = cell.to_string();
            sketch.add(Cell::of(&text), &text);
        }
        sketch.finish()
    }

    #[test]
    fn numbers_are_summed_up() {
        let it = profile(["1", "2", "3", "4", "", "10.0"]);
        assert_eq!((it.kind, it.count, it.missing, it.distinct), (ColumnType::Number, 5, 1, 5));
        assert_eq!((it.min, it.max, it.mean), (Some(1.0), Some(10.0), Some(4.0)));
        assert!((it.deviation.unwrap() - 12.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!((it.deciles.len(), it.deciles[5]), (11, 3.0));
    }

    #[test]
    fn a_column_of_several_types_is_text() {
        assert_eq!(profile(["1", "true"]).kind, ColumnType::Text);
        assert_eq!(profile(["1", "a"]).mean, None);
        assert_eq!(profile(["", "NA"]).kind, ColumnType::Text);
    }

    #[test]
    fn many_distinct_values_are_estimated() {
        let it = profile(0..200_000);
        let off = it.distinct as f64 / 200_000.0;
        assert!((0.95..1.05).contains(&off), "{}", it.distinct);
        assert!((it.deciles[3] - 60_000.0).abs() < 4_000.0, "{:?}", it.deciles);
        assert_eq!(profile((0..30_000).map(|i| i % 10_000)).distinct, 10_000);
    }
}
