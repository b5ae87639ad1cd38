//! The event times that are taken.

use headwater_event::{Reason, Refusal, Timestamp};

/// The first and last moments that a 64-bit count of nanoseconds can name: 1677-09-21 to 2262-04-11.
///
/// Arrow, pandas and Parquet clients keep timestamps as such counts; a time beyond them would be
/// stored here and then break, or silently wrap, in the hands of whoever reads it.
const RANGE_MICROS: std::ops::RangeInclusive<i64> = (i64::MIN / 1_000 + 1)..=(i64::MAX / 1_000 - 1);

/// The watermark of a log on which no event that has a time has come: nothing is believed yet.
pub const NO_WATERMARK: Timestamp = Timestamp::from_micros(*RANGE_MICROS.start());

/// Refuses a time outside 1677-09-21 to 2262-04-11.
pub fn check(time: Timestamp) -> Result<(), Refusal> {
    if RANGE_MICROS.contains(&time.micros()) {
        return Ok(());
    }
    let detail = format!("the time {time} is outside 1677-09-21 to 2262-04-11");
    Err(Refusal::new(Reason::BadTime, detail))
}
