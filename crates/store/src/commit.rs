//! What one run of folding changed, as data.

/// Everything that one run of folding changed; written in one batch, all or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Rows as they now are, by key; `None` removes the row. A later entry of a key wins.
    pub latest: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// The versions that these rows went through, kept as history: one block of the tail. Versions
    /// of one offset keep the order they have here.
    pub versions: Vec<Version>,
    /// Identities of the events that were folded, so that a repeat is known.
    pub ids: Vec<([u8; 16], Vec<u8>)>,
    /// What is to be published, by a key that sorts in the order of publishing.
    pub outbox: Vec<(Vec<u8>, Vec<u8>)>,
    /// Named values: the position, the chain, digests. `format` is the store's own name.
    pub meta: Vec<(&'static str, Vec<u8>)>,
    /// Places by which the past is found, by a key that sorts in the order of search.
    pub marks: Vec<(Vec<u8>, Vec<u8>)>,
    /// The versions belong to offsets that earlier commits have passed: a new view is being folded
    /// from the start. All of them must be of that view, whose key prefix then tells this block from
    /// the block that already begins at the same offset. Commits of one view go forward.
    pub backfill: bool,
}

impl Commit {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.latest.is_empty()
            && self.versions.is_empty()
            && self.ids.is_empty()
            && self.outbox.is_empty()
            && self.meta.is_empty()
            && self.marks.is_empty()
    }
}

/// A row as one event left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The row's key, as in `latest`.
    pub key: Vec<u8>,
    /// The offset of the event.
    pub offset: u64,
    /// The row, or `None` if the event removed it.
    pub row: Option<Vec<u8>>,
}
