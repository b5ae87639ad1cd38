//! A file that the binary has read for us.

/// One file of the topology folder, or one schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// Relative to the folder in which the topology folder lies, with `/`: `topology/app.yaml`,
    /// `schemas/app.order.placed/v1.json`. Told in problems as it stands here.
    pub path: String,
    /// The whole text.
    pub text: String,
}

impl SourceFile {
    /// Whether it is read for declarations.
    pub(crate) fn is_yaml(&self) -> bool {
        self.path.ends_with(".yaml") || self.path.ends_with(".yml")
    }
}

/// A place in a source file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At<'a> {
    /// The file's path.
    pub(crate) file: &'a str,
    /// The line.
    pub(crate) line: usize,
    /// The column.
    pub(crate) column: usize,
}

impl<'a> At<'a> {
    /// Where a file begins.
    pub(crate) fn start_of(file: &'a str) -> Self {
        Self { file, line: 1, column: 1 }
    }
}
