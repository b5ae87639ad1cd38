//! Moments of the past: as they were seen when they were now, and as a fold that goes no further.

use std::{collections::BTreeMap, sync::Arc};

use headwater_engine::{Folder, stored_rows};
use headwater_event::Offset;
use headwater_fold::{CompiledView, Digest, Table, family::built_in_tables};
use headwater_log::ReadLimits;
use headwater_query::{AsOf, Moment};
use headwater_store::{Access, StoreOptions, StoreSet};

use crate::{
    case::{Looks, Share, part_of},
    place::{Place, Positions},
    seen::{Kin, Seen, differences, digests, see},
    ways::{Ended, Plain},
};

/// Records that the model folds at once: not as many as anybody else does.
const MODEL_BATCH: usize = 3;
/// What is told of a moment that retention took.
const TAKEN: &str = "is before what retention kept";

/// In what a way's past differs from what the plain one saw when it was now.
pub(crate) async fn compare(
    ended: &Ended,
    now: &Moment,
    plain: &Plain,
    looks: &Looks,
    kin: Kin,
) -> Vec<String> {
    let stood = ended.stood.iter();
    let positions = stood.map(|(at, stood)| (AsOf::Positions(stood.clone()), *at));
    let times = looks.times.iter().map(|(time, at)| (AsOf::Time(*time), *at));
    let mut told = Vec::new();
    for (as_of, at) in positions.chain(times) {
        let Some(past) = at_moment(&ended.place, now, &as_of).await else { continue };
        let differ = differences(&plain.seen[&at], &see(&past).await, kin);
        told.extend(differ.into_iter().map(|what| format!("as of {as_of}, act {at}: {what}")));
    }
    told
}

/// The moment; `None` where retention took it, which it may in a folder that is sealed.
async fn at_moment(place: &Place, now: &Moment, as_of: &AsOf) -> Option<Arc<Moment>> {
    match now.at(as_of).await {
        Ok(past) => Some(past),
        Err(error) if place.is_sealed() && error.to_string().contains(TAKEN) => None,
        Err(error) => panic!("as of {as_of}: {error}"),
    }
}

/// Positions of a log by their shares.
pub(crate) fn positions(ended: &Ended, shares: &[Share]) -> Positions {
    let ends = ended.stood.values().next_back().unwrap();
    let at = |((id, last), share): ((_, &Offset), &Share)| {
        let length = usize::try_from(last.0).unwrap() + 1;
        (id, Offset(u64::try_from(part_of(*share, length)).unwrap()))
    };
    ends.iter().map(|(id, last)| (*id, last)).zip(shares).map(at).collect()
}

/// What a plain fold makes of the first records of each partition.
pub(crate) struct Model {
    positions: Positions,
    seen: Seen,
    tables: BTreeMap<headwater_event::PartitionId, Vec<Table>>,
}

impl Model {
    /// Folds the log of a place up to these positions, and no further.
    pub(crate) async fn at(place: &Place, positions: Positions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stores =
            StoreSet::open(dir.path(), Access::ReadWrite, StoreOptions::default()).unwrap();
        let log = place.log().await;
        let (mut seen, mut tables) = (Seen::default(), BTreeMap::new());
        for (id, at) in &positions {
            let store = stores.partition(&id.to_string()).unwrap();
            let scratch = dir.path().join("scratch");
            let mut folder =
                Folder::resume(Arc::clone(&log), Arc::clone(&store), *id, scratch).await.unwrap();
            let limits = ReadLimits { records_max: MODEL_BATCH, ..ReadLimits::default() };
            folder.take_until(at.next(), limits, &|_| {}).await.unwrap();
            // A version that is folded from a later record on has its history here, too: nobody could
            // have asked for it.
            let compiled = folder.fold().compiled();
            let coming = compiled.coming.iter().filter(|view| view.live);
            let views = compiled.views.iter().chain(coming).flat_map(CompiledView::tables);
            let here: Vec<Table> = built_in_tables().into_iter().cloned().chain(views).collect();
            let rows = stored_rows(*id, &store).unwrap();
            here.iter().for_each(|table| seen.add_rows(&*rows, table));
            for (version, digest) in &folder.fold().head().digests {
                let sum = seen.digests.entry(version.clone()).or_default();
                *sum = sum.merge(*digest);
            }
            tables.insert(*id, here);
        }
        seen.digests.retain(|_, digest| *digest != Digest::default());
        seen.sort();
        Self { positions, seen, tables }
    }

    /// In what the past of a place with the same records differs.
    pub(crate) async fn compare(&self, place: &Place, now: &Moment) -> Vec<String> {
        let as_of = AsOf::Positions(self.positions.clone());
        let Some(past) = at_moment(place, now, &as_of).await else { return Vec::new() };
        let mut seen = Seen { digests: digests(&past).await, ..Seen::default() };
        for rows in &past.partitions {
            for table in &self.tables[&rows.id()] {
                seen.add_rows(&**rows, table);
            }
        }
        seen.sort();
        let differ = differences(&self.seen, &seen, Kin::Records);
        differ.into_iter().map(|what| format!("as of {as_of}: {what}")).collect()
    }
}

/// In what a replay that goes no further than these positions differs.
pub(crate) async fn verify_at(place: &Place, now: &Moment, positions: Positions) -> Vec<String> {
    let as_of = AsOf::Positions(positions.clone());
    if at_moment(place, now, &as_of).await.is_none() {
        return Vec::new();
    }
    told(place, positions).await
}

/// In what a replay differs.
pub(crate) async fn told(place: &Place, as_of: Positions) -> Vec<String> {
    let report = place.verify(as_of.clone()).await.unwrap();
    if report.is_equal() {
        return Vec::new();
    }
    let unequal: Vec<_> = report.views.iter().filter(|view| !view.equal).collect();
    vec![format!("replay as of {as_of:?}: {:?}, {unequal:?}", report.problems)]
}
