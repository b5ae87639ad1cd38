//! What is wrong, where, and what to do about it.

use std::fmt;

use crate::{complaint::Complaint, source::At};

/// One thing wrong with a topology.
///
/// Ordered by file, line and column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// The file, as its [`SourceFile`](crate::SourceFile) names it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, help } = self;
        write!(f, "{file}:{line}:{column}: {message}\n  help: {help}")
    }
}

impl std::error::Error for Problem {}

/// Problems as they are found, in any order.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    /// Tells a problem.
    pub(crate) fn add(&mut self, at: At<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Problem {
            file: at.file.to_owned(),
            line: at.line,
            column: at.column,
            message: message.into(),
            help: help.into(),
        });
    }

    /// Tells a complaint's place.
    pub(crate) fn complain(&mut self, at: At<'_>, complaint: Complaint) {
        self.add(at, complaint.message, complaint.help);
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them by file and line, each once.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        self.found
    }
}
