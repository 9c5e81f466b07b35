//! The last position, kept up to date by what other processes announce, and by a slow look as a net.

use std::{future::poll_fn, time::Duration};

use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Config, Error, NoTls};

use crate::writer::raise;

/// How often it is looked up in case an announcement was lost.
const LOOK: Duration = Duration::from_secs(5);

/// How long to wait before connecting again.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows the head for ever, over as many connections as it takes.
pub async fn follow(config: Config, head: watch::Sender<u64>) {
    loop {
        if let Err(error) = listen(&config, &head).await {
            tracing::warn!(%error, "the database's announcements are not heard");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(config: &Config, head: &watch::Sender<u64>) -> Result<(), Error> {
    let (client, mut connection) = config.connect(NoTls).await?;
    let heard = async {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(said) = message?
                && let Ok(position) = said.payload().parse()
            {
                raise(head, position);
            }
        }
        Ok(())
    };
    let looked = async {
        client.batch_execute("LISTEN aic_head").await?;
        loop {
            let row = client.query_one("SELECT position FROM journal_head", &[]).await?;
            raise(head, row.try_get::<_, i64>(0)? as u64);
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        ended = heard => ended,
        ended = looked => ended,
    }
}
