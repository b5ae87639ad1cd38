//! Rows as a JSON array, in the values' forms of `POST /sql`: decimals, NaN and infinities as text, so
//! that no reader makes another number of them.

use std::{
    io::{self, Write},
    sync::Arc,
};

use arrow::{
    array::{Array, AsArray as _},
    datatypes::{DataType, FieldRef, Float64Type},
    error::ArrowError,
    json::writer::{
        Encoder, EncoderFactory, EncoderOptions, JsonFormat, NullableEncoder, Writer, WriterBuilder,
    },
    util::display::{ArrayFormatter, FormatOptions},
};

/// Writes rows, one a line.
pub(super) type RowsWriter<W> = Writer<W, OneALine>;

/// A writer of all rows of an answer; what is around them is written by [`OneALine`].
pub(super) fn writer<W: Write>(out: W) -> RowsWriter<W> {
    WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(Exactly))
        .build(out)
}

/// An array with a row a line.
#[derive(Debug, Default)]
pub(super) struct OneALine;

impl JsonFormat for OneALine {
    fn start_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"[\n")?)
    }

    fn start_row<W: Write>(&self, writer: &mut W, is_first_row: bool) -> Result<(), ArrowError> {
        Ok(writer.write_all(if is_first_row { b"" } else { b",\n" })?)
    }

    fn end_stream<W: Write>(&self, writer: &mut W) -> Result<(), ArrowError> {
        Ok(writer.write_all(b"\n]\n")?)
    }
}

#[derive(Debug)]
struct Exactly;

impl EncoderFactory for Exactly {
    fn make_default_encoder<'a>(
        &self,
        _: &'a FieldRef,
        array: &'a dyn Array,
        _: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let text = || ArrayFormatter::try_new(array, &FormatOptions::new()).map(Texts);
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Float64 => Box::new(Floats(array)),
            data_type if data_type.is_decimal() => Box::new(text()?),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

struct Floats<'a>(&'a dyn Array);

impl Encoder for Floats<'_> {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let number = self.0.as_primitive::<Float64Type>().value(idx);
        // Writing to memory does not fail.
        let _: io::Result<()> = match (number.is_finite(), number.is_nan(), number > 0.0) {
            (true, ..) => serde_json::to_writer(out, &number).map_err(io::Error::from),
            (_, true, _) => out.write_all(br#""NaN""#),
            (_, _, true) => out.write_all(br#""Infinity""#),
            (_, _, false) => out.write_all(br#""-Infinity""#),
        };
    }
}

struct Texts<'a>(ArrayFormatter<'a>);

impl Encoder for Texts<'_> {
    fn encode(&mut self, idx: usize, out: &mut Vec<u8>) {
        let _ = write!(out, "\"{}\"", self.0.value(idx));
    }
}
