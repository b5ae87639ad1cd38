//! `cargo xtask tables`: writes docs/tables.md from the tables' own declarations.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use headwater_fold::{Column, ColumnType, KeyedBy, Table, family::built_in_tables};

const HEAD: &str = "# Tables

Every table that is built in; feature views come beside them, one table each in the schema `features`.
All schemas are on the search path: `runs` is `tracking.runs`. `DESCRIBE` tells the same, and of your own
views too. Written by `cargo xtask tables` from the declarations in the code.

Each table begins with `project` and ends with where the row comes from: `_event_source` and `_event_id`
(the event that wrote it), `_partition`, `_offset` and `_appended_at` (that event's place on the log).
`log.events` (the raw events), `log.positions` (how far each partition is folded), `log.digests` and
`log.storage` (what each partition keeps on the disk) are read from the log and the stores themselves;
`DESCRIBE events` tells their columns.

Functions beside DataFusion's own: `read_time()`, `json_value(text, pointer)`,
`json_number(text, pointer)`, `json_int(text, pointer)`.
";

/// Writes the page.
pub(crate) fn write(root: &Path) -> Result<()> {
    let path = root.join("docs/tables.md");
    fs::write(&path, page()).with_context(|| format!("write {}", path.display()))
}

/// Fails if the page is not what the declarations say.
pub(crate) fn check(root: &Path) -> Result<()> {
    let kept = fs::read_to_string(root.join("docs/tables.md")).unwrap_or_default();
    if kept != page() {
        bail!("docs/tables.md is not what the code declares: run `cargo xtask tables`");
    }
    Ok(())
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for table in built_in_tables() {
        // Writing to a string can't fail.
        let _ = section(table, &mut page);
    }
    page
}

fn section(table: &Table, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## {}\n\n{}\n", table.full_name(), table.description)?;
    writeln!(page, "| column | type | meaning |\n|---|---|---|")?;
    for (index, column) in table.shown_columns().iter().enumerate() {
        let key = index < table.key.len() && table.keyed_by == KeyedBy::Key;
        let Column { name, description, .. } = column;
        let mark = if key { " (key)" } else { "" };
        let null = if column.nullable { ", or null" } else { "" };
        writeln!(
            page,
            "| `{name}`{mark} | {}{null} | {description} |",
            type_name(column.column_type)
        )?;
    }
    Ok(())
}

fn type_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "boolean",
        ColumnType::Int64 => "bigint",
        ColumnType::Float64 => "double",
        ColumnType::Decimal { .. } => "numeric",
        ColumnType::Text => "text",
        ColumnType::Timestamp => "timestamp with time zone",
        ColumnType::Json => "JSON as text",
        ColumnType::Binary => "bytes",
    }
}
