//! Short ways to write nodes, attributes and constants.

use crate::messages::{
    Attribute, Dimension, Node, Shape, Tensor, TensorType, Type, ValueInfo, attribute, dimension, element,
    kind,
};

/// A node from some named tensors to one.
pub fn node(domain: &str, operator: &str, from: &[&str], to: &str) -> Node {
    Node {
        input: from.iter().map(ToString::to_string).collect(),
        output: vec![to.to_owned()],
        name: format!("{to}.{operator}"),
        op_type: operator.to_owned(),
        attribute: Vec::new(),
        domain: domain.to_owned(),
    }
}

impl Node {
    /// This node with a whole number as an attribute.
    pub fn int(self, name: &str, i: i64) -> Self {
        self.with(name, attribute::INT, |it| it.i = i)
    }

    /// This node with a fraction as an attribute.
    pub fn float(self, name: &str, f: f32) -> Self {
        self.with(name, attribute::FLOAT, |it| it.f = f)
    }

    /// This node with a text as an attribute.
    pub fn text(self, name: &str, text: &str) -> Self {
        self.with(name, attribute::STRING, |it| {
            it.s = text.as_bytes().to_vec();
        })
    }

    /// This node with any attribute made by [`ints`], [`floats`], [`strings`] or [`doubles`].
    pub fn and(mut self, attribute: Attribute) -> Self {
        self.attribute.push(attribute);
        self
    }

    fn with(mut self, name: &str, kind: i32, fill: impl FnOnce(&mut Attribute)) -> Self {
        let mut made = Attribute { name: name.to_owned(), kind, ..Attribute::default() };
        fill(&mut made);
        self.attribute.push(made);
        self
    }
}

/// An attribute of whole numbers.
pub fn ints(name: &str, ints: Vec<i64>) -> Attribute {
    Attribute { name: name.to_owned(), kind: attribute::INTS, ints, ..Attribute::default() }
}

/// An attribute of fractions.
pub fn floats(name: &str, floats: Vec<f32>) -> Attribute {
    Attribute { name: name.to_owned(), kind: attribute::FLOATS, floats, ..Attribute::default() }
}

/// An attribute of texts.
pub fn strings<T: AsRef<str>>(name: &str, texts: impl IntoIterator<Item = T>) -> Attribute {
    Attribute {
        name: name.to_owned(),
        kind: attribute::STRINGS,
        strings: texts.into_iter().map(|text| text.as_ref().as_bytes().to_vec()).collect(),
        ..Attribute::default()
    }
}

/// An attribute that is a vector of doubles.
pub fn doubles(name: &str, values: Vec<f64>) -> Attribute {
    Attribute {
        name: name.to_owned(),
        kind: attribute::TENSOR,
        t: Some(tensor_f64("", vec![values.len() as i64], values)),
        ..Attribute::default()
    }
}

/// A constant of doubles.
pub fn tensor_f64(name: &str, dims: Vec<i64>, double_data: Vec<f64>) -> Tensor {
    Tensor { name: name.to_owned(), dims, data_type: element::DOUBLE, double_data, ..Tensor::default() }
}

/// A constant of 64-bit integers.
pub fn tensor_i64(name: &str, dims: Vec<i64>, int64_data: Vec<i64>) -> Tensor {
    Tensor { name: name.to_owned(), dims, data_type: element::INT64, int64_data, ..Tensor::default() }
}

/// An input or output; -1 in the shape is any number of rows.
pub fn value_info(name: &str, elem_type: i32, shape: &[i64]) -> ValueInfo {
    let dim = shape
        .iter()
        .map(|&size| Dimension {
            value: Some(if size < 0 {
                dimension::Value::Name("rows".to_owned())
            } else {
                dimension::Value::Size(size)
            }),
        })
        .collect();
    ValueInfo {
        name: name.to_owned(),
        kind: Some(Type {
            value: Some(kind::Value::Tensor(TensorType { elem_type, shape: Some(Shape { dim }) })),
        }),
    }
}
