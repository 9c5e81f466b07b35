//! Tensors as bytes: the "Binary Tensor Data Extension" of the Open Inference Protocol v2, and the raw contents of its
//! gRPC messages. Numbers are little-endian in row-major order; a text is its length in four bytes and its bytes.

use base::{Error, Result};

use super::{Datatype, Elements};

/// Elements from bytes.
///
/// # Errors
/// `tensor-wrong-shape` where they are cut or too many, `tensor-wrong-type` for a text that is no UTF-8.
pub fn read(datatype: Datatype, bytes: &[u8], count: usize) -> Result<Elements> {
    fn each<const N: usize, T>(bytes: &[u8], count: usize, one: fn([u8; N]) -> T) -> Result<Vec<T>> {
        if count.checked_mul(N) != Some(bytes.len()) {
            return Err(cut(count, bytes.len()));
        }
        let mut values = Vec::with_capacity(count);
        for chunk in bytes.chunks_exact(N) {
            values.push(one(chunk.try_into().map_err(Error::internal)?));
        }
        Ok(values)
    }
    Ok(match datatype {
        Datatype::Bool => Elements::Bool(each(bytes, count, |[byte]: [u8; 1]| byte != 0)?),
        Datatype::Int32 => Elements::Int32(each(bytes, count, i32::from_le_bytes)?),
        Datatype::Int64 => Elements::Int64(each(bytes, count, i64::from_le_bytes)?),
        Datatype::Fp32 => Elements::Fp32(each(bytes, count, f32::from_le_bytes)?),
        Datatype::Fp64 => Elements::Fp64(each(bytes, count, f64::from_le_bytes)?),
        Datatype::Bytes => Elements::Bytes(texts(bytes, count)?),
    })
}

fn cut(count: usize, length: usize) -> Error {
    Error::invalid("tensor-wrong-shape", format!("{length} bytes do not hold {count} elements"))
}

fn texts(mut bytes: &[u8], count: usize) -> Result<Vec<String>> {
    let whole = bytes.len();
    let mut texts = Vec::with_capacity(count.min(whole / 4));
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (text, rest) = rest.split_at_checked(length).ok_or_else(|| cut(count, whole))?;
        let text = std::str::from_utf8(text)
            .map_err(|_| Error::invalid("tensor-wrong-type", format!("text {} is no UTF-8", texts.len())))?;
        texts.push(text.to_owned());
        bytes = rest;
    }
    if !bytes.is_empty() || texts.len() != count {
        return Err(cut(count, whole));
    }
    Ok(texts)
}

/// Elements as bytes.
pub fn written(elements: &Elements) -> Vec<u8> {
    match elements {
        Elements::Bool(values) => values.iter().map(|value| u8::from(*value)).collect(),
        Elements::Int32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Elements::Int64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Elements::Fp32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Elements::Fp64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Elements::Bytes(values) => {
            let mut bytes = Vec::new();
            for text in values {
                // A text of 4 GiB does not get here: bodies are far smaller.
                bytes.extend((text.len() as u32).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let all = [
            (Datatype::Bool, Elements::Bool(vec![true, false])),
            (Datatype::Int32, Elements::Int32(vec![-1, 7])),
            (Datatype::Int64, Elements::Int64(vec![i64::MIN, 7])),
            (Datatype::Fp32, Elements::Fp32(vec![0.5, f32::INFINITY])),
            (Datatype::Fp64, Elements::Fp64(vec![-0.25, 1e300])),
            (Datatype::Bytes, Elements::Bytes(vec![String::new(), "Ärger".to_owned()])),
        ];
        for (datatype, elements) in all {
            let bytes = written(&elements);
            assert_eq!(read(datatype, &bytes, 2).unwrap(), elements);
            for cut in 0..bytes.len() {
                assert_eq!(
                    read(datatype, &bytes[..cut], 2).unwrap_err().code(),
                    "tensor-wrong-shape",
                    "{datatype:?} {cut}"
                );
            }
            assert!(read(datatype, &bytes, usize::MAX).is_err());
        }
        assert_eq!(read(Datatype::Bytes, &[1, 0, 0, 0, 0xff], 1).unwrap_err().code(), "tensor-wrong-type");
    }
}
