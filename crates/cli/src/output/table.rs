//! Tables for people, fitted to the terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table of text.
pub(crate) struct TextTable(Table);

impl TextTable {
    /// A table with these columns; too wide for `width`, its cells are wrapped.
    pub(crate) fn new<'a>(
        columns: impl IntoIterator<Item = (&'a str, Align)>,
        width: Option<u16>,
    ) -> Self {
        let (names, aligns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_header(names.into_iter().map(printable));
        for (column, align) in table.column_iter_mut().zip(aligns) {
            if align == Align::Right {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        match width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width);
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        Self(table)
    }

    /// One more row.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| printable(cell.as_ref())).collect();
        self.0.add_row(cells);
    }
}

impl std::fmt::Display for TextTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.trim_fmt().fmt(f)
    }
}

/// Text as a terminal may show it: what others produced must not move its cursor.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_controls_are_escaped() {
        let mut table = TextTable::new([("name", Align::Left), ("n", Align::Right)], None);
        table.row(["a\u{1b}[2J", "1"]);
        table.row(["b", "1000"]);
        let expected = "\
┌────────────┬──────┐
│ name       ┆    n │
╞════════════╪══════╡
│ a\\u{1b}[2J ┆    1 │
│ b          ┆ 1000 │
└────────────┴──────┘";
        assert_eq!(table.to_string(), expected);
    }
}
