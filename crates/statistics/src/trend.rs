//! A straight line through values at even times, and where it leads, with the interval that holds what comes.
//!
//! Least squares with the prediction interval of the normal linear model (Draper and Smith, "Applied Regression Analysis",
//! third edition, section 3.1): values are taken to differ from the line independently and alike.

use crate::special::student_quantile;

/// A line through values at times 0, 1, 2 …
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// How many values it is drawn through.
    pub count: usize,
    /// Its value at time 0.
    pub start: f64,
    /// How much it grows from one time to the next.
    pub slope: f64,
    /// How far values are from it, as the root of the mean square with two degrees of freedom less.
    pub deviation: f64,
}

/// Something that comes, and the interval that holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// Where the line leads.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Trend {
    /// The line; none through fewer than three values, which leave nothing to tell how far values are from it.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count < 3 {
            return None;
        }
        let n = count as f64;
        let (middle, mean) = ((n - 1.0) / 2.0, values.iter().sum::<f64>() / n);
        let times = || (0..count).map(|at| at as f64);
        let products: f64 = times().zip(values).map(|(t, y)| (t - middle) * (y - mean)).sum();
        let slope = products / spread(count);
        let start = mean - slope * middle;
        let squares: f64 = times().zip(values).map(|(t, y)| (y - start - slope * t).powi(2)).sum();
        Some(Self { count, start, slope, deviation: (squares / (n - 2.0)).sqrt() })
    }

    /// The value so many times after the last one, 1 being the next.
    pub fn ahead(&self, steps: usize, confidence: f64) -> Expected {
        self.sum((steps, 1), confidence)
    }

    /// The sum of the next values: so many of them, the first so many times after the last one.
    pub fn sum(&self, (first, many): (usize, usize), confidence: f64) -> Expected {
        let (n, m) = (self.count as f64, many as f64);
        let middle = (self.count + first - 1) as f64 + (m - 1.0) / 2.0;
        let value = m * (self.start + self.slope * middle);
        // What is left over of each of them, and what is not known of the line, which they share.
        let share = 1.0 / n + (middle - (n - 1.0) / 2.0).powi(2) / spread(self.count);
        let error = self.deviation * (m + m * m * share).sqrt();
        let half = student_quantile(1.0 - (1.0 - confidence) / 2.0, n - 2.0) * error;
        Expected { value, low: value - half, high: value + half }
    }
}

/// The sum of squared distances of times from their middle.
fn spread(count: usize) -> f64 {
    let n = count as f64;
    n * (n * n - 1.0) / 12.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{found} is not {wanted}");
    }

    const DAYS: [f64; 10] = [3.1, 2.9, 4.2, 3.8, 5.0, 4.4, 5.9, 6.1, 5.7, 7.2];

    #[test]
    fn a_line_leads_where_statsmodels_says() {
        // statsmodels.api.OLS(days, add_constant(range(10))).fit(), get_prediction([1, 12]).summary_frame(alpha=0.1)
        let line = Trend::of(&DAYS).unwrap();
        near(line.start, 2.874_545_454_545_454);
        near(line.slope, 0.434_545_454_545_454_9);
        near(line.deviation, 0.492_765_848_875_692_5);
        let found = line.ahead(3, 0.9);
        near(found.value, 8.089_090_909_090_913);
        near(found.low, 6.865_940_974_407_548);
        near(found.high, 9.312_240_843_774_28);
    }

    #[test]
    fn a_sum_is_as_sure_as_the_model_says() {
        let line = Trend::of(&DAYS).unwrap();
        // The variance of a sum of predictions by the covariance of the coefficients, with numpy.
        let found = line.sum((1, 7), 0.95);
        near(found.value, 59.665_454_545_454_57);
        near(found.low, 51.252_685_084_350_695);
        near(found.high, 68.078_224_006_558_46);
        let parts: f64 = (1..=7).map(|at| line.ahead(at, 0.95).value).sum();
        near(found.value, parts);
    }

    #[test]
    fn two_points_are_no_trend_and_a_straight_line_is_sure() {
        assert_eq!(Trend::of(&[1.0, 2.0]), None);
        let found = Trend::of(&[1.0, 2.0, 3.0]).unwrap().ahead(2, 0.95);
        near(found.value, 5.0);
        near(found.high, 5.0);
    }
}
