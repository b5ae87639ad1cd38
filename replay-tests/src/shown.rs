//! How answers are printed: a line a row, in an order that follows from the rows alone.

use anyhow::{Result, bail};
use arrow::{
    array::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};

/// What says where a record lies; another layout of the same log has other values.
const PROVENANCE: [&str; 3] = ["_partition", "_offset", "_appended_at"];

/// The rows of an answer, below their columns' names.
pub(crate) fn rows(batches: &[RecordBatch], keeps_order: bool, layout: bool) -> Result<String> {
    let mut header = None;
    let mut lines = Vec::new();
    let options = FormatOptions::default().with_null("null");
    for batch in batches {
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        if let Some(name) = names.iter().find(|name| PROVENANCE.contains(name)).filter(|_| !layout)
        {
            bail!("{name} is provenance: leave it out, or fix the case's `layout`");
        }
        header.get_or_insert(names.join(" | "));
        let columns = batch.columns().iter();
        let columns = columns
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells =
                columns.iter().map(|column| Ok(printable(&column.value(row).try_to_string()?)));
            lines.push(cells.collect::<Result<Vec<_>>>()?.join(" | "));
        }
    }
    if !keeps_order {
        lines.sort();
    }
    if lines.is_empty() {
        return Ok("no rows\n".to_owned());
    }
    let mut text = header.unwrap_or_default();
    text.push('\n');
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// A cell on one line.
fn printable(text: &str) -> String {
    let escaped = |c: char| -> String {
        if c.is_control() { c.escape_default().collect() } else { c.to_string() }
    };
    text.chars().map(escaped).collect()
}
