//! Bodies that stream: begun only when their first part is good, aborted when a later part is not.

use std::{io, pin::Pin};

use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt as _, future, stream};

use crate::{
    limits::{ABORT_WAIT, HELD_BYTES_MAX},
    problem::Problem,
};

/// The parts of a body. A problem is the last item.
pub(crate) type Parts = Pin<Box<dyn Stream<Item = Result<Bytes, Problem>> + Send>>;

/// Reads ahead, so that an answer that fails early, or is small, is told by its status.
pub(crate) async fn hold(mut parts: Parts) -> Result<Parts, Problem> {
    let mut held = Vec::new();
    let mut bytes = 0;
    while bytes < HELD_BYTES_MAX {
        match parts.next().await {
            None => return Ok(stream::iter(held).boxed()),
            Some(part) => {
                let part = part?;
                bytes += part.len();
                held.push(Ok(part));
            }
        }
    }
    Ok(stream::iter(held).chain(parts).boxed())
}

/// The body of these parts. When a problem comes, the connection is cut, so that the client's HTTP
/// library fails; a body of JSON lines tells it in a last line before that.
pub(crate) fn streamed(parts: Parts, lines: bool) -> Body {
    Body::from_stream(parts.flat_map(move |part| match part {
        Ok(bytes) => stream::once(future::ready(Ok(bytes))).left_stream(),
        Err(problem) => aborted(&problem, lines).right_stream(),
    }))
}

fn aborted(problem: &Problem, lines: bool) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    tracing::warn!(problem = problem.name(), detail = %problem.detail, "an answer broke off");
    let told = lines.then(|| Ok(error_line(problem)));
    let why = io::Error::other(problem.detail.clone());
    stream::iter(told).chain(stream::once(async move {
        // An error takes with it what is not sent yet.
        tokio::time::sleep(ABORT_WAIT).await;
        Err(why)
    }))
}

fn error_line(problem: &Problem) -> Bytes {
    let mut line = br#"{"error":"#.to_vec();
    line.extend(problem.to_bytes());
    line.extend_from_slice(b"}\n");
    line.into()
}

/// Ends a stream when the server is asked to stop.
pub(crate) fn until_stopped(
    parts: Parts,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Parts {
    parts.take_until(stopped).boxed()
}
