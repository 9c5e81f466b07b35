//! The queue in front of a model's places.
//!
//! Its lock is held for a few instructions and never while a model runs or anybody waits.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base::{Error, Result, Status};
use ports::{
    Later,
    infer::{
        Listener, Model, Question, Tensor,
        load::{Busy, Limits, Ran, Runner, Timing, Turn, can_batch},
    },
};
use tokio::sync::oneshot;

use crate::batch;

/// A request that waits.
struct Job {
    ask: Ask,
    /// Its rows, where it may be put together with others.
    rows: Option<usize>,
    caller: Arc<str>,
    until: Instant,
    /// When it came and where is told what became of it, where somebody wants to know.
    timing: Option<(Instant, Arc<Timing>)>,
}

/// What is asked, and where the answer goes.
enum Ask {
    Once(Vec<Tensor>, oneshot::Sender<Result<Vec<Tensor>>>),
    InParts(InParts),
}

/// A request that is answered in parts.
struct InParts {
    question: Question,
    listener: Box<dyn Listener>,
    begins: oneshot::Sender<()>,
    end: oneshot::Sender<Result<()>>,
}

impl Job {
    /// Whether nobody waits for the answer any more.
    fn is_left(&self) -> bool {
        let is_closed = match &self.ask {
            Ask::Once(_, answer) => answer.is_closed(),
            Ask::InParts(it) => it.end.is_closed() || !it.listener.is_there(),
        };
        is_closed || self.until <= Instant::now()
    }
}

/// What the lock guards.
#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    running: usize,
    /// How many requests of each caller wait or run.
    of: HashMap<Arc<str>, usize>,
    batches: u64,
    requests: u64,
    refused: u64,
}

/// What the threads that run the model share.
struct Shared {
    model: Arc<dyn Model>,
    limits: Limits,
    batches: bool,
    /// How many rows a batch may have now.
    rows_now: AtomicUsize,
    line: Mutex<Line>,
}

/// A model behind its queue.
pub struct Queue(Arc<Shared>);

impl Queue {
    /// A model that nobody has asked yet.
    pub fn new(model: Arc<dyn Model>, limits: Limits) -> Self {
        let batches = limits.rows_max > 1 && can_batch(&*model);
        let rows_now = AtomicUsize::new(limits.rows_max.clamp(1, 8));
        Self(Arc::new(Shared { model, limits, batches, rows_now, line: Mutex::default() }))
    }
}

impl Runner for Queue {
    fn run<'a>(&'a self, inputs: Vec<Tensor>, turn: Turn<'a>) -> Later<'a, Vec<Tensor>> {
        Box::pin(async move {
            let rows = if self.0.batches { batch::rows(&inputs) } else { None };
            let (sender, answer) = oneshot::channel();
            self.0.enter(Ask::Once(inputs, sender), rows, &turn)?;
            match tokio::time::timeout(turn.patience, answer).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(_)) => Err(Error::internal("a place ended without an answer")),
                Err(_) => Err(late()),
            }
        })
    }

    fn answer<'a>(
        &'a self,
        question: Question,
        listener: Box<dyn Listener>,
        turn: Turn<'a>,
    ) -> Later<'a, ()> {
        Box::pin(async move {
            let (begins, began) = oneshot::channel();
            let (end, ended) = oneshot::channel();
            let ask = Ask::InParts(InParts { question, listener, begins, end });
            self.0.enter(ask, None, &turn)?;
            match tokio::time::timeout(turn.patience, began).await {
                Ok(Ok(())) => ended.await.map_err(|_| Error::internal("a place ended without an answer"))?,
                Ok(Err(_)) | Err(_) => Err(late()),
            }
        })
    }

    fn busy(&self) -> Busy {
        let line = self.0.line();
        Busy {
            running: line.running,
            waiting: line.waiting.len(),
            batches: line.batches,
            requests: line.requests,
            refused: line.refused,
        }
    }
}

fn late() -> Error {
    Error::new(Status::Timeout, "deadline-exceeded", "the request took longer than allowed")
}

