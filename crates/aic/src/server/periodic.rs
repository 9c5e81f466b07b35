//! What is done every few seconds while the server runs.

use std::{sync::Arc, time::Duration};

use kernel::platform::Platform;

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// Does it again and again; what fails is tried again the next time.
pub async fn again_and_again(platform: Arc<Platform>, holder: String) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = domain_operations::tick(&platform, &holder).await {
            tracing::warn!(?error, "what is done every few seconds failed; trying again");
        }
    }
}
