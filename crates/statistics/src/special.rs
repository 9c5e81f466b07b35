//! The tails of the distributions that tests are read from, to about twelve digits.

/// How many terms a series or fraction is given; both end far earlier.
const TERMS: usize = 10_000;

/// The probability that a standard normal number is above `z`.
pub fn normal_above(z: f64) -> f64 {
    let half = gamma_above(0.5, z * z / 2.0) / 2.0;
    if z >= 0.0 { half } else { 1.0 - half }
}

/// The number that a standard normal one is below with probability `p`, from 0 to 1 both excluded, by bisection.
pub fn normal_quantile(p: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if 1.0 - normal_above(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The probability that a chi-square number of so many degrees of freedom is above `x`.
pub fn chi_square_above(x: f64, degrees: f64) -> f64 {
    gamma_above(degrees / 2.0, x / 2.0)
}

/// The probability that the largest distance between a distribution function and that of so many values is above `d`:
/// Kolmogorov's limit with the correction of Stephens ("Use of the Kolmogorov-Smirnov, Cramer-von Mises and related
/// statistics without extensive tables", Journal of the Royal Statistical Society B 32, 1970).
pub fn kolmogorov_above(d: f64, count: f64) -> f64 {
    let root = count.sqrt();
    let x = d * (root + 0.12 + 0.11 / root);
    if x < 0.2 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = (-2.0 * k * k * x * x).exp();
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < f64::EPSILON * sum {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

/// The regularized upper incomplete gamma function Q(a, x): Abramowitz and Stegun 6.5.29 below a + 1, and the continued
/// fraction 6.5.31 by Lentz's method above.
pub fn gamma_above(a: f64, x: f64) -> f64 {
    if x.is_nan() || a.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum) = (1.0 / a, 1.0 / a);
        for n in 1..TERMS {
            term *= x / (a + n as f64);
            sum += term;
            if term < sum * f64::EPSILON {
                break;
            }
        }
        return (1.0 - sum * scale).clamp(0.0, 1.0);
    }
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / tiny, 1.0 / b);
    let mut fraction = d;
    for n in 1..TERMS {
        let n = n as f64;
        let an = n * (a - n);
        b += 2.0;
        let not_zero = |value: f64| if value.abs() < tiny { tiny } else { value };
        d = 1.0 / not_zero(an * d + b);
        c = not_zero(b + an / c);
        fraction *= d * c;
        if (d * c - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    (fraction * scale).clamp(0.0, 1.0)
}

/// The probability that a number of Student's distribution with so many degrees of freedom is above `t`.
pub fn student_above(t: f64, degrees: f64) -> f64 {
    let half = beta_below(degrees / 2.0, 0.5, degrees / (degrees + t * t)) / 2.0;
    if t >= 0.0 { half } else { 1.0 - half }
}

/// The number that one of Student's distribution is below with probability `p`, from 0 to 1 both excluded, by bisection.
pub fn student_quantile(p: f64, degrees: f64) -> f64 {
    if p < 0.5 {
        return -student_quantile(1.0 - p, degrees);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_above(high, degrees) > 1.0 - p && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if student_above(middle, degrees) > 1.0 - p {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

/// The regularized incomplete beta function I(x; a, b): the continued fraction 8.17.22 of the Digital Library of
/// Mathematical Functions by Lentz's method, on whichever side of the mean it converges fast.
pub fn beta_below(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(b, a, 1.0 - x);
    }
    let scale = a * x.ln() + b * (-x).ln_1p() + ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b);
    let tiny = f64::MIN_POSITIVE / f64::EPSILON;
    let not_zero = |value: f64| if value.abs() < tiny { tiny } else { value };
    let (mut c, mut d) = (1.0, 1.0 / not_zero(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for n in 1..TERMS {
        let n = n as f64;
        let even = n * (b - n) * x / ((a + 2.0 * n - 1.0) * (a + 2.0 * n));
        let odd = -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / not_zero(1.0 + term * d);
            c = not_zero(1.0 + term / c);
            fraction *= d * c;
            change = d * c;
        }
        if (change - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    (scale.exp() * fraction / a).clamp(0.0, 1.0)
}

/// The logarithm of the gamma function of a positive number: Lanczos' approximation with g = 7 and nine coefficients.
pub fn ln_gamma(x: f64) -> f64 {
    const G: f64 = 7.0;
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let sum =
        COEFFICIENTS.iter().enumerate().skip(1).fold(COEFFICIENTS[0], |sum, (i, c)| sum + c / (x + i as f64));
    let t = x + G + 0.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-11 * wanted.abs().max(1e-3), "{found} is not {wanted}");
    }

    #[test]
    fn tails_are_those_of_scipy() {
        // scipy.stats.norm.sf, scipy.stats.chi2.sf, scipy.special.gammaln
        near(normal_above(0.0), 0.5);
        near(normal_above(1.0), 0.158_655_253_931_457_05);
        near(normal_above(1.959_963_984_540_054), 0.025);
        near(normal_above(-2.5), 0.993_790_334_674_223_8);
        near(normal_above(6.0), 9.865_876_450_376_946e-10);
        near(chi_square_above(3.841_458_820_694_124, 1.0), 0.05);
        near(chi_square_above(10.0, 7.0), 0.188_573_467_513_449_97);
        near(chi_square_above(0.0, 3.0), 1.0);
        near(ln_gamma(0.5), 0.572_364_942_924_700_1);
        near(ln_gamma(10.3), 13.482_036_786_138_36);
        near(normal_quantile(0.975), 1.959_963_984_540_054);
    }

    #[test]
    fn the_tails_of_student_are_those_of_scipy() {
        // scipy.stats.t.ppf, scipy.stats.t.sf, scipy.stats.beta.cdf
        near(student_quantile(0.975, 1.0), 12.706_204_736_174_694);
        near(student_quantile(0.9, 2.0), 1.885_618_083_164_127_2);
        near(student_quantile(0.975, 8.0), 2.306_004_135_204_166);
        near(student_quantile(0.05, 8.0), -1.859_548_037_530_898);
        near(student_quantile(0.995, 30.0), 2.749_995_653_567_225_4);
        near(student_quantile(0.6, 1_000.0), 0.253_414_515_839_498_76);
        near(student_above(2.1, 7.0), 0.036_935_598_106_461_326);
        near(beta_below(4.0, 0.5, 0.3), 0.002_544_374_616_406_806_5);
        near(beta_below(2.0, 3.0, 0.0), 0.0);
    }

    #[test]
    fn the_limit_is_close_to_the_exact_distribution() {
        // scipy.stats.kstwo.sf
        for (d, count, wanted) in [
            (0.02, 5_000.0, 0.036_139_413_953_256_37),
            (0.01, 20_000.0, 0.036_386_039_052_487_53),
            (0.005, 6_000.0, 0.998_113_840_726_181_7),
        ] {
            let found = kolmogorov_above(d, count);
            assert!((found - wanted).abs() < 2e-3 * wanted, "{found} is not {wanted}");
        }
    }
}
