//! The tail in the order of keys: where a read of the past looks for what is not sealed yet.
//!
//! Blocks stand by offset, so a key's newest version before a position would be found only by reading
//! them all. The first read of the past sorts them into **runs**, kept in memory and added to by later
//! reads; folding pays nothing for it. Runs grow like a binary counter: a new one is merged with the one
//! before it while that is not much larger, so there are few, and each version is moved a few times.
//!
//! Memory: the versions since the last seal, [`SEAL_EVERY`](crate::SEAL_EVERY) of a partition and what
//! came while it was sealed; given back when they are sealed.

use std::cmp::Ordering;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::Result;
use crate::merge::Blocks;
use crate::snapshot::Snapshot;
use crate::tail::{self, FOLDED, Stream};

/// A row as one event left it, sharing its block's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The row's key, as in `latest`.
    pub key: Bytes,
    /// The offset of the event.
    pub offset: u64,
    /// The row, or `None` if the event removed it.
    pub row: Option<Bytes>,
}

/// Versions by key, then offset, then the order of their commit.
#[derive(Debug, Default)]
struct Run(Vec<Entry>);

/// The versions that are not sealed, by key.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    runs: Vec<Arc<Run>>,
}

/// What the store keeps of the index between reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct TailIndex {
    /// The tail's generation: another after each seal and each backfill.
    pub(crate) generation: u64,
    /// The streams that are covered, each up to before this first offset.
    covered: Vec<(Stream, u64)>,
    tail: Tail,
}

impl TailIndex {
    pub(crate) fn new(generation: u64) -> Self {
        Self { generation, ..Self::default() }
    }

    /// Takes in the blocks of this snapshot that are not covered yet; answers all runs.
    pub(crate) fn extend(&mut self, snapshot: &Snapshot) -> Result<Tail> {
        let streams = match self.covered.is_empty() {
            true => snapshot.tail_streams()?,
            // Another stream is another generation: only what is folded can have gone on.
            false => vec![FOLDED],
        };
        let mut fresh = Vec::new();
        for stream in streams {
            let from = self.covered.iter().find(|(known, _)| *known == stream).map_or(0, |c| c.1);
            let next = read_stream(snapshot, stream, from, u64::MAX, &mut fresh)?;
            self.covered.retain(|(known, _)| *known != stream);
            self.covered.push((stream, next.max(from)));
        }
        if !fresh.is_empty() {
            sort(&mut fresh);
            self.tail.push(Run(fresh));
        }
        Ok(self.tail.clone())
    }
}

/// Reads a stream's blocks that begin within these offsets; answers the first offset after them.
pub(crate) fn read_stream(
    snapshot: &Snapshot,
    stream: Stream,
    from: u64,
    before: u64,
    entries: &mut Vec<Entry>,
) -> Result<u64> {
    let mut blocks = Blocks::new(snapshot.tail_cursor(&tail::key_at(stream, from))?, stream);
    let mut next = from;
    while let Some((first, mut block)) = blocks.next()? {
        if first >= before {
            break;
        }
        while let Some((offset, row)) = block.next_entry().map_err(|w| blocks.damaged(first, w))? {
            entries.push(Entry { key: Bytes::copy_from_slice(block.key()), offset, row });
        }
        next = first.saturating_add(1);
    }
    Ok(next)
}

/// Sorts by key and offset; equal ones keep the order of their commit.
pub(crate) fn sort(entries: &mut [Entry]) {
    entries.sort_by(order);
}

fn order(a: &Entry, b: &Entry) -> Ordering {
    a.key.cmp(&b.key).then(a.offset.cmp(&b.offset))
}

impl Run {
    /// Both runs in one; `self` is the older.
    fn merged(&self, newer: &Self) -> Self {
        let mut out = Vec::with_capacity(self.0.len() + newer.0.len());
        let (mut a, mut b) = (self.0.iter().peekable(), newer.0.iter().peekable());
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let older = order(x, y) != Ordering::Greater;
            out.extend(if older { a.next() } else { b.next() }.cloned());
        }
        out.extend(a.chain(b).cloned());
        Self(out)
    }

    /// The place of the first entry whose key is not below `key`.
    fn seek(&self, key: &[u8]) -> usize {
        self.0.partition_point(|entry| &*entry.key < key)
    }
}

impl Tail {
    fn push(&mut self, run: Run) {
        let mut run = run;
        while let Some(before) = self.runs.last().filter(|last| last.0.len() < 2 * run.0.len()) {
            run = before.merged(&run);
            self.runs.pop();
        }
        self.runs.push(Arc::new(run));
    }

    /// How many versions there are.
    pub fn versions(&self) -> usize {
        self.runs.iter().map(|run| run.0.len()).sum()
    }

    /// The newest version of a key at or before an offset.
    pub fn get(&self, key: &[u8], at: u64) -> Option<Entry> {
        self.scan(key, at).next().filter(|entry| entry.key == key)
    }

    /// Of each key from `start` on, in order, the newest version at or before an offset.
    pub fn scan(&self, start: &[u8], at: u64) -> TailScan {
        let places = self.runs.iter().map(|run| (Arc::clone(run), run.seek(start)));
        TailScan { places: places.collect(), at }
    }
}

/// See [`Tail::scan`].
#[derive(Debug)]
pub struct TailScan {
    /// The runs, the oldest first, and where in each the scan stands.
    places: Vec<(Arc<Run>, usize)>,
    at: u64,
}

impl Iterator for TailScan {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let heads = self.places.iter().filter_map(|(run, place)| run.0.get(*place));
            let key = heads.map(|entry| &entry.key).min()?.clone();
            let mut newest: Option<Entry> = None;
            for (run, place) in &mut self.places {
                while let Some(entry) = run.0.get(*place).filter(|entry| entry.key == key) {
                    *place += 1;
                    let newer = newest.as_ref().is_none_or(|n| n.offset <= entry.offset);
                    if entry.offset <= self.at && newer {
                        newest = Some(entry.clone());
                    }
                }
            }
            if newest.is_some() {
                return newest;
            }
        }
    }
}
