//! The one thread that writes, a group at a time, and those that read beside it.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use base::Result;
use rusqlite::Connection;
use store_sql::Pace;
use tokio::sync::{mpsc, oneshot};

use super::{apply, connection, explained, unavailable};
use crate::ledger::Task;

/// How many tasks or questions may wait; beyond that, callers do.
const QUEUE: usize = 1_024;
/// How many tasks share one transaction at most.
const GROUP: usize = 512;
/// How many threads read.
const READERS: usize = 3;

struct Job {
    task: Task,
    reply: oneshot::Sender<Result<u64>>,
}

/// The way to the thread that writes.
pub struct Writer {
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Writer {
    /// Opens the file, brings it up to date and starts the thread.
    pub fn start(file: &Path) -> Result<Self> {
        let db = connection::writing(file)?;
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("tracking-writer".into())
            .spawn(move || run(db, jobs))
            .map_err(|error| unavailable().because(error))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Has a task done and waits until it is durable.
    pub async fn ask(&self, task: Task) -> Result<u64> {
        let ended = || unavailable().because("the writer has ended");
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Job { task, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }
}

fn run(db: Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut pace = Pace::default();
    while let Some(first) = jobs.blocking_recv() {
        let (mut group, begun) = (vec![first], Instant::now());
        while group.len() < GROUP {
            match jobs.try_recv() {
                Ok(job) => group.push(job),
                Err(_) if pace.waits(group.len(), begun) => thread::yield_now(),
                Err(_) => break,
            }
        }
        let (size, begun) = (group.len(), Instant::now());
        round(&db, group);
        pace.note(size, begun.elapsed());
    }
}

fn round(db: &Connection, group: Vec<Job>) {
    let (tasks, replies): (Vec<Task>, Vec<_>) = group.into_iter().map(|job| (job.task, job.reply)).unzip();
    let answers = apply::group(db, &tasks).unwrap_or_else(|error| {
        tracing::error!(?error, tasks = tasks.len(), "what was logged to runs could not be written");
        tasks.iter().map(|_| Err(error.clone())).collect()
    });
    for (reply, answer) in replies.into_iter().zip(answers) {
        // Whoever went away does not want the answer.
        let _ = reply.send(answer);
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

type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The way to the threads that read.
pub struct Readers {
    queue: Option<mpsc::Sender<Question>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Readers {
    /// Opens the connections and starts the threads.
    pub fn start(file: &Path) -> Result<Self> {
        let (queue, questions) = mpsc::channel::<Question>(QUEUE);
        let questions = Arc::new(Mutex::new(questions));
        let mut readers = Self { queue: Some(queue), threads: Vec::with_capacity(READERS) };
        for number in 0..READERS {
            let db = connection::reading(file).map_err(|error| explained(&error))?;
            let questions = Arc::clone(&questions);
            let thread = thread::Builder::new()
                .name(format!("tracking-reader-{number}"))
                .spawn(move || {
                    while let Some(question) = next(&questions) {
                        question(&db);
                    }
                })
                .map_err(|error| unavailable().because(error))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Has a question answered on one of the threads.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let ended = || unavailable().because("the readers have ended");
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |db| {
            if !reply.is_closed() {
                // Whoever went away meanwhile does not want the answer.
                let _ = reply.send(question(db));
            }
        });
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(question).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?.map_err(|error| explained(&error))
    }
}

fn next(questions: &Mutex<mpsc::Receiver<Question>>) -> Option<Question> {
    questions.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv()
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}
