//! Windows of the calendar: months and years of UTC.
//!
//! Days are counted by Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>), in the proleptic Gregorian calendar.

use headwater_topology::CalendarUnit;

const DAY_MICROS: i64 = 86_400_000_000;
/// Days of 400 years, after which the calendar repeats itself.
const ERA_DAYS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// The window that a moment lies in: its first moment and the first after it.
pub(crate) fn window_of(unit: CalendarUnit, time_micros: i64) -> (i64, i64) {
    let (year, month) = month_of(time_micros.div_euclid(DAY_MICROS));
    let first = |year, month| days_before(year, month).saturating_mul(DAY_MICROS);
    match unit {
        CalendarUnit::Month if month == 12 => (first(year, 12), first(year + 1, 1)),
        CalendarUnit::Month => (first(year, month), first(year, month + 1)),
        CalendarUnit::Year => (first(year, 1), first(year + 1, 1)),
    }
}

/// The year and the month, from 1, of a day counted from 1970-01-01.
fn month_of(day: i64) -> (i64, i64) {
    let day = day + EPOCH_DAYS;
    let (era, of_era) = (day.div_euclid(ERA_DAYS), day.rem_euclid(ERA_DAYS));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that the day that leaps is the last.
    let month_from_march = (5 * of_year + 2) / 153;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

/// The days from 1970-01-01 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * ERA_DAYS + of_era - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use headwater_event::Timestamp;

    use super::*;

    fn window(unit: CalendarUnit, at: &str) -> [String; 2] {
        let (start, end) = window_of(unit, at.parse::<Timestamp>().unwrap().micros());
        [start, end].map(|micros| Timestamp::from_micros(micros).to_string())
    }

    #[test]
    fn months_are_as_long_as_they_are() {
        let month = |at| window(CalendarUnit::Month, at);
        assert_eq!(
            month("2024-02-29T23:59:59.999999Z"),
            ["2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"]
        );
        assert_eq!(month("1900-02-28T12:00:00Z"), ["1900-02-01T00:00:00Z", "1900-03-01T00:00:00Z"]);
        assert_eq!(month("1969-12-31T23:00:00Z"), ["1969-12-01T00:00:00Z", "1970-01-01T00:00:00Z"]);
        assert_eq!(month("1970-01-01T00:00:00Z"), ["1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z"]);
        let year = |at| window(CalendarUnit::Year, at);
        assert_eq!(year("2000-02-29T00:00:00Z"), ["2000-01-01T00:00:00Z", "2001-01-01T00:00:00Z"]);
        assert_eq!(year("1677-10-01T00:00:00Z"), ["1677-01-01T00:00:00Z", "1678-01-01T00:00:00Z"]);
    }

    #[test]
    fn months_follow_one_another_without_a_gap() {
        let mut at = "1895-01-01T00:00:00Z".parse::<Timestamp>().unwrap().micros();
        for month in 0..12 * 210 {
            let (start, end) = window_of(CalendarUnit::Month, at);
            assert_eq!(start, at, "month {month}");
            assert_eq!(window_of(CalendarUnit::Month, end - 1), (start, end));
            assert!((28..=31).contains(&((end - start) / DAY_MICROS)));
            at = end;
        }
        assert_eq!(at, "2105-01-01T00:00:00Z".parse::<Timestamp>().unwrap().micros());
    }
}
