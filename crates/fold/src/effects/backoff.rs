//! How long an effect rests between two tries.

use headwater_topology::EffectLimits;

/// The pause after a try that failed, in microseconds: grows by the declared factor up to the declared
/// longest, and half as much again at most, by a hash of key and try. Equal in every replay, and spread
/// over effects that failed together.
pub(crate) fn pause_us(limits: &EffectLimits, key: &str, attempt: i64) -> i64 {
    let mut pause_ms = limits.backoff_first_ms.max(1);
    for _ in 1..attempt {
        if pause_ms >= limits.backoff_max_ms {
            break;
        }
        pause_ms = pause_ms.saturating_mul(i64::from(limits.backoff_factor.max(1)));
    }
    let pause_us = pause_ms.min(limits.backoff_max_ms).saturating_mul(1_000);
    let hash = blake3::hash(format!("{key}/{attempt}").as_bytes());
    let word = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    // Up to half of the pause, in 1,024 steps.
    let part = i64::try_from(word % 1_025).unwrap_or(0);
    pause_us.saturating_add((pause_us / 2_048).saturating_mul(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest_and_are_spread() {
        let limits = EffectLimits {
            backoff_first_ms: 1_000,
            backoff_factor: 2,
            backoff_max_ms: 8_000,
            ..EffectLimits::default()
        };
        for (attempt, least_ms) in [(1, 1_000), (2, 2_000), (3, 4_000), (4, 8_000), (40, 8_000)] {
            let pause_us = pause_us(&limits, "key", attempt);
            let range = least_ms * 1_000..=least_ms * 1_500;
            assert!(range.contains(&pause_us), "{attempt}: {pause_us}");
        }
        let pauses = (0..20).map(|n| pause_us(&limits, &n.to_string(), 1));
        let distinct: std::collections::BTreeSet<_> = pauses.collect();
        assert!(distinct.len() > 10, "effects that failed together come back one by one");
    }
}
