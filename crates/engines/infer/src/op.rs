//! What an operator is, and the list of those known here.

use base::Result;
use engine_onnx::{ML, Node};

use crate::{attributes::Attributes, encode, math, reduce, score, shape, value::Value};

/// What comes out of an operator.
pub enum Out {
    One(Value),
    Two(Value, Value),
}

/// How the columns of an operator's output come from those of its inputs.
pub enum Flow {
    /// Each column from the same column of any input that is not constant.
    Keep,
    /// The inputs' columns one after another.
    Join,
    /// Each column becomes so many neighbours.
    Spread(usize),
    /// Columns picked by the constant second input.
    Pick,
    /// No telling.
    Opaque,
}

/// An operator with its attributes read and checked.
pub trait Op: Send + Sync {
    /// Computes its outputs.
    fn run(&self, from: &[&Value]) -> Result<Out>;

    /// Where its columns come from, for explanations.
    fn flow(&self) -> Flow {
        Flow::Opaque
    }

    /// The trees or the linear model it is, if it is one.
    fn scorer(&self) -> Option<&score::Scorer> {
        None
    }

    /// The classes it names: those of a classifier, or the texts an encoder gives.
    fn classes(&self) -> Option<Vec<String>> {
        None
    }

    /// Bytes of memory it holds, about.
    fn bytes(&self) -> usize {
        64
    }
}

/// Makes the operator of a node; none for an operator not known here.
pub fn make(node: &Node) -> Result<Option<Box<dyn Op>>> {
    let of = Attributes(node);
    Ok(match node.domain.as_str() {
        "" | "ai.onnx" => standard(of)?,
        ML => classic(of)?,
        _ => None,
    })
}

/// The operators of `ai.onnx.ml`.
fn classic(of: Attributes<'_>) -> Result<Option<Box<dyn Op>>> {
    Ok(Some(match of.0.op_type.as_str() {
        "TreeEnsembleRegressor" => Box::new(score::Scorer::tree_regressor(of)?),
        "TreeEnsembleClassifier" => Box::new(score::Scorer::tree_classifier(of)?),
        "LinearRegressor" => Box::new(score::Scorer::linear_regressor(of)?),
        "LinearClassifier" => Box::new(score::Scorer::linear_classifier(of)?),
        "LabelEncoder" => Box::new(encode::Mapping::label_encoder(of)?),
        "CategoryMapper" => Box::new(encode::CategoryMapper::read(of)?),
        "OneHotEncoder" => Box::new(encode::OneHot::read(of)?),
        "Scaler" => Box::new(encode::Scaler::read(of)?),
        "Imputer" => Box::new(encode::Imputer::read(of)?),
        "Normalizer" => Box::new(encode::Normalizer::read(of)?),
        "Binarizer" => Box::new(encode::Binarizer(of.float("threshold", 0.0))),
        "FeatureVectorizer" => Box::new(shape::FeatureVectorizer),
        "ArrayFeatureExtractor" => Box::new(shape::Pick),
        // A sequence of maps says nothing the tensor of probabilities does not.
        "ZipMap" => Box::new(shape::ZipMap::read(of)?),
        _ => return Ok(None),
    }))
}

/// The operators of `ai.onnx` that exporters put around the classic ones.
fn standard(of: Attributes<'_>) -> Result<Option<Box<dyn Op>>> {
    let name = of.0.op_type.as_str();
    if let Some(op) = math::Unary::named(name) {
        return Ok(Some(Box::new(op)));
    }
    if let Some(op) = math::Binary::named(name) {
        return Ok(Some(Box::new(op)));
    }
    Ok(Some(match name {
        "Cast" => match math::Cast::to(of.int("to", 0) as i32) {
            Some(cast) => Box::new(cast),
            None => return Ok(None),
        },
        "Where" => Box::new(math::Where),
        "MatMul" => Box::new(math::Gemm::mat_mul()),
        "Gemm" => Box::new(math::Gemm::read(of)),
        "Softmax" => Box::new(reduce::Softmax(of.int("axis", -1))),
        "ArgMax" => Box::new(reduce::ArgMax::read(of)?),
        "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin" => Box::new(reduce::Reduce::read(of)?),
        "Identity" => Box::new(shape::Identity),
        "Constant" => match shape::Constant::read(of)? {
            Some(constant) => Box::new(constant),
            None => return Ok(None),
        },
        "Concat" => Box::new(shape::Concat(of.int("axis", 1))),
        "Flatten" => Box::new(shape::Flatten(of.int("axis", 1))),
        "Reshape" => Box::new(shape::Reshape),
        "Squeeze" => Box::new(shape::Squeeze(of.ints("axes").to_vec())),
        "Unsqueeze" => Box::new(shape::Unsqueeze(of.ints("axes").to_vec())),
        "Transpose" => Box::new(shape::Transpose(of.ints("perm").to_vec())),
        "Gather" => Box::new(shape::Gather(of.int("axis", 0))),
        "Shape" => Box::new(shape::ShapeOf),
        _ => return Ok(None),
    }))
}
