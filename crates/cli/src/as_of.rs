//! `--as-of`: the moment that a replay compares at.

use std::{collections::BTreeMap, str::FromStr};

use headwater_event::{Offset, PartitionId};
use headwater_log::DATA_PARTITIONS_MAX;

/// Last offsets, themselves included, by partition; those that are not named are as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AsOf(pub(crate) BTreeMap<PartitionId, Offset>);

impl FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused =
            |part: &str, why: &str| format!("{part:?} {why}; write as in 0:123,1:88,control:7");
        let mut positions = BTreeMap::new();
        for part in text.split(',').map(str::trim) {
            let (partition, offset) =
                part.split_once(':').ok_or_else(|| refused(part, "is not a position"))?;
            let partition: PartitionId =
                partition.parse().map_err(|_| refused(part, "names no partition"))?;
            let offset: u64 = offset.parse().map_err(|_| refused(part, "tells no offset"))?;
            if let PartitionId::Data(number) = partition
                && number >= DATA_PARTITIONS_MAX
            {
                return Err(refused(part, "names a partition that no log has"));
            }
            if positions.insert(partition, Offset(offset)).is_some() {
                return Err(refused(part, "names a partition a second time"));
            }
        }
        Ok(Self(positions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read() {
        let at = BTreeMap::from([
            (PartitionId::Control, Offset(7)),
            (PartitionId::Data(0), Offset(123)),
        ]);
        assert_eq!("0:123, control:7".parse(), Ok(AsOf(at)));
        for bad in ["", "5", "0:", "x:1", "0:-1", "0:1,0:2", "0:1,", "1024:1"] {
            assert!(bad.parse::<AsOf>().is_err(), "{bad:?}");
        }
    }
}
