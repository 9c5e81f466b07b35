//! Answers in parts: what is asked, and who hears each part as it comes.

use serde_json::{Map, Value};

use super::Tensor;

/// What is asked of a model.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Its inputs.
    pub inputs: Vec<Tensor>,
    /// What the model is told beside them, by name; nothing for one that takes none.
    pub params: Map<String, Value>,
    /// Whether it may answer in parts.
    pub in_parts: bool,
}

/// Who hears the parts of an answer. One that has left is answered no more.
pub trait Listener: Send {
    /// Hears a part; answers whether the next is wanted.
    fn hear(&mut self, part: Vec<Tensor>) -> bool;

    /// Whether anybody still listens.
    fn is_there(&self) -> bool;
}
