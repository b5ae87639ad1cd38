//! The forms of a query's answer: each writes a head, then batches, then a tail.

mod arrow;
mod csv;
mod json;
mod ndjson;
mod rows;

use std::{collections::BTreeSet, str::FromStr};

use ::arrow::{datatypes::SchemaRef, error::ArrowError, record_batch::RecordBatch};
use axum::http::HeaderMap;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use headwater_query::Batches;
use serde_json::{Map, Value};

use crate::{
    accept,
    body::Parts,
    problem::{Kind, Problem},
};

/// A form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Ndjson,
    Arrow,
    Csv,
}

impl Format {
    /// In the order in which they are offered.
    const ALL: [Self; 4] = [Self::Json, Self::Ndjson, Self::Arrow, Self::Csv];

    /// The media type by which it is asked for and told.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Csv => "text/csv",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrow",
            Self::Csv => "csv",
        }
    }

    /// The form that `Accept` asks for, JSON if it asks for none.
    pub(crate) fn accepted(headers: &HeaderMap) -> Result<Self, Problem> {
        let offered = Self::ALL.map(Self::media_type);
        accept::preferred(headers, &offered)
            .and_then(|place| Self::ALL.get(place).copied())
            .ok_or_else(|| {
                let detail = format!("an answer comes as one of {}", offered.join(", "));
                Problem::new(Kind::NotAcceptable, detail)
            })
    }

    /// Whether a last line can tell that the answer broke off.
    pub(crate) fn is_lines(self) -> bool {
        self == Self::Ndjson
    }

    fn encoder(
        self,
        schema: &SchemaRef,
        seen: &Map<String, Value>,
    ) -> Result<Box<dyn Encoder>, Problem> {
        if matches!(self, Self::Json | Self::Ndjson) {
            check_names(schema)?;
        }
        Ok(match self {
            Self::Json => Box::new(json::JsonEncoder::new(schema, seen)),
            Self::Ndjson => Box::new(ndjson::NdjsonEncoder::new()),
            Self::Arrow => Box::new(arrow::ArrowEncoder::new(schema).map_err(unencodable)?),
            Self::Csv => Box::new(csv::CsvEncoder::new(schema)),
        })
    }
}

impl FromStr for Format {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Problem::new(Kind::BadParameter, format!("format {text:?} is none of {names}"))
        })
    }
}

/// Writes an answer in one form.
trait Encoder: Send {
    /// What comes before the rows.
    fn head(&mut self) -> Result<Vec<u8>, ArrowError>;
    /// Some rows.
    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError>;
    /// What comes after the rows.
    fn tail(&mut self) -> Result<Vec<u8>, ArrowError>;
}

/// The parts of an answer's body in this form; JSON also tells what the query saw.
pub(crate) fn parts(
    format: Format,
    schema: &SchemaRef,
    batches: Batches,
    seen: &Map<String, Value>,
) -> Result<Parts, Problem> {
    let encoder = format.encoder(schema, seen)?;
    let body = stream::try_unfold(Step::Head(encoder, batches), step);
    // Nothing follows a problem, and an empty part would end a chunked body.
    Ok(body
        .filter(|part| std::future::ready(part.as_ref().map_or(true, |bytes| !bytes.is_empty())))
        .boxed())
}

enum Step {
    Head(Box<dyn Encoder>, Batches),
    Rows(Box<dyn Encoder>, Batches),
    Ended,
}

async fn step(step: Step) -> Result<Option<(Bytes, Step)>, Problem> {
    Ok(match step {
        Step::Head(mut encoder, batches) => {
            let head = encoder.head().map_err(unencodable)?;
            Some((head.into(), Step::Rows(encoder, batches)))
        }
        Step::Rows(mut encoder, mut batches) => match batches.next().await {
            Some(batch) => {
                let rows = encoder.batch(&batch?).map_err(unencodable)?;
                Some((rows.into(), Step::Rows(encoder, batches)))
            }
            None => Some((encoder.tail().map_err(unencodable)?.into(), Step::Ended)),
        },
        Step::Ended => None,
    })
}

/// A value that the form has no way to write, such as a list in CSV.
fn unencodable(error: ArrowError) -> Problem {
    Problem::new(Kind::InvalidQuery, format!("the answer has no such form: {error}"))
}

/// Two columns of one name would be one member of a JSON object: one of them would be lost.
fn check_names(schema: &SchemaRef) -> Result<(), Problem> {
    let mut names = BTreeSet::new();
    match schema.fields().iter().find(|field| !names.insert(field.name())) {
        None => Ok(()),
        Some(field) => Err(Problem::new(
            Kind::InvalidQuery,
            format!("two columns are named {:?}: name them apart with AS", field.name()),
        )),
    }
}
