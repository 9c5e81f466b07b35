//! The models that are loaded: one for each digest, shared by all endpoints that serve it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use kernel::prelude::*;
use ports::infer::{Infer, Model, Signature};

use crate::{
    attestation,
    model_version::{self, Version},
};

/// A model ready to answer.
pub struct Loaded {
    /// The engine's handle.
    pub model: Arc<dyn Model>,
    /// The version's name, `credit.1`.
    pub version: String,
    /// The model's name.
    pub name: String,
    /// The version's number.
    pub number: u64,
    /// What it takes and gives.
    pub signature: Signature,
}

/// The models that are loaded, by organization and version.
#[derive(Default)]
pub struct Serving {
    loaded: RwLock<HashMap<(String, String), Arc<Loaded>>>,
}

/// How many models stay loaded before all that nobody uses are let go.
const LOADED_MAX: usize = 1_000;

impl Serving {
    /// A version's model, loaded on first use.
    pub async fn model(&self, cx: &Cx, version: &str) -> Result<Arc<Loaded>> {
        let key = (cx.org.to_string(), format!("{}/{version}", cx.project));
        if let Some(loaded) = self.loaded.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Arc::clone(loaded));
        }
        let found = cx.get::<Version>(version).await?;
        attestation::checked(cx, &found)?;
        let bytes = cx.platform().blobs.get(found.spec.onnx()?, model_version::MODEL_MAX).await?;
        let infer = cx.port::<dyn Infer>()?;
        let model = cx.blocking(move || infer.load(&bytes)).await?;
        let loaded = Arc::new(Loaded {
            model,
            version: version.to_owned(),
            name: found.spec.model.to_string(),
            number: found.spec.number,
            signature: found.spec.signature()?,
        });
        let mut all = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= LOADED_MAX {
            all.retain(|_, loaded| Arc::strong_count(loaded) > 1);
        }
        // A version's file does not change, so whoever was first is as good.
        Ok(Arc::clone(all.entry(key).or_insert(loaded)))
    }
}
