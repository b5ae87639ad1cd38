//! Typed access to the keys of a mapping: unknown keys, missing keys and wrong kinds are told.

use crate::{
    names,
    problem::Problems,
    source::At,
    yaml::{Entry, Kind, Node},
};

/// What stands at a key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Given<'a, T> {
    /// Nothing.
    Absent,
    /// Something of which the problem is told already.
    Refused,
    /// A value, and where it stands.
    Value(T, At<'a>),
}

impl<'a, T> Given<'a, T> {
    /// The value, if there is one.
    pub(crate) fn ok(self) -> Option<T> {
        match self {
            Self::Value(value, _) => Some(value),
            Self::Absent | Self::Refused => None,
        }
    }

    /// Reads the value further; the complaint is told at its place.
    pub(crate) fn parse<U>(
        self,
        problems: &mut Problems,
        parse: impl FnOnce(T) -> Result<U, crate::complaint::Complaint>,
    ) -> Given<'a, U> {
        match self {
            Self::Absent => Given::Absent,
            Self::Refused => Given::Refused,
            Self::Value(value, at) => match parse(value) {
                Ok(read) => Given::Value(read, at),
                Err(complaint) => {
                    problems.complain(at, complaint);
                    Given::Refused
                }
            },
        }
    }
}

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Fields<'n, 'a> {
    /// What the mapping declares, as problems name it: "feature view `customer_stats`".
    pub(crate) what: String,
    /// Where the thing's own name stands.
    pub(crate) at: At<'a>,
    entries: &'n [Entry<'a>],
}

impl<'n, 'a> Fields<'n, 'a> {
    /// Reads a mapping and tells the keys that mean nothing in it.
    pub(crate) fn read(
        what: String,
        at: At<'a>,
        node: &'n Node<'a>,
        known: &[&str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let entries = mapping(&what, node, problems)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let message = format!("{what} has no key `{}`", entry.key);
            problems.add(entry.at, message, names::suggest(&entry.key, known.iter().copied()));
        }
        Some(Self { what, at, entries })
    }

    /// The entry of a key, if the key is there with anything but nothing.
    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        (!matches!(entry.value.kind, Kind::Nothing)).then_some(entry)
    }

    /// The text of a key that may be left out.
    pub(crate) fn text(&self, key: &str, problems: &mut Problems) -> Given<'a, String> {
        let Some(entry) = self.entry(key) else { return Given::Absent };
        match text(&format!("`{key}` of {}", self.what), &entry.value, problems) {
            Some(text) => Given::Value(text, entry.value.at),
            None => Given::Refused,
        }
    }

    /// The text of a key that must be there.
    pub(crate) fn needed_text(
        &self,
        key: &str,
        help: &str,
        problems: &mut Problems,
    ) -> Given<'a, String> {
        match self.text(key, problems) {
            Given::Absent => {
                self.missing(key, help, problems);
                Given::Refused
            }
            given => given,
        }
    }

    /// The entries of a key that holds a mapping; none if it is absent or refused.
    pub(crate) fn entries(&self, key: &str, problems: &mut Problems) -> &'n [Entry<'a>] {
        self.entry(key)
            .and_then(|entry| mapping(&format!("`{key}` of {}", self.what), &entry.value, problems))
            .unwrap_or_default()
    }

    /// Tells that a key is missing.
    pub(crate) fn missing(&self, key: &str, help: &str, problems: &mut Problems) {
        problems.add(self.at, format!("{} needs `{key}`", self.what), help);
    }
}

/// A mapping's entries.
pub(crate) fn mapping<'n, 'a>(
    what: &str,
    node: &'n Node<'a>,
    problems: &mut Problems,
) -> Option<&'n [Entry<'a>]> {
    match &node.kind {
        Kind::Map(entries) => return Some(entries),
        Kind::Refused => {}
        other => {
            let message = format!("{what} must be a mapping, not {}", kind_name(other));
            problems.add(node.at, message, "write `key: value` lines, indented below it");
        }
    }
    None
}

/// A scalar's text.
pub(crate) fn text(what: &str, node: &Node<'_>, problems: &mut Problems) -> Option<String> {
    match &node.kind {
        Kind::Text(text) => return Some(text.clone()),
        Kind::Refused => {}
        other => {
            let message = format!("{what} must be text, not {}", kind_name(other));
            problems.add(node.at, message, "write one value behind the colon");
        }
    }
    None
}

fn kind_name(kind: &Kind<'_>) -> &'static str {
    match kind {
        Kind::Nothing => "nothing",
        Kind::Text(_) => "text",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a mapping",
        Kind::Refused => "what was refused",
    }
}
