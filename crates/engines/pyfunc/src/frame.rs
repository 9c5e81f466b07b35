//! What goes between a worker and us: a head in JSON and the bytes of tensors, as `model.py` says.

use std::io::{Read, Write};

use base::{Error, Result};
use ports::infer::{Datatype, Question, Signature, Slot, Tensor, binary};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest head, and the most bytes of tensors that a worker may answer with.
const HEAD_MAX: u32 = 16 << 20;
const BYTES_MAX: u64 = 1 << 30;

/// One tensor as a head tells it.
#[derive(Serialize, Deserialize)]
struct Told {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    bytes: u64,
}

/// A head; which of its fields are there depends on what is answered.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Head {
    /// The model's own error.
    pub error: Option<String>,
    /// Why the model cannot be asked by tensors.
    pub unsupported: Option<String>,
    /// What the model takes.
    pub inputs: Vec<Slotted>,
    /// What it gives.
    pub outputs: Vec<Slotted>,
    /// Its classes.
    pub classes: Vec<String>,
    /// A row of its input example.
    pub example: Option<Value>,
    /// Whether it can answer in parts.
    pub has_parts: bool,
    /// Whether it takes parameters.
    pub takes_params: bool,
    /// Whether this is a part that another may follow.
    pub more: bool,
    /// How long the ONNX files are that a converter wrote.
    pub candidates: Vec<u64>,
    tensors: Vec<Told>,
}

/// A slot as a worker tells it.
#[derive(Deserialize)]
pub struct Slotted {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    optional: bool,
}

impl Head {
    /// The signature of the first frame.
    pub fn signature(&self) -> Result<Signature> {
        let slot = |it: &Slotted| {
            Ok(Slot {
                name: it.name.clone(),
                datatype: Datatype::named(&it.datatype)?,
                shape: it.shape.clone(),
                categories: Vec::new(),
                optional: it.optional,
            })
        };
        Ok(Signature {
            inputs: self.inputs.iter().map(slot).collect::<Result<_>>()?,
            outputs: self.outputs.iter().map(slot).collect::<Result<_>>()?,
            classes: self.classes.clone(),
            ..Signature::default()
        })
    }
}

/// Whether a worker shall go on after a part.
pub fn go_on(is_wanted: bool) -> Vec<u8> {
    let head = serde_json::json!({"tensors": [], "go": is_wanted}).to_string();
    [&(head.len() as u32).to_le_bytes(), head.as_bytes()].concat()
}

/// Writes a question.
pub fn write(to: &mut impl Write, question: &Question) -> std::io::Result<()> {
    let tensors = &question.inputs;
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|it| binary::written(&it.elements)).collect();
    let told = tensors.iter().zip(&bytes).map(|(it, bytes)| Told {
        name: it.name.clone(),
        datatype: it.elements.datatype().name().to_owned(),
        shape: it.shape.clone(),
        bytes: bytes.len() as u64,
    });
    let head = serde_json::to_vec(&serde_json::json!({
        "tensors": told.collect::<Vec<_>>(),
        "params": question.params,
        "parts": question.in_parts,
    }))?;
    to.write_all(&u32::try_from(head.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    to.write_all(&head)?;
    bytes.iter().try_for_each(|bytes| to.write_all(bytes))?;
    to.flush()
}

/// Reads an answer; nothing at the end of the stream.
///
/// # Errors
/// What is no frame: a worker that answers so is not asked again.
pub fn read(from: &mut impl Read) -> Result<Option<(Head, Vec<Tensor>)>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other.map_err(Error::internal)?,
    }
    let length = u32::from_le_bytes(length);
    if length > HEAD_MAX {
        return Err(Error::internal("a worker's head is too long"));
    }
    let mut head = vec![0; length as usize];
    from.read_exact(&mut head).map_err(Error::internal)?;
    let head: Head = serde_json::from_slice(&head).map_err(Error::internal)?;
    let all = head.tensors.iter().try_fold(0_u64, |all, it| all.checked_add(it.bytes));
    if all.is_none_or(|all| all > BYTES_MAX) {
        return Err(Error::internal("a worker's answer is too long"));
    }
    let mut tensors = Vec::with_capacity(head.tensors.len());
    for told in &head.tensors {
        let count = told.shape.iter().try_fold(1_usize, |all, &size| all.checked_mul(size));
        let count = count.ok_or_else(|| Error::internal("a worker's tensor is too large"))?;
        let mut bytes = vec![0; usize::try_from(told.bytes).map_err(Error::internal)?];
        from.read_exact(&mut bytes).map_err(Error::internal)?;
        let elements = binary::read(Datatype::named(&told.datatype)?, &bytes, count)?;
        tensors.push(Tensor { name: told.name.clone(), shape: told.shape.clone(), elements });
    }
    Ok(Some((head, tensors)))
}

#[cfg(test)]
mod tests {
    use ports::infer::Elements;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let tensors = vec![
            Tensor { name: "a".to_owned(), shape: vec![2, 1], elements: Elements::Fp64(vec![1.5, -2.0]) },
            Tensor {
                name: "b".to_owned(),
                shape: vec![2],
                elements: Elements::Bytes(vec![String::new(), "ä".to_owned()]),
            },
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &Question { inputs: tensors.clone(), ..Question::default() }).unwrap();
        let (_, found) = read(&mut bytes.as_slice()).unwrap().unwrap();
        assert_eq!(found, tensors);
    }

    #[test]
    fn what_is_cut_or_lies_about_its_length_is_refused() {
        assert!(read(&mut [].as_slice()).unwrap().is_none());
        assert!(read(&mut u32::MAX.to_le_bytes().as_slice()).is_err());
        let head = br#"{"tensors": [{"name": "a", "datatype": "FP64", "shape": [2], "bytes": 18446744073709551615}]}"#;
        let mut bytes = (head.len() as u32).to_le_bytes().to_vec();
        bytes.extend(head);
        assert!(read(&mut bytes.as_slice()).is_err());
        assert!(read(&mut &bytes[..20]).is_err());
    }
}
