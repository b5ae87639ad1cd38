//! The first bytes by which a scan's keys differ, as a number: most comparisons need no more.

use std::cmp::Ordering;

/// What keys of one scan have in common: all that files hold begin with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shared(Vec<u8>);

/// A key's place among those of one scan: in the order of the keys, as far as it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lead {
    bytes: u64,
    /// How many bytes follow what is shared, [`LONG`] if the number does not hold all of them.
    length: u8,
}

/// More bytes than the number holds.
const LONG: u8 = 9;

impl Shared {
    /// What all keys between two have in common, both included.
    pub(crate) fn between(first: &[u8], last: &[u8]) -> Self {
        let same = first.iter().zip(last).take_while(|(a, b)| a == b);
        Self(same.map(|(byte, _)| *byte).collect())
    }

    /// The lead of a key, whether or not it begins as the others do.
    pub(crate) fn lead(&self, key: &[u8]) -> Lead {
        let Some(rest) = key.strip_prefix(self.0.as_slice()) else {
            // Before all others, or after them; told apart by the whole key.
            let bytes = if key < self.0.as_slice() { 0 } else { u64::MAX };
            let length = if bytes == 0 { 0 } else { LONG };
            return Lead { bytes, length };
        };
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let length = u8::try_from(rest.len()).unwrap_or(LONG).min(LONG);
        Lead { bytes: u64::from_be_bytes(bytes), length }
    }
}

/// The order of two keys by their leads; they themselves are compared only if these don't tell.
pub(crate) fn order(a: Lead, b: Lead, by_key: impl FnOnce() -> Ordering) -> Ordering {
    a.cmp(&b).then_with(|| match a.length {
        1..LONG => Ordering::Equal,
        // Nothing was left to tell them apart, or more than the number holds.
        _ => by_key(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn leads_order_as_keys_do(
            first in proptest::collection::vec(0_u8..3, 0..12),
            last in proptest::collection::vec(0_u8..3, 0..12),
            a in proptest::collection::vec(0_u8..3, 0..24),
            b in proptest::collection::vec(0_u8..3, 0..24),
        ) {
            let shared = Shared::between(&first, &last);
            let within = |key: &[u8]| [shared.0.as_slice(), key].concat();
            for (a, b) in [(a.clone(), b.clone()), (within(&a), within(&b)), (within(&a), b.clone())] {
                let found = order(shared.lead(&a), shared.lead(&b), || a.cmp(&b));
                prop_assert_eq!(found, a.cmp(&b), "{:?} {:?} {:?}", shared, a, b);
            }
        }
    }
}
