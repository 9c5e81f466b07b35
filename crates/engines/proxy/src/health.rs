//! Asks the addresses of an upstream now and then whether they are well.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use http::{Request, header};
use ports::gateway::{HealthCheck, Protocol};

use crate::{
    body::Outgoing,
    link,
    pool::{self, Wire},
    upstream::{Address, Upstream},
};

/// Asks again and again, as long as the upstream is used.
pub async fn look_after(upstream: Weak<Upstream>, question: HealthCheck) {
    let mut ticks = tokio::time::interval(Duration::from_millis(question.interval_ms.max(100)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // How often in a row each address answered unlike it is taken to be.
    let mut against: Vec<u32> = Vec::new();
    loop {
        ticks.tick().await;
        let Some(upstream) = upstream.upgrade() else { return };
        against.resize(upstream.addresses.len(), 0);
        let asked = upstream.addresses.iter().map(|address| well(&upstream, address, &question));
        let answers = futures::future::join_all(asked).await;
        for ((address, against), well) in upstream.addresses.iter().zip(&mut against).zip(answers) {
            if well == address.healthy.load(Ordering::Relaxed) {
                *against = 0;
                continue;
            }
            *against += 1;
            let needed = if well { question.healthy_after } else { question.unhealthy_after };
            if *against >= needed.max(1) {
                *against = 0;
                address.healthy.store(well, Ordering::Relaxed);
                tracing::warn!(
                    backend = upstream.place.name,
                    address = address.text,
                    well,
                    "the health of an address changed"
                );
            }
        }
    }
}

async fn well(upstream: &Upstream, address: &Arc<Address>, question: &HealthCheck) -> bool {
    let patience = Duration::from_millis(question.timeout_ms.max(1));
    let asking = async {
        let link = link::connect(address, upstream.secure.as_ref(), patience).await.ok()?;
        let mut request = Request::get(&question.path).header(header::USER_AGENT, "aic-gateway-health");
        let answer = match upstream.spec.protocol {
            Protocol::Http1 => {
                request = request.header(header::HOST, &address.text);
                let mut wire = Wire::open(link).await.ok()?;
                wire.exchange(request.body(Outgoing::Empty).ok()?).await.ok()?
            }
            Protocol::Http2 => {
                let uri = format!("http://{}{}", address.text, question.path);
                let mut sender = pool::open_shared(link).await.ok()?;
                sender.send_request(request.uri(uri).body(Outgoing::Empty).ok()?).await.ok()?
            }
        };
        Some(answer.status().as_u16() < 400)
    };
    matches!(tokio::time::timeout(patience, asking).await, Ok(Some(true)))
}
