//! Query parameters and bodies, taken so that what is wrong with them is told as a problem.

use axum::{
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest as _, FromRequestParts, Query, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use headwater_event::{PartitionId, Reason};
use headwater_query::AsOf;
use serde::de::DeserializeOwned;

use crate::problem::{Kind, Problem};

/// The header that names the moment to read at, as the parameter `as_of` does.
const AS_OF: &str = "headwater-as-of";

/// The query's parameters; one that is not known is refused, so that no misspelt filter is ignored.
#[derive(Debug)]
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(params)| Self(params))
            .map_err(|rejection| Problem::new(Kind::BadParameter, rejection.body_text()))
    }
}

/// The moment that is asked for, by the parameter or by the header.
pub(crate) fn as_of(parameter: Option<&str>, headers: &HeaderMap) -> Result<Option<AsOf>, Problem> {
    let bad = |detail: String| Problem::new(Kind::BadParameter, detail);
    let moment =
        |text: &str| text.parse::<AsOf>().map(Some).map_err(|error| bad(format!("as_of {error}")));
    let Some(header) = headers.get(AS_OF) else { return parameter.map_or(Ok(None), moment) };
    let header = header.to_str().map_err(|_| bad(format!("the header {AS_OF} is not text")))?;
    let header = moment(header)?;
    match parameter.map(moment).transpose()? {
        Some(parameter) if parameter != header => {
            Err(bad(format!("as_of and the header {AS_OF} name two moments; send one of them")))
        }
        _ => Ok(header),
    }
}

/// The whole body, of no more bytes than this.
pub(crate) async fn whole_body(mut request: Request, bytes_max: usize) -> Result<Bytes, Problem> {
    let encoding = request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        let detail = "the body has a content-encoding; send it as it is";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    DefaultBodyLimit::max(bytes_max).apply::<Body>(&mut request);
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("the body is larger than {bytes_max} bytes");
            return Problem::of_reason(Reason::TooLarge, detail);
        }
        Problem::new(Kind::BadBody, format!("the body broke off: {rejection}"))
    })
}

/// A partition of this log, from text.
pub(crate) fn partition(text: &str, data_partitions: u32) -> Result<PartitionId, Problem> {
    let bad = |detail: String| Problem::new(Kind::BadParameter, detail);
    let partition: PartitionId = text.parse().map_err(|error| bad(format!("partition {error}")))?;
    match partition {
        PartitionId::Data(n) if n >= data_partitions => Err(bad(format!(
            "there is no partition {n}: the log has control and {data_partitions} data partitions"
        ))),
        _ => Ok(partition),
    }
}
