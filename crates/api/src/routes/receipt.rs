//! What the producer of an event is told: a receipt, or a problem.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use headwater_engine::{Ack, Receipt, Submitted};
use headwater_event::{Offset, PartitionId, Refusal};
use headwater_fold::Outcome;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::{Kind, Problem};

/// How far an event has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Folded, or a repeat of one that was.
    Accepted,
    /// On the log, as `ack=written` asked; what becomes of it is not known yet.
    Written,
    /// On the log and synced, as `ack=durable` asked; what becomes of it is not known yet.
    Durable,
    /// On the log and synced; what became of it was not known in time.
    Pending,
}

/// An event that is on the log.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct EventReceipt {
    /// The event's id.
    id: String,
    /// The partition that it stands in: `control` or a number.
    partition: String,
    /// Its place there.
    offset: u64,
    /// How far it has come.
    status: Status,
    /// What the fold assigned, such as a version's number.
    #[serde(skip_serializing_if = "Value::is_null")]
    assigned: Value,
    /// Where its outcome can be asked, as long as it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome_at: Option<String>,
}

/// What became of one event of a batch: a receipt, or a problem, which has a `type`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EventAnswer {
    /// It is on the log.
    Receipt(EventReceipt),
    /// It was refused.
    Problem(Problem),
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// How many events are on the log and have come as far as the ack asks.
    accepted: usize,
    /// How many are on the log, but their outcome was not known in time.
    pending: usize,
    /// How many were refused.
    refused: usize,
    /// One answer per event, in their order.
    results: Vec<EventAnswer>,
}

/// The place where the outcome of an event can be asked.
pub(super) fn place(partition: PartitionId, offset: Offset) -> String {
    format!("/events/{partition}/{offset}")
}

impl EventAnswer {
    /// What the producer of the event of this id is told.
    pub(super) fn new(submitted: Submitted, id: String, ack: Ack) -> Self {
        match submitted {
            Submitted::Refused(refusal) => Self::refused(refusal, Some(id)),
            Submitted::Unavailable(why) => {
                Self::Problem(Problem::new(Kind::Unavailable, why).about(Some(id)))
            }
            Submitted::Appended(receipt) => Self::appended(receipt, id, ack),
        }
    }

    /// An event that is not on the log.
    pub(super) fn refused(refusal: Refusal, id: Option<String>) -> Self {
        Self::Problem(Problem::of_refusal(refusal).about(id))
    }

    fn appended(receipt: Receipt, id: String, ack: Ack) -> Self {
        let Receipt { partition, offset, outcome } = receipt;
        let (status, assigned) = match outcome {
            Some(Outcome::Accepted { assigned }) => (Status::Accepted, assigned),
            Some(Outcome::Rejected { refusal } | Outcome::DeadLetter { refusal }) => {
                let problem = Problem::of_refusal(refusal).about(Some(id));
                return Self::Problem(problem.on_log(partition, offset));
            }
            // The outbox brings it where it belongs: its outcome is yet to come.
            Some(Outcome::Misrouted) => (Status::Pending, Value::Null),
            None => (awaited(ack), Value::Null),
        };
        let outcome_at = (status != Status::Accepted).then(|| place(partition, offset));
        let partition = partition.to_string();
        Self::Receipt(EventReceipt {
            id,
            partition,
            offset: offset.0,
            status,
            assigned,
            outcome_at,
        })
    }

    fn at_index(self, index: usize) -> Self {
        match self {
            Self::Problem(problem) => Self::Problem(problem.at_index(index)),
            receipt @ Self::Receipt(_) => receipt,
        }
    }
}

/// How far an event without an outcome has come.
fn awaited(ack: Ack) -> Status {
    match ack {
        Ack::Written => Status::Written,
        Ack::Durable => Status::Durable,
        Ack::Folded => Status::Pending,
    }
}

impl IntoResponse for EventAnswer {
    fn into_response(self) -> Response {
        let receipt = match self {
            Self::Problem(problem) => return problem.into_response(),
            Self::Receipt(receipt) => receipt,
        };
        let pending = receipt.status == Status::Pending;
        let status = if pending { StatusCode::ACCEPTED } else { StatusCode::OK };
        let place = receipt.outcome_at.as_deref().filter(|_| pending);
        let place = place.and_then(|place| HeaderValue::from_str(place).ok());
        let mut response = (status, Json(receipt)).into_response();
        if let Some(place) = place {
            response.headers_mut().insert(header::LOCATION, place);
        }
        response
    }
}

impl BatchAnswer {
    pub(super) fn push(&mut self, answer: EventAnswer) {
        match &answer {
            EventAnswer::Problem(_) => self.refused += 1,
            EventAnswer::Receipt(receipt) if receipt.status == Status::Pending => self.pending += 1,
            EventAnswer::Receipt(_) => self.accepted += 1,
        }
        let index = self.results.len();
        self.results.push(answer.at_index(index));
    }

    /// The one problem of a batch of which the log took nothing.
    fn unavailable(&self) -> Option<Problem> {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE.as_u16();
        let none_taken = self.results.iter().all(|answer| {
            matches!(answer, EventAnswer::Problem(problem) if problem.status == unavailable)
        });
        match self.results.first() {
            Some(EventAnswer::Problem(problem)) if none_taken => {
                Some(Problem::new(Kind::Unavailable, problem.detail.clone()))
            }
            _ => None,
        }
    }
}

impl IntoResponse for BatchAnswer {
    fn into_response(self) -> Response {
        if let Some(problem) = self.unavailable() {
            return problem.into_response();
        }
        let status = match (self.refused, self.pending) {
            (0, 0) => StatusCode::OK,
            (0, _) => StatusCode::ACCEPTED,
            _ => StatusCode::MULTI_STATUS,
        };
        (status, Json(self)).into_response()
    }
}
