//! A worker: one process that has loaded a model and answers one question after the other.

use std::{
    io::{BufReader, Write},
    process::{ChildStdin, ChildStdout, Command},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use base::{Error, Result};
use engine_programs::{Kept, Scratch};
use ports::infer::{Listener, Question, Tensor};

use crate::frame::{self, Head};

/// What a worker answers.
type Answer = Result<Option<(Head, Vec<Tensor>)>>;

/// A process that answers.
pub struct Worker {
    questions: mpsc::Sender<Vec<u8>>,
    answers: mpsc::Receiver<Answer>,
    process: Kept,
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

    fn spawned(command: Command, scratch: Scratch) -> Result<Self> {
        let (tell, answers) = mpsc::sync_channel(1);
        let (questions, asked) = mpsc::channel::<Vec<u8>>();
        let talk = move |mut stdin: ChildStdin, stdout: ChildStdout| {
            // A worker that reads nothing holds up this thread, and nobody who asks. It ends with the worker.
            thread::spawn(move || asked.iter().all(|it| stdin.write_all(&it).is_ok()));
            let mut stdout = BufReader::new(stdout);
            loop {
                let answer = frame::read(&mut stdout);
                let is_last = !matches!(answer, Ok(Some(_)));
                if tell.send(answer).is_err() || is_last {
                    break;
                }
            }
        };
        let process = Kept::start(command, "pyfunc", Some(Box::new(talk)))?;
        Ok(Self { questions, answers, process, _scratch: scratch })
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
        self.process.last_words().pop().unwrap_or_else(|| "it said nothing".to_owned())
    }
}

pub(crate) fn unreadable(why: &str) -> Error {
    Error::invalid("model-unreadable", format!("the model cannot be loaded: {why}"))
}
