//! A query's answer from a server: Arrow's stream, decoded as it comes.

use std::pin::Pin;

use anyhow::Context as _;
use arrow::{array::RecordBatch, buffer::Buffer, datatypes::SchemaRef, ipc::reader::StreamDecoder};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use reqwest::{
    Response,
    header::{HeaderMap, HeaderValue},
};

use crate::output::Answered;

/// Arrow's stream as it comes; one that breaks off is an error.
pub(super) async fn decoded(response: Response) -> anyhow::Result<Answered> {
    let seen = seen(response.headers());
    let mut decoding = Decoding {
        body: Box::pin(response.bytes_stream()),
        decoder: StreamDecoder::new(),
        buffer: Buffer::from(Vec::<u8>::new()),
    };
    let first = decoding.next().await?;
    let schema: SchemaRef = decoding.decoder.schema().context("the answer has no schema")?;
    let rest = stream::try_unfold(decoding, |mut decoding| async move {
        Ok(decoding.next().await?.map(|batch| (batch, decoding)))
    });
    let batches = stream::iter(first.map(Ok)).chain(rest);
    Ok(Answered { schema, batches: Box::pin(batches), seen })
}

/// The moments that were asked for, and the positions at which they are.
fn seen(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().map(ToOwned::to_owned).ok();
    let base = headers.get("headwater-as-of").zip(headers.get("headwater-positions"));
    let base = base.and_then(|(as_of, positions)| Some((text(as_of)?, text(positions)?)));
    let versions = headers.get_all("headwater-version").iter().filter_map(|version| {
        let (as_of, positions) = version.to_str().ok()?.split_once(' ')?;
        Some((as_of.to_owned(), positions.to_owned()))
    });
    base.into_iter().chain(versions).collect()
}

struct Decoding {
    body: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    decoder: StreamDecoder,
    buffer: Buffer,
}

impl Decoding {
    async fn next(&mut self) -> anyhow::Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.buffer)? {
                return Ok(Some(batch));
            }
            match self.body.next().await {
                Some(part) => {
                    self.buffer = Buffer::from(
                        part.map_err(reqwest::Error::without_url)
                            .context("the answer broke off")?,
                    );
                }
                None => {
                    self.decoder.finish().context("the answer broke off")?;
                    return Ok(None);
                }
            }
        }
    }
}
