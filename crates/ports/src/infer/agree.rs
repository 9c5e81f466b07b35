//! Whether two models answer alike: what must be equal, and how far the rest may be apart.

use super::{Elements, Tensor};

/// How far numbers may be apart, of the larger of them and 1, where two runtimes answer with the same model: both
/// calculate in 32 bits, in another order.
pub const TOLERANCE: f64 = 1e-4;

/// Whether answers are the same: texts, whole numbers and truths equal, others within the tolerance. Answers how far they
/// are apart at most.
///
/// # Errors
/// What differs, in words.
pub fn agree(ours: &[Tensor], theirs: &[Tensor]) -> Result<f64, String> {
    let mut most: f64 = 0.0;
    for one in ours {
        let other = theirs.iter().find(|it| it.name == one.name);
        let other = other.ok_or_else(|| format!("`{}` is missing", one.name))?;
        if one.shape != other.shape {
            return Err(format!("`{}` is of shape {:?} and {:?}", one.name, one.shape, other.shape));
        }
        let worst = match (floats(&one.elements), floats(&other.elements)) {
            (Some(a), Some(b)) => apart(&a, &b),
            _ if one.elements == other.elements => 0.0,
            _ => return Err(format!("`{}` is not the same", one.name)),
        };
        if worst > tolerance(&one.elements) {
            return Err(format!("`{}` differs by {worst:.1e}", one.name));
        }
        most = most.max(worst);
    }
    Ok(most)
}

fn floats(elements: &Elements) -> Option<Vec<f64>> {
    elements.datatype().is_float().then(|| elements.numbers())
}

/// The tolerance of a type: floats of 16 bits have three digits.
fn tolerance(elements: &Elements) -> f64 {
    if elements.datatype().is_bytes_alone() { 1e-2 } else { TOLERANCE }
}

/// How far numbers are apart at most; what is no number agrees with what is none.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let one = |(a, b): (&f64, &f64)| match (a.is_finite(), b.is_finite()) {
        (true, true) => (a - b).abs() / a.abs().max(b.abs()).max(1.0),
        _ if a == b || (a.is_nan() && b.is_nan()) => 0.0,
        _ => f64::INFINITY,
    };
    a.iter().zip(b).map(one).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(elements: Elements) -> Vec<Tensor> {
        vec![Tensor { name: "y".to_owned(), shape: vec![elements.count()], elements }]
    }

    #[test]
    fn numbers_may_be_a_little_apart_and_nothing_else_may() {
        let single = answer(Elements::Fp32(vec![1.0, f32::NAN, 1e6]));
        let double = answer(Elements::Fp64(vec![1.000_05, f64::NAN, 1e6 + 50.0]));
        let worst = agree(&single, &double).unwrap();
        assert!((4e-5..6e-5).contains(&worst), "{worst}");
        for other in [vec![1.001, f64::NAN, 1e6], vec![1.0, 0.0, 1e6], vec![1.0, f64::INFINITY, 1e6]] {
            assert!(agree(&single, &answer(Elements::Fp64(other))).is_err());
        }
        let text = |it: &str| answer(Elements::Bytes(vec![it.to_owned()]));
        assert_eq!(agree(&text("a"), &text("a")), Ok(0.0));
        assert!(agree(&text("a"), &text("b")).unwrap_err().contains("`y` is not the same"));
        assert!(agree(&answer(Elements::Int64(vec![1])), &answer(Elements::Int64(vec![2]))).is_err());
        assert!(agree(&text("a"), &[]).unwrap_err().contains("missing"));
        assert!(agree(&single, &answer(Elements::Fp32(vec![1.0]))).unwrap_err().contains("shape"));
    }
}
