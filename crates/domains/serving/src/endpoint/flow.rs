//! Answers in parts: each is handed on as the model gives it, and the model stops when nobody takes them any more.

use std::{sync::Arc, time::Duration};

use kernel::prelude::*;
use ports::infer::{Elements, Listener, Model, Question, Tensor, load::Turn};
use tokio::sync::mpsc;

use super::{Answered, Ask, Picked, allowed, counted, few_enough, insisted, logging, patience, pick_logged};
use crate::live::Serving;

/// How long an answer in parts may take altogether, in seconds.
const LONGEST_S: i64 = 600;
/// How long is waited for whoever takes no part off.
const STALLED: Duration = Duration::from_secs(30);
/// How many parts are held for whoever takes them more slowly than they come.
const HELD: usize = 8;
/// The longest text that the parts of an answer are put together to, for the log.
const LOGGED_MAX: usize = 1 << 20;

/// How a model shall answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Whole,
    /// In parts, where the model has them.
    InParts,
}

/// An answer whose parts are still to come. Dropping it stops the model.
pub struct Flow {
    /// The number of the version that answers.
    pub version: u64,
    /// The number of the revision.
    pub revision: u64,
    /// What the prediction is called, where it is logged.
    pub prediction: Option<Uid>,
    /// Whether more than one part may come.
    pub in_parts: bool,
    parts: mpsc::Receiver<Result<Vec<Tensor>>>,
}

impl Flow {
    /// The next part; nothing after the last. An error is the last.
    pub async fn next(&mut self) -> Option<Result<Answered>> {
        let outputs = match self.parts.recv().await? {
            Ok(outputs) => outputs,
            Err(error) => return Some(Err(error)),
        };
        let (version, revision, prediction) = (self.version, self.revision, self.prediction.clone());
        Some(Ok(Answered { outputs, version, revision, prediction }))
    }
}

/// Begins to answer a face's request: who may, then which revision, as [`super::answer`] does.
///
/// # Errors
/// Those of [`super::answer`]; what the model refuses comes as the first part.
pub async fn flow(cx: &Cx, name: &str, ask: Ask<'_>, manner: Manner) -> Result<Flow> {
    cx.check_deadline()?;
    let (mut cx, it) = allowed(cx, name).await?;
    let rows = ask.inputs.rows();
    few_enough(&it, rows)?;
    let picked = match (pick_logged(&cx, &it, ask.carried).await, ask.version) {
        (Ok(picked), Some(wanted)) => insisted(picked, wanted),
        (picked, _) => picked,
    };
    let picked = match picked {
        Ok(picked) => picked,
        Err(error) => {
            let never = async |_: &Picked| Err(Error::internal("nothing was picked"));
            return counted::call(&cx, &it, (rows, Err(error)), never).await;
        }
    };
    let (tell, parts) = mpsc::channel(1);
    let target = picked.target();
    let flow = Flow {
        version: target.loaded.number,
        revision: target.number,
        prediction: picked.prediction().cloned(),
        in_parts: manner == Manner::InParts && target.loaded.model.has_parts(),
        parts,
    };
    let (inputs, outputs, in_parts) = (ask.inputs, ask.outputs.to_vec(), flow.in_parts);
    if in_parts {
        cx.deadline = Some(cx.now().plus_s(LONGEST_S));
    }
    tokio::spawn(async move {
        let told = counted::call(&cx, &it, (rows, Ok(picked)), async |picked| {
            let loaded = &picked.target().loaded;
            let question = Question { in_parts, ..inputs.question(&*loaded.model, &loaded.signature)? };
            let sent = Sent { tell: &tell, outputs: &outputs };
            picked.flow(&cx, (question, rows), sent).await
        });
        if let Err(error) = told.await {
            // Whoever has left is told nothing.
            drop(tell.send(Err(error)).await);
        }
    });
    Ok(flow)
}

/// Where parts go, and which outputs of them.
struct Sent<'a> {
    tell: &'a mpsc::Sender<Result<Vec<Tensor>>>,
    outputs: &'a [String],
}

impl Sent<'_> {
    /// Sends a part; answers whether it was taken.
    async fn part(&self, outputs: Vec<Tensor>) -> Result<bool> {
        let outputs = forms::outputs::wanted(outputs, self.outputs)?;
        Ok(matches!(tokio::time::timeout(STALLED, self.tell.send(Ok(outputs))).await, Ok(Ok(()))))
    }
}

/// Hears the model where it runs.
struct Heard(mpsc::Sender<Vec<Tensor>>);

impl Listener for Heard {
    fn hear(&mut self, part: Vec<Tensor>) -> bool {
        self.0.blocking_send(part).is_ok()
    }

