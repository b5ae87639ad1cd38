//! How the process ends: one of four codes, and an error told once.

use std::{fmt, io, process::ExitCode};

/// How a command that ran to its end ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: the answer is no: unequal, rejected, not accepted.
    No,
}

/// 2: the command line, or what it names, is wrong.
const MISUSE: u8 = 2;
/// 3: it failed.
const FAILED: u8 = 3;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::No => Self::FAILURE,
        }
    }
}

/// What was asked for can't be meant; the text says what to write instead.
#[derive(Debug)]
pub(crate) struct Misuse(String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// An error that ends with code 2.
pub(crate) fn misuse(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Misuse(text.into()))
}

/// Tells an error, if there is one, and gives the code.
pub(crate) fn code(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        // Whoever read our output has seen enough, as in `headwater events | head`.
        Err(error) if is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::from(if error.is::<Misuse>() { MISUSE } else { FAILED })
        }
    }
}

/// An error and its causes, none of them twice.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.contains(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("the disk is full");
        let error = error.context("append: the disk is full").context("failed to produce");
        assert_eq!(told(&error), "failed to produce: append: the disk is full");
    }

    #[test]
    fn misuse_is_seen_through_context() {
        let error = Err::<(), _>(misuse("write --data DIR")).context("failed to open");
        assert!(error.is_err_and(|error| error.is::<Misuse>()));
    }
}
