//! The one shape of every error: `application/problem+json` (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use headwater_event::{Offset, PartitionId, Reason, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::RETRY_AFTER_S;

/// The media type of errors.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// Why a request, or one event of a batch, was not done (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The kind, to be told apart by programs, such as `urn:headwater:problem:conflict`.
    #[serde(rename = "type")]
    #[schema(example = "urn:headwater:problem:schema_violation")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// The HTTP status; of an event in a batch, the one it would have had alone.
    pub status: u16,
    /// What and where, in one sentence.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// More about the event, if it is about one. Apart, so that results stay small.
    #[serde(flatten)]
    pub event: Box<AboutEvent>,
}

/// What a problem says of the event that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct AboutEvent {
    /// Each violated place, if the payload violates its schema.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// The event's place in the batch, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// The event's id, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the event stands on the log, if it was refused by the fold and not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// See `partition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// One place in a payload that violates its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    /// A JSON pointer into `data`.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

/// The kinds of problem that are not about an event; those are named by [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    NoSuchRoute,
    MethodNotAllowed,
    UnsupportedMediaType,
    NotAcceptable,
    BadParameter,
    BadBody,
    NoSuchEvent,
    InvalidQuery,
    Resources,
    SnapshotRefused,
    TrimRefused,
    Unavailable,
    Failed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::NoSuchRoute => "no_such_route",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::NotAcceptable => "not_acceptable",
            Self::BadParameter => "bad_parameter",
            Self::BadBody => "bad_body",
            Self::NoSuchEvent => "no_such_event",
            Self::InvalidQuery => "invalid_query",
            Self::Resources => "resources",
            Self::SnapshotRefused => "snapshot_refused",
            Self::TrimRefused => "trim_refused",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::NoSuchRoute | Self::NoSuchEvent => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::BadParameter | Self::BadBody | Self::InvalidQuery => StatusCode::BAD_REQUEST,
            Self::Resources => StatusCode::UNPROCESSABLE_ENTITY,
            Self::SnapshotRefused | Self::TrimRefused => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::NoSuchRoute | Self::MethodNotAllowed => "GET /openapi.json lists every route",
            Self::UnsupportedMediaType => "send the body as one of the media types named",
            Self::NotAcceptable => "accept one of the media types named",
            Self::BadParameter => "correct the parameter named",
            Self::BadBody => "send the whole body in the form that its media type tells",
            Self::NoSuchEvent => "use the partition and offset of a receipt",
            Self::InvalidQuery => "mend the query",
            Self::Resources => "ask for less, or ask again when other queries are done",
            Self::SnapshotRefused => "mend what is told, or name another place",
            Self::TrimRefused => "mend what is told; nothing was taken away",
            Self::Unavailable => "try again; events keep their ids, so that none is taken twice",
            Self::Failed => "report this as a bug, with the server's log",
        }
    }
}

/// The status of an event that was refused: what its producer can do about it.
fn status_of(reason: Reason) -> StatusCode {
    match reason {
        Reason::EmptyRecord
        | Reason::NotJson
        | Reason::NotAnEnvelope
        | Reason::BadAttribute
        | Reason::MissingSubject
        | Reason::BadKey
        | Reason::BadNumber => StatusCode::BAD_REQUEST,
        Reason::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Reason::Forged => StatusCode::FORBIDDEN,
        Reason::NotFound => StatusCode::NOT_FOUND,
        Reason::Conflict | Reason::IdReused => StatusCode::CONFLICT,
        Reason::UnknownType
        | Reason::UnknownSchemaVersion
        | Reason::SchemaViolation
        | Reason::BadTime
        | Reason::WrongPartition
        | Reason::ViewMismatch
        | Reason::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Reason::StaleEpoch => StatusCode::SERVICE_UNAVAILABLE,
        Reason::FoldFailed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// A problem that is not about an event.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self::named(kind.name(), kind.status(), detail.into(), kind.advice())
    }

    /// A problem whose kind is that of a refused event, though it is about a whole request.
    pub(crate) fn of_reason(reason: Reason, detail: impl Into<String>) -> Self {
        Self::named(reason.name(), status_of(reason), detail.into(), reason.advice())
    }

    /// What a refused event's producer is told.
    pub(crate) fn of_refusal(refusal: Refusal) -> Self {
        let mut problem = Self::of_reason(refusal.reason, refusal.detail);
        let places = refusal.violations.into_iter();
        problem.event.violations =
            places.map(|v| Violation { pointer: v.pointer, message: v.message }).collect();
        problem
    }

    fn named(name: &str, status: StatusCode, detail: String, advice: &str) -> Self {
        Self {
            kind: format!("urn:headwater:problem:{name}"),
            title: title(name),
            status: status.as_u16(),
            detail,
            advice: Some(advice.to_owned()),
            event: Box::default(),
        }
    }

    /// The same, about this event of a batch.
    #[must_use]
    pub(crate) fn at_index(mut self, index: usize) -> Self {
        self.event.index = Some(index);
        self
    }

    /// The same, about the event of this id.
    #[must_use]
    pub(crate) fn about(mut self, id: Option<String>) -> Self {
        self.event.id = id;
        self
    }

    /// The same, about the event at this place of the log.
    #[must_use]
    pub(crate) fn on_log(mut self, partition: PartitionId, offset: Offset) -> Self {
        self.event.partition = Some(partition.to_string());
        self.event.offset = Some(offset.0);
        self
    }

    /// The last part of the kind.
    pub(crate) fn name(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// As JSON.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // A struct of strings and numbers always has a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// `schema_violation` as a person would write it.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = HeaderValue::from_static(PROBLEM);
        let mut response =
            (status, [(header::CONTENT_TYPE, json)], self.to_bytes()).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        response
    }
}

impl From<headwater_engine::Error> for Problem {
    fn from(error: headwater_engine::Error) -> Self {
        use headwater_engine::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Retry | ErrorKind::Closed => Kind::Unavailable,
            ErrorKind::Reject | ErrorKind::Corrupt | ErrorKind::Bug => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<headwater_log::Error> for Problem {
    fn from(error: headwater_log::Error) -> Self {
        use headwater_log::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Retry | ErrorKind::Closed => Kind::Unavailable,
            // The log was asked for a place that it does not have.
            ErrorKind::Reject => Kind::BadParameter,
            ErrorKind::Corrupt => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<headwater_query::Error> for Problem {
    fn from(error: headwater_query::Error) -> Self {
        use headwater_query::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Invalid => Kind::InvalidQuery,
            ErrorKind::Resources => Kind::Resources,
            ErrorKind::Failed => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<headwater_snapshot::Error> for Problem {
    fn from(error: headwater_snapshot::Error) -> Self {
        use headwater_snapshot::ErrorKind;
        let kind = match error.kind() {
            ErrorKind::Retry => Kind::Unavailable,
            ErrorKind::Reject => Kind::SnapshotRefused,
            ErrorKind::Corrupt | ErrorKind::Bug => Kind::Failed,
        };
        Self::new(kind, format!("failed to {error}"))
    }
}
