//! What runs the models of an endpoint: which runtime, and how much of the processor for one answer.

use kernel::prelude::*;
use ports::infer::choice;

/// Which runtime ONNX files get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Runtime {
    /// Whichever answers sooner, by a trial while deploying; the platform's own where onnxruntime is not installed.
    #[default]
    Auto,
    /// The platform's own.
    Native,
    /// onnxruntime's library.
    Onnxruntime,
}

/// Whether models that are code are served as ONNX where that answers alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "lowercase")]
pub enum Conversion {
    /// Where their library's converter writes them, and both say the same to their example.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// What runs the models of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Fields)]
#[serde(rename_all = "camelCase")]
pub struct Engine {
    /// Which runtime ONNX files get.
    #[field(default = "auto")]
    pub runtime: Runtime,
    /// How many threads one answer of onnxruntime may use.
    #[field(min = 1, max = 64, default = 1)]
    pub threads: u16,
    /// Whether models that are code are served as ONNX where that answers alike.
    #[field(default = "auto")]
    pub conversion: Conversion,
}

impl Runtime {
    /// The same in the engine's words.
    pub fn engine(self) -> choice::Runtime {
        match self {
            Self::Auto => choice::Runtime::Auto,
            Self::Native => choice::Runtime::Native,
            Self::Onnxruntime => choice::Runtime::Onnxruntime,
        }
    }
}
