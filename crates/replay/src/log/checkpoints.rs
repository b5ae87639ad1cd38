//! Offsets at which somebody knows the chain, in the order in which a walk passes them.

use headwater_event::Offset;
use serde::Serialize;

use crate::work::hex;

/// A chain, as BLAKE3 gives it.
pub(crate) type Chain = [u8; 32];

/// The chain that must hold once the record at an offset was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Checkpoint {
    pub(crate) offset: Offset,
    pub(crate) chain: Chain,
}

/// How far a walk agreed with those who know the chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// How many chains were compared.
    pub compared: u64,
    /// The last offset at which the chain was the one that was known.
    pub agreed_up_to: Option<u64>,
    /// How many records came after the last chain that was compared.
    pub records_after: u64,
}

/// Where a chain was first another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Differs {
    /// The last offset at which it was the same.
    pub(crate) after: Option<Offset>,
    /// The first at which it was not.
    pub(crate) at: Offset,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// The checkpoints of one source.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints {
    ahead: std::iter::Peekable<std::vec::IntoIter<Checkpoint>>,
    agreement: Agreement,
    agreed: Option<Offset>,
    differs: Option<Differs>,
}

impl Checkpoints {
    /// Of these, in any order.
    pub(crate) fn new(mut all: Vec<Checkpoint>) -> Self {
        all.sort_unstable();
        all.dedup();
        Self {
            ahead: all.into_iter().peekable(),
            agreement: Agreement::default(),
            agreed: None,
            differs: None,
        }
    }

    /// The chain that is known at this offset, if it is.
    pub(crate) fn known_at(&mut self, offset: Offset) -> Option<Chain> {
        self.ahead.peek().filter(|next| next.offset == offset).map(|next| next.chain)
    }

    /// The walk has passed the record at `offset`, and has come to `chain`; `None` if the records
    /// before are gone, so that nobody can know.
    pub(crate) fn pass(&mut self, offset: Offset, chain: Option<&Chain>) {
        self.agreement.records_after += 1;
        while let Some(next) = self.ahead.next_if(|next| next.offset <= offset) {
            let Some(chain) = chain else { continue };
            self.agreement.compared += 1;
            self.agreement.records_after = 0;
            if next.offset < offset {
                self.differ(next, "no record at that offset".to_owned());
            } else if next.chain != *chain {
                self.differ(next, hex(chain));
            } else if self.differs.is_none() {
                self.agreed = Some(offset);
            }
        }
    }

    /// The log ends before `end`, so that what is still ahead was there once; or, without an end,
    /// it could not be read on, and what is ahead stays unknown.
    pub(crate) fn finish(mut self, end: Option<Offset>) -> (Agreement, Option<Differs>) {
        while let (Some(end), Some(next)) = (end, self.ahead.next()) {
            self.agreement.compared += 1;
            self.differ(next, format!("the log ends at {end}"));
        }
        self.agreement.agreed_up_to = self.agreed.map(|offset| offset.0);
        (self.agreement, self.differs)
    }

    /// Only the first tells where: from there on every chain is another.
    fn differ(&mut self, expected: Checkpoint, found: String) {
        self.differs.get_or_insert_with(|| Differs {
            after: self.agreed,
            at: expected.offset,
            expected: hex(&expected.chain),
            found,
        });
    }
}
