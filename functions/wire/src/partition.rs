//! `date=YYYY-MM-DD/`: results and tables lie in a folder for each day, in UTC.

use std::time::SystemTime;

use time::{Date, Month, OffsetDateTime};

const NAME: &str = "date=";
const DATE_LENGTH: usize = "2026-11-30".len();

/// The last second of which dates have four digits for the year: the end of 9999.
const LAST: u64 = 253_402_300_799;

/// The date of a moment in UTC: `2026-11-30`. Moments before 1970 and after 9999, which only a wrong clock tells, count as
/// the first and the last of these.
#[must_use]
pub fn date_of(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST);
    let time = OffsetDateTime::UNIX_EPOCH.saturating_add(time::Duration::seconds(seconds.cast_signed()));
    time.date().to_string()
}

/// The folder of a date: `date=2026-11-30/`.
#[must_use]
pub fn folder_of(date: &str) -> String {
    format!("{NAME}{date}/")
}

/// The date and the rest of a name that begins with such a folder.
#[must_use]
pub fn split(name: &str) -> Option<(&str, &str)> {
    let (date, rest) = name.strip_prefix(NAME)?.split_once('/')?;
    is_date(date).then_some((date, rest))
}

fn is_date(text: &str) -> bool {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?.parse::<u16>().ok()
    };
    let parsed = || {
        let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        Date::from_calendar_date(year.into(), month, u8::try_from(day).ok()?).ok()
    };
    text.len() == DATE_LENGTH && text.get(4..5) == Some("-") && text.get(7..8) == Some("-") && parsed().is_some()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_those_of_utc() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (LAST, "9999-12-31"),
            (LAST + 1, "9999-12-31"),
        ] {
            assert_eq!(date_of(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)), date);
        }
        assert_eq!(date_of(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01");
        assert_eq!(folder_of("2026-11-30"), "date=2026-11-30/");
    }

    #[test]
    fn only_dates_are_split_off() {
        assert_eq!(split("date=2026-11-30/part-1.jsonl"), Some(("2026-11-30", "part-1.jsonl")));
        assert_eq!(split("date=2024-02-29/a/b.json"), Some(("2024-02-29", "a/b.json")));
        for name in [
            "part-1.jsonl",
            "date=2026-11-30",
            "date=2023-02-29/a",
            "date=2026-13-01/a",
            "date=26-11-30/a",
            "date=2026-1-30/a",
            "date=+026-11-30/a",
            "date=２026-11-3/a",
            "x/date=2026-11-30/a",
            "date=__HIVE__/a",
        ] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
