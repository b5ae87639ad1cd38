//! A partition's fold: records in, one commit out.
//!
//! What a record is, is told by `judge`; what it changes, is written by `apply`.

use headwater_event::{
    BadSchema, Event, Offset, Outlet, PartitionId, Record, Schemas, Timestamp, Verifier,
};
use headwater_topology::Topology;

use crate::{
    Clock, Compiled, CompiledView, Damaged, Head, Outcome, Position, Provenance, Published,
    ReadFailed, RowVersion, StoredRows,
    apply::Outbox,
    batch::{ApplyError, Batch},
};

/// The state of a partition's fold between batches.
#[derive(Debug, Clone)]
pub struct PartitionFold {
    pub(crate) id: PartitionId,
    pub(crate) head: Head,
    pub(crate) position: Option<Position>,
    pub(crate) compiled: Compiled,
    pub(crate) built_in: Schemas,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) backfill: Vec<CompiledView>,
    /// Whether the record just folded changed the topology's stored form.
    pub(crate) topology_changed: bool,
}

/// What a store kept of a partition's fold.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// [`Commit::head`].
    pub head: Option<Vec<u8>>,
    /// [`Commit::position`].
    pub position: Option<Vec<u8>>,
    /// The last of [`Commit::topologies`] that there ever was.
    pub topology: Option<Vec<u8>>,
}

/// What a batch changes: written in one piece, or not at all.
#[derive(Debug)]
pub struct Commit {
    /// Latest rows by key; `None` removes.
    pub latest: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Every version that the batch wrote, in order.
    pub versions: Vec<RowVersion>,
    /// What is known of events' ids.
    pub seen: Vec<([u8; 16], Vec<u8>)>,
    /// Events for the outbox: target, place and the event, ready but for the signature.
    pub outbox: Vec<(PartitionId, Outlet, Event)>,
    /// Events for topics of the users' own, each with its place.
    pub published: Vec<Published>,
    /// The head's stored form.
    pub head: Vec<u8>,
    /// The position's stored form.
    pub position: Vec<u8>,
    /// Every stored form of the topology that came to hold, applied or activated, with the offset
    /// from which it does; see [`Compiled::from_stored`].
    pub topologies: Vec<(Offset, Vec<u8>)>,
    /// Every tick of the log's clock, with its offset; the first is the log's opening.
    pub ticks: Vec<(Offset, Clock)>,
    /// What became of each record, in order.
    pub outcomes: Vec<(Offset, Outcome)>,
}

/// Why a partition can't be folded. None of these is an event's fault.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadFailed),
    /// The store is damaged.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The stored head or topology is not what this program wrote.
    #[error("damaged {0}: {1}")]
    Json(&'static str, serde_json::Error),
    /// A schema that was accepted once does not compile now.
    #[error(transparent)]
    Schema(#[from] BadSchema),
    /// The store was written by a newer program.
    #[error(
        "the store's head is of format {format}, this program knows up to {known}; use the headwater \
         that wrote it, or fold the store anew from the log"
    )]
    NewerHead {
        /// The head's format.
        format: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// The log was written by a newer program.
    #[error(
        "the log asks for rules {asked}, this program knows up to {known}; use a newer headwater"
    )]
    NewerRules {
        /// The rules that the log asks for.
        asked: u32,
        /// The newest rules that this program knows.
        known: u32,
    },
}

impl From<ApplyError> for PartitionError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Read(error) => Self::Read(error),
            ApplyError::Damaged(error) => Self::Damaged(error),
        }
    }
}

impl PartitionFold {
    /// The fold as the store left it; a new one if the store has nothing.
    pub fn restore(id: PartitionId, stored: &Stored) -> Result<Self, PartitionError> {
        let built_in = Schemas::built_in()?;
        let head: Head = match &stored.head {
            None => Head::empty(),
            Some(bytes) => Head::from_bytes(bytes)?,
        };
        let mut compiled = match &stored.topology {
            None => Compiled::new(&built_in, Topology::default())?,
            Some(bytes) => Compiled::from_stored(&built_in, bytes)?,
        };
        for view in &mut compiled.coming {
            let coming = head.coming.get(&view.table.version_hex());
            view.live = match id {
                PartitionId::Control => false,
                PartitionId::Data(here) => coming.is_some_and(|c| c.built.contains(&here)),
            };
        }
        let position = stored.position.as_deref().map(Position::from_bytes).transpose()?;
        let verifier =
            head.log.as_ref().and_then(|log| Verifier::new(&log.verifying_key, log.log_id.clone()));
        Ok(Self {
            id,
            compiled,
            head,
            position,
            built_in,
            verifier,
            backfill: Vec::new(),
            topology_changed: false,
        })
    }

    /// A new fold whose views, besides those that the log declares, are these from the start.
    ///
    /// For the history of a view that is declared after its events came. It begins with what was
    /// known at the log's origin; with nothing, if the log begins with its first record.
    pub fn for_backfill(
        id: PartitionId,
        views: Vec<CompiledView>,
        origin: &Stored,
    ) -> Result<Self, PartitionError> {
        let live = |view| CompiledView { live: true, ..view };
        let backfill = views.into_iter().map(live).collect();
        Ok(Self { backfill, ..Self::restore(id, origin)? })
    }

    /// Which partition this is.
    pub fn id(&self) -> PartitionId {
        self.id
    }

    /// What the partition knows besides its rows.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How far it has folded.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// The topology that holds here.
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Folds records in order. Nothing is changed outside `self`; an error leaves `self` unusable,
    /// to be restored from the store.
    pub fn fold<R: StoredRows>(
        &mut self,
        rows: &R,
        records: &[Record],
    ) -> Result<Commit, PartitionError> {
        let mut batch = Batch::new(rows);
        let mut outcomes = Vec::with_capacity(records.len());
        let mut outbox = Outbox::default();
        let (mut topologies, mut ticks) = (Vec::new(), Vec::new());
        for record in records {
            batch
                .begin(Provenance { offset: record.offset, appended_at_ms: record.appended_at_ms });
            self.position =
                Some(Position::after(self.position.as_ref(), record.offset, &record.body));
            self.head.counts.records += 1;
            let verdict = self.judge(&batch, record)?;
            let clock_before = self.head.clock.map(|clock| clock.n);
            let outcome = self.apply(&mut batch, &mut outbox, record, verdict)?;
            outcomes.push((record.offset, outcome));
            // The opening is the first: the log's time is told from there on.
            let tick = self.head.clock.filter(|clock| clock_before != Some(clock.n));
            ticks.extend(tick.map(|clock| (record.offset, clock)));
            if std::mem::take(&mut self.topology_changed) {
                let stored = self.compiled.to_stored();
                let stored = stored.map_err(|e| PartitionError::Json("topology", e))?;
                topologies.push((record.offset, stored));
            }
        }
        let (latest, versions, seen) = batch.into_parts();
        Ok(Commit {
            latest,
            versions,
            seen,
            outbox: outbox.derived,
            published: outbox.published,
            head: self.head.to_bytes()?,
            position: self.position.map(Position::to_bytes).unwrap_or_default(),
            topologies,
            ticks,
            outcomes,
        })
    }

    /// The log's time: of the last tick.
    pub fn now(&self) -> Timestamp {
        self.head.clock.map_or(Timestamp::from_micros(0), |clock| clock.time)
    }
}

/// The source of facts that the outbox publishes.
pub const FACT_SOURCE: &str = "headwater";
