//! The events of a data folder's log, read by this process: partitions merged by the time of appending.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use headwater_engine::open_moment;
use headwater_event::{Offset, PartitionId, Record, Timestamp, Verifier, decode};
use headwater_log::{LogReader, ReadLimits};
use serde_json::{Map, Value, json};

use super::{EventsArgs, From, Printer};
use crate::{
    data_dir::{DataDir, Reader},
    exit::misuse,
    sql,
};

/// How long a reader waits for what is on the log.
const READ_WAIT: Duration = Duration::from_secs(10);
/// How often each partition is looked at for what comes.
const FOLLOW_WAIT: Duration = Duration::from_millis(50);
/// What a reader holds, however many partitions there are.
const LIMITS: ReadLimits = ReadLimits { records_max: 500, bytes_max: 1024 * 1024 };

/// One partition, with what was read and not shown yet.
struct Lane {
    partition: PartitionId,
    reader: Box<dyn LogReader>,
    buffer: VecDeque<Record>,
    end: Offset,
}

/// Lists what is on the log, and follows it if asked to.
pub(super) async fn list(
    dir: &DataDir,
    args: &EventsArgs,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let reader = dir.open_to_read().await?;
    let verifier = verifier(&reader).await;
    let mut lanes = lanes(&reader, args).await?;
    while let Some(record) = next(&mut lanes).await? {
        if !show(&record, args, verifier.as_ref(), printer)? {
            return Ok(());
        }
    }
    if args.follow { follow(&mut lanes, args, verifier.as_ref(), printer).await } else { Ok(()) }
}

/// Shows what comes, until the limit is reached or the process is stopped.
async fn follow(
    lanes: &mut [Lane],
    args: &EventsArgs,
    verifier: Option<&Verifier>,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    loop {
        printer.flush()?;
        let mut records = Vec::new();
        for lane in lanes.iter_mut() {
            records.extend(lane.buffer.drain(..));
            records.extend(lane.reader.next_batch(LIMITS, FOLLOW_WAIT).await?);
        }
        records.sort_by_key(|record| (record.appended_at_ms, record.partition, record.offset));
        for record in &records {
            if !show(record, args, verifier, printer)? {
                return Ok(());
            }
        }
    }
}

async fn lanes(reader: &Reader, args: &EventsArgs) -> anyhow::Result<Vec<Lane>> {
    let log = &reader.log;
    let count = log.data_partitions();
    let known: Vec<PartitionId> = PartitionId::all(count).collect();
    let named = match &args.from {
        From::At(positions) => positions.keys().copied().collect(),
        From::Start | From::End => Vec::new(),
    };
    if let Some(unknown) = args.partition.iter().chain(&named).find(|id| !known.contains(id)) {
        return Err(misuse(format!(
            "there is no partition {unknown}: the log has control and {count} data partitions"
        )));
    }
    let last = last(reader, args).await?;
    let wanted = |id: &PartitionId| args.partition.is_none_or(|partition| partition == *id);
    let mut lanes = Vec::new();
    for partition in known.into_iter().filter(wanted) {
        let mut end = log.end(partition).await?;
        if let Some(last) = &last {
            // A partition without a last offset had no record yet.
            end = last.get(&partition).map_or(Offset(0), |last| last.next()).min(end);
        }
        let from = match &args.from {
            From::Start => Offset(0),
            From::End => end,
            From::At(positions) => positions.get(&partition).copied().unwrap_or_default(),
        };
        let reader = log.reader(partition, from).await.context("failed to read the log")?;
        lanes.push(Lane { partition, reader, buffer: VecDeque::new(), end });
    }
    Ok(lanes)
}

/// The last offset of each partition at the moment that is asked for; `None` if none is.
async fn last(
    reader: &Reader,
    args: &EventsArgs,
) -> anyhow::Result<Option<BTreeMap<PartitionId, Offset>>> {
    let Some(as_of) = &args.as_of else { return Ok(None) };
    let now = open_moment(Arc::clone(&reader.log), &reader.stores).await;
    let now = now.context("failed to read the data folder")?;
    Ok(Some(now.at(as_of).await.map_err(sql::told)?.positions()))
}

impl Lane {
    async fn fill(&mut self) -> anyhow::Result<()> {
        while self.buffer.is_empty() && self.reader.position() < self.end {
            let before = self.reader.position();
            self.buffer = self.reader.next_batch(LIMITS, READ_WAIT).await?.into();
            anyhow::ensure!(
                !self.buffer.is_empty() || self.reader.position() > before,
                "partition {} gave no record at {before}; try again",
                self.partition
            );
        }
        Ok(())
    }

    /// When the next record before the end was appended.
    fn next_at(&self) -> Option<i64> {
        let record = self.buffer.front()?;
        (record.offset < self.end).then_some(record.appended_at_ms)
    }
}

/// The record that was appended first among those that come next in their partitions.
async fn next(lanes: &mut [Lane]) -> anyhow::Result<Option<Record>> {
    for lane in lanes.iter_mut() {
        lane.fill().await?;
    }
    let first = lanes
        .iter_mut()
        .filter_map(|lane| Some((lane.next_at()?, lane)))
        .min_by_key(|(at, lane)| (*at, lane.partition));
    Ok(first.and_then(|(_, lane)| lane.buffer.pop_front()))
}

/// Shows a record if it is asked for. `false` once nothing more is to be shown.
fn show(
    record: &Record,
    args: &EventsArgs,
    verifier: Option<&Verifier>,
    printer: &mut Printer,
) -> anyhow::Result<bool> {
    let mut shown = Map::new();
    match decode(&record.body) {
        Ok(mut event) => {
            if !args.takes(&event) {
                return Ok(true);
            }
            // An actor that the server did not sign for is only claimed.
            let signed = verifier.is_some_and(|verifier| {
                matches!(verifier.epoch_of(record.partition, &record.body), Ok(Some(_)))
            });
            if !signed {
                event.claimed_actor = event.actor.take().or(event.claimed_actor.take());
            }
            shown.insert("event".to_owned(), event.to_json());
        }
        Err(refusal) => {
            if !args.takes_all() {
                return Ok(true);
            }
            let dead = json!({ "reason": refusal.reason.name(), "detail": refusal.detail });
            shown.insert("dead".to_owned(), dead);
        }
    }
    let appended_at = Timestamp::from_millis(record.appended_at_ms).to_string();
    shown.insert("partition".to_owned(), record.partition.to_string().into());
    shown.insert("offset".to_owned(), record.offset.0.into());
    shown.insert("appended_at".to_owned(), Value::String(appended_at));
    printer.print(&shown)
}

/// By the key that the log was opened with, as far as it was folded yet.
async fn verifier(reader: &Reader) -> Option<Verifier> {
    let moment = open_moment(Arc::clone(&reader.log), &reader.stores).await.ok()?;
    let log = moment.partitions.first()?.log().cloned()?;
    Verifier::new(&log.verifying_key, log.log_id)
}
