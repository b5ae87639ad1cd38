//! Rows as of a position: the tail and the sealed files, read together.

use std::{cmp::Ordering, iter, sync::Arc};

use bytes::Bytes;
use headwater_fold::StoredRow;
use headwater_store::{SealedRange, Snapshot, Tail, TailScan};

use crate::{
    FileScan, History, Piece, Result,
    file_scan::KeyRange,
    group::Group,
    lead::{Lead, Shared, order},
};

/// The view's version, which a key begins with.
const VIEW_BYTES: usize = 8;

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
            let newest = FileScan::newest(file, only, self.at).last().transpose()?;
            if let Some(entry) = newest {
                return Ok(entry.row.map(|row| row.to_vec()));
            }
        }
        Ok(None)
    }

    /// The rows from `start` to before `end`, by key. Both are of one view, or `end` is the least key
    /// after the view's.
    pub fn scan(&self, start: &[u8], end: &[u8]) -> Result<PastScan> {
        let Some((view, rest)) = start.split_first_chunk::<VIEW_BYTES>() else {
            return Ok(PastScan::new([0; VIEW_BYTES], Vec::new(), None, Shared::default()));
        };
        let end_of_view = end.strip_prefix(view.as_slice()).map(<[u8]>::to_vec);
        let range = KeyRange { start: rest.to_vec(), end: end_of_view.clone() };
        let mut sources = Vec::new();
        let mut bounds: Option<(Vec<u8>, Vec<u8>)> = None;
        for (sealed, piece) in self.pieces(*view)? {
            if piece.last_key.as_slice() < start || piece.first_key.as_slice() >= end {
                continue;
            }
            let file = self.history.open(&sealed, &piece)?;
            sources.push(Source::File(FileScan::newest(file, range.clone(), self.at)));
            bounds = Some(match bounds {
                None => (piece.first_key, piece.last_key),
                Some((first, last)) => (first.min(piece.first_key), last.max(piece.last_key)),
            });
        }
        let rest = |key: &Vec<u8>| key.get(VIEW_BYTES..).unwrap_or_default().to_vec();
        let shared = bounds.map(|(first, last)| Shared::between(&rest(&first), &rest(&last)));
        let of_view = *view;
        sources.push(Source::Tail(self.tail.scan(start, self.at).peekable()));
        Ok(PastScan::new(of_view, sources, end_of_view, shared.unwrap_or_default()))
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
    Tail(iter::Peekable<TailScan>),
    File(FileScan),
}

impl Source {
    /// The version at which it stands.
    fn head(&mut self) -> Result<Option<(Key, u64)>> {
        match self {
            Self::Tail(scan) => {
                Ok(scan.peek().map(|entry| (Key::Tail(entry.key.clone()), entry.offset)))
            }
            Self::File(scan) => Ok(scan.head()?.map(|(group, row)| {
                let offset = u64::try_from(group.offset(row)).unwrap_or_default();
                (Key::File(group, row), offset)
            })),
        }
    }

    /// The row at which it stands, whole.
    fn row(&mut self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Tail(scan) => {
                Ok(scan.peek().and_then(|entry| Some(entry.row.as_ref()?.to_vec())))
            }
            Self::File(scan) => scan.row(),
        }
    }

    fn advance(&mut self) {
        match self {
            Self::Tail(scan) => drop(scan.next()),
            Self::File(scan) => scan.advance(),
        }
    }
}

/// A key where it stands: it is copied only if its row is given.
#[derive(Debug)]
enum Key {
    /// With the view's version.
    Tail(Bytes),
    File(Arc<Group>, usize),
}

impl Key {
    /// Without the view's version.
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Tail(key) => key.get(VIEW_BYTES..).unwrap_or_default(),
            Self::File(group, row) => group.key(*row),
        }
    }
}

/// Rows in the order of their keys. Ends after an error.
#[derive(Debug)]
pub struct PastScan {
    view: [u8; VIEW_BYTES],
    sources: Vec<Source>,
    /// Where the sources stand, the least key last; under one key the oldest source last. A sorted list
    /// takes fewer comparisons than a heap, and there are few sources.
    heads: Vec<Head>,
    /// Sources whose head is not among the heads.
    waiting: Vec<usize>,
    /// Where the scan ends, without the view's version; `None` for with the view.
    end: Option<Vec<u8>>,
    shared: Shared,
}

/// The version at which a source stands.
#[derive(Debug)]
struct Head {
    lead: Lead,
    key: Key,
    offset: u64,
    source: usize,
}

impl PastScan {
    fn new(
        view: [u8; VIEW_BYTES],
        sources: Vec<Source>,
        end: Option<Vec<u8>>,
        shared: Shared,
    ) -> Self {
        let waiting = (0..sources.len()).collect();
        Self { view, sources, heads: Vec::new(), waiting, end, shared }
    }

    /// The next key whose row is there: the newest of all versions that stand under it.
    fn step(&mut self) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        loop {
            self.look()?;
            let Some(mut newest) = self.heads.pop() else { return Ok(None) };
            self.waiting.push(newest.source);
            while let Some(other) = self.heads.pop_if(|other| other.order(&newest).is_eq()) {
                self.waiting.push(other.source);
                if other.offset >= newest.offset {
                    newest = other;
                }
            }
            let row = self.sources.get_mut(newest.source).map(Source::row).transpose()?.flatten();
            for source in &self.waiting {
                self.sources.get_mut(*source).into_iter().for_each(Source::advance);
            }
            if let Some(row) = row {
                let mut key = Vec::with_capacity(VIEW_BYTES + newest.key.bytes().len());
                key.extend_from_slice(&self.view);
                key.extend_from_slice(newest.key.bytes());
                return Ok(Some((key, row)));
            }
        }
    }

    /// Puts the waiting sources' heads among the others.
    fn look(&mut self) -> Result<()> {
        while let Some(source) = self.waiting.pop() {
            let head = self.sources.get_mut(source).map(Source::head).transpose()?.flatten();
            let Some((key, offset)) = head else { continue };
            // Files are scanned within the range only.
            let within = match &key {
                Key::Tail(of_tail) => {
                    let before_end = |end: &Vec<u8>| key.bytes() < end.as_slice();
                    of_tail.starts_with(&self.view) && self.end.as_ref().is_none_or(before_end)
                }
                Key::File(..) => true,
            };
            if within {
                let head = Head { lead: self.shared.lead(key.bytes()), key, offset, source };
                let after = |other: &Head| match other.order(&head) {
                    Ordering::Equal => other.source > source,
                    order => order.is_gt(),
                };
                let place = self.heads.partition_point(after);
                self.heads.insert(place, head);
            }
        }
        Ok(())
    }
}

impl Iterator for PastScan {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.step().transpose()?;
        if next.is_err() {
            self.sources.clear();
            self.waiting.clear();
            self.heads.clear();
        }
        Some(next)
    }
}

impl Head {
    /// By key.
    fn order(&self, other: &Self) -> Ordering {
        order(self.lead, other.lead, || self.key.bytes().cmp(other.key.bytes()))
    }
}
