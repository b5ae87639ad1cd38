//! What the made events are made of: the same numbers give the same events on every run.

use serde_json::{Value, json};

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// A well mixed number (SplitMix64) of a stream and a place in it.
pub(crate) fn mixed(stream: u64, n: u64) -> u64 {
    let mut z = n.wrapping_add(stream << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A fraction from 0 to 1 with all its digits, which don't compress.
pub(crate) fn fraction(stream: u64, n: u64) -> f64 {
    (mixed(stream, n) >> 11) as f64 / (1_u64 << 53) as f64
}

/// One of so many keys, of rank r with a chance of about 1 / r.
pub(crate) fn skewed(stream: u64, n: u64, keys: u64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank, from 0")]
    let rank = (keys as f64).powf(fraction(stream, n)) as u64;
    rank.min(keys.saturating_sub(1))
}

/// An id as most programs make them: 36 characters, different in each.
pub(crate) fn uuid(stream: u64, n: u64) -> String {
    let (a, b) = (mixed(stream, n), mixed(stream + 1, n));
    let (time, node) = (a >> 32, b & 0xFFFF_FFFF_FFFF);
    format!("{time:08x}-{:04x}-4{:03x}-a{:03x}-{node:012x}", (a >> 16) & 0xFFFF, a & 0xFFF, b >> 52)
}

/// The SHA-256 of nothing in particular, in hex.
pub(crate) fn sha256(n: u64) -> String {
    (20..24).map(|stream| format!("{:016x}", mixed(stream, n))).collect()
}

/// An event in structured mode, a tenth of a second after the one before.
pub(crate) fn event(event_type: &str, n: u64, subject: &str, data: Value) -> Value {
    let seconds = n / 10;
    let (day, second) = (1 + seconds / DAY_S % 28, seconds % DAY_S);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let time = format!("2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}.{}Z", n % 10);
    // Ids of one stream a type, so that what is made beforehand never meets what is measured.
    let stream = event_type.bytes().fold(100, |sum, byte| sum * 31 % 8_191 + u64::from(byte));
    json!({
        "specversion": "1.0", "id": uuid(stream, n), "source": "https://app.example.com/sizing",
        "type": event_type, "subject": subject, "time": time, "data": data,
    })
}
