//! Spans of time on the command line: `30d`, `12h`, `15m`, `10s`.

use std::time::Duration;

/// Units and their seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Reads a span.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let read = UNITS.iter().find_map(|(unit, seconds)| {
        let count: u64 = text.strip_suffix(*unit)?.parse().ok()?;
        count.checked_mul(*seconds)
    });
    read.map(Duration::from_secs)
        .ok_or_else(|| "write a whole number and a unit, as in 30d, 12h, 15m or 10s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(span("2d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(span("0s"), Ok(Duration::ZERO));
        for bad in ["", "d", "1", "-1d", "1.5h", "1w", "99999999999999999999d"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
