//! The threads that read, each with a connection of its own, so that no read waits for a write.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use base::Result;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{connection, fail};

/// How many threads read.
const THREADS: usize = 4;

/// How many questions may wait; beyond that, callers do.
const QUEUE: usize = 1_024;

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
        let mut readers = Self { queue: Some(queue), threads: Vec::with_capacity(THREADS) };
        for number in 0..THREADS {
            let db = connection::reading(file).map_err(|error| fail::explained(&error))?;
            let questions = Arc::clone(&questions);
            let thread = thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || {
                    while let Some(question) = next(&questions) {
                        question(&db);
                    }
                })
                .map_err(|error| fail::unavailable().because(error))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Has a question answered on one of the threads.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let ended = || fail::unavailable().because("the readers have ended");
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |db| {
            if !reply.is_closed() {
                // Whoever went away meanwhile does not want the answer.
                let _ = reply.send(question(db));
            }
        });
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(question).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?.map_err(|error| fail::explained(&error))
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
