//! Tensors as bytes: the "Binary Tensor Data Extension" of the Open Inference Protocol v2, and the raw contents of its
//! gRPC messages. Numbers are little-endian in row-major order; a text is its length in four bytes and its bytes.

use base::Result;

use super::{Datatype, Element, Elements, Make};
use crate::each_element;

/// Elements from bytes.
///
/// # Errors
/// `tensor-wrong-shape` where they are cut or too many, `tensor-wrong-type` for a text that is no UTF-8.
pub fn read(datatype: Datatype, bytes: &[u8], count: usize) -> Result<Elements> {
    struct Read<'a>(&'a [u8], usize);
    impl Make for Read<'_> {
        fn all<T: Element>(self) -> Result<Vec<T>> {
            T::read(self.0, self.1)
        }
    }
    datatype.elements(Read(bytes, count))
}

/// Elements as bytes.
pub fn written(elements: &Elements) -> Vec<u8> {
    fn all<T: Element>(values: &[T]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size_of_val(values));
        values.iter().for_each(|value| value.write(&mut bytes));
        bytes
    }
    each_element!(elements, it => all(it))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What reads bytes as it may.
    fn bits(datatype: Datatype, bytes: &[u8]) -> Option<Elements> {
        let size = match datatype {
            Datatype::Bool | Datatype::Int8 | Datatype::Uint8 => 1,
            Datatype::Int16 | Datatype::Uint16 | Datatype::Fp16 | Datatype::Bf16 => 2,
            Datatype::Int32 | Datatype::Uint32 | Datatype::Fp32 => 4,
            Datatype::Int64 | Datatype::Uint64 | Datatype::Fp64 => 8,
            Datatype::Bytes => return None,
        };
        let count = bytes.len() / size;
        Some(read(datatype, &bytes[..count * size], count).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for datatype in Datatype::ALL {
                let Some(elements) = bits(*datatype, &bytes) else { continue };
                prop_assert_eq!(elements.datatype(), *datatype);
                let again = written(&elements);
                // Any byte but 0 is true.
                if *datatype != Datatype::Bool {
                    prop_assert_eq!(&again[..], &bytes[..again.len()]);
                }
                prop_assert_eq!(written(&read(*datatype, &again, elements.count()).unwrap()), again);
            }
        }

        #[test]
        fn texts_are_written_and_read(texts in prop::collection::vec(any::<String>(), 0..8)) {
            let elements = Elements::Bytes(texts);
            let bytes = written(&elements);
            prop_assert_eq!(read(Datatype::Bytes, &bytes, elements.count()).unwrap(), elements);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), count in any::<usize>()) {
            for datatype in Datatype::ALL {
                match read(*datatype, &bytes, count) {
                    Ok(elements) => prop_assert_eq!(elements.count(), count),
                    Err(error) => prop_assert!(matches!(error.code(), "tensor-wrong-shape" | "tensor-wrong-type")),
                }
            }
        }
    }

    #[test]
    fn what_is_cut_is_refused() {
        let bytes = [1, 0, 0, 0, 7, 1, 0, 0, 0, 7, 1, 0, 0, 0, 7, 9];
        for datatype in Datatype::ALL {
            let Some(elements) = bits(*datatype, &bytes) else { continue };
            let whole = written(&elements);
            for cut in 0..whole.len() {
                let refused = read(*datatype, &whole[..cut], elements.count()).unwrap_err();
                assert_eq!(refused.code(), "tensor-wrong-shape", "{datatype:?} {cut}");
            }
            assert!(read(*datatype, &whole, usize::MAX).is_err());
        }
        assert_eq!(read(Datatype::Bytes, &bytes[..14], 3).unwrap_err().code(), "tensor-wrong-shape");
        assert_eq!(read(Datatype::Bytes, &[1, 0, 0, 0, 0xff], 1).unwrap_err().code(), "tensor-wrong-type");
    }
}
