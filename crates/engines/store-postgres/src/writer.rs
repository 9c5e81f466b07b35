//! The one task that writes for this process: it takes everything that waits, decides it in memory
//! and writes it in one transaction, in its turn among all processes.

use std::time::{Duration, Instant};

use base::Result;
use store_sql::{Answer, Pace, Task};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_postgres::Config;

use crate::{
    connect::Line,
    fail,
    flush::flush,
    ledger::Head,
    load::load,
    statements::{LOCK_HEAD, Statements},
};

/// How many tasks may wait; beyond that, callers do.
const QUEUE: usize = 1_024;

/// How many tasks share one transaction at most.
const GROUP: usize = 512;

/// How often, and after which pause, it is asked whether a commit whose answer was lost has happened.
const QUESTIONS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(300);

struct Job {
    task: Task,
    reply: oneshot::Sender<Result<Answer>>,
}

/// The way to the task that writes.
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the task. It ends when the last handle is gone and everything that waited is done.
    pub fn start(config: Config, head: watch::Sender<u64>) -> Self {
        let (queue, mut jobs) = mpsc::channel(QUEUE);
        let mut rounds = Rounds { config, head, line: None };
        tokio::spawn(async move {
            let mut group = Vec::with_capacity(GROUP);
            let mut pace = Pace::default();
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
                rounds.run(std::mem::take(&mut group)).await;
                pace.note(size, begun.elapsed());
            }
        });
        Self(queue)
    }

    /// Has a task done and waits until it is durable.
    pub async fn ask(&self, task: Task) -> Result<Answer> {
        let ended = || fail::unavailable().because("the writer has ended");
        let (reply, answer) = oneshot::channel();
        let job = Job { task, reply };
        self.0.send(job).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

/// A transaction that failed.
enum Trouble {
    /// Nothing was written.
    Failed(tokio_postgres::Error),
    /// The commit was sent, and the connection broke before its answer. It may have happened.
    Unanswered(tokio_postgres::Error, Head, Vec<Result<Answer>>),
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(error)
    }
}

struct Rounds {
    config: Config,
    head: watch::Sender<u64>,
    line: Option<(Line, Statements)>,
}

impl Rounds {
    async fn run(&mut self, group: Vec<Job>) {
        let (together, apart): (Vec<Job>, Vec<Job>) =
            group.into_iter().partition(|job| statement_of(&job.task).is_none());
        if !together.is_empty() {
            let tasks: Vec<&Task> = together.iter().map(|job| &job.task).collect();
            let answers = self.round(&tasks).await;
            for (job, answer) in together.into_iter().zip(answers) {
                // Whoever went away does not want the answer.
                let _ = job.reply.send(answer);
            }
        }
        for job in apart {
            let done = self.alone(&job.task).await;
            let _ = job.reply.send(done.map(|()| Answer::Done));
        }
    }

