//! Several requests as one, and one answer as several.

use ports::infer::Tensor;

/// Whether two requests can be run together: the same tensors in the same order, alike but for the rows.
pub fn alike(a: &[Tensor], b: &[Tensor]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| {
            a.name == b.name
                && a.elements.datatype() == b.elements.datatype()
                && a.shape.get(1..) == b.shape.get(1..)
        })
}

/// How many rows a request has, where all its tensors agree on it.
pub fn rows(inputs: &[Tensor]) -> Option<usize> {
    let rows = *inputs.first()?.shape.first()?;
    let whole = |tensor: &Tensor| tensor.shape.iter().product::<usize>() == tensor.elements.count();
    inputs.iter().all(|tensor| tensor.shape.first() == Some(&rows) && whole(tensor)).then_some(rows)
}

/// Requests that are alike, as one.
pub fn joined(requests: &[Vec<Tensor>]) -> Vec<Tensor> {
    let Some((first, others)) = requests.split_first() else { return Vec::new() };
    let mut whole = first.clone();
    for request in others {
        for (all, more) in whole.iter_mut().zip(request) {
            all.shape[0] += more.shape[0];
            let same = all.elements.append(more.elements.clone());
            debug_assert!(same, "requests that are alike have the same types");
        }
    }
    whole
}

/// An answer parted by rows; nothing where it has other rows than were asked for.
pub fn parted(mut outputs: Vec<Tensor>, rows: &[usize]) -> Option<Vec<Vec<Tensor>>> {
    let all: usize = rows.iter().sum();
    if outputs.iter().any(|tensor| tensor.shape.first() != Some(&all)) {
        return None;
    }
    let part = |rows: &usize| {
        outputs
            .iter_mut()
            .map(|tensor| {
                let width: usize = tensor.shape.iter().skip(1).product();
                let mut shape = tensor.shape.clone();
                shape[0] = *rows;
                Tensor { name: tensor.name.clone(), shape, elements: tensor.elements.take_last(rows * width) }
            })
            .collect()
    };
    // From the end, so that each element is moved once.
    let mut parts: Vec<Vec<Tensor>> = rows.iter().rev().map(part).collect();
    parts.reverse();
    Some(parts)
}

#[cfg(test)]
mod tests {
    use ports::infer::Elements;

    use super::*;

    fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
        Tensor { name: name.to_owned(), shape: shape.to_vec(), elements: Elements::Fp32(values.to_vec()) }
    }

    #[test]
    fn what_is_joined_is_parted_again() {
        let one = vec![tensor("x", &[1, 2], &[1.0, 2.0])];
        let two = vec![tensor("x", &[2, 2], &[3.0, 4.0, 5.0, 6.0])];
        assert!(alike(&one, &two));
        assert_eq!((rows(&one), rows(&two)), (Some(1), Some(2)));
        let whole = joined(&[one.clone(), two.clone()]);
        assert_eq!(whole, [tensor("x", &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])]);
        assert_eq!(parted(whole.clone(), &[1, 2]).unwrap(), [one, two]);
        assert!(parted(whole, &[1, 1]).is_none());
    }

    #[test]
    fn what_is_not_alike_stays_apart() {
        let x = vec![tensor("x", &[1, 2], &[1.0, 2.0])];
        assert!(!alike(&x, &[tensor("y", &[1, 2], &[1.0, 2.0])]));
        assert!(!alike(&x, &[tensor("x", &[1, 3], &[1.0, 2.0, 3.0])]));
        assert!(!alike(&x, &[]));
        assert_eq!(rows(&[tensor("x", &[1, 2], &[1.0])]), None);
        assert_eq!(rows(&[tensor("x", &[], &[1.0])]), None);
    }
}
