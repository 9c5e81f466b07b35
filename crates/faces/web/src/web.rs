//! The state faces share: the platform, the limits, the counters.

use std::{ops::Deref, sync::Arc};

use kernel::platform::Platform;

use crate::{limits::Rates, metrics::Metrics};

/// What can be set for all faces.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes a JSON body may have.
    pub body_max: usize,
    /// Bytes an upload may have.
    pub upload_max: u64,
    /// Seconds a request may take, streams excepted.
    pub deadline_s: i64,
    /// Requests a principal may make a minute.
    pub rate_per_minute: u32,
    /// Requests an address may make a minute without logging in.
    pub anonymous_per_minute: u32,
    /// Networks of proxies that are believed what they say of a request's origin.
    pub trusted_proxies: Vec<ipnet::IpNet>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_max: 8 << 20,
            upload_max: 64 << 30,
            deadline_s: 60,
            rate_per_minute: 1_200_000,
            anonymous_per_minute: 600,
            trusted_proxies: Vec::new(),
        }
    }
}

/// The state faces share. A cheap handle: every layer that a request passes clones it.
#[derive(Clone)]
pub struct Web(Arc<Shared>);

/// What it leads to.
pub struct Shared {
    /// The platform behind the faces.
    pub platform: Arc<Platform>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How often somebody may ask.
    pub rates: Rates,
    /// What can be set.
    pub settings: Settings,
}

impl Deref for Web {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Web {
    /// The state over a platform, with counters of its own.
    pub fn new(platform: Arc<Platform>, settings: Settings) -> Self {
        Self::counting(platform, settings, Arc::default())
    }

    /// The state over a platform, with counters that others read too.
    pub fn counting(platform: Arc<Platform>, settings: Settings, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Shared { platform, metrics, rates: Rates::new(&settings), settings }))
    }
}