    async fn round(&mut self, tasks: &[&Task]) -> Vec<Result<Answer>> {
        let error = match self.settled(tasks).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        if fail::is_away(&error) || tasks.len() == 1 {
            tracing::error!(%error, tasks = tasks.len(), "a commit failed");
            let error = fail::explained(error);
            return tasks.iter().map(|_| Err(error.clone())).collect();
        }
        // One of them trips the database up; alone, it disturbs no neighbour.
        tracing::warn!(%error, tasks = tasks.len(), "a group failed; its tasks are done one by one");
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            answers.push(match self.settled(&[task]).await {
                Ok(mut answers) => {
                    answers.pop().unwrap_or_else(|| Err(base::Error::internal("a task has no answer")))
                }
                Err(error) => Err(fail::explained(error)),
            });
        }
        answers
    }

    /// Does the tasks in one transaction, on a new connection if the old one has gone.
    async fn settled(
        &mut self,
        tasks: &[&Task],
    ) -> std::result::Result<Vec<Result<Answer>>, tokio_postgres::Error> {
        let had_line = self.line.is_some();
        let mut done = self.attempt(tasks).await;
        if let Err(Trouble::Failed(error)) = &done
            && had_line
            && error.is_closed()
        {
            // The server went away since the last round, and may be back.
            done = self.attempt(tasks).await;
        }
        match done {
            Ok(answers) => Ok(answers),
            Err(Trouble::Failed(error)) => Err(error),
            Err(Trouble::Unanswered(error, head, answers)) => {
                if self.happened(head).await {
                    self.announce(head.position);
                    return Ok(answers);
                }
                Err(error)
            }
        }
    }

    async fn attempt(&mut self, tasks: &[&Task]) -> std::result::Result<Vec<Result<Answer>>, Trouble> {
        let (line, statements) = self.line().await?;
        let client = &line.client;
        let mut ledger = match load(client, statements, tasks).await {
            Ok(ledger) => ledger,
            Err(error) => {
                self.give_up().await;
                return Err(error.into());
            }
        };
        let answers = tasks.iter().map(|task| ledger.perform(task)).collect();
        if let Err(error) = flush(client, statements, &ledger).await {
            let unanswered = client.is_closed() || error.is_closed();
            self.give_up().await;
            return Err(if unanswered && ledger.grew() {
                Trouble::Unanswered(error, ledger.head, answers)
            } else {
                Trouble::Failed(error)
            });
        }
        self.announce(ledger.head.position);
        Ok(answers)
    }

    /// Ends what is left of a transaction.
    async fn give_up(&mut self) {
        if let Some((line, _)) = &self.line
            && line.client.batch_execute("ROLLBACK").await.is_err()
        {
            self.line = None;
        }
    }

    async fn line(&mut self) -> std::result::Result<&mut (Line, Statements), tokio_postgres::Error> {
        let open = match self.line.take() {
            Some(open) if !open.0.client.is_closed() => open,
            Some(_) | None => {
                let line = Line::open(&self.config).await?;
                let statements = Statements::prepare(&line.client).await?;
                (line, statements)
            }
        };
        Ok(self.line.insert(open))
    }

    /// Whether the journal has this entry. The lock waits for a commit that is still under way.
    async fn happened(&mut self, head: Head) -> bool {
        for _ in 0..QUESTIONS {
            if let Ok((line, _)) = self.line().await {
                let (position, hash) = (head.position as i64, head.hash.bytes().to_vec());
                let asked = async {
                    line.client.query(LOCK_HEAD, &[]).await?;
                    let find = "SELECT 1 FROM changes WHERE position = $1 AND hash = $2";
                    line.client.query(find, &[&position, &hash]).await
                };
                match asked.await {
                    Ok(found) => return !found.is_empty(),
                    Err(_) => self.line = None,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }

    async fn alone(&mut self, task: &Task) -> Result<()> {
        let Some((texts, now)) = statement_of(task) else {
            return Ok(());
        };
        let (line, _) = self.line().await.map_err(fail::explained)?;
        for text in texts {
            let done = match &now {
                Value::Stream(stream) => line.client.execute(*text, &[stream]).await,
                Value::Now(micros) => line.client.execute(*text, &[micros]).await,
                Value::Bodies(bodies) => {
                    let positions: Vec<i64> = bodies.iter().map(|(position, _)| *position as i64).collect();
                    let bodies: Vec<&str> = bodies.iter().map(|(_, body)| body.as_str()).collect();
                    line.client.execute(*text, &[&positions, &bodies]).await
                }
                Value::None => line.client.execute(*text, &[]).await,
            };
            done.map_err(fail::explained)?;
        }
        Ok(())
    }

    fn announce(&self, position: u64) {
        raise(&self.head, position);
    }
}

/// Moves the head on; it never goes back.
pub fn raise(head: &watch::Sender<u64>, position: u64) {
    head.send_if_modified(|seen| {
        let grown = position > *seen;
        *seen = position.max(*seen);
        grown
    });
}

enum Value<'a> {
    None,
    Bodies(&'a [(u64, String)]),
    Stream(&'a str),
    Now(i64),
}

/// The statements of a task that needs no group.
fn statement_of(task: &Task) -> Option<(&'static [&'static str], Value<'_>)> {
    match task {
        Task::DropStream(stream) => Some((&["DELETE FROM streams WHERE stream = $1"], Value::Stream(stream))),
        Task::Sweep(now) => Some((
            &["DELETE FROM kept WHERE expires <= $1", "DELETE FROM leases WHERE expires <= $1"],
            Value::Now(now.micros()),
        )),
        Task::Empty(bodies) => Some((
            &[
                "UPDATE changes c SET body = e.body FROM unnest($1::bigint[], $2::text[]) AS e (position, body) \
               WHERE c.position = e.position",
            ],
            Value::Bodies(bodies),
        )),
        Task::Ping => Some((&["UPDATE counters SET value = value + 1 WHERE name = 'repairs'"], Value::None)),
        Task::Commit(_) | Task::Lease(_) | Task::Release(_) | Task::Replay(..) => None,
    }
}
