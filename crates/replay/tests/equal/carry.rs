//! The records of one log, byte by byte on another, folded there without a server.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use headwater_engine::Folder;
use headwater_event::{Offset, PartitionId, Record};
use headwater_log::{AppendAck, EventLog, ReadLimits};
use headwater_store::Access;

use crate::{
    case::{Share, Way, part_of},
    place::{Place, Positions, rest},
    ways::Ended,
};

const READ_WAIT: Duration = Duration::from_secs(10);
/// Records that are appended at once.
const APPEND_MAX: usize = 1_000;

/// Copies what a plain way left to a place, and folds it there: to a record, then to the end.
pub(crate) async fn folded(place: Place, way: &Way, stop: Share, plain: &Ended) -> Ended {
    let (from, to) = (plain.place.log().await, place.log_to_write().await);
    let mut ends = BTreeMap::new();
    for id in place.ids() {
        let records = records(&*from, id).await;
        ends.insert(id, records.len());
        for chunk in records.chunks(APPEND_MAX) {
            let bodies = chunk.iter().map(|record| record.body.clone()).collect();
            to.append(id, bodies, AppendAck::Durable).await.unwrap();
        }
    }
    drop(to);
    let offset = |length: usize| Offset(u64::try_from(length).unwrap());
    let stops = ends.iter().map(|(id, end)| (*id, offset(part_of(stop, *end)))).collect();
    fold_to(&place, way.batch, &stops).await;
    fold_to(&place, way.batch, &ends.iter().map(|(id, end)| (*id, offset(*end))).collect()).await;
    the_same_is_kept(&place, plain);
    if place.is_sealed() {
        // Only a server seals.
        place.takes_key_of(&plain.place);
        let engine = place.open(way.batch).await;
        rest(&engine).await;
        engine.shutdown().await;
    }
    Ended { place, stood: plain.stood.clone(), answers: BTreeMap::new() }
}

/// Folds each partition up to an offset, as a process that is then gone.
async fn fold_to(place: &Place, batch: usize, ends: &Positions) {
    let (log, stores) = (place.log().await, place.stores(Access::ReadWrite));
    for (id, end) in ends {
        let store = stores.partition(&id.to_string()).unwrap();
        let scratch = place.path("scratch");
        let mut folder = Folder::resume(Arc::clone(&log), store, *id, scratch).await.unwrap();
        let limits = ReadLimits { records_max: batch, ..ReadLimits::default() };
        folder.take_until(*end, limits, &|_| {}).await.unwrap();
    }
}

/// Beside rows, too: positions with the chain over all records, and all that a partition knows.
fn the_same_is_kept(place: &Place, plain: &Ended) {
    let (here, there) = (place.stores(Access::ReadOnly), plain.place.stores(Access::ReadOnly));
    for id in place.ids() {
        let (here, there) =
            (here.partition(&id.to_string()).unwrap(), there.partition(&id.to_string()).unwrap());
        for name in ["position", "head", "topology"] {
            let of =
                |bytes: Option<Vec<u8>>| bytes.map(|b| String::from_utf8_lossy(&b).into_owned());
            let (here, there) = (here.get_meta(name).unwrap(), there.get_meta(name).unwrap());
            assert!(here == there, "partition {id}, {name}: {:?} and {:?}", of(here), of(there));
        }
    }
}

async fn records(log: &dyn EventLog, id: PartitionId) -> Vec<Record> {
    let end = log.end(id).await.unwrap();
    let mut reader = log.reader(id, Offset(0)).await.unwrap();
    let mut records = Vec::new();
    while reader.position() < end {
        records.extend(reader.next_batch(ReadLimits::default(), READ_WAIT).await.unwrap());
    }
    records
}
