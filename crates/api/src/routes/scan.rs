//! Reading the log for `GET /events`: partitions merged by the time of appending, then followed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use headwater_engine::Engine;
use headwater_event::{Event, Offset, PartitionId, Record};
use headwater_log::{LogReader, ReadLimits};

use super::shown::{Shower, placed, with_place};
use crate::{
    body::Parts,
    limits::{
        BLOCK_BYTES, FOLLOW_WAIT, READ_WAIT, SCAN_BYTES_MAX, SCAN_PARTITION_BYTES_MIN,
        SCAN_RECORDS_MAX,
    },
    problem::{Kind, Problem},
};

/// Which events are shown. Records that are no event are shown if all events are.
#[derive(Debug, Default)]
pub(super) struct Filter {
    pub(super) event_type: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) source: Option<String>,
}

impl Filter {
    fn takes(&self, event: &Event) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
        is(&self.event_type, &event.event_type)
            && is(&self.subject, &event.subject)
            && is(&self.source, &event.source)
    }

    fn takes_all(&self) -> bool {
        self.event_type.is_none() && self.subject.is_none() && self.source.is_none()
    }
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One object per line.
    Lines,
    /// A batch of CloudEvents.
    Batch,
}

/// What is written, and how.
#[derive(Debug)]
struct View {
    filter: Filter,
    shape: Shape,
    shower: Shower,
}

impl View {
    /// Writes a record; `false` if it is not one of those asked for.
    fn write(&self, record: &Record, first: bool, out: &mut Vec<u8>) -> bool {
        let event = self.shower.event(record);
        let taken =
            event.as_ref().map_or(self.filter.takes_all(), |event| self.filter.takes(event));
        match (self.shape, &event) {
            _ if !taken => return false,
            (Shape::Batch, Err(_)) => return false,
            (Shape::Batch, Ok(event)) => {
                if !first {
                    out.extend_from_slice(b",\n");
                }
                out.extend(with_place(record, event).to_string().into_bytes());
            }
            (Shape::Lines, event) => {
                let object = serde_json::Value::Object(placed(record, event));
                out.extend(object.to_string().into_bytes());
                out.push(b'\n');
            }
        }
        true
    }
}

/// One partition's reader, with what was read and not shown yet.
struct Cursor {
    partition: PartitionId,
    reader: Box<dyn LogReader>,
    buffer: VecDeque<Record>,
    limits: ReadLimits,
    /// Where the log ended when the request came.
    end: Offset,
}

