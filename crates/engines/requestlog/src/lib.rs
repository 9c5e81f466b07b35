//! Keeps sampled requests of endpoints as Parquet in a directory, and what turned out to be true of them.
//!
//! Whoever answers a request puts a copy into a bounded queue and goes on; one thread writes. Rows first go to a file of
//! lines, which is read again after a crash, and from there into Parquet, some thousands at a time. What was in the queue
//! when the process was killed is lost.

mod open;
mod rows;
mod shelf;
#[cfg(test)]
mod tests;
mod truth;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use base::{Error, Result, Time, Uid};
use ports::{
    requestlog::{Entry, Extent, Heard, Policy, RequestLog, Span, Truth, Truths},
    table::{Table, Tables},
};

use crate::shelf::Shelf;

/// Requests that wait to be written at most.
const WAITING_MAX: usize = 4_096;
/// The values of all requests that wait together.
const VALUES_MAX: usize = 4_000_000;
/// How long a reader waits for what was offered before.
const SETTLE: Duration = Duration::from_secs(10);
/// How long the writer waits for a request before it looks whether it shall end.
const IDLE: Duration = Duration::from_secs(1);

/// The log under a directory; `tables` writes and reads its files.
pub fn open(directory: &Path, tables: Arc<dyn Tables>) -> Result<Arc<dyn RequestLog>> {
    fs::create_dir_all(directory).map_err(|error| unusable(directory, &error))?;
    let (queue, waiting) = sync_channel(WAITING_MAX);
    let shelves = Arc::new(Shelves { directory: directory.to_owned(), tables, all: Mutex::default() });
    let values = Arc::new(AtomicUsize::new(0));
    let (written, counted) = (Arc::clone(&shelves), Arc::clone(&values));
    let thread = std::thread::Builder::new().name("request-log".to_owned());
    thread.spawn(move || write(&waiting, &written, &counted)).map_err(Error::internal)?;
    Ok(Arc::new(Log { queue, values, shelves }))
}

/// The end of the queue that requests are put into.
struct Log {
    queue: SyncSender<Message>,
    values: Arc<AtomicUsize>,
    shelves: Arc<Shelves>,
}

/// What the writer is told.
enum Message {
    /// Write this.
    Entry(Box<Entry>),
    /// Say when everything before this has been written.
    Settle(SyncSender<()>),
}

/// One shelf an endpoint, opened when it is first asked for.
struct Shelves {
    directory: PathBuf,
    tables: Arc<dyn Tables>,
    all: Mutex<HashMap<Uid, Arc<Mutex<Shelf>>>>,
}

impl Shelves {
    fn of(&self, endpoint: &Uid) -> Result<Arc<Mutex<Shelf>>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = all.get(endpoint) {
            return Ok(Arc::clone(shelf));
        }
        let safe = endpoint.as_str().chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
        if !safe {
            return Err(Error::internal("the uid of an endpoint is no name of a directory"));
        }
        let shelf = Shelf::open(self.directory.join(endpoint.as_str()), Arc::clone(&self.tables))?;
        let shelf = Arc::new(Mutex::new(shelf));
        all.insert(endpoint.clone(), Arc::clone(&shelf));
        Ok(shelf)
    }
}

fn held(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what comes until nobody can send any more.
fn write(waiting: &Receiver<Message>, shelves: &Shelves, values: &AtomicUsize) {
    // A full disk must not fill the server's own log: it is told once, and when it is over.
    let mut lost = 0_u64;
    loop {
        let message = match waiting.recv_timeout(IDLE) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match message {
            // Whoever has stopped waiting is not told.
            Message::Settle(told) => drop(told.try_send(())),
            Message::Entry(entry) => {
                values.fetch_sub(weight(&entry), Ordering::Relaxed);
                let kept = shelves.of(&entry.endpoint).and_then(|shelf| held(&shelf).append(&entry));
                match kept {
                    Ok(()) if lost > 0 => {
                        tracing::warn!(lost, "requests are logged again");
                        lost = 0;
                    }
                    Ok(()) => {}
                    Err(error) => {
                        if lost == 0 {
                            tracing::warn!(?error, endpoint = %entry.endpoint, "requests are not logged");
                        }
                        lost += 1;
                    }
                }
            }
        }
    }
}

/// How many values a request carries.
fn weight(entry: &Entry) -> usize {
    entry.inputs.iter().chain(&entry.outputs).map(|tensor| tensor.elements.count()).sum()
}

impl Log {
    /// Waits until what was offered before has been written.
    fn settle(&self) -> Result<()> {
        let (told, done) = sync_channel(1);
        self.queue.send(Message::Settle(told)).map_err(|_| Error::internal("the request log has ended"))?;
        done.recv_timeout(SETTLE).map_err(|_| {
            Error::unavailable("log-behind", "the request log is behind with writing").retry_after(5)
        })
    }
}

impl RequestLog for Log {
    fn offer(&self, entry: Entry) -> bool {
        let weight = weight(&entry);
        if self.values.fetch_add(weight, Ordering::Relaxed) + weight > VALUES_MAX {
            self.values.fetch_sub(weight, Ordering::Relaxed);
            return false;
        }
        match self.queue.try_send(Message::Entry(Box::new(entry))) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.values.fetch_sub(weight, Ordering::Relaxed);
                false
            }
        }
    }

    fn scan(&self, endpoint: &Uid, span: Span, take: &mut dyn FnMut(Table) -> Result<bool>) -> Result<()> {
        self.settle()?;
        let shelf = self.shelves.of(endpoint)?;
        let parts = held(&shelf).parts(&span);
        for part in parts {
            // A file that was let go meanwhile is passed over.
            let Some(table) = part.read(&*self.shelves.tables, &span)? else { continue };
            if table.rows > 0 && !take(table)? {
                break;
            }
        }
        Ok(())
    }

    fn hear(&self, endpoint: &Uid, truths: &[Truth]) -> Result<Heard> {
        self.settle()?;
        let shelf = self.shelves.of(endpoint)?;
        let mut shelf = held(&shelf);
        shelf.hear(truths)
    }

    fn truths(&self, endpoint: &Uid) -> Result<Arc<Truths>> {
        held(&*self.shelves.of(endpoint)?).truths()
    }

    fn extent(&self, endpoint: &Uid) -> Result<Extent> {
        self.settle()?;
        held(&*self.shelves.of(endpoint)?).extent()
    }

    fn trim(&self, endpoint: &Uid, policy: &Policy, now: Time) -> Result<u64> {
        held(&*self.shelves.of(endpoint)?).trim(policy, now)
    }

    fn forget(&self, endpoint: &Uid) -> Result<()> {
        self.settle()?;
        let shelf = self.shelves.of(endpoint)?;
        held(&shelf).forget()
    }
}

/// The directory cannot be used.
fn unusable(path: &Path, error: &std::io::Error) -> Error {
    if matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
        return Error::unavailable("no-room", "the disk is full");
    }
    Error::internal(format!("the request log at `{}`: {error}", path.display()))
}
