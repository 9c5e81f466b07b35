//! Points of one metric of one run as a block of bytes: sorted, by columns, the larger ones compressed.
//!
//! Times and steps are written as differences of differences, which are mostly 0, and values in planes of equal
//! bytes, so that zstd finds what repeats. A point costs about as much as the digits that changed.

use std::cmp::Ordering;

use ports::tracking::{Data, Metric};

use crate::wire::{Damaged, Read, Reader, Writer};

/// Points of a full block.
pub const FULL: usize = 4_096;
/// From so many bytes on a block is compressed.
const COMPRESSED_FROM: usize = 256;
/// How hard; more saves little here.
const LEVEL: i32 = 3;
/// The longest a block's columns can be, in bytes: what a damaged length cannot exceed.
const COLUMNS_MAX: usize = 64 << 20;

/// A point without its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub time_ms: i64,
    /// The step.
    pub step: i64,
    /// The value.
    pub value: f64,
    /// The model and the data it was measured of.
    pub of: Of,
}

/// The model and the data something was measured of.
pub type Of = (Option<String>, Option<Data>);

/// The order of a history: by time, step, value, and what it was measured of.
pub fn order(a: &Point, b: &Point) -> Ordering {
    (a.time_ms.cmp(&b.time_ms))
        .then(a.step.cmp(&b.step))
        .then(rank(a.value).cmp(&rank(b.value)))
        .then_with(|| a.of.cmp(&b.of))
}

