//! What a file that declares a kind needs, in one line.

pub use base::{Digest, Error, Name, Result, Secret, Time, Uid, Watch};
pub use kernel_derive::{Fields, Kind};
pub use serde::{Deserialize, Serialize};
pub use serde_json::{Value, json};

pub use crate::{
    builder::KindBuilder,
    cx::{Cx, Draft},
    declare::{Incoming, OpenTo, Output},
    domain::Domain,
    kind::{Nothing, Ref},
    object::{Object, Raw},
    runs::{Order, StepCx, Workflow},
};
