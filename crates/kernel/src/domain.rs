//! A domain: the list of what one service serves, in reading order.

use std::sync::Arc;

use base::Result;

use crate::{
    access::Guard,
    builder::KindBuilder,
    controller::{Controller, Periodic},
    cx::Cx,
    declare::KindDef,
    kind::Kind,
    runs::Workflow,
};

/// What one service serves.
pub struct Domain {
    pub(crate) service: &'static str,
    pub(crate) kinds: Vec<KindDef>,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) periodic: Vec<Periodic>,
    pub(crate) guard: Option<Arc<dyn Guard>>,
}

impl Domain {
    /// An empty one.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            kinds: Vec::new(),
            workflows: Vec::new(),
            controllers: Vec::new(),
            periodic: Vec::new(),
            guard: None,
        }
    }

    /// The kinds it has.
    pub fn kinds(&self) -> &[KindDef] {
        &self.kinds
    }

    /// Adds a kind and what it serves.
    #[must_use]
    pub fn kind<K: Kind>(mut self, serve: fn(KindBuilder<K>) -> KindBuilder<K>) -> Self {
        self.kinds.push(serve(KindBuilder::new(self.service)).build());
        self
    }

    /// Adds a kind that belongs to another service's base path.
    #[must_use]
    pub fn kind_of<K: Kind>(
        mut self,
        service: &'static str,
        serve: fn(KindBuilder<K>) -> KindBuilder<K>,
    ) -> Self {
        self.kinds.push(serve(KindBuilder::new(service)).build());
        self
    }

    /// Adds durable work.
    #[must_use]
    pub fn workflow(mut self, workflow: Workflow) -> Self {
        self.workflows.push(workflow);
        self
    }

    /// Adds a follower of the journal: it is handed every change of a kind, at least once, in order.
    #[must_use]
    pub fn controller<F, T>(mut self, name: &'static str, kind: &'static str, act: F) -> Self
    where
        F: Fn(Cx, crate::journal::Change) -> T + Send + Sync + 'static,
        T: Future<Output = Result<()>> + Send + 'static,
    {
        let act = Arc::new(move |cx, change| -> crate::Later<'static, ()> { Box::pin(act(cx, change)) });
        self.controllers.push(Controller { name, kind, act });
        self
    }

    /// Adds work that is done again and again, by one process at a time: the first time soon after the start.
    #[must_use]
    pub fn every<F, T>(mut self, name: &'static str, seconds: u32, act: F) -> Self
    where
        F: Fn(Cx) -> T + Send + Sync + 'static,
        T: Future<Output = Result<()>> + Send + 'static,
    {
        let act = Arc::new(move |cx| -> crate::Later<'static, ()> { Box::pin(act(cx)) });
        self.periodic.push(Periodic { name, seconds, act });
        self
    }

    /// Makes the domain the one that knows who is asking and what they were granted.
    #[must_use]
    pub fn guard(mut self, guard: Arc<dyn Guard>) -> Self {
        self.guard = Some(guard);
        self
    }
}
