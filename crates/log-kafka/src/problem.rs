//! Kafka's errors, by what the caller must do.

use headwater_log::{Error, ErrorKind};
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};

/// The error of an operation; `doing` reads after "failed to".
pub(crate) fn kafka(doing: &str, error: KafkaError) -> Error {
    let kind = kind(&error);
    let message = match error.rdkafka_error_code() {
        Some(code) => format!("{doing}: {}", explain(code)),
        None => format!("{doing}: {error}"),
    };
    Error::new(kind, message).caused_by(error)
}

fn explain(code: RDKafkaErrorCode) -> String {
    match code {
        RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset => {
            "the broker does not have this offset: the topic was made anew, cut or trimmed"
                .to_owned()
        }
        other => other.to_string(),
    }
}

/// What the caller must do about this error.
pub(crate) fn kind(error: &KafkaError) -> ErrorKind {
    use RDKafkaErrorCode as Code;
    match (error, error.rdkafka_error_code()) {
        (KafkaError::MessageConsumptionFatal(_), _) => ErrorKind::Closed,
        (KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_), _) => ErrorKind::Reject,
        (_, Some(Code::Fatal | Code::Fenced | Code::PurgeQueue | Code::PurgeInflight)) => {
            ErrorKind::Closed
        }
        (
            _,
            Some(
                Code::BadMessage
                | Code::InvalidMessage
                | Code::OffsetOutOfRange
                | Code::AutoOffsetReset,
            ),
        ) => ErrorKind::Corrupt,
        (
            _,
            Some(
                Code::UnknownTopic
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition
                | Code::InvalidTopic
                | Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::MessageSizeTooLarge
                | Code::InvalidMessageSize
                | Code::PolicyViolation
                | Code::InvalidReplicationFactor,
            ),
        ) => ErrorKind::Reject,
        _ => ErrorKind::Retry,
    }
}

/// A task that blocks was stopped, because the runtime ends.
pub(crate) fn stopped(error: tokio::task::JoinError) -> Error {
    Error::new(ErrorKind::Closed, "the operation was stopped").caused_by(error)
}
