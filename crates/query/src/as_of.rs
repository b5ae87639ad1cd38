//! Which moment of the past is asked for, and how it is written.

use std::{collections::BTreeMap, fmt, str::FromStr};

use headwater_event::{Offset, PartitionId, Timestamp};

/// How much of a text that names no moment is told.
const TOLD_CHARS_MAX: usize = 64;

/// A moment of the past.
///
/// Written as RFC 3339, `1997-01-01`, `1997-01-01 10:30`, `1997-01-01 10:30:00.5` (UTC if no zone is
/// given), or as `control:7,0:123` or `position('control:7,0:123')`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AsOf {
    /// In each partition everything before the first tick of the log's clock that is later than this.
    Time(Timestamp),
    /// The last offset of each partition, included; [`Past`](crate::Past) says what holds for those
    /// that are not named.
    Positions(BTreeMap<PartitionId, Offset>),
}

/// The text names no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no moment: write a time as in 1997-01-01T10:30:00Z or 1997-01-01 (UTC unless a zone is \
     given), or the last offset of partitions as in control:7,0:123"
)]
pub struct NotAMoment(String);

impl AsOf {
    /// Reads `control:7,0:123`.
    pub(crate) fn positions(text: &str) -> Result<Self, NotAMoment> {
        let mut positions = BTreeMap::new();
        for part in text.split(',') {
            let (partition, offset) = position(part).ok_or_else(|| told(text))?;
            if positions.insert(partition, offset).is_some() {
                // A partition that is named twice has no one position.
                return Err(told(text));
            }
        }
        Ok(Self::Positions(positions))
    }
}

fn told(text: &str) -> NotAMoment {
    NotAMoment(text.chars().take(TOLD_CHARS_MAX).collect())
}

/// `0:123`
fn position(text: &str) -> Option<(PartitionId, Offset)> {
    let (partition, offset) = text.trim().split_once(':')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits(offset) && (digits(partition) || partition == "control");
    plain.then_some(())?;
    Some((partition.parse().ok()?, Offset(offset.parse().ok()?)))
}

/// A date, a date and a time, or RFC 3339.
fn time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once([' ', 'T', 't']).unwrap_or((text, "00:00"));
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let clock = clock.trim_end();
    let seconds = if clock.len() == "00:00".len() { ":00" } else { "" };
    let zone = match zone.len() {
        0 => "Z".to_owned(),
        // As PostgreSQL writes it: +02
        3 => format!("{zone}:00"),
        _ => zone.to_owned(),
    };
    format!("{date}T{clock}{seconds}{zone}").parse().ok()
}

impl FromStr for AsOf {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let text = text.trim();
        let call = text.strip_prefix("position('").and_then(|rest| rest.strip_suffix("')"));
        match (call, time(text)) {
            (Some(positions), _) => Self::positions(positions),
            (None, Some(time)) => Ok(Self::Time(time)),
            (None, None) => Self::positions(text),
        }
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => time.fmt(f),
            Self::Positions(positions) => {
                for (place, (partition, offset)) in positions.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{partition}:{offset}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_a_time() {
        for (text, told) in [
            ("1997-01-01", "1997-01-01T00:00:00Z"),
            (" 1997-01-01 ", "1997-01-01T00:00:00Z"),
            ("1997-01-01 10:30", "1997-01-01T10:30:00Z"),
            ("1997-01-01 10:30:05", "1997-01-01T10:30:05Z"),
            ("1997-01-01 10:30:05.25", "1997-01-01T10:30:05.250Z"),
            ("1997-01-01T10:30:05.000001Z", "1997-01-01T10:30:05.000001Z"),
            ("1997-01-01t10:30z", "1997-01-01T10:30:00Z"),
            ("1997-01-01 10:30:05+02", "1997-01-01T08:30:05Z"),
            ("1997-01-01 10:30:05 -02:30", "1997-01-01T13:00:05Z"),
            ("1997-01-01T10:30:05+00:00", "1997-01-01T10:30:05Z"),
        ] {
            assert_eq!(text.parse::<AsOf>().map(|moment| moment.to_string()), Ok(told.to_owned()));
        }
    }

    #[test]
    fn the_forms_of_a_position() {
        for text in ["0:123,control:7", "control:7, 0:123", "position('control:7,0:123')"] {
            let moment = text.parse::<AsOf>().map(|moment| moment.to_string());
            assert_eq!(moment.as_deref(), Ok("control:7,0:123"));
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "yesterday",
            "1997",
            "1997-13-01",
            "1997-01-01 25:00",
            "1997-01-01 10",
            "1997-01-01 10:30 PST",
            "0:1,0:2",
            "0:-1",
            "0:+1",
            "+0:1",
            "0",
            "0:1,",
            "position('')",
            "position(0:1)",
            "control:18446744073709551616",
        ] {
            let refused = text.parse::<AsOf>().map_err(|error| error.to_string());
            let told = refused.err().unwrap_or_default();
            assert!(told.contains("is no moment: write a time"), "{text}: {told}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_is_written(
            micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999,
            positions in prop::collection::btree_map(0_u32..9, any::<u64>(), 1..5),
        ) {
            let time = AsOf::Time(Timestamp::from_micros(micros));
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            let named = positions.into_iter().map(|(n, offset)| {
                (PartitionId::from_code(n), Offset(offset))
            });
            let positions = AsOf::Positions(named.collect());
            prop_assert_eq!(positions.to_string().parse(), Ok(positions));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            let _: Result<AsOf, NotAMoment> = text.parse();
        }
    }
}
