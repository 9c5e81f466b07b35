//! A steady load from several connections, a thread each: as fast as answers come, or at a rate.

use std::{
    io::{Error, Result},
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use crate::{client::Client, figures::percentile};

/// Into how many rounds a load at a rate is cut.
const ROUNDS: u32 = 9;

/// What to ask, from where, how long.
pub struct Load<'a> {
    /// The server.
    pub address: SocketAddr,
    /// Requests written out; each connection goes round them.
    pub requests: &'a [Vec<u8>],
    /// How many connections.
    pub connections: usize,
    /// How long.
    pub lasting: Duration,
}

/// What came of it.
pub struct Measured {
    /// Answers.
    pub answers: usize,
    /// Answers a second.
    pub per_second: f64,
    /// Milliseconds from when a request was due to the end of its answer.
    pub p50_ms: f64,
    /// The same.
    pub p99_ms: f64,
}

impl Load<'_> {
    /// Every connection asks again as soon as it is answered.
    pub fn saturate(&self) -> Result<Measured> {
        self.run(None)
    }

    /// Requests are due at a rate, whether the one before was answered or not. The time is cut into
    /// rounds and the median of their figures answered, because a machine that is shared stands still
    /// for a moment now and then, and every request that was due then would tell of nothing else.
    pub fn at_rate(&self, per_second: f64) -> Result<Measured> {
        let every = Duration::from_secs_f64(self.connections as f64 / per_second);
        let round = Load { lasting: self.lasting / ROUNDS, ..*self };
        let rounds: Vec<Measured> = (0..ROUNDS).map(|_| round.run(Some(every))).collect::<Result<_>>()?;
        let median = |figure: fn(&Measured) -> f64| {
            percentile(&mut rounds.iter().map(figure).collect::<Vec<_>>(), 0.5)
        };
        Ok(Measured {
            answers: rounds.iter().map(|round| round.answers).sum(),
            per_second: median(|round| round.per_second),
            p50_ms: median(|round| round.p50_ms),
            p99_ms: median(|round| round.p99_ms),
        })
    }

    fn run(&self, every: Option<Duration>) -> Result<Measured> {
        let began = Instant::now();
        let results: Vec<Result<Vec<f64>>> = thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|number| {
                    let offset = every.unwrap_or_default() * number as u32 / self.connections as u32;
                    scope.spawn(move || self.connection(number, every.map(|every| (began + offset, every))))
                })
                .collect();
            let lost = |_| Err(Error::other("a connection's thread ended"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(lost)).collect()
        });
        let took = began.elapsed().as_secs_f64();
        let mut times: Vec<f64> = results.into_iter().collect::<Result<Vec<_>>>()?.concat();
        Ok(Measured {
            answers: times.len(),
            per_second: times.len() as f64 / took,
            p50_ms: percentile(&mut times, 0.5),
            p99_ms: percentile(&mut times, 0.99),
        })
    }

    /// One connection's milliseconds; `due` is when its first request is, and how often one follows.
    fn connection(&self, number: usize, due: Option<(Instant, Duration)>) -> Result<Vec<f64>> {
        let mut client = Client::open(self.address)?;
        let mut times = Vec::new();
        let mut next = due.map(|(first, _)| first);
        let began = Instant::now();
        for request in self.requests.iter().cycle().skip(number) {
            if began.elapsed() > self.lasting {
                break;
            }
            if let Some(next) = next {
                wait_until(next);
            }
            let asked = next.unwrap_or_else(Instant::now);
            let status = client.exchange(request)?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
            if status != 200 {
                let body = String::from_utf8_lossy(client.body());
                return Err(Error::other(format!("{status}: {body}")));
            }
            next = next.zip(due).map(|(next, (_, every))| next + every);
        }
        Ok(times)
    }
}

fn wait_until(moment: Instant) {
    pause(moment.saturating_duration_since(Instant::now()));
}

/// Lets time pass.
#[expect(clippy::disallowed_methods, reason = "a load at a rate, and idleness, are made of waiting")]
pub fn pause(time: Duration) {
    thread::sleep(time);
}
