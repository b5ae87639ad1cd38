//! Events that came too late for their window: kept as rows, in a table of each version of a view.

use headwater_event::Timestamp;

use crate::{
    CompiledView, Fold, Json, Row, StoredRows, Table, TableRow,
    codec::{self, TABLE_PREFIX_BYTES},
    family::log::LateEvent,
    rows::Put,
};

/// Makes the table's version of the view's.
const OF_VIEW: u128 = 0x6c61_7465_2065_7665_6e74_7320_6f66_2061;

/// The table of a view's late events; `log.late_events` shows those of all views.
pub(crate) fn table(view: &Table) -> Table {
    let name = format!("{}#late", view.name);
    Table { version: version(view), name, ..LateEvent::table().clone() }
}

fn version(view: &Table) -> [u8; 16] {
    (u128::from_be_bytes(view.version) ^ OF_VIEW).to_be_bytes()
}

/// Keeps the event of this fold: the view has closed the window for good.
pub(crate) fn keep<R: StoredRows>(
    fold: &mut Fold<'_, R>,
    view: &CompiledView,
    (start, end): (i64, i64),
    watermark: i64,
) {
    let event = fold.written;
    let row = LateEvent {
        view: view.table.name.clone(),
        window_start: Timestamp::from_micros(start),
        window_end: Timestamp::from_micros(end),
        watermark: Timestamp::from_micros(watermark),
        event_type: event.event_type.clone(),
        subject: event.subject.clone(),
        event_time: fold.event_time,
        data: Json::of(&event.data),
    };
    let (event_source, event_id) = (event.source.clone(), event.id.clone());
    let version = version(&view.table);
    let mut key: Vec<u8> = version.into_iter().take(TABLE_PREFIX_BYTES).collect();
    codec::write_key_text(&event.project, &mut key);
    fold.end_with_position(&mut key);
    let row = Row { event_source, event_id, values: row.stored_values() };
    let position_suffix = codec::POSITION_SUFFIX_BYTES;
    fold.push(Put { table_version: version, position_suffix, key, row: Some(row) });
    fold.count_late();
}
