//! A row as a JSON object: every column, nulls too; decimals as text; NaN and infinities as text.

use std::{io::Write, sync::Arc};

use arrow::{
    array::{Array, ArrowPrimitiveType, AsArray as _, PrimitiveArray},
    datatypes::{DataType, FieldRef, Float32Type, Float64Type},
    error::ArrowError,
    json::writer::{
        Encoder, EncoderFactory, EncoderOptions, JsonFormat, NullableEncoder, Writer, WriterBuilder,
    },
    record_batch::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};

/// Writes rows, separated as `F` says.
pub(super) struct Rows<F: JsonFormat>(Writer<Vec<u8>, F>);

impl<F: JsonFormat> Rows<F> {
    pub(super) fn new() -> Self {
        let writer = WriterBuilder::new()
            .with_explicit_nulls(true)
            .with_encoder_factory(Arc::new(Exactly))
            .build(Vec::new());
        Self(writer)
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, ArrowError> {
        if batch.num_columns() == 0 {
            return Err(ArrowError::NotYetImplemented("rows without columns".to_owned()));
        }
        self.0.write(batch)?;
        Ok(std::mem::take(self.0.get_mut()))
    }
}

/// Rows with a comma between each two.
#[derive(Debug, Default)]
pub(super) struct CommaSeparated;

impl JsonFormat for CommaSeparated {
    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        if !is_first_row {
            writer.write_all(b",\n")?;
        }
        Ok(())
    }
}

/// Rows with a line end after each.
#[derive(Debug, Default)]
pub(super) struct Lines;

impl JsonFormat for Lines {
    fn end_row<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        writer.write_all(b"\n")?;
        Ok(())
    }
}

/// Encodes what JSON's numbers can't hold as text.
#[derive(Debug)]
struct Exactly;

impl EncoderFactory for Exactly {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let nulls = array.nulls().cloned();
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float64 => Box::new(Floats(array.as_primitive::<Float64Type>())),
            DataType::Float32 => Box::new(Floats(array.as_primitive::<Float32Type>())),
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => {
                Box::new(Texts(ArrayFormatter::try_new(array, &FormatOptions::new())?))
            }
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, nulls)))
    }
}

/// Numbers, where they are finite; else `"NaN"`, `"Infinity"` or `"-Infinity"`.
struct Floats<'a, T: ArrowPrimitiveType>(&'a PrimitiveArray<T>);

impl<T: ArrowPrimitiveType<Native: Into<f64> + serde::Serialize>> Encoder for Floats<'_, T> {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let native = self.0.value(idx);
        let number: f64 = native.into();
        let word: &[u8] = match (number.is_finite(), number.is_nan(), number > 0.0) {
            (true, ..) => {
                // Writing a finite number to memory does not fail.
                let _ = serde_json::to_writer(out, &native);
                return;
            }
            (_, true, _) => br#""NaN""#,
            (_, _, true) => br#""Infinity""#,
            (_, _, false) => br#""-Infinity""#,
        };
        out.extend_from_slice(word);
    }
}

/// The digits of a decimal, as text: a JSON reader would make a float of a number.
struct Texts<'a>(ArrayFormatter<'a>);

impl Encoder for Texts<'_> {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        // Writing digits to memory does not fail.
        let _ = write!(out, "\"{}\"", self.0.value(idx));
    }
}