impl Shared {
    fn line(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place in the queue, and makes a place run where one is free.
    fn enter(self: &Arc<Self>, ask: Ask, rows: Option<usize>, turn: &Turn<'_>) -> Result<()> {
        let caller: Arc<str> = turn.caller.into();
        let mut line = self.line();
        let full = line.running >= self.limits.places && line.waiting.len() >= self.limits.waiting_max;
        if full {
            line.refused += 1;
            let message = "too many requests wait for the endpoint";
            return Err(Error::new(Status::TooMany, "endpoint-busy", message).retry_after(1));
        }
        let own = line.of.get(&caller).copied().unwrap_or(0);
        if own >= self.limits.of_caller_max {
            line.refused += 1;
            let message = "too many of your requests wait for the endpoint";
            return Err(Error::new(Status::TooMany, "caller-busy", message).retry_after(1));
        }
        *line.of.entry(Arc::clone(&caller)).or_default() += 1;
        let now = Instant::now();
        let until = now + turn.patience;
        let timing = turn.timing.as_ref().map(|it| (now, Arc::clone(it)));
        line.waiting.push_back(Job { ask, rows, caller, until, timing });
        let starts = line.running < self.limits.places;
        if starts {
            line.running += 1;
        }
        drop(line);
        if starts {
            let shared = Arc::clone(self);
            tokio::task::spawn_blocking(move || shared.work());
        }
        Ok(())
    }

    /// Runs what waits until nothing does.
    fn work(&self) {
        while let Some(jobs) = self.next() {
            let began = Instant::now();
            let rows = jobs.iter().filter_map(|job| job.rows).sum();
            let callers: Vec<Arc<str>> = jobs.iter().map(|job| Arc::clone(&job.caller)).collect();
            self.answer(jobs);
            self.adapt(rows, began.elapsed());
            let mut line = self.line();
            for caller in callers {
                left(&mut line, &caller);
            }
        }
    }

    /// The next batch; nothing when the place is given up.
    fn next(&self) -> Option<Vec<Job>> {
        let rows_max = self.rows_now.load(Ordering::Relaxed);
        let mut line = self.line();
        let mut jobs: Vec<Job> = Vec::new();
        let mut rows = 0;
        while let Some(job) = line.waiting.front() {
            // Whoever stopped waiting is not worked for.
            if job.is_left() {
                if let Some(job) = line.waiting.pop_front() {
                    left(&mut line, &job.caller);
                }
                continue;
            }
            let fits = match (jobs.first(), job.rows) {
                (None, _) => true,
                (Some(first), Some(more)) if first.rows.is_some() => match (&first.ask, &job.ask) {
                    (Ask::Once(first, _), Ask::Once(job, _)) => {
                        rows + more <= rows_max && batch::alike(first, job)
                    }
                    (Ask::InParts(_), _) | (_, Ask::InParts(_)) => false,
                },
                (Some(_), _) => false,
            };
            if !fits {
                break;
            }
            rows += job.rows.unwrap_or(0);
            jobs.extend(line.waiting.pop_front());
        }
        if jobs.is_empty() {
            line.running -= 1;
            return None;
        }
        line.batches += 1;
        line.requests += jobs.len() as u64;
        Some(jobs)
    }

    /// Runs a batch; where that fails each request is run by itself, so that a wrong one fails alone.
    fn answer(&self, jobs: Vec<Job>) {
        let mut inputs = Vec::with_capacity(jobs.len());
        let mut rest = Vec::with_capacity(jobs.len());
        for job in jobs {
            match job.ask {
                Ask::Once(tensors, answer) => {
                    inputs.push(tensors);
                    rest.push((job.rows.unwrap_or(0), answer, job.timing));
                }
                Ask::InParts(ask) => self.answer_in_parts(ask, job.timing),
            }
        }
        let began = Instant::now();
        if inputs.len() > 1 {
            let rows: Vec<usize> = rest.iter().map(|(rows, ..)| *rows).collect();
            let run = self.model.run(batch::joined(&inputs));
            if let Some(parts) = run.ok().and_then(|outputs| batch::parted(outputs, &rows)) {
                let ran = Ran {
                    took: began.elapsed(),
                    rows: rows.iter().sum(),
                    requests: rows.len(),
                    ..Ran::default()
                };
                for ((_, answer, timing), part) in rest.into_iter().zip(parts) {
                    tell(timing.as_ref(), began, ran);
                    let _ = answer.send(Ok(part));
                }
                return;
            }
        }
        for ((rows, answer, timing), inputs) in rest.into_iter().zip(inputs) {
            let began = Instant::now();
            let answered = self.model.run(inputs);
            let ran = Ran { took: began.elapsed(), rows, requests: 1, ..Ran::default() };
            tell(timing.as_ref(), began, ran);
            let _ = answer.send(answered);
        }
    }

    fn answer_in_parts(&self, mut ask: InParts, timing: Option<(Instant, Arc<Timing>)>) {
        let began = Instant::now();
        if ask.begins.send(()).is_ok() {
            let answered = self.model.answer(ask.question, &mut *ask.listener);
            tell(
                timing.as_ref(),
                began,
                Ran { took: began.elapsed(), rows: 1, requests: 1, ..Ran::default() },
            );
            let _ = ask.end.send(answered);
        }
    }

    /// Larger batches while they are fast enough, far smaller ones when they are not.
    fn adapt(&self, rows: usize, took: Duration) {
        let now = self.rows_now.load(Ordering::Relaxed);
        if took > self.limits.target {
            self.rows_now.store((now / 2).max(1), Ordering::Relaxed);
        } else if rows * 2 >= now && now < self.limits.rows_max {
            self.rows_now.store((now + now.div_ceil(8)).min(self.limits.rows_max), Ordering::Relaxed);
        }
    }
}

/// Tells what became of a request whose model began then.
fn tell(timing: Option<&(Instant, Arc<Timing>)>, began: Instant, ran: Ran) {
    if let Some((came, timing)) = timing {
        // Nobody else tells it.
        let _ = timing.set(Ran { queued: began.saturating_duration_since(*came), ..ran });
    }
}

/// A request of a caller is over.
fn left(line: &mut Line, caller: &Arc<str>) {
    if let Some(count) = line.of.get_mut(caller) {
        *count -= 1;
        if *count == 0 {
            line.of.remove(caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;

    use ports::infer::{Datatype, Elements, Explanation, Signature, Slot};

    use super::*;

    /// Doubles numbers once its gate is open; refuses those below 0.
    struct Doubling {
        signature: Signature,
        gate: (Mutex<bool>, Condvar),
        seen: Mutex<Vec<usize>>,
    }

    impl Doubling {
        fn closed() -> Arc<Self> {
            let slot = |name: &str| Slot {
                name: name.to_owned(),
                datatype: Datatype::Fp32,
                shape: vec![-1, 1],
                categories: Vec::new(),
                optional: false,
            };
            let signature =
                Signature { inputs: vec![slot("x")], outputs: vec![slot("y")], ..Signature::default() };
            Arc::new(Self { signature, gate: (Mutex::new(false), Condvar::new()), seen: Mutex::default() })
        }

        fn open(&self) {
            *self.gate.0.lock().unwrap() = true;
            self.gate.1.notify_all();
        }
    }

    impl Model for Doubling {
        fn signature(&self) -> &Signature {
            &self.signature
        }

        fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
            let mut open = self.gate.0.lock().unwrap();
            while !*open {
                open = self.gate.1.wait(open).unwrap();
            }
            drop(open);
            let Elements::Fp32(values) = &inputs[0].elements else { return Err(Error::internal("floats")) };
            self.seen.lock().unwrap().push(values.len());
            if values.iter().any(|value| *value < 0.0) {
                return Err(Error::invalid("model-failed", "below 0"));
            }
            let doubled = Elements::Fp32(values.iter().map(|value| value * 2.0).collect());
            Ok(vec![Tensor { name: "y".to_owned(), shape: inputs[0].shape.clone(), elements: doubled }])
        }

        fn explain(&self, _: Vec<Tensor>) -> Result<Vec<Explanation>> {
            Err(Error::internal("nobody asks"))
        }

        fn bytes(&self) -> usize {
            0
        }
    }

    fn limits() -> Limits {
        Limits { places: 1, waiting_max: 4, of_caller_max: 5, rows_max: 64, target: Duration::from_secs(60) }
    }

    fn one(value: f32) -> Vec<Tensor> {
        vec![Tensor { name: "x".to_owned(), shape: vec![1, 1], elements: Elements::Fp32(vec![value]) }]
    }

    fn turn(caller: &str) -> Turn<'_> {
        Turn { caller, patience: Duration::from_secs(30), timing: None }
    }

    /// Asks in the background.
    fn ask(queue: &Arc<Queue>, value: f32) -> tokio::task::JoinHandle<Result<Vec<Tensor>>> {
        let queue = Arc::clone(queue);
        tokio::spawn(async move { queue.run(one(value), turn("ada")).await })
    }

    async fn waiting(queue: &Queue, count: usize) {
        while queue.busy().waiting != count || queue.busy().running != 1 {
            tokio::task::yield_now().await;
        }
    }

    fn value(answered: Result<Vec<Tensor>>) -> Elements {
        answered.unwrap().remove(0).elements
    }

    #[tokio::test]
    async fn what_waits_is_run_together_and_answered_apart() {
        let model = Doubling::closed();
        let queue = Arc::new(Queue::new(Arc::clone(&model) as _, limits()));
        let first = ask(&queue, 1.0);
        waiting(&queue, 0).await;
        let others: Vec<_> = [2.0, 3.0, 4.0].map(|value| ask(&queue, value)).into_iter().collect();
        waiting(&queue, 3).await;
        model.open();
        assert_eq!(value(first.await.unwrap()), Elements::Fp32(vec![2.0]));
        let mut sum = 0.0;
        for other in others {
            let Elements::Fp32(values) = value(other.await.unwrap()) else { unreachable!() };
            sum += values[0];
        }
        assert_eq!(sum, 18.0);
        assert_eq!(*model.seen.lock().unwrap(), [1, 3]);
        assert_eq!(queue.busy().batches, 2);
    }

    #[tokio::test]
    async fn who_wants_to_know_is_told_how_it_ran() {
        let model = Doubling::closed();
        let queue = Arc::new(Queue::new(Arc::clone(&model) as _, limits()));
        let first = ask(&queue, 1.0);
        waiting(&queue, 0).await;
        let timings = [Arc::new(Timing::new()), Arc::new(Timing::new())];
        let asks: Vec<_> = timings
            .iter()
            .map(|timing| {
                let (queue, timing) = (Arc::clone(&queue), Some(Arc::clone(timing)));
                tokio::spawn(async move { queue.run(one(2.0), Turn { timing, ..turn("ada") }).await })
            })
            .collect();
        waiting(&queue, 2).await;
        model.open();
        first.await.unwrap().unwrap();
        for ask in asks {
            ask.await.unwrap().unwrap();
        }
        for timing in timings {
            let ran = timing.get().unwrap();
            assert_eq!((ran.rows, ran.requests), (2, 2));
            assert!(ran.queued > Duration::ZERO);
        }
    }

    #[tokio::test]
    async fn a_wrong_request_fails_alone() {
        let model = Doubling::closed();
        let queue = Arc::new(Queue::new(Arc::clone(&model) as _, limits()));
        let first = ask(&queue, 1.0);
        waiting(&queue, 0).await;
        let (wrong, right) = (ask(&queue, -1.0), ask(&queue, 5.0));
        waiting(&queue, 2).await;
        model.open();
        assert!(first.await.unwrap().is_ok());
        assert_eq!(wrong.await.unwrap().unwrap_err().code(), "model-failed");
        assert_eq!(value(right.await.unwrap()), Elements::Fp32(vec![10.0]));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_who_left_is_not_worked_for() {
        let model = Doubling::closed();
        let queue = Arc::new(Queue::new(Arc::clone(&model) as _, limits()));
        let first = ask(&queue, 1.0);
        waiting(&queue, 0).await;
        let waits: Vec<_> = [2.0, 3.0, 4.0, 5.0].map(|value| ask(&queue, value)).into_iter().collect();
        waiting(&queue, 4).await;
        let refused = queue.run(one(6.0), turn("eve")).await.unwrap_err();
        assert_eq!((refused.code(), refused.wait_s()), ("endpoint-busy", Some(1)));
        for gone in &waits[..3] {
            gone.abort();
        }
        // Whoever stopped waiting in time gets no answer either.
        let short = Limits { waiting_max: 9, ..limits() };
        let other = Queue::new(Arc::clone(&model) as _, short);
        let late = other
            .run(one(1.0), Turn { caller: "ada", patience: Duration::from_millis(1), timing: None })
            .await;
        assert_eq!(late.unwrap_err().code(), "deadline-exceeded");
        while waits[..3].iter().any(|gone| !gone.is_finished()) {
            tokio::task::yield_now().await;
        }
        model.open();
        assert!(first.await.unwrap().is_ok());
        for (at, last) in waits.into_iter().enumerate() {
            assert_eq!(last.await.is_ok(), at == 3);
        }
        assert_eq!(queue.busy().requests, 2);
    }

    #[tokio::test]
    async fn nobody_takes_more_than_their_share() {
        let model = Doubling::closed();
        let queue = Arc::new(Queue::new(Arc::clone(&model) as _, Limits { of_caller_max: 2, ..limits() }));
        let first = ask(&queue, 1.0);
        waiting(&queue, 0).await;
        let second = ask(&queue, 2.0);
        waiting(&queue, 1).await;
        let refused = queue.run(one(3.0), turn("ada")).await.unwrap_err();
        assert_eq!(refused.code(), "caller-busy");
        let (theirs, opened) = tokio::join!(queue.run(one(4.0), turn("eve")), async {
            waiting(&queue, 2).await;
            model.open();
        });
        assert_eq!((value(theirs), opened), (Elements::Fp32(vec![8.0]), ()));
        assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
        while queue.busy().running > 0 {
            tokio::task::yield_now().await;
        }
        assert!(queue.run(one(3.0), turn("ada")).await.is_ok());
    }

    /// Hears parts as long as a channel is open.
    struct Channel(std::sync::mpsc::Sender<Vec<Tensor>>, Arc<std::sync::atomic::AtomicBool>);

    impl Listener for Channel {
        fn hear(&mut self, part: Vec<Tensor>) -> bool {
            self.0.send(part).is_ok()
        }

        fn is_there(&self) -> bool {
            !self.1.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_question_in_parts_takes_a_place_by_itself() {
        let model = Doubling::closed();
        let queue = Arc::new(Queue::new(Arc::clone(&model) as _, limits()));
        let first = ask(&queue, 1.0);
        waiting(&queue, 0).await;
        let asked = |value: f32| Question { inputs: one(value), in_parts: true, ..Question::default() };
        let (told, heard) = std::sync::mpsc::channel();
        let left = Arc::new(std::sync::atomic::AtomicBool::new(false));
        // Whoever finds no place in time is told so, and whoever has left is not worked for.
        let short = Turn { caller: "ada", patience: Duration::from_millis(5), timing: None };
        let late = queue.answer(asked(9.0), Box::new(Channel(told.clone(), Arc::clone(&left))), short).await;
        assert_eq!(late.unwrap_err().code(), "deadline-exceeded");
        let gone = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let leaves = queue.answer(asked(8.0), Box::new(Channel(told.clone(), gone)), turn("ada"));
        let stays = queue.answer(asked(2.0), Box::new(Channel(told, left)), turn("ada"));
        let (stays, leaves, ()) = tokio::join!(stays, leaves, async {
            waiting(&queue, 3).await;
            model.open();
        });
        assert!(stays.is_ok() && leaves.is_err());
        assert!(first.await.unwrap().is_ok());
        let parts: Vec<_> = heard.iter().map(|mut part| part.remove(0).elements).collect();
        assert_eq!(parts, [Elements::Fp32(vec![4.0])]);
    }

    #[test]
    fn batches_shrink_when_they_take_too_long() {
        let limits = Limits { target: Duration::from_millis(10), ..limits() };
        let queue = Queue::new(Doubling::closed(), limits);
        let now = || queue.0.rows_now.load(Ordering::Relaxed);
        assert_eq!(now(), 8);
        queue.0.adapt(8, Duration::from_millis(1));
        assert_eq!(now(), 9);
        // A small batch says nothing of what a large one would take.
        queue.0.adapt(1, Duration::from_millis(1));
        assert_eq!(now(), 9);
        queue.0.adapt(9, Duration::from_millis(20));
        assert_eq!(now(), 4);
    }
}
