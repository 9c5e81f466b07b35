//! Programs of others that are kept as long as somebody needs them: where their files lie, what they print, their end.
//!
//! What may become of one is the sandbox's; this begins where a `Command` stands ready.

use std::{
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use base::{Error, Result};

mod files;
mod said;
#[cfg(test)]
mod tests;

pub use files::{Scratch, lay_out};
use said::Said;

/// What is done with a program's standard streams, until it answers no more.
pub type Talk = Box<dyn FnOnce(ChildStdin, ChildStdout) + Send>;

/// A running program; it ends with this value.
pub struct Kept {
    child: Arc<Mutex<Child>>,
    said: Arc<Said>,
}

impl Kept {
    /// Starts a program under a thread of this name and talks to it; what it prints on its standard error is heard, and what
    /// it prints at all if nobody talks to it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command, thread: &str, talk: Option<Talk>) -> Result<Self> {
        let stdin = if talk.is_some() { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let said = Arc::<Said>::default();
        let heard = Arc::clone(&said);
        let (tell, told) = mpsc::sync_channel(1);
        // A program ends with the thread that started it, so this one stays as long as the program does.
        let run = move || {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return drop(tell.send(Err(Error::internal(error)))),
            };
            let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            let child = Arc::new(Mutex::new(child));
            drop(tell.send(Ok(Arc::clone(&child))));
            thread::scope(|scope| {
                if let Some(stderr) = stderr {
                    scope.spawn(|| heard.listen(stderr));
                }
                match (talk, stdin, stdout) {
                    (Some(talk), Some(stdin), Some(stdout)) => {
                        talk(stdin, stdout);
                        // Whatever it does after its last answer, nobody waits for it.
                        end(&child);
                    }
                    (_, _, Some(stdout)) => heard.listen(stdout),
                    _ => {}
                }
            });
            // Nobody hears it any more.
            end(&child);
        };
        thread::Builder::new().name(thread.to_owned()).spawn(run).map_err(Error::internal)?;
        let child = told.recv().map_err(Error::internal)??;
        Ok(Self { child, said })
    }

    /// Whether it still runs.
    pub fn lives(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(child.try_wait(), Ok(None))
    }

    /// The last lines it printed, the oldest first.
    pub fn last_words(&self) -> Vec<String> {
        // What it printed last is read by another thread.
        thread::yield_now();
        self.said.lines()
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        end(&self.child);
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have ended by itself, which is as good.
    drop(child.kill());
    drop(child.wait());
}
