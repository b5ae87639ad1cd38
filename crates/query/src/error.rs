//! Why a query was not answered, by what its sender can do about it.

use datafusion::{common::DataFusionError, sql::sqlparser::parser::ParserError};
use headwater_event::PartitionId;
use headwater_fold::Damaged;

/// What the sender of a query can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Mend the query: its syntax, a name, a type, a value.
    Invalid,
    /// Ask for less, or try when others are done: a limit was reached.
    Resources,
    /// Nothing: the store, the log or this program failed.
    Failed,
}

/// A query that was not answered, or not to its end.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// [`ErrorKind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// [`ErrorKind::Resources`].
    pub fn resources(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Resources, message)
    }

    /// [`ErrorKind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// A stored row or key that is not what this program wrote.
    pub(crate) fn damaged(table: &str, partition: PartitionId, damage: &Damaged) -> Self {
        Self::failed(format!("table {table}, partition {partition}: {damage}"))
    }
}

/// The store or the log could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        Self::failed(error.0)
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::of(error.find_root())
    }
}

impl Error {
    fn of(error: &DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast_ref::<Self>() {
                Some(own) => own.clone(),
                None => Self::failed(inner.to_string()),
            },
            DataFusionError::Collection(errors) if !errors.is_empty() => {
                errors.first().map_or_else(|| Self::failed("no error"), |e| Self::of(e.find_root()))
            }
            DataFusionError::ResourcesExhausted(what) => Self::resources(format!(
                "the query needs more memory than queries may use; narrow it, or ask again when \
                 others are done ({})",
                without_backtrace(what)
            )),
            DataFusionError::SQL(parser, _) => Self::invalid(match &**parser {
                ParserError::ParserError(what) | ParserError::TokenizerError(what) => what.clone(),
                ParserError::RecursionLimitExceeded => "the query nests too deep".to_owned(),
            }),
            DataFusionError::SchemaError(what, _) => Self::invalid(what.to_string()),
            // Values that a function or a cast refuses are found while the query runs.
            DataFusionError::ArrowError(what, _) => Self::of_arrow(what),
            DataFusionError::Plan(what)
            | DataFusionError::NotImplemented(what)
            | DataFusionError::Configuration(what)
            | DataFusionError::Execution(what) => Self::invalid(without_backtrace(what)),
            other => Self::failed(without_backtrace(&other.to_string())),
        }
    }

    fn of_arrow(error: &arrow::error::ArrowError) -> Self {
        use arrow::error::ArrowError as E;
        match error {
            E::CastError(what)
            | E::ParseError(what)
            | E::ComputeError(what)
            | E::ArithmeticOverflow(what)
            | E::InvalidArgumentError(what)
            | E::NotYetImplemented(what) => Self::invalid(what.clone()),
            E::DivideByZero => Self::invalid("division by zero"),
            other => Self::failed(other.to_string()),
        }
    }
}

fn without_backtrace(message: &str) -> &str {
    message.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or(message)
}
