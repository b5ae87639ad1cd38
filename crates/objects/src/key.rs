//! The name of an object: segments with slashes between, the same in a folder and in a bucket.

use std::fmt;

use crate::{
    error::{Error, Result},
    limits::KEY_BYTES_MAX,
};

/// The key of an object, such as `blobs/0f3a…`.
///
/// Segments have letters, digits, `.`, `_` and `-`, and begin with none of the dots: so no key leads
/// out of its folder, names what is half written, or is spelt otherwise in a URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// The key of this text, if it is one.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        let lawful =
            |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
        if text.len() > KEY_BYTES_MAX || !text.split('/').all(lawful) {
            return Err(Error::reject(format!(
                "use the key {text:?}: a key has at most {KEY_BYTES_MAX} letters, digits, `.`, `_`, \
                 `-`, and `/` between its parts, of which none begins with a dot"
            )));
        }
        Ok(Self(text))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_nowhere_else() {
        for good in ["a", "blobs/0f3a", "snapshots/1/manifest.json", "A-b_c.d/e"] {
            assert_eq!(Key::new(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(KEY_BYTES_MAX + 1);
        for bad in ["", "/", "/a", "a/", "a//b", "..", "a/../b", ".a", "a b", "a%2e", "é", &long] {
            assert!(Key::new(bad).is_err(), "{bad}");
        }
    }
}