impl Cursor {
    /// Fills the buffer unless the end was reached.
    async fn fill(&mut self) -> Result<(), Problem> {
        while self.buffer.is_empty() && self.reader.position() < self.end {
            let before = self.reader.position();
            self.buffer = self.reader.next_batch(self.limits, READ_WAIT).await?.into();
            if self.buffer.is_empty() && self.reader.position() == before {
                let detail = format!("partition {} gave no record at {before}", self.partition);
                return Err(Problem::new(Kind::Unavailable, detail));
            }
            // Reading what is in memory never waits; others want to run, too.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// When the next record before the end was appended.
    fn next_at(&self) -> Option<i64> {
        let record = self.buffer.front()?;
        (record.offset < self.end).then_some(record.appended_at_ms)
    }
}

/// A scan of some partitions.
pub(super) struct Scan {
    cursors: Vec<Cursor>,
    view: Arc<View>,
    /// How many more events are shown.
    left: usize,
    shown: usize,
}

impl Scan {
    /// Readers of these partitions from these offsets, up to the last ones if they are given.
    pub(super) async fn open(
        engine: &Engine,
        from: &BTreeMap<PartitionId, Offset>,
        last: Option<&BTreeMap<PartitionId, Offset>>,
        filter: Filter,
        shape: Shape,
        limit: Option<usize>,
    ) -> Result<Self, Problem> {
        let share = SCAN_BYTES_MAX / from.len().max(1);
        let bytes_max = share.max(SCAN_PARTITION_BYTES_MIN);
        let limits = ReadLimits { records_max: SCAN_RECORDS_MAX, bytes_max };
        let mut cursors = Vec::with_capacity(from.len());
        for (partition, offset) in from {
            let mut end = engine.log().end(*partition).await?;
            if let Some(last) = last {
                // A partition without a last offset had no record yet.
                end = last.get(partition).map_or(Offset(0), |last| last.next()).min(end);
            }
            let reader = engine.log().reader(*partition, *offset).await?;
            let partition = *partition;
            cursors.push(Cursor { partition, reader, buffer: VecDeque::new(), limits, end });
        }
        let view = View { filter, shape, shower: Shower::new(engine) };
        Ok(Self { cursors, view: Arc::new(view), left: limit.unwrap_or(usize::MAX), shown: 0 })
    }

    /// Where each partition ended when the scan was opened.
    pub(super) fn ends(&self) -> BTreeMap<PartitionId, Offset> {
        self.cursors.iter().map(|cursor| (cursor.partition, cursor.end)).collect()
    }

    /// What was on the log, in the order in which it was appended.
    pub(super) fn parts(self) -> Parts {
        let shape = self.view.shape;
        let (head, tail): (&[u8], &[u8]) = match shape {
            Shape::Lines => (b"", b""),
            Shape::Batch => (b"[\n", b"\n]\n"),
        };
        let whole = |bytes: &'static [u8]| {
            let some = (!bytes.is_empty()).then(|| Ok(Bytes::from_static(bytes)));
            stream::iter(some)
        };
        let rows = stream::try_unfold(self, |mut scan| async move {
            let block = scan.block().await?;
            Ok(block.map(|block| (block, scan)))
        });
        whole(head).chain(rows).chain(whole(tail)).boxed()
    }

    /// What was on the log, then what comes, until the client goes.
    pub(super) fn following(self) -> Parts {
        let past = stream::try_unfold(Phase::Past(self), |phase| async move {
            match phase {
                Phase::Past(mut scan) => match scan.block().await? {
                    Some(block) => Ok(Some((block, Phase::Past(scan)))),
                    None => Ok(Some((Bytes::new(), Phase::Live(scan.live())))),
                },
                Phase::Live(mut live) => match live.next().await {
                    Some(block) => Ok(Some((block?, Phase::Live(live)))),
                    None => Ok(None),
                },
            }
        });
        // An empty part would end a chunked body.
        past.filter(|part| std::future::ready(part.as_ref().map_or(true, |b| !b.is_empty())))
            .boxed()
    }

    /// The next block; `None` at the end.
    async fn block(&mut self) -> Result<Option<Bytes>, Problem> {
        let mut out = Vec::new();
        while out.len() < BLOCK_BYTES && self.left > 0 {
            let Some(record) = self.next().await? else { break };
            if self.view.write(&record, self.shown == 0, &mut out) {
                self.left -= 1;
                self.shown += 1;
            }
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }

    /// The record that was appended first among those that are next in their partitions.
    async fn next(&mut self) -> Result<Option<Record>, Problem> {
        for cursor in &mut self.cursors {
            cursor.fill().await?;
        }
        let first = self
            .cursors
            .iter_mut()
            .filter_map(|cursor| Some((cursor.next_at()?, cursor)))
            .min_by_key(|(at, cursor)| (*at, cursor.partition));
        Ok(first.and_then(|(_, cursor)| cursor.buffer.pop_front()))
    }

    /// What comes from here on, each partition for itself.
    fn live(self) -> Parts {
        let view = self.view;
        let each = self.cursors.into_iter().map(move |cursor| {
            let view = Arc::clone(&view);
            stream::try_unfold(cursor, move |mut cursor| {
                let view = Arc::clone(&view);
                async move {
                    let block = live_block(&mut cursor, &view).await?;
                    Ok::<_, Problem>(Some((block, cursor)))
                }
            })
            .boxed()
        });
        lines_of(stream::select_all(each).boxed(), self.left)
    }
}

enum Phase {
    Past(Scan),
    Live(Parts),
}

/// The next lines of a partition, however long they take to come.
async fn live_block(cursor: &mut Cursor, view: &View) -> Result<Bytes, Problem> {
    let mut out = Vec::new();
    while out.is_empty() {
        if cursor.buffer.is_empty() {
            cursor.buffer = cursor.reader.next_batch(cursor.limits, FOLLOW_WAIT).await?.into();
            tokio::task::yield_now().await;
        }
        while out.len() < BLOCK_BYTES
            && let Some(record) = cursor.buffer.pop_front()
        {
            view.write(&record, false, &mut out);
        }
    }
    Ok(out.into())
}

/// The first lines of a stream.
fn lines_of(parts: Parts, lines: usize) -> Parts {
    let cut = stream::try_unfold((parts, lines), |(mut parts, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let Some(block) = parts.next().await else { return Ok(None) };
        let block = block?;
        let ends: Vec<usize> = block
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .map(|(at, _)| at)
            .collect();
        let taken = ends.len().min(left);
        let end = ends.get(taken.saturating_sub(1)).map_or(0, |at| at + 1);
        Ok(Some((block.slice(..end), (parts, left - taken))))
    });
    cut.boxed()
}
