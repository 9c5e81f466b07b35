//! Bodies on their way through: never gathered, always counted, and given up when they pause for too long.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::{pool::Wire, upstream::Slot};

/// Why a body was cut.
#[derive(Debug)]
pub enum Cut {
    /// It is larger than it may be.
    TooLarge(u64),
    /// It paused for too long.
    Paused,
    /// Whoever sends it failed.
    Broken(hyper::Error),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(max) => write!(f, "the body is larger than {max} bytes"),
            Self::Paused => f.write_str("the body paused for too long"),
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
        }
    }
}

impl StdError for Cut {}

/// A limit of size and one of patience. The timer is made when a body first makes us wait.
struct Watched {
    left: u64,
    max: u64,
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Watched {
    fn new(max: Option<u64>, patience: Duration) -> Self {
        let max = max.unwrap_or(u64::MAX);
        Self { left: max, max, patience, timer: None, waiting: false }
    }

    fn seen(&mut self, frame: &Frame<Bytes>) -> Result<(), Cut> {
        self.waiting = false;
        let Some(data) = frame.data_ref() else { return Ok(()) };
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Cut::TooLarge(self.max)),
        }
    }

    fn poll_paused(&mut self, cx: &mut Context<'_>) -> Poll<Cut> {
        let until = Instant::now() + self.patience;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(cx).map(|()| Cut::Paused)
    }
}

/// A request's body on its way to a backend.
pub enum Outgoing {
    /// None.
    Empty,
    /// One that was read whole, so that it can be sent again.
    Whole(Option<Bytes>),
    /// One that is still coming.
    Coming(Box<Coming>),
}

/// A body that is still coming.
pub struct Coming {
    body: Incoming,
    watched: Watched,
    progress: Arc<Progress>,
}

impl Coming {
    /// How far it has come, for whoever waits for the answer.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }
}

/// When a body last moved.
pub struct Progress {
    began: std::time::Instant,
    moved_us: AtomicU64,
}

impl Progress {
    fn new() -> Self {
        Self { began: std::time::Instant::now(), moved_us: AtomicU64::new(0) }
    }

    fn moves(&self) {
        let us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.moved_us.store(us, Ordering::Relaxed);
    }

    /// When it last moved.
    pub fn moved(&self) -> std::time::Instant {
        self.began + Duration::from_micros(self.moved_us.load(Ordering::Relaxed))
    }
}

impl Outgoing {
    /// A body as it comes from a caller.
    pub fn coming(body: Incoming, max: Option<u64>, patience: Duration) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let (watched, progress) = (Watched::new(max, patience), Arc::new(Progress::new()));
        Self::Coming(Box::new(Coming { body, watched, progress }))
    }

    /// The same again, if it can be sent again.
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Empty => Some(Self::Empty),
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Coming(_) => None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Coming(coming) => {
                let Coming { body, watched, progress } = &mut **coming;
                let polled = Pin::new(body).poll_frame(cx);
                if polled.is_ready() {
                    progress.moves();
                }
                match polled {
                    Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(watched.seen(&frame).map(|()| frame))),
                    Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Cut::Broken(error)))),
                    Poll::Ready(None) => Poll::Ready(None),
                    Poll::Pending => watched.poll_paused(cx).map(|cut| Some(Err(cut))),
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty | Self::Whole(None) => true,
            Self::Whole(Some(_)) => false,
            Self::Coming(coming) => coming.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty | Self::Whole(None) => SizeHint::with_exact(0),
            Self::Whole(Some(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Self::Coming(coming) => coming.body.size_hint(),
        }
    }
}

/// An answer's body.
#[derive(Default)]
pub enum Answered {
    /// None.
    #[default]
    Empty,
    /// A backend's.
    Passed(Box<Passed>),
}

/// A backend's body, and the connection it comes by.
pub struct Passed {
    body: Incoming,
    wire: Option<Wire>,
    watched: Watched,
    ended: bool,
    slot: Arc<Slot>,
}

impl Passed {
    /// A body that comes by a connection of its own, or by one that is shared.
    pub fn new(
        body: Incoming,
        wire: Option<Wire>,
        slot: Arc<Slot>,
        max: Option<u64>,
        patience: Duration,
    ) -> Self {
        Self { body, wire, watched: Watched::new(max, patience), ended: false, slot }
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        // Only a connection whose answer was read to its end carries another request.
        if (self.ended || self.body.is_end_stream())
            && let Some(mut wire) = self.wire.take()
            && wire.is_free()
        {
            self.slot.address.pool.keep(wire);
        }
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Self::Passed(passed) = self.get_mut() else { return Poll::Ready(None) };
        let Passed { body, wire, watched, ended, .. } = &mut **passed;
        let mut polled = Pin::new(&mut *body).poll_frame(cx);
        if polled.is_pending()
            && let Some(wire) = wire
        {
            wire.drive(cx);
            polled = Pin::new(body).poll_frame(cx);
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(watched.seen(&frame).map(|()| frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Cut::Broken(error)))),
            Poll::Ready(None) => {
                *ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => watched.poll_paused(cx).map(|cut| Some(Err(cut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Passed(passed) => passed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Passed(passed) => passed.body.size_hint(),
        }
    }
}
