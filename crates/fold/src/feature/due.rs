//! Which windows are open, by their ends: what a tick walks along.
//!
//! ```text
//! key := the table's prefix · "" as text · the window's end · the row's key without its prefix, in hex
//! ```
//!
//! An index of its own for each version of a view, so that a version that is folded beside brings its own.

use headwater_event::Timestamp;

use crate::{
    Column, ColumnType, Damaged, KeyedBy, Row, Shown, Table, Value,
    codec::{self, TABLE_PREFIX_BYTES},
    rows::Put,
};

/// Makes the index's version of the view's.
const OF_VIEW: u128 = 0x6f70_656e_2077_696e_646f_7773_2062_7920;

/// The table of a view's open windows. SQL does not show it.
pub(crate) fn table(view: &Table) -> Table {
    let key = |name: &str, column_type| Column {
        name: name.to_owned(),
        column_type,
        nullable: false,
        description: String::new(),
    };
    Table {
        schema: view.schema.clone(),
        name: format!("{}#open", view.name),
        description: String::new(),
        version: version(view),
        keyed_by: KeyedBy::Key,
        key: vec![key("window_end", ColumnType::Timestamp), key("row_key", ColumnType::Text)],
        stored: Vec::new(),
        shown: Shown::AsStored,
        merged_at_read: false,
        derived: Vec::new(),
    }
}

fn version(view: &Table) -> [u8; 16] {
    (u128::from_be_bytes(view.version) ^ OF_VIEW).to_be_bytes()
}

/// From here on the window of this row is to be closed when the watermark reaches its end.
pub(crate) fn open(view: &Table, end: i64, row_key: &[u8]) -> Put {
    let row = Row { event_source: String::new(), event_id: String::new(), values: Vec::new() };
    put(view, end, row_key, Some(row))
}

/// The window was closed, or is another's now.
pub(crate) fn done(view: &Table, end: i64, row_key: &[u8]) -> Put {
    put(view, end, row_key, None)
}

fn put(view: &Table, end: i64, row_key: &[u8], row: Option<Row>) -> Put {
    let mut key = before(view, end);
    let row_key: String =
        row_key.iter().skip(TABLE_PREFIX_BYTES).map(|byte| format!("{byte:02x}")).collect();
    codec::write_key_text(&row_key, &mut key);
    Put { table_version: version(view), position_suffix: 0, key, row }
}

/// The key before all windows that end then.
fn before(view: &Table, end: i64) -> Vec<u8> {
    let mut key = Vec::with_capacity(128);
    key.extend(version(view).into_iter().take(TABLE_PREFIX_BYTES));
    codec::write_key_text("", &mut key);
    codec::write_key_value(&Value::Timestamp(end), &mut key);
    key
}

/// Where the windows stand that end after `after` and by `until`.
pub(crate) fn range(
    view: &Table,
    after: Option<Timestamp>,
    until: Timestamp,
) -> (Vec<u8>, Vec<u8>) {
    let first = after.map_or(i64::MIN, |after| after.micros().saturating_add(1));
    (before(view, first), before(view, until.micros().saturating_add(1)))
}

/// The end of a window and its row's key, read from a key of the index.
pub(crate) fn read(view: &Table, key: &[u8]) -> Result<(i64, Vec<u8>), Damaged> {
    let damaged = || Damaged("index of open windows");
    let read = table(view).read_key(key)?;
    let [Value::Timestamp(end), Value::Text(hex)] = read.values.as_slice() else {
        return Err(damaged());
    };
    let mut row_key = view.prefix().to_vec();
    for pair in hex.as_bytes().chunks(2) {
        let digits = std::str::from_utf8(pair).map_err(|_| damaged())?;
        row_key.push(u8::from_str_radix(digits, 16).map_err(|_| damaged())?);
    }
    Ok((*end, row_key))
}
