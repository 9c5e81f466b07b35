//! The ONNX file format: the messages of `onnx.proto` that classic models need, what they tell a model takes and gives, and
//! short ways to write them.
//!
//! Messages are written by hand after the field numbers of the ONNX IR specification, so no `protoc` is needed.

mod messages;
mod signature;
mod write;

pub use messages::{
    Attribute, Dimension, Graph, MapType, Model, Node, OperatorSet, Property, SequenceType, Shape, Tensor,
    TensorType, Type, ValueInfo, attribute, dimension, element, kind,
};
pub use prost::Message;
pub use signature::{classes, datatype, signature, unreadable};
pub use write::{doubles, floats, ints, node, strings, tensor_f64, tensor_i64, value_info};

/// The operator domain of classic machine learning.
pub const ML: &str = "ai.onnx.ml";

/// The key of the metadata property that holds a signature as JSON.
pub const SIGNATURE: &str = "aic.signature";
