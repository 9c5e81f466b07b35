//! The one thread that writes: it takes every task that waits, does them in one transaction and
//! answers after the commit.

use std::{fs::File, path::Path, thread, time::Instant};

use base::Result;
use store_sql::{Answer, Pace, Task};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    apply::Journal,
    connection,
    fail::{self, Failure},
};

/// How many tasks may wait; beyond that, callers do.
const QUEUE: usize = 1_024;

/// How many tasks share one transaction at most.
const GROUP: usize = 512;

struct Job {
    task: Task,
    reply: oneshot::Sender<Result<Answer>>,
}

/// The way to the thread that writes.
pub struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Opens the file, brings it up to date and starts the thread, which keeps the directory's lock.
    pub fn start(file: &Path, lock: File) -> Result<(Self, watch::Receiver<u64>)> {
        let db = connection::writing(file)?;
        let journal = Journal::open(db).map_err(|error| fail::explained(&error))?;
        let (head, seen) = watch::channel(journal.position());
        let (queue, jobs) = mpsc::channel(QUEUE);
        let rounds = Rounds { journal, head, in_doubt: false, pace: Pace::default() };
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || {
                rounds.run(jobs);
                drop(lock);
            })
            .map_err(|error| fail::unavailable().because(error))?;
        let writer = Self { queue: Some(queue), thread: Some(thread) };
        Ok((writer, seen))
    }

    /// Has a task done and waits until it is durable.
    pub async fn ask(&self, task: Task) -> Result<Answer> {
        let ended = || fail::unavailable().because("the writer has ended");
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Job { task, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

struct Rounds {
    journal: Journal,
    head: watch::Sender<u64>,
    /// A commit failed: its pages may lie in the log and must be written over before anything else.
    in_doubt: bool,
    pace: Pace,
}

impl Rounds {
    fn run(mut self, mut jobs: mpsc::Receiver<Job>) {
        while let Some(first) = jobs.blocking_recv() {
            let (mut group, begun) = (vec![first], Instant::now());
            while group.len() < GROUP {
                match jobs.try_recv() {
                    Ok(job) => group.push(job),
                    Err(_) if self.pace.waits(group.len(), begun) => thread::yield_now(),
                    Err(_) => break,
                }
            }
            let (size, begun) = (group.len(), Instant::now());
            self.round(group);
            self.pace.note(size, begun.elapsed());
        }
    }

    fn round(&mut self, group: Vec<Job>) {
        let tasks: Vec<&Task> = group.iter().map(|job| &job.task).collect();
        let answers = match self.together(&tasks) {
            Ok(answers) => answers,
            Err(error) if fail::is_disk(&error) || tasks.len() == 1 => {
                tracing::error!(%error, tasks = tasks.len(), "a commit failed");
                let error = fail::explained(&error);
                tasks.iter().map(|_| Err(error.clone())).collect()
            }
            Err(error) => {
                // One of them trips SQLite up; alone, it disturbs no neighbour.
                tracing::warn!(%error, tasks = tasks.len(), "a group failed; its tasks are done one by one");
                tasks.iter().map(|task| self.alone(task)).collect()
            }
        };
        self.head.send_if_modified(|head| {
            let grown = *head != self.journal.position();
            *head = self.journal.position();
            grown
        });
        for (job, answer) in group.into_iter().zip(answers) {
            // Whoever went away does not want the answer.
            let _ = job.reply.send(answer);
        }
    }

    fn alone(&mut self, task: &Task) -> Result<Answer> {
        match self.together(&[task]) {
            Ok(mut answers) => {
                answers.pop().unwrap_or_else(|| Err(base::Error::internal("a task has no answer")))
            }
            Err(error) => Err(fail::explained(&error)),
        }
    }

    /// Does every task in one transaction. A refusal concerns only its own task, a failure all.
    fn together(&mut self, tasks: &[&Task]) -> rusqlite::Result<Vec<Result<Answer>>> {
        if self.in_doubt {
            self.journal.repair()?;
            self.in_doubt = false;
        }
        let done = self.attempt(tasks);
        if done.is_err() {
            self.journal.roll_back();
        }
        if self.in_doubt {
            // At once, so that it is gone before anybody hears that it failed.
            self.in_doubt = self.journal.repair().is_err();
        }
        done
    }

    fn attempt(&mut self, tasks: &[&Task]) -> rusqlite::Result<Vec<Result<Answer>>> {
        self.journal.begin()?;
        let mut answers = Vec::with_capacity(tasks.len());
        for task in tasks {
            answers.push(match self.journal.perform(task) {
                Ok(answer) => Ok(answer),
                Err(Failure::Refused(error)) => Err(error),
                Err(Failure::Broken(error)) => return Err(error),
            });
        }
        let committed = self.journal.commit();
        self.in_doubt = committed.is_err();
        committed.map(|()| answers)
    }
}