    fn is_there(&self) -> bool {
        !self.0.is_closed()
    }
}

impl Picked {
    /// Runs its model, handing on what comes of it.
    async fn flow(&self, cx: &Cx, (question, rows): (Question, usize), sent: Sent<'_>) -> Result<()> {
        if !question.in_parts && question.params.is_empty() {
            let outputs = self.run(cx, question.inputs, rows).await?;
            return sent.part(outputs).await.map(|_| ());
        }
        let began = cx.now();
        let kept = self.sampled.as_ref().map(|_| question.inputs.clone());
        let (to, mut from) = mpsc::channel(HELD);
        let running = self.running(cx, question, Heard(to));
        let handing_on = async {
            let mut whole = Whole::default();
            let handed = tokio::time::timeout(patience_of(cx), async {
                loop {
                    let part = tokio::select! {
                        part = from.recv() => part,
                        () = sent.tell.closed() => None,
                    };
                    let Some(part) = part else { return Ok(()) };
                    if kept.is_some() {
                        whole.add(&part);
                    }
                    if !sent.part(part).await? {
                        return Ok(());
                    }
                }
            });
            let handed = handed.await.unwrap_or_else(|_| Err(late()));
            // From here on the model hears that nobody listens.
            drop(from);
            handed.map(|()| whole)
        };
        let (ran, handed) = tokio::join!(running, handing_on);
        let whole = handed?;
        ran?;
        if let Some(inputs) = kept {
            let done = logging::Done { inputs, outputs: &whole.0, explanations: Vec::new(), began };
            logging::keep(cx, self, done)?;
        }
        Ok(())
    }

    /// Runs the model until its last part.
    async fn running(&self, cx: &Cx, question: Question, mut heard: Heard) -> Result<()> {
        let target = self.target();
        if let Some(runner) = &target.runner {
            let caller = cx.principal.actor();
            let turn = Turn { caller: &caller, patience: patience(cx), timing: self.timing.clone() };
            return runner.answer(question, Box::new(heard), turn).await;
        }
        // It may take minutes, and the pool for work that blocks is everybody's.
        let flows = Arc::clone(&cx.port::<Serving>()?.flows);
        let place = flows.try_acquire_owned().map_err(|_| {
            let message = "too many answers in parts are under way";
            Error::new(base::Status::TooMany, "endpoint-busy", message).retry_after(1)
        })?;
        let model: Arc<dyn Model> = Arc::clone(&target.loaded.model);
        let began = cx.now();
        let run = tokio::task::spawn_blocking(move || {
            let answered = model.answer(question, &mut heard);
            drop(place);
            answered
        });
        let answered = run.await.map_err(Error::internal)?;
        self.ran(cx, began, 1);
        answered
    }
}

fn late() -> Error {
    Error::new(base::Status::Timeout, "deadline-exceeded", "the answer took longer than allowed")
}

/// How long the whole answer may take.
fn patience_of(cx: &Cx) -> Duration {
    let left = cx.deadline.map_or(LONGEST_S as f64, |deadline| deadline.seconds_since(cx.now()));
    Duration::from_secs_f64(left.max(0.0))
}

/// Parts put together: texts one behind the other, of everything else the last.
#[derive(Default)]
struct Whole(Vec<Tensor>);

impl Whole {
    fn add(&mut self, part: &[Tensor]) {
        for tensor in part {
            let Some(known) = self.0.iter_mut().find(|it| it.name == tensor.name) else {
                self.0.push(tensor.clone());
                continue;
            };
            match (&mut known.elements, &tensor.elements) {
                (Elements::Bytes(all), Elements::Bytes(more)) if all.len() == 1 && more.len() == 1 => {
                    if all[0].len() + more[0].len() <= LOGGED_MAX {
                        all[0].push_str(&more[0]);
                    }
                }
                _ => *known = tensor.clone(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_together_and_of_numbers_the_last_is_kept() {
        let tensor =
            |name: &str, elements: Elements| Tensor { name: name.to_owned(), shape: vec![1], elements };
        let text = |text: &str| tensor("text", Elements::Bytes(vec![text.to_owned()]));
        let mut whole = Whole::default();
        whole.add(&[text("hello "), tensor("count", Elements::Int64(vec![1]))]);
        whole.add(&[text("world"), tensor("count", Elements::Int64(vec![2]))]);
        assert_eq!(whole.0, [text("hello world"), tensor("count", Elements::Int64(vec![2]))]);
        whole.add(&[text(&"x".repeat(LOGGED_MAX))]);
        assert_eq!(whole.0[0], text("hello world"));
    }
}
