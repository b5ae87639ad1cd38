//! JSON lines: one object per row, and nothing else, so that each line can be read by itself.

use arrow::{error::ArrowError, record_batch::RecordBatch};

use super::{
    Encoder,
    rows::{Lines, Rows},
};

pub(super) struct NdjsonEncoder(Rows<Lines>);

impl NdjsonEncoder {
    pub(super) fn new() -> Self {
        Self(Rows::new())
    }
}

impl Encoder for NdjsonEncoder {
    fn head(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(Vec::new())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.0.write(batch)
    }

    fn tail(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(Vec::new())
    }
}
