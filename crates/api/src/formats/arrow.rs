//! Arrow's IPC stream: the schema, batches, and an end mark without which the stream is not whole.

use arrow::{
    datatypes::SchemaRef, error::ArrowError, ipc::writer::StreamWriter, record_batch::RecordBatch,
};

use super::Encoder;

pub(super) struct ArrowEncoder(StreamWriter<Vec<u8>>);

impl ArrowEncoder {
    pub(super) fn new(schema: &SchemaRef) -> Result<Self, ArrowError> {
        StreamWriter::try_new(Vec::new(), schema).map(Self)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.0.get_mut())
    }
}

impl Encoder for ArrowEncoder {
    fn head(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(self.take())
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        self.0.write(batch)?;
        Ok(self.take())
    }

    fn tail(&mut self) -> Result<Vec<u8>, ArrowError> {
        self.0.finish()?;
        Ok(self.take())
    }
}
