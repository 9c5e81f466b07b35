//! When a schedule is due: the five fields of cron (IEEE Std 1003.1-2017, `crontab`), in UTC.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use kernel::prelude::*;

/// The five fields, each as a set of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both days and weekdays are restricted: then one of them is enough.
    either: bool,
}

/// How far ahead a due moment is looked for: leap days come at most eight years apart.
const DAYS_AHEAD: u32 = 366 * 8 + 2;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl Cron {
    /// Reads five fields, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.
    pub fn parse(text: &str) -> Result<Self> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(bad(text));
        };
        let set = |field, limits, names| numbers(field, limits, names).ok_or_else(|| bad(field));
        let weekdays = set(weekday, (0, 7), &WEEKDAYS)?;
        let cron = Self {
            minutes: set(minute, (0, 59), &[])?,
            hours: set(hour, (0, 23), &[])?,
            days: set(day, (1, 31), &[])?,
            months: set(month, (1, 12), &MONTHS)?,
            // Sunday is 0 and 7.
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        if cron.after(Time::from_micros(0)).is_none() {
            return Err(bad(text));
        }
        Ok(cron)
    }

    /// The first due moment after another.
    pub fn after(&self, time: Time) -> Option<Time> {
        let start = Timestamp::from_microsecond(time.micros()).ok()?.to_zoned(TimeZone::UTC).datetime();
        let start = start.checked_add(1.minute()).ok()?;
        let mut date = start.date();
        for ahead in 0..DAYS_AHEAD {
            if self.has_day(date) {
                let from = if ahead == 0 { (start.hour(), start.minute()) } else { (0, 0) };
                if let Some((hour, minute)) = self.in_day(from) {
                    let moment: DateTime = date.at(hour, minute, 0, 0);
                    let due = moment.to_zoned(TimeZone::UTC).ok()?.timestamp();
                    return Some(Time::from_micros(due.as_microsecond()));
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        let fits = if self.either { day || weekday } else { day && weekday };
        fits && self.months >> date.month() & 1 == 1
    }

    fn in_day(&self, (hour, minute): (i8, i8)) -> Option<(i8, i8)> {
        (hour..24).filter(|it| self.hours >> it & 1 == 1).find_map(|it| {
            let from = if it == hour { minute } else { 0 };
            let found = (from..60).find(|minute| self.minutes >> minute & 1 == 1)?;
            Some((it, found))
        })
    }
}

fn bad(text: &str) -> Error {
    let shown: String = text.chars().take(60).collect();
    Error::invalid("bad-schedule", format!("`{shown}` is no schedule"))
        .hint("write minute, hour, day, month and weekday, for example `30 6 * * mon-fri`, or `@daily`")
}

/// One field as a set: lists of `*`, numbers, names and ranges, each with `/step`.
fn numbers(field: &str, (low, high): (u32, u32), names: &[&str]) -> Option<u64> {
    let number = |text: &str| {
        let named = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        // Months are counted from 1, weekdays from 0, as their limits say.
        named.map(|at| at as u32 + low).or_else(|| text.parse().ok()).filter(|it| (low..=high).contains(it))
    };
    let mut set = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u32>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (number(from)?, number(to)?),
            None if part.contains('/') => (number(range)?, high),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        for it in (from..=to).step_by(step as usize) {
            set |= 1 << it;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &str, after: &str) -> String {
        let found = Cron::parse(cron).unwrap().after(after.parse().unwrap()).unwrap();
        found.to_string()[..16].to_owned()
    }

    #[test]
    fn the_next_due_moment_is_found() {
        for (cron, after, due) in [
            ("* * * * *", "2026-01-31T23:59:30Z", "2026-02-01T00:00"),
            ("30 6 * * mon-fri", "2026-11-20T06:30:00Z", "2026-11-23T06:30"),
            ("*/15 9-17 * * *", "2026-11-21T09:46:00Z", "2026-11-21T10:00"),
            ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00"),
            // With both given, a day of the month or of the week is enough.
            ("0 0 13 * fri", "2026-11-12T00:00:00Z", "2026-11-13T00:00"),
            ("0 0 13 * fri", "2026-11-13T00:00:00Z", "2026-11-20T00:00"),
            ("0 12 * * 7", "2026-11-21T00:00:00Z", "2026-11-22T12:00"),
            ("@monthly", "2026-12-02T00:00:00Z", "2027-01-01T00:00"),
            ("5/20 * * * *", "2026-11-21T10:06:00Z", "2026-11-21T10:25"),
        ] {
            assert_eq!(next(cron, after), due, "{cron} after {after}");
        }
    }

    #[test]
    fn what_is_never_due_is_no_schedule() {
        for wrong in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 30 feb *",
            "*/0 * * * *",
            "5-1 * * * *",
            "x * * * *",
            "* * 0 * *",
        ] {
            assert_eq!(Cron::parse(wrong).unwrap_err().code(), "bad-schedule", "{wrong}");
        }
    }
}