/// A number's place among all, `NaN` above the infinities whatever its bits, and both zeros alike.
pub fn rank(value: f64) -> u64 {
    if value.is_nan() {
        return u64::MAX - 1;
    }
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// In order, each once.
pub fn settle(points: &mut Vec<Point>) {
    if !points.is_sorted_by(|a, b| order(a, b) == Ordering::Less) {
        points.sort_by(order);
        points.dedup_by(|a, b| order(a, b) == Ordering::Equal);
    }
}

impl Point {
    /// The point with its key.
    pub fn metric(self, key: &str) -> Metric {
        let (model, data) = self.of;
        Metric { key: key.to_owned(), value: self.value, step: self.step, time_ms: self.time_ms, model, data }
    }
}

/// The block of some points.
pub fn encode(points: &[Point]) -> Vec<u8> {
    let mut columns = Writer::default();
    let mut differences = |of: fn(&Point) -> i64| {
        let (mut last, mut slope) = (0_i64, 0_i64);
        for point in points {
            let value = of(point);
            let now = value.wrapping_sub(last);
            columns.signed(now.wrapping_sub(slope));
            (last, slope) = (value, now);
        }
    };
    differences(|point| point.time_ms);
    differences(|point| point.step);
    for plane in (0..8).rev() {
        columns.0.extend(points.iter().map(|point| (point.value.to_bits() >> (plane * 8)) as u8));
    }
    origins(&mut columns, points);
    let mut block = Writer::default();
    block.number(points.len() as u64);
    if columns.0.len() >= COMPRESSED_FROM
        && let Ok(small) = zstd::bulk::compress(&columns.0, LEVEL)
    {
        block.number(columns.0.len() as u64);
        block.0.extend(small);
    } else {
        block.number(0);
        block.0.extend(columns.0);
    }
    block.0
}

/// What the points were measured of: the different ones, and which a point has if there are several.
fn origins(columns: &mut Writer, points: &[Point]) {
    let mut known: Vec<&Of> = Vec::new();
    let mut which = Vec::with_capacity(points.len());
    for point in points {
        let at = known.iter().rposition(|of| **of == point.of).unwrap_or_else(|| {
            known.push(&point.of);
            known.len() - 1
        });
        which.push(at as u64);
    }
    columns.number(known.len() as u64);
    for (model, data) in &known {
        columns.maybe(model.as_deref());
        columns.maybe(data.as_ref().map(|data| data.name.as_str()));
        columns.text(data.as_ref().map_or("", |data| &data.digest));
    }
    if known.len() > 1 {
        which.into_iter().for_each(|at| columns.number(at));
    }
}

/// Appends a block's points.
pub fn decode(block: &[u8], points: &mut Vec<Point>) -> Read<()> {
    let mut from = Reader(block);
    let count = usize::try_from(from.number()?).map_err(|_| Damaged)?;
    let length = usize::try_from(from.number()?).map_err(|_| Damaged)?;
    if length > COLUMNS_MAX {
        return Err(Damaged);
    }
    let large;
    let mut from = match length {
        0 => from,
        length => {
            large = zstd::bulk::decompress(from.0, length).map_err(|_| Damaged)?;
            Reader(&large)
        }
    };
    if count > from.0.len() {
        return Err(Damaged);
    }
    let start = points.len();
    points.reserve(count);
    let (mut last, mut slope) = (0_i64, 0_i64);
    for _ in 0..count {
        slope = slope.wrapping_add(from.signed()?);
        last = last.wrapping_add(slope);
        points.push(Point { time_ms: last, step: 0, value: 0.0, of: (None, None) });
    }
    (last, slope) = (0, 0);
    for point in &mut points[start..] {
        slope = slope.wrapping_add(from.signed()?);
        last = last.wrapping_add(slope);
        point.step = last;
    }
    let planes = from.bytes(8 * count as u64)?;
    for (at, point) in points[start..].iter_mut().enumerate() {
        let bits = (0..8).fold(0, |bits, plane| bits << 8 | u64::from(planes[plane * count + at]));
        point.value = f64::from_bits(bits);
    }
    let known = (0..from.count()?).map(|_| origin(&mut from)).collect::<Read<Vec<Of>>>()?;
    for point in &mut points[start..] {
        let at = if known.len() > 1 { from.number()? as usize } else { 0 };
        let of = known.get(at).ok_or(Damaged)?;
        if *of != (None, None) {
            point.of = of.clone();
        }
    }
    Ok(())
}

fn origin(from: &mut Reader<'_>) -> Read<Of> {
    let model = from.maybe()?.map(str::to_owned);
    let (name, digest) = (from.maybe()?, from.text()?);
    Ok((model, name.map(|name| Data { name: name.to_owned(), digest: digest.to_owned() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(time_ms: i64, step: i64, value: f64) -> Point {
        Point { time_ms, step, value, of: (None, None) }
    }

    #[test]
    fn every_value_survives_and_the_order_is_total() {
        let data = Some(Data { name: "d".to_owned(), digest: "1".to_owned() });
        let mut points = vec![
            point(i64::MAX, i64::MIN, f64::NAN),
            point(i64::MIN, i64::MAX, f64::INFINITY),
            point(0, 0, -0.0),
            point(0, 0, f64::NEG_INFINITY),
            Point { of: (Some("m".to_owned()), data), ..point(0, 0, 1.5) },
        ];
        settle(&mut points);
        let mut back = Vec::new();
        decode(&encode(&points), &mut back).unwrap();
        assert_eq!(format!("{points:?}"), format!("{back:?}"));
        let twice = [points.clone(), back].concat();
        let mut once = twice;
        settle(&mut once);
        assert_eq!(once.len(), points.len(), "a point that is told twice is kept once");
    }

    #[test]
    fn a_regular_series_is_small() {
        let points: Vec<Point> = (0..FULL as i64)
            .map(|it| point(1_700_000_000_000 + it * 250, it, 1.0 / (it + 1) as f64))
            .collect();
        let block = encode(&points);
        assert!(block.len() < FULL * 8, "{} bytes", block.len());
        let mut back = Vec::new();
        decode(&block, &mut back).unwrap();
        assert_eq!(back, points);
    }

    #[test]
    fn a_cut_block_is_damage_and_nothing_worse() {
        for size in [3, 300] {
            let block = encode(&(0..size).map(|it| point(it, it, it as f64)).collect::<Vec<_>>());
            for cut in 0..block.len() {
                assert!(decode(&block[..cut], &mut Vec::new()).is_err(), "{cut} of {}", block.len());
            }
        }
    }

    #[test]
    fn numbers_have_their_place() {
        let mut ranks = [f64::NEG_INFINITY, -1.0, 0.0, 1e-300, 1.0, f64::INFINITY, f64::NAN].map(rank);
        let sorted = ranks;
        ranks.sort_unstable();
        assert_eq!(ranks, sorted);
        assert_eq!(rank(0.0), rank(-0.0));
    }
}
