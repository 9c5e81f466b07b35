//! Tensors as JSON: "Tensor Data" of the Open Inference Protocol v2.

use base::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Datatype, Element, Elements, Make, Tensor};

/// A tensor as the protocol writes it.
#[derive(Deserialize)]
struct Written {
    name: String,
    shape: Vec<u64>,
    datatype: String,
    data: Vec<Value>,
}

/// A tensor from the JSON of a request.
///
/// # Errors
/// `bad-tensor`, `tensor-wrong-shape`, `tensor-wrong-type`, each with the field.
pub fn read(value: Value) -> Result<Tensor> {
    let written: Written = serde_json::from_value(value).map_err(|error| {
        Error::invalid("bad-tensor", format!("this is no tensor: {error}"))
            .hint("a tensor is {\"name\", \"shape\", \"datatype\", \"data\"}")
    })?;
    let shape: Vec<usize> = written.shape.iter().map(|size| *size as usize).collect();
    let count = shape.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let mut flat = Vec::new();
    flatten(Value::Array(written.data), &mut flat);
    if count != Some(flat.len()) {
        return Err(Error::invalid(
            "tensor-wrong-shape",
            format!("the shape {:?} does not hold {} elements", written.shape, flat.len()),
        )
        .at("data"));
    }
    let elements = elements(&written.datatype, flat)?;
    Ok(Tensor { name: written.name, shape, elements })
}

/// Nested lists are the same as flat ones (the protocol allows both).
fn flatten(value: Value, flat: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| flatten(item, flat)),
        other => flat.push(other),
    }
}

fn elements(datatype: &str, flat: Vec<Value>) -> Result<Elements> {
    struct Read(Vec<Value>);
    impl Make for Read {
        fn all<T: Element>(self) -> Result<Vec<T>> {
            let one = |(i, value): (usize, &Value)| {
                T::from_json(value).ok_or_else(|| {
                    let wanted = T::DATATYPE.name();
                    Error::invalid("tensor-wrong-type", format!("the element is no {wanted}"))
                        .at(format!("data[{i}]"))
                })
            };
            self.0.iter().enumerate().map(one).collect()
        }
    }
    let datatype = Datatype::named(datatype)?;
    if datatype.is_bytes_alone() {
        return Err(bytes_alone(datatype).at("datatype").hint("send them as bytes, with `binary_data_size`"));
    }
    datatype.elements(Read(flat))
}

fn bytes_alone(datatype: Datatype) -> Error {
    Error::invalid("tensor-wrong-type", format!("JSON carries no {}", datatype.name()))
}

/// A tensor as the JSON of an answer; what is no finite number is null there.
///
/// # Errors
/// `tensor-wrong-type` for one that the protocol carries as bytes alone.
pub fn written(tensor: &Tensor) -> Result<Value> {
    let datatype = tensor.elements.datatype();
    if datatype.is_bytes_alone() {
        return Err(bytes_alone(datatype)
            .at(format!("outputs.{}", tensor.name))
            .hint("ask for it as bytes, with `binary_data`"));
    }
    let data = tensor.elements.json();
    Ok(json!({"name": tensor.name, "datatype": datatype, "shape": tensor.shape, "data": data}))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::infer::binary;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in prop::collection::vec(any::<u8>(), 64..=64)) {
            for datatype in Datatype::ALL {
                let size = |count: usize| binary::read(*datatype, &bytes, count).ok();
                let Some(elements) = (1..=64).find_map(size) else { continue };
                let shape = vec![elements.count()];
                let tensor = Tensor { name: "x".to_owned(), shape, elements };
                match written(&tensor) {
                    Ok(value) => {
                        let again = read(value.clone()).unwrap();
                        prop_assert_eq!(again.elements.datatype(), *datatype);
                        // What is no finite number has become one missing, and stays it.
                        prop_assert_eq!(written(&again).unwrap(), value);
                    }
                    Err(error) => {
                        prop_assert_eq!(error.code(), "tensor-wrong-type");
                        prop_assert!(datatype.is_bytes_alone());
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_beyond_their_type_are_refused() {
        let told = |datatype: &str, value: Value| {
            let read = read(json!({"name": "x", "shape": [1], "datatype": datatype, "data": [value]}));
            read.map(|it| it.elements).map_err(|error| error.code())
        };
        assert_eq!(told("INT8", json!(-128)), Ok(Elements::Int8(vec![-128])));
        assert_eq!(told("UINT64", json!(u64::MAX)), Ok(Elements::Uint64(vec![u64::MAX])));
        let wrong = [
            ("INT8", json!(128)),
            ("INT16", json!(-32_769)),
            ("INT32", json!(1_u64 << 31)),
            ("INT64", json!(1_u64 << 63)),
            ("UINT8", json!(-1)),
            ("UINT8", json!(256)),
            ("UINT16", json!(65_536)),
            ("UINT32", json!(1_u64 << 32)),
            ("UINT64", json!(-1)),
            ("UINT64", json!(1.5)),
            ("BOOL", json!(1)),
            ("FP16", json!(1)),
            ("BF16", json!(1)),
            ("FP8", json!(1)),
        ];
        for (datatype, value) in wrong {
            assert_eq!(told(datatype, value.clone()), Err("tensor-wrong-type"), "{datatype} {value}");
        }
    }
}
