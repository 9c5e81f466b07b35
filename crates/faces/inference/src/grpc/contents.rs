//! Tensors whose elements stand in fields of their messages: one field for all types that fit its numbers.

use base::{Error, Result};
use ports::infer::{Datatype, Elements, Tensor};

use super::{
    messages::{self, Contents},
    unsigned,
};

/// A tensor whose elements stand in the field of their type.
///
/// # Errors
/// `tensor-wrong-type` for a number that its type does not have, and for types that have no field;
/// `tensor-wrong-shape` where there are more or fewer than the shape says.
pub fn read(tensor: messages::Tensor) -> Result<Tensor> {
    fn narrow<A, B: TryFrom<A>>(numbers: Vec<A>, datatype: Datatype) -> Result<Vec<B>> {
        let one = |number: A| {
            let message = || format!("a number is no {}", datatype.name());
            B::try_from(number).map_err(|_| Error::invalid("tensor-wrong-type", message()))
        };
        numbers.into_iter().map(one).collect()
    }
    let contents = tensor.contents.unwrap_or_default();
    let datatype = Datatype::named(&tensor.datatype)?;
    let elements = match datatype {
        Datatype::Bool => Elements::Bool(contents.bools),
        Datatype::Int8 => Elements::Int8(narrow(contents.ints, datatype)?),
        Datatype::Int16 => Elements::Int16(narrow(contents.ints, datatype)?),
        Datatype::Int32 => Elements::Int32(contents.ints),
        Datatype::Int64 => Elements::Int64(contents.int64s),
        Datatype::Uint8 => Elements::Uint8(narrow(contents.uints, datatype)?),
        Datatype::Uint16 => Elements::Uint16(narrow(contents.uints, datatype)?),
        Datatype::Uint32 => Elements::Uint32(contents.uints),
        Datatype::Uint64 => Elements::Uint64(contents.uint64s),
        Datatype::Fp32 => Elements::Fp32(contents.floats),
        Datatype::Fp64 => Elements::Fp64(contents.doubles),
        Datatype::Fp16 | Datatype::Bf16 => return Err(fieldless(datatype)),
        Datatype::Bytes => {
            let text = |bytes| {
                String::from_utf8(bytes)
                    .map_err(|_| Error::invalid("tensor-wrong-type", "a text is no UTF-8"))
            };
            Elements::Bytes(contents.bytes.into_iter().map(text).collect::<Result<_>>()?)
        }
    };
    let shape = unsigned(&tensor.shape)?;
    let count = shape.iter().try_fold(1_u64, |count, size| count.checked_mul(*size));
    if count != Some(elements.count() as u64) {
        let message = format!("the shape {shape:?} does not hold {} elements", elements.count());
        return Err(Error::invalid("tensor-wrong-shape", message));
    }
    Ok(Tensor { name: tensor.name, shape: shape.into_iter().map(|size| size as usize).collect(), elements })
}

/// Elements in the field of their type.
///
/// # Errors
/// `tensor-wrong-type` for types that have no field.
pub fn written(elements: Elements) -> Result<Contents> {
    fn wide<A, B: From<A>>(numbers: Vec<A>) -> Vec<B> {
        numbers.into_iter().map(B::from).collect()
    }
    let mut contents = Contents::default();
    match elements {
        Elements::Bool(values) => contents.bools = values,
        Elements::Int8(values) => contents.ints = wide(values),
        Elements::Int16(values) => contents.ints = wide(values),
        Elements::Int32(values) => contents.ints = values,
        Elements::Int64(values) => contents.int64s = values,
        Elements::Uint8(values) => contents.uints = wide(values),
        Elements::Uint16(values) => contents.uints = wide(values),
        Elements::Uint32(values) => contents.uints = values,
        Elements::Uint64(values) => contents.uint64s = values,
        Elements::Fp16(_) | Elements::Bf16(_) => return Err(fieldless(elements.datatype())),
        Elements::Fp32(values) => contents.floats = values,
        Elements::Fp64(values) => contents.doubles = values,
        Elements::Bytes(values) => contents.bytes = values.into_iter().map(String::into_bytes).collect(),
    }
    Ok(contents)
}

fn fieldless(datatype: Datatype) -> Error {
    Error::invalid("tensor-wrong-type", format!("{} has no field in the messages", datatype.name()))
        .hint("send it as `raw_input_contents`, and it comes back as `raw_output_contents`")
}

#[cfg(test)]
mod tests {
    use ports::infer::binary;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let bytes = [1, 0, 0, 0, 65, 0, 0, 0, 254, 254, 254, 254, 0, 0, 128, 63];
        for datatype in Datatype::ALL {
            let Some(elements) = (1..=16).find_map(|count| {
                let bytes = if *datatype == Datatype::Bytes { &bytes[..5] } else { &bytes[..] };
                binary::read(*datatype, bytes, count).ok()
            }) else {
                panic!("{datatype:?} is not read");
            };
            let tensor = |contents| messages::Tensor {
                name: "x".to_owned(),
                datatype: datatype.name().to_owned(),
                shape: vec![elements.count() as i64],
                contents,
            };
            match written(elements.clone()) {
                Ok(contents) => assert_eq!(read(tensor(Some(contents))).unwrap().elements, elements),
                Err(error) => {
                    assert!(datatype.is_bytes_alone(), "{error:?}");
                    assert_eq!(read(tensor(None)).unwrap_err().code(), "tensor-wrong-type");
                }
            }
        }
    }

    #[test]
    fn a_number_that_its_type_does_not_have_is_refused() {
        let refused = |datatype: &str, contents: Contents| {
            let (datatype, shape) = (datatype.to_owned(), vec![1]);
            let name = "x".to_owned();
            read(messages::Tensor { name, datatype, shape, contents: Some(contents) }).unwrap_err().code()
        };
        let ints = |number| Contents { ints: vec![number], ..Contents::default() };
        let uints = |number| Contents { uints: vec![number], ..Contents::default() };
        assert_eq!(refused("INT8", ints(128)), "tensor-wrong-type");
        assert_eq!(refused("INT16", ints(-40_000)), "tensor-wrong-type");
        assert_eq!(refused("UINT8", uints(256)), "tensor-wrong-type");
        assert_eq!(refused("UINT16", uints(65_536)), "tensor-wrong-type");
        // In the field of another type it is not there.
        assert_eq!(refused("UINT8", ints(1)), "tensor-wrong-shape");
    }
}
