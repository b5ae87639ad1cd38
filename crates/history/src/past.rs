//! Rows as of a position: the tail and the sealed files, read together.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use headwater_fold::StoredRow;
use headwater_store::{Entry, SealedRange, Snapshot, Tail, TailScan};

use crate::{FileScan, History, Piece, Result, file_scan::KeyRange};

/// A partition's rows as they stood after an offset.
#[derive(Debug, Clone)]
pub struct PastRows {
    snapshot: Snapshot,
    tail: Tail,
    history: Arc<History>,
    at: u64,
}

impl PastRows {
    /// The rows after the event at the offset `at`, which the snapshot has folded.
    pub fn new(snapshot: Snapshot, history: Arc<History>, at: u64) -> Result<Self> {
        let tail = snapshot.tail()?;
        Ok(Self { snapshot, tail, history, at })
    }

    /// The row of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        // What nothing has written since is what it was.
        if let Some(row) = self.snapshot.get_latest(key)?
            && StoredRow::provenance(&row).is_ok_and(|of| of.offset.0 <= self.at)
        {
            return Ok(Some(row));
        }
        if let Some(entry) = self.tail.get(key, self.at) {
            return Ok(entry.row.map(|row| row.to_vec()));
        }
        let Some((view, rest)) = key.split_first_chunk::<8>() else { return Ok(None) };
        for (range, piece) in self.pieces(*view)?.into_iter().rev() {
            if key < piece.first_key.as_slice() || key > piece.last_key.as_slice() {
                continue;
            }
            let file = self.history.open(&range, &piece)?;
            let mut end = rest.to_vec();
            end.push(0);
            let only = KeyRange { start: rest.to_vec(), end: Some(end) };
            let newest = FileScan::new(file, only, self.at).last().transpose()?;
            if let Some(entry) = newest {
                return Ok(entry.row.map(|row| row.to_vec()));
            }
        }
        Ok(None)
    }

    /// The rows from `start` to before `end`, by key. Both are of one view, or `end` is the least key
    /// after the view's.
    pub fn scan(&self, start: &[u8], end: &[u8]) -> Result<PastScan> {
        let mut sources = Vec::new();
        if let Some((view, rest)) = start.split_first_chunk::<8>() {
            let range = KeyRange {
                start: rest.to_vec(),
                end: end.strip_prefix(view.as_slice()).map(<[u8]>::to_vec),
            };
            for (sealed, piece) in self.pieces(*view)? {
                if piece.last_key.as_slice() < start || piece.first_key.as_slice() >= end {
                    continue;
                }
                let file = self.history.open(&sealed, &piece)?;
                sources.push(Source::File(FileScan::new(file, range.clone(), self.at)));
            }
        }
        sources.push(Source::Tail(self.tail.scan(start, self.at)));
        Ok(PastScan::new(sources, end.to_vec()))
    }

    /// The sealed pieces of a view that hold anything at or before the position, the oldest first.
    fn pieces(&self, view: [u8; 8]) -> Result<Vec<(SealedRange, Piece)>> {
        let sealed = self.snapshot.sealed(view)?.into_iter();
        let within = sealed.filter(|(range, _)| range.from <= self.at);
        within.map(|(range, bytes)| Ok((range, Piece::from_bytes(&bytes)?))).collect()
    }
}

/// Where versions come from, by key.
#[derive(Debug)]
enum Source {
    Tail(TailScan),
    File(FileScan),
}

impl Source {
    fn next(&mut self) -> Option<Result<Entry>> {
        match self {
            Self::Tail(scan) => scan.next().map(Ok),
            Self::File(scan) => scan.next(),
        }
    }
}

/// Rows in the order of their keys. Ends after an error.
#[derive(Debug)]
pub struct PastScan {
    sources: Vec<Source>,
    heads: BinaryHeap<Reverse<Head>>,
    /// Sources whose next entry has not been asked for yet.
    waiting: Vec<usize>,
    end: Vec<u8>,
}

/// The next entry of a source: by key, then the newest first.
#[derive(Debug)]
struct Head {
    entry: Entry,
    source: usize,
}

impl PastScan {
    fn new(sources: Vec<Source>, end: Vec<u8>) -> Self {
        let waiting = (0..sources.len()).collect();
        Self { sources, heads: BinaryHeap::new(), waiting, end }
    }

    fn step(&mut self) -> Result<Option<Entry>> {
        loop {
            let Some(mut newest) = self.take_least()? else { return Ok(None) };
            // One source can have a key more than once, and then has the newest last.
            while self.least()?.is_some_and(|least| least.key == newest.key) {
                let Some(entry) = self.take_least()? else { break };
                if entry.offset >= newest.offset {
                    newest = entry;
                }
            }
            if newest.row.is_some() {
                return Ok(Some(newest));
            }
        }
    }

    /// The entry of the least key.
    fn least(&mut self) -> Result<Option<&Entry>> {
        while let Some(source) = self.waiting.pop() {
            let next = self.sources.get_mut(source).and_then(Source::next).transpose()?;
            let within = next.filter(|entry| *entry.key < *self.end);
            self.heads.extend(within.map(|entry| Reverse(Head { entry, source })));
        }
        Ok(self.heads.peek().map(|Reverse(head)| &head.entry))
    }

    fn take_least(&mut self) -> Result<Option<Entry>> {
        self.least()?;
        let Some(Reverse(Head { entry, source })) = self.heads.pop() else { return Ok(None) };
        self.waiting.push(source);
        Ok(Some(entry))
    }
}

impl Iterator for PastScan {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.step() {
            Ok(entry) => {
                let Entry { key, row, .. } = entry?;
                Some(Ok((key.into(), row?.into())))
            }
            Err(error) => {
                self.sources.clear();
                self.heads.clear();
                Some(Err(error))
            }
        }
    }
}

impl Head {
    fn order(&self) -> (&[u8], usize) {
        (&self.entry.key, self.source)
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Head {}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}
