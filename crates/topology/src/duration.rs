//! Durations (`30d`, `12h`, `15m`, `10s`, `500ms`) and moments (`1997-01-01`, RFC 3339).

use chrono::{DateTime, NaiveDate, NaiveTime};

use crate::{complaint::Complaint, limits::DURATION_MS_MAX};

/// Units, longest first.
const UNITS: [(&str, i64); 5] =
    [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];

/// Reads a duration into milliseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, Complaint> {
    let help = "write a whole number and a unit, as in 30d, 12h, 15m, 10s or 500ms";
    let read = UNITS.iter().find_map(|(unit, unit_ms)| {
        let digits = text.strip_suffix(unit)?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse::<i64>().ok().and_then(|count| count.checked_mul(*unit_ms)))
    });
    match read {
        None => Err(Complaint::new(format!("`{text}` is not a duration"), help)),
        Some(Some(0)) => Err(Complaint::new("a span must be longer than nothing", help)),
        Some(Some(duration_ms)) if duration_ms <= DURATION_MS_MAX => Ok(duration_ms),
        Some(_) => Err(Complaint::new(format!("`{text}` is longer than a century"), help)),
    }
}

/// Reads a moment into milliseconds since 1970.
pub(crate) fn parse_moment(text: &str) -> Result<i64, Complaint> {
    let help = "write a day, as in 1997-01-01, or an RFC 3339 time, as in 1997-01-01T06:00:00Z";
    let complaint = || Complaint::new(format!("`{text}` is not a moment"), help);
    let moment = match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Ok(day) => day.and_time(NaiveTime::MIN).and_utc(),
        Err(_) => DateTime::parse_from_rfc3339(text).map_err(|_| complaint())?.to_utc(),
    };
    if moment.timestamp_subsec_nanos() % 1_000_000 != 0 {
        return Err(Complaint::new(format!("`{text}` is finer than a millisecond"), help));
    }
    Ok(moment.timestamp_millis())
}
