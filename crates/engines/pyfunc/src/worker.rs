//! A worker: one process that has loaded a model and answers one question after the other.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use base::{Error, Result};
use ports::infer::{Listener, Question, Tensor};

use crate::{
    Scratch,
    frame::{self, Head},
};

/// How many lines of what a worker printed are kept.
const LINES: usize = 50;

/// The last lines of what a worker printed.
type Said = Arc<Mutex<VecDeque<String>>>;

/// What a worker answers.
type Answer = Result<Option<(Head, Vec<Tensor>)>>;

/// A process that answers.
pub struct Worker {
    questions: mpsc::Sender<Vec<u8>>,
    answers: mpsc::Receiver<Answer>,
    child: Arc<Mutex<Child>>,
    said: Said,
    /// Where it writes; gone once it has ended.
    _scratch: Scratch,
}

/// Why a worker gave no answer. It is not asked again.
pub enum Lost {
    /// It ended, or said what nobody understands.
    Ended,
    /// It took too long.
    Late,
    /// Nobody listens any more, and it did not end by itself.
    Left,
}

/// How long a worker may go on after whoever listened has left.
const GRACE: Duration = Duration::from_secs(2);
/// How often is looked whether somebody still listens.
const EVERY: Duration = Duration::from_millis(50);

impl Worker {
    /// Starts a process and waits for its first frame.
    ///
    /// # Errors
    /// `model-unreadable` when it ends or takes too long before that, with the last it said.
    pub fn start(command: Command, patience: Duration, scratch: Scratch) -> Result<(Self, Head)> {
        let worker = Self::spawned(command, scratch)?;
        match worker.next(patience) {
            Ok((head, _)) => Ok((worker, head)),
            Err(lost) => {
                let why = match lost {
                    Lost::Ended => format!("its process ended: {}", worker.last_words()),
                    Lost::Late | Lost::Left => {
                        format!("it was not loaded within {} seconds", patience.as_secs())
                    }
                };
                Err(unreadable(&why))
            }
        }
    }

    fn spawned(mut command: Command, scratch: Scratch) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = Said::default();
        let (tell, told) = mpsc::sync_channel(1);
        let (tell_started, started) = mpsc::sync_channel(1);
        let (questions, asked) = mpsc::channel::<Vec<u8>>();
        let heard = Arc::clone(&said);
        // A process ends with the thread that started it, so this one stays as long as the process does.
        thread::Builder::new()
            .name("pyfunc".to_owned())
            .spawn(move || {
                let mut child = match command.spawn() {
                    Ok(child) => child,
                    Err(error) => return drop(tell_started.send(Err(Error::internal(error)))),
                };
                let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
                let child = Arc::new(Mutex::new(child));
                drop(tell_started.send(Ok(Arc::clone(&child))));
                thread::scope(|scope| {
                    if let Some(stderr) = stderr {
                        scope.spawn(|| listen(BufReader::new(stderr), &heard));
                    }
                    // A worker that reads nothing holds up this thread, and nobody who asks.
                    if let Some(mut stdin) = stdin {
                        scope.spawn(move || asked.iter().all(|it| stdin.write_all(&it).is_ok()));
                    }
                    let mut stdout = stdout.map(BufReader::new);
                    while let Some(stdout) = &mut stdout {
                        let answer = frame::read(stdout);
                        let is_last = !matches!(answer, Ok(Some(_)));
                        if tell.send(answer).is_err() || is_last {
                            break;
                        }
                    }
                    // Whatever it does after its last answer, nobody waits for it.
                    end(&child);
                });
            })
            .map_err(Error::internal)?;
        let child = started.recv().map_err(Error::internal)??;
        Ok(Self { questions, answers: told, child, said, _scratch: scratch })
    }

    /// Asks; what is answered comes by [`Self::next`].
    pub fn ask(&self, question: &Question) -> std::result::Result<(), Lost> {
        let mut asked = Vec::new();
        frame::write(&mut asked, question).map_err(|_| Lost::Ended)?;
        self.questions.send(asked).map_err(|_| Lost::Ended)
    }

    /// Says after a part whether the next is wanted.
    pub fn go_on(&self, is_wanted: bool) -> std::result::Result<(), Lost> {
        self.questions.send(frame::go_on(is_wanted)).map_err(|_| Lost::Ended)
    }

    /// The next answer; not waited for much longer than somebody listens.
    pub fn next_for(
        &self,
        listener: &dyn Listener,
        patience: Duration,
    ) -> std::result::Result<(Head, Vec<Tensor>), Lost> {
        let began = Instant::now();
        let mut left: Option<Instant> = None;
        loop {
            match self.next(EVERY) {
                Err(Lost::Late) if began.elapsed() < patience => {}
                other => return other,
            }
            if listener.is_there() {
                continue;
            }
            if left.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                return Err(Lost::Left);
            }
        }
    }

    /// The next answer.
    pub fn next(&self, patience: Duration) -> std::result::Result<(Head, Vec<Tensor>), Lost> {
        match self.answers.recv_timeout(patience) {
            Ok(Ok(Some(answer))) => Ok(answer),
            Ok(Ok(None) | Err(_)) | Err(mpsc::RecvTimeoutError::Disconnected) => Err(Lost::Ended),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(Lost::Late),
        }
    }

    /// The last line it printed.
    pub fn last_words(&self) -> String {
        // What it printed last is read by another thread.
        thread::yield_now();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let last = said.iter().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| "it said nothing".to_owned(), |line| line.chars().take(500).collect())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        end(&self.child);
    }
}

/// Ends a process, whatever it is doing.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have ended by itself, which is as good.
    drop(child.kill());
    drop(child.wait());
}

fn listen(stderr: impl BufRead, said: &Mutex<VecDeque<String>>) {
    for line in stderr.lines().map_while(std::result::Result::ok) {
        let line: String = line.chars().take(2_000).collect();
        tracing::debug!(line, "a worker says");
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

pub(crate) fn unreadable(why: &str) -> Error {
    Error::invalid("model-unreadable", format!("the model cannot be loaded: {why}"))
}
