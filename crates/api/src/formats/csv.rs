//! CSV with a line of names, which an answer without rows has, too. A null is an empty field.

use arrow::{
    csv::{Writer, WriterBuilder},
    datatypes::SchemaRef,
    error::ArrowError,
    record_batch::RecordBatch,
};

use super::Encoder;

pub(super) struct CsvEncoder {
    schema: SchemaRef,
    with_names: bool,
}

impl CsvEncoder {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        Self { schema: SchemaRef::clone(schema), with_names: true }
    }

    fn writer(&mut self) -> Writer<Vec<u8>> {
        let with_names = std::mem::take(&mut self.with_names);
        WriterBuilder::new().with_header(with_names).build(Vec::new())
    }
}

impl Encoder for CsvEncoder {
    fn head(&mut self) -> Result<Vec<u8>, ArrowError> {
        let none = RecordBatch::new_empty(SchemaRef::clone(&self.schema));
        self.batch(&none)
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        let mut writer = self.writer();
        writer.write(batch)?;
        Ok(writer.into_inner())
    }

    fn tail(&mut self) -> Result<Vec<u8>, ArrowError> {
        Ok(Vec::new())
    }
}
