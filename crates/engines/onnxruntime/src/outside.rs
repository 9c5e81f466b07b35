//! What a file may not do: name other files, whose contents would become its constants; and what it may do for ever: loop.
//!
//! The fields are those of `onnx.proto` that may hold tensors and graphs; all others are passed over.

use base::Result;
use engine_onnx::unreadable;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "20")]
    training: Vec<Training>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Training {
    #[prost(message, optional, tag = "1")]
    initialization: Option<Graph>,
    #[prost(message, optional, tag = "2")]
    algorithm: Option<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(message, repeated, tag = "7")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "11")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    node: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "15")]
    sparse_initializer: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, tag = "5")]
    t: Option<Tensor>,
    #[prost(message, optional, tag = "6")]
    g: Option<Graph>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<Graph>,
    #[prost(message, optional, tag = "22")]
    sparse: Option<Sparse>,
    #[prost(message, repeated, tag = "23")]
    sparses: Vec<Sparse>,
}

#[derive(Clone, PartialEq, Message)]
struct Sparse {
    #[prost(message, optional, tag = "1")]
    values: Option<Tensor>,
    #[prost(message, optional, tag = "2")]
    indices: Option<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(message, repeated, tag = "13")]
    external: Vec<Named>,
    #[prost(int32, tag = "14")]
    location: i32,
}

/// A part of an external place; what it says does not matter.
#[derive(Clone, PartialEq, Message)]
struct Named {}

/// Whether a file holds all it needs; answers whether it may loop.
///
/// # Errors
/// `model-unreadable` for a file that names another, or is no ONNX file.
pub fn refuse(onnx: &[u8]) -> Result<bool> {
    let file = Model::decode(onnx).map_err(|error| unreadable("it is no ONNX file").because(error))?;
    let trained = file.training.iter().flat_map(|it| [&it.initialization, &it.algorithm]).flatten();
    let mut graphs: Vec<&Graph> = file.graph.iter().chain(trained).collect();
    let mut nodes: Vec<&Node> = file.functions.iter().flat_map(|it| &it.node).collect();
    let mut attributes: Vec<&Attribute> = file.functions.iter().flat_map(|it| &it.attribute).collect();
    let mut tensors: Vec<&Tensor> = Vec::new();
    let mut sparse: Vec<&Sparse> = Vec::new();
    let mut loops = false;
    while !(graphs.is_empty() && nodes.is_empty() && attributes.is_empty()) {
        for graph in graphs.drain(..) {
            nodes.extend(&graph.node);
            tensors.extend(&graph.initializer);
            sparse.extend(&graph.sparse_initializer);
        }
        for node in nodes.drain(..) {
            loops |= node.op_type == "Loop";
            attributes.extend(&node.attribute);
        }
        for attribute in attributes.drain(..) {
            graphs.extend(attribute.g.iter().chain(&attribute.graphs));
            tensors.extend(attribute.t.iter().chain(&attribute.tensors));
            sparse.extend(attribute.sparse.iter().chain(&attribute.sparses));
        }
    }
    tensors.extend(sparse.iter().flat_map(|it| it.values.iter().chain(&it.indices)));
    match tensors.iter().any(|it| it.location != 0 || !it.external.is_empty()) {
        true => Err(unreadable("constants outside the file are not read")),
        false => Ok(loops),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside() -> Tensor {
        Tensor { location: 1, external: vec![Named {}] }
    }

    fn within(attribute: Attribute) -> Model {
        let node = Node { op_type: "If".to_owned(), attribute: vec![attribute] };
        Model { graph: Some(Graph { node: vec![node], ..Graph::default() }), ..Model::default() }
    }

    #[test]
    fn a_file_that_names_another_is_refused_wherever_it_does() {
        let graph = Graph { initializer: vec![outside()], ..Graph::default() };
        let sparse = Sparse { indices: Some(outside()), ..Sparse::default() };
        let attributes = [
            Attribute { t: Some(outside()), ..Attribute::default() },
            Attribute { tensors: vec![outside()], ..Attribute::default() },
            Attribute { g: Some(graph.clone()), ..Attribute::default() },
            Attribute { graphs: vec![graph.clone()], ..Attribute::default() },
            Attribute { sparse: Some(sparse.clone()), ..Attribute::default() },
            Attribute { sparses: vec![sparse.clone()], ..Attribute::default() },
        ];
        let mut files: Vec<Model> = attributes.iter().cloned().map(within).collect();
        files.push(Model { graph: Some(graph.clone()), ..Model::default() });
        let training = Training { algorithm: Some(graph), ..Training::default() };
        files.push(Model { training: vec![training], ..Model::default() });
        let function = Function { attribute: vec![attributes[0].clone()], ..Function::default() };
        files.push(Model { functions: vec![function], ..Model::default() });
        let kept = Graph { sparse_initializer: vec![sparse], ..Graph::default() };
        files.push(Model { graph: Some(kept), ..Model::default() });
        for file in files {
            assert_eq!(refuse(&file.encode_to_vec()).unwrap_err().code(), "model-unreadable", "{file:?}");
        }
        let inside = Tensor { location: 0, external: Vec::new() };
        let attribute = Attribute { t: Some(inside), ..Attribute::default() };
        assert!(!refuse(&within(attribute).encode_to_vec()).unwrap());
        assert!(refuse(b"this is no ONNX file").is_err());
    }

    #[test]
    fn a_loop_is_found_within_a_branch() {
        let node = Node { op_type: "Loop".to_owned(), attribute: Vec::new() };
        let branch = Graph { node: vec![node], ..Graph::default() };
        assert!(
            refuse(&within(Attribute { g: Some(branch), ..Attribute::default() }).encode_to_vec()).unwrap()
        );
    }
}
