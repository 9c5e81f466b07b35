//! The attributes of a node, read by name and type.

use base::Result;
use engine_onnx::{Attribute, Node, element};

use crate::{
    fault::unreadable,
    value::{Data, Value},
};

/// Reads attributes of one node.
#[derive(Clone, Copy)]
pub struct Attributes<'a>(pub &'a Node);

impl<'a> Attributes<'a> {
    fn find(self, name: &str) -> Option<&'a Attribute> {
        self.0.attribute.iter().find(|it| it.name == name)
    }

    /// Whether it is there.
    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A whole number, or what to take without it.
    pub fn int(self, name: &str, otherwise: i64) -> i64 {
        self.find(name).map_or(otherwise, |it| it.i)
    }

    /// A fraction, or what to take without it.
    pub fn float(self, name: &str, otherwise: f32) -> f32 {
        self.find(name).map_or(otherwise, |it| it.f)
    }

    /// A text, or what to take without it.
    pub fn text(self, name: &str, otherwise: &str) -> Result<String> {
        match self.find(name) {
            None => Ok(otherwise.to_owned()),
            Some(it) => utf8(&it.s),
        }
    }

    /// Whole numbers; none at all when absent.
    pub fn ints(self, name: &str) -> &'a [i64] {
        self.find(name).map_or(&[], |it| &it.ints)
    }

    /// Fractions; none at all when absent.
    pub fn floats(self, name: &str) -> &'a [f32] {
        self.find(name).map_or(&[], |it| &it.floats)
    }

    /// Texts; none at all when absent.
    pub fn strings(self, name: &str) -> Result<Vec<String>> {
        self.find(name).map_or(Ok(Vec::new()), |it| it.strings.iter().map(|text| utf8(text)).collect())
    }

    /// A constant tensor.
    pub fn tensor(self, name: &str) -> Result<Option<Value>> {
        self.find(name).and_then(|it| it.t.as_ref()).map(Value::constant).transpose()
    }

    /// Fractions given as `name`, or with double precision as `name_as_tensor`.
    pub fn doubles(self, name: &str) -> Result<Vec<f64>> {
        if let Some(tensor) = self.find(&format!("{name}_as_tensor")).and_then(|it| it.t.as_ref())
            && (tensor.data_type == element::DOUBLE || tensor.data_type == element::FLOAT)
        {
            let value = Value::constant(tensor)?;
            return Ok(value.data.to_f64().unwrap_or_default());
        }
        Ok(self.floats(name).iter().map(|&x| f64::from(x)).collect())
    }

    /// The keys or values of a mapping, in whichever of the forms of `LabelEncoder` they are written.
    pub fn list(self, name: &str) -> Result<Option<Data>> {
        if let Some(value) = self.tensor(&format!("{name}_tensor"))? {
            return Ok(Some(value.data));
        }
        let (strings, ints, floats) =
            (format!("{name}_strings"), format!("{name}_int64s"), format!("{name}_floats"));
        Ok(if self.has(&strings) {
            Some(Data::Text(self.strings(&strings)?))
        } else if self.has(&ints) {
            Some(Data::I64(self.ints(&ints).to_vec()))
        } else if self.has(&floats) {
            Some(Data::F32(self.floats(&floats).to_vec()))
        } else {
            None
        })
    }
}

fn utf8(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| unreadable("a text in it is not UTF-8"))
}
