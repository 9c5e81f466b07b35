//! The one task that writes for this process, a group at a time, in its turn among all processes.

use std::time::Instant;

use base::Result;
use store_sql::Pace;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Config;

use super::{
    apply,
    connect::{Line, explained, unavailable},
};
use crate::ledger::Task;

/// How many tasks may wait; beyond that, callers do.
const QUEUE: usize = 1_024;
/// How many tasks share one transaction at most.
const GROUP: usize = 512;

struct Job {
    task: Task,
    reply: oneshot::Sender<Result<u64>>,
}

/// The way to the task that writes.
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the task. It ends when the last handle is gone and everything that waited is done.
    pub fn start(config: Config) -> Self {
        let (queue, mut jobs) = mpsc::channel(QUEUE);
        tokio::spawn(async move {
            let (mut line, mut pace, mut group) = (None, Pace::default(), Vec::with_capacity(GROUP));
            while jobs.recv_many(&mut group, GROUP).await > 0 {
                let begun = Instant::now();
                while group.len() < GROUP {
                    match jobs.try_recv() {
                        Ok(job) => group.push(job),
                        Err(_) if pace.waits(group.len(), begun) => tokio::task::yield_now().await,
                        Err(_) => break,
                    }
                }
                let (size, begun) = (group.len(), Instant::now());
                round(&config, &mut line, std::mem::take(&mut group)).await;
                pace.note(size, begun.elapsed());
            }
        });
        Self(queue)
    }

    /// Has a task done and waits until it is durable.
    pub async fn ask(&self, task: Task) -> Result<u64> {
        let ended = || unavailable().because("the writer has ended");
        let (reply, answer) = oneshot::channel();
        self.0.send(Job { task, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

async fn round(config: &Config, line: &mut Option<Line>, group: Vec<Job>) {
    let (tasks, replies): (Vec<Task>, Vec<_>) = group.into_iter().map(|job| (job.task, job.reply)).unzip();
    let had_line = line.is_some();
    let mut answers = attempt(config, line, &tasks).await;
    if answers.is_err() && had_line && line.is_none() {
        // The server went away since the last round, and may be back. What was told once may be told again.
        answers = attempt(config, line, &tasks).await;
    }
    let answers = answers.unwrap_or_else(|error| {
        tracing::error!(?error, tasks = tasks.len(), "what was logged to runs could not be written");
        tasks.iter().map(|_| Err(error.clone())).collect()
    });
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Whoever went away does not want the answer.
        let _ = reply.send(answer);
    }
}

async fn attempt(config: &Config, line: &mut Option<Line>, tasks: &[Task]) -> Result<Vec<Result<u64>>> {
    if line.as_ref().is_none_or(|line| line.client.is_closed()) {
        *line = Some(Line::open(config).await.map_err(explained)?);
    }
    let Some(open) = line else { return Err(unavailable()) };
    let answers = apply::group(&open.client, tasks).await;
    if answers.is_err() && (open.client.is_closed() || open.client.batch_execute("ROLLBACK").await.is_err()) {
        *line = None;
    }
    answers
}
