//! The whole tail in one order of offsets.
//!
//! Blocks are stored by their first offset. Those that folding appends do not overlap; those of a
//! backfill lie across them. So: a block is opened when the merge reaches its first offset, and is
//! let go when its last version is given. In memory are only the blocks that overlap at this offset,
//! one of the main fold and one of each backfilled view.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::commit::Version;
use crate::error::{Error, Result};
use crate::snapshot::Cursor;
use crate::tail::{self, Block, Damage};

/// Every version, by offset, then in the order of its commit. Ends after an error.
pub struct Versions {
    blocks: Option<Cursor>,
    open: BinaryHeap<Reverse<Head>>,
    opened: u64,
    failed: Option<Error>,
}

impl Versions {
    pub(crate) fn new(blocks: Result<Cursor>) -> Self {
        let (blocks, failed) = match blocks {
            Ok(blocks) => (Some(blocks), None),
            Err(error) => (None, Some(error)),
        };
        Self { blocks, open: BinaryHeap::new(), opened: 0, failed }
    }

    /// Opens each block that begins at or before the lowest offset at hand.
    fn reach(&mut self) -> Result<()> {
        let Some(cursor) = &mut self.blocks else { return Ok(()) };
        while let Some((key, value)) = cursor.item() {
            let first = tail::first_offset(key);
            if self.open.peek().is_some_and(|Reverse(head)| head.version.offset < first) {
                return Ok(());
            }
            let damaged = |why: Damage| {
                Error::corrupt(format!("history block {first} of {} {why}", cursor.place()))
            };
            let mut block = Block::open(key, value).map_err(damaged)?;
            if let Some(version) = block.next().map_err(damaged)? {
                let rank = self.opened;
                self.opened += 1;
                self.open.push(Reverse(Head { version, rank, first, block }));
            }
            cursor.advance();
        }
        cursor.status()
    }

    fn step(&mut self) -> Result<Option<Version>> {
        self.reach()?;
        let Some(Reverse(Head { version, rank, first, mut block })) = self.open.pop() else {
            return Ok(None);
        };
        let after = block.next().map_err(|why| {
            let place = self.blocks.as_ref().map(Cursor::place).unwrap_or_default();
            Error::corrupt(format!("history block {first} of {place} {why}"))
        })?;
        if let Some(version) = after {
            self.open.push(Reverse(Head { version, rank, first, block }));
        }
        Ok(Some(version))
    }
}

impl Iterator for Versions {
    type Item = Result<Version>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(error));
        }
        self.blocks.as_ref()?;
        let out = self.step().transpose();
        if !matches!(out, Some(Ok(_))) {
            self.blocks = None;
            self.open.clear();
        }
        out
    }
}

/// The next version of an open block. `rank` is the block's place among the blocks.
struct Head {
    version: Version,
    rank: u64,
    first: u64,
    block: Block,
}

impl Head {
    fn order(&self) -> (u64, u64) {
        (self.version.offset, self.rank)
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
