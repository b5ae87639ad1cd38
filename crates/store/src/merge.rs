//! The whole tail in one order of offsets.
//!
//! Each stream stands by offset already: what folding appended, and each backfilled view. So: one
//! cursor and one open block a stream, and the least offset of them is next; of one offset, what was
//! folded comes first, then the backfilled views.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::commit::Version;
use crate::error::{Error, Result};
use crate::snapshot::{Cursor, Snapshot};
use crate::tail::{self, Block, Damage, Stream};

/// Every version, by offset, then in the order of its commit. Ends after an error.
pub struct Versions {
    heads: BinaryHeap<Reverse<Head>>,
    failed: Option<Error>,
}

impl Versions {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let mut heads = BinaryHeap::new();
        let failed = Self::open(snapshot, &mut heads).err();
        Self { heads, failed }
    }

    fn open(snapshot: &Snapshot, heads: &mut BinaryHeap<Reverse<Head>>) -> Result<()> {
        for stream in snapshot.tail_streams()? {
            let blocks = Blocks::new(snapshot.tail_cursor(&tail::key_at(stream, 0))?, stream);
            heads.extend(Head::next(blocks, None)?.map(Reverse));
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Version>> {
        let Some(Reverse(Head { version, blocks, block })) = self.heads.pop() else {
            return Ok(None);
        };
        // What is damaged behind this version ends the scan after it.
        match Head::next(blocks, Some(block)) {
            Ok(next) => self.heads.extend(next.map(Reverse)),
            Err(error) => self.failed = Some(error),
        }
        Ok(Some(version))
    }
}

impl Iterator for Versions {
    type Item = Result<Version>;

    fn next(&mut self) -> Option<Self::Item> {
        let out = match self.failed.take() {
            Some(error) => Err(error),
            None => self.step(),
        };
        if out.is_err() {
            self.heads.clear();
        }
        out.transpose()
    }
}

/// The blocks of one stream, from a place on.
pub(crate) struct Blocks {
    cursor: Cursor,
    stream: Stream,
}

impl Blocks {
    pub(crate) fn new(cursor: Cursor, stream: Stream) -> Self {
        Self { cursor, stream }
    }

    /// The next block and its first offset; `None` at the stream's end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Block)>> {
        let Some((key, value)) = self.cursor.item() else {
            return self.cursor.status().map(|()| None);
        };
        let Some((stream, first)) = tail::place_of(key) else {
            let place = self.cursor.place();
            return Err(Error::corrupt(format!("a history block's key in {place} is cut")));
        };
        if stream != self.stream {
            return Ok(None);
        }
        let block = Block::open(key, value).map_err(|why| self.damaged(first, why))?;
        self.cursor.advance();
        Ok(Some((first, block)))
    }

    pub(crate) fn damaged(&self, first: u64, why: Damage) -> Error {
        Error::corrupt(format!("history block {first} of {} {why}", self.cursor.place()))
    }
}

/// A stream with its next version taken off.
struct Head {
    version: Version,
    blocks: Blocks,
    /// The open block and its first offset.
    block: (u64, Block),
}

impl Head {
    fn next(mut blocks: Blocks, open: Option<(u64, Block)>) -> Result<Option<Self>> {
        let mut open = open;
        loop {
            let (first, mut block) = match open.take() {
                Some(open) => open,
                None => match blocks.next()? {
                    Some(next) => next,
                    None => return Ok(None),
                },
            };
            if let Some(version) = block.next().map_err(|why| blocks.damaged(first, why))? {
                return Ok(Some(Self { version, blocks, block: (first, block) }));
            }
        }
    }

    fn order(&self) -> (u64, Stream) {
        (self.version.offset, self.blocks.stream)
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
