//! A query's answer in the format that was asked for, batch by batch.

use std::{
    collections::BTreeSet,
    io::{self, BufWriter, IsTerminal as _, Write as _},
    pin::Pin,
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use clap::ValueEnum;
use futures::{Stream, StreamExt as _};

use super::{
    Align, TextTable,
    json_rows::{self, RowsWriter},
    width,
};
use crate::exit::misuse;

/// Rows under one head: a table's widths are known only once all its rows are, so that an answer
/// without end is told in several.
const TABLE_ROWS_MAX: usize = 10_000;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// A JSON array of objects.
    Json,
    /// Comma-separated values with a head; null is empty.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

/// An answer, from a server or from a folder.
pub(crate) struct Answered {
    /// The columns.
    pub(crate) schema: SchemaRef,
    /// The rows; an error is the last item.
    pub(crate) batches: Pin<Box<dyn Stream<Item = anyhow::Result<RecordBatch>> + Send>>,
    /// The moments that were asked for, and the positions at which they are.
    pub(crate) seen: Vec<(String, String)>,
}

/// Writes the answer to standard output and says how many rows it has.
pub(crate) async fn print_answer(answer: Answered, format: Format) -> anyhow::Result<u64> {
    match format {
        Format::Table => print_table(answer).await,
        Format::Arrow if io::stdout().is_terminal() => Err(misuse(
            "arrow is a binary format: send it to a file or a program, as in `… --format arrow > answer.arrow`",
        )),
        Format::Json | Format::Csv | Format::Arrow => print_rows(answer, format).await,
    }
}

async fn print_rows(mut answer: Answered, format: Format) -> anyhow::Result<u64> {
    let mut writer = Writer::new(format, &answer.schema)?;
    let mut rows = 0;
    while let Some(batch) = answer.batches.next().await {
        let batch = batch?;
        rows += count(&batch);
        writer.write(&batch).map_err(io_first)?;
    }
    writer.finish().map_err(io_first)?;
    Ok(rows)
}

/// Arrow wraps errors of writing; whether a pipe broke must be seen.
fn io_first(error: ArrowError) -> anyhow::Error {
    match error {
        ArrowError::IoError(_, error) => error.into(),
        other => other.into(),
    }
}

type Out = BufWriter<io::Stdout>;

enum Writer {
    Json(RowsWriter<Out>),
    Csv(Box<arrow::csv::Writer<Out>>),
    Arrow(Box<arrow::ipc::writer::StreamWriter<Out>>),
}

impl Writer {
    fn new(format: Format, schema: &SchemaRef) -> anyhow::Result<Self> {
        let out = BufWriter::new(io::stdout());
        Ok(match format {
            Format::Csv => {
                let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(out);
                // So that an answer without rows has its head.
                writer.write(&RecordBatch::new_empty(schema.clone())).map_err(io_first)?;
                Self::Csv(Box::new(writer))
            }
            Format::Arrow => {
                let writer = arrow::ipc::writer::StreamWriter::try_new(out, schema);
                Self::Arrow(Box::new(writer.map_err(io_first)?))
            }
            Format::Json | Format::Table => {
                check_names(schema)?;
                Self::Json(json_rows::writer(out))
            }
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Self::Json(writer) => writer.write(batch),
            Self::Csv(writer) => writer.write(batch),
            Self::Arrow(writer) => writer.write(batch),
        }
    }

    fn finish(self) -> Result<(), ArrowError> {
        let mut out = match self {
            Self::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Self::Csv(writer) => writer.into_inner(),
            Self::Arrow(mut writer) => {
                writer.finish()?;
                writer.into_inner()?
            }
        };
        Ok(out.flush()?)
    }
}

/// Two columns of one name would be one member of a JSON object: one of them would be lost.
fn check_names(schema: &SchemaRef) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    match schema.fields().iter().find(|field| !names.insert(field.name())) {
        None => Ok(()),
        Some(field) => Err(misuse(format!(
            "two columns are named {:?}: name them apart with AS",
            field.name()
        ))),
    }
}

async fn print_table(mut answer: Answered) -> anyhow::Result<u64> {
    let options = FormatOptions::new().with_null("NULL").with_display_error(true);
    let columns: Vec<(String, Align)> = answer
        .schema
        .fields()
        .iter()
        .map(|field| (field.name().clone(), align(field.data_type())))
        .collect();
    let empty = || TextTable::new(columns.iter().map(|(name, a)| (name.as_str(), *a)), width());
    let (mut rows, mut in_table, mut table) = (0, 0, empty());
    while let Some(batch) = answer.batches.next().await {
        let batch = batch?;
        let formatters: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|array| ArrayFormatter::try_new(array.as_ref(), &options))
            .collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            if in_table == TABLE_ROWS_MAX {
                super::line(table.to_string())?;
                (table, in_table) = (empty(), 0);
            }
            table.row(formatters.iter().map(|column| column.value(row).to_string()));
            in_table += 1;
        }
        rows += count(&batch);
    }
    super::line(table.to_string())?;
    Ok(rows)
}

fn count(batch: &RecordBatch) -> u64 {
    u64::try_from(batch.num_rows()).unwrap_or(u64::MAX)
}

fn align(data_type: &DataType) -> Align {
    if data_type.is_numeric() { Align::Right } else { Align::Left }
}
