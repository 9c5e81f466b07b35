//! Which revision answers a request: by what the request carries, by who it is for, or by weight.
//!
//! By weight the choice follows a fixed order in which every revision comes as often as its share says, spread as evenly
//! as can be: the smooth weighted round-robin of nginx, worked out once for a whole round. A counter walks the round, so
//! the choice takes no lock and its counts are exact for every round.

use std::sync::atomic::{AtomicU64, Ordering};

use base::Digest;

/// How finely shares are told apart: one in a thousand.
pub const PARTS: u32 = 1_000;

/// Answers what a request carries under a name: a parameter of its body, or a header.
pub type Carried<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// A request that carries a value goes to one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The name of what it carries.
    pub name: String,
    /// The value; any when there is none.
    pub value: Option<String>,
    /// The place of the revision.
    pub place: usize,
}

/// How requests are shared among revisions, which are told by their places.
#[derive(Debug, Default)]
pub struct Choice {
    rules: Vec<Rule>,
    sticky_by: Option<String>,
    /// The place of each turn of a round.
    round: Vec<usize>,
    /// Places and where their part of all callers ends, in thousandths.
    parts: Vec<(usize, u32)>,
}

impl Choice {
    /// A choice among places by their shares, in thousandths that are not all zero.
    pub fn new(shares: &[(usize, u32)], rules: Vec<Rule>, sticky_by: Option<String>) -> Self {
        let mut end = 0;
        let parts = shares.iter().map(|(place, share)| {
            end += share;
            (*place, end)
        });
        Self { rules, sticky_by, round: round(shares), parts: parts.collect() }
    }

    /// The place of the revision that answers a request.
    pub fn place(&self, carried: Carried<'_>, (salt, caller): (&str, &str), turn: &AtomicU64) -> usize {
        for rule in &self.rules {
            if carried(&rule.name).is_some_and(|it| rule.value.as_ref().is_none_or(|value| *value == it)) {
                return rule.place;
            }
        }
        if let Some(name) = &self.sticky_by {
            let key = if name == "caller" { Some(caller.to_owned()) } else { carried(name) };
            if let Some(key) = key {
                return self.place_of(salt, &key);
            }
        }
        match self.round.len() {
            0 => 0,
            1 => self.round[0],
            length => self.round[(turn.fetch_add(1, Ordering::Relaxed) % length as u64) as usize],
        }
    }

    /// The place of a key: always the same while the shares are, and when a share grows, only keys that move to it move.
    fn place_of(&self, salt: &str, key: &str) -> usize {
        let digest = Digest::of(format!("{salt}\0{key}").as_bytes()).to_string();
        let number = u64::from_str_radix(digest.get(..15).unwrap_or_default(), 16).unwrap_or_default();
        let all = self.parts.last().map_or(0, |part| part.1);
        let at = (number % u64::from(all.max(1))) as u32;
        self.parts.iter().find(|(_, end)| at < *end).map_or(0, |(place, _)| *place)
    }
}

/// The turns of a round.
fn round(shares: &[(usize, u32)]) -> Vec<usize> {
    let divisor = shares.iter().fold(0, |divisor, (_, share)| gcd(divisor, *share));
    if divisor == 0 {
        return Vec::new();
    }
    let shares: Vec<(usize, i64)> =
        shares.iter().map(|(place, share)| (*place, i64::from(share / divisor))).collect();
    let all: i64 = shares.iter().map(|(_, share)| share).sum();
    let mut credit = vec![0_i64; shares.len()];
    let mut round = Vec::with_capacity(all as usize);
    for _ in 0..all {
        let mut best = 0;
        for at in 0..shares.len() {
            credit[at] += shares[at].1;
            if credit[at] > credit[best] {
                best = at;
            }
        }
        credit[best] -= all;
        round.push(shares[best].0);
    }
    round
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Carried<'static> = &|_| None;

    fn counts(choice: &Choice, requests: usize) -> Vec<usize> {
        let turn = AtomicU64::new(0);
        let mut counts = vec![0; 3];
        for _ in 0..requests {
            counts[choice.place(NOTHING, ("e", "user:ada"), &turn)] += 1;
        }
        counts
    }

    #[test]
    fn every_round_is_exact_and_even() {
        let choice = Choice::new(&[(0, 900), (1, 77), (2, 23)], Vec::new(), None);
        assert_eq!(counts(&choice, 1_000), [900, 77, 23]);
        let turns = Choice::new(&[(0, 500), (1, 250), (2, 250)], Vec::new(), None);
        assert_eq!(turns.round, [0, 1, 2, 0]);
        // A share of nothing is never chosen, and one of everything always.
        assert_eq!(counts(&Choice::new(&[(0, 0), (1, 1_000)], Vec::new(), None), 10), [0, 10, 0]);
    }

    #[test]
    fn a_key_stays_and_moves_only_to_the_share_that_grew() {
        let key = |at: usize| format!("user-{at}");
        let of = |percent: u32| {
            let choice =
                Choice::new(&[(0, 1_000 - percent), (1, percent)], Vec::new(), Some("user".to_owned()));
            let turn = AtomicU64::new(0);
            let at = |at: usize| choice.place(&|_| Some(key(at)), ("e", ""), &turn);
            (0..2_000).map(at).collect::<Vec<usize>>()
        };
        let (few, more) = (of(100), of(400));
        assert_eq!(few, of(100));
        let count = |all: &[usize]| all.iter().filter(|place| **place == 1).count();
        assert!((150..250).contains(&count(&few)) && (700..900).contains(&count(&more)));
        let moved = few.iter().zip(&more).filter(|(few, more)| few != more);
        assert!(moved.clone().count() > 0 && moved.filter(|(few, _)| **few == 1).count() == 0);
    }

    #[test]
    fn what_a_request_carries_goes_before_weights() {
        let beta = Rule { name: "x-beta".to_owned(), value: Some("yes".to_owned()), place: 1 };
        let any = Rule { name: "debug".to_owned(), value: None, place: 2 };
        let choice = Choice::new(&[(0, 1_000)], vec![beta, any], None);
        let turn = AtomicU64::new(0);
        let place = |name: &'static str, value: &'static str| {
            choice.place(&|it| (it == name).then(|| value.to_owned()), ("e", ""), &turn)
        };
        assert_eq!([place("x-beta", "yes"), place("x-beta", "no"), place("debug", "")], [1, 0, 2]);
    }
}
