//! A partition's fold: records in, one commit out.
//!
//! The way of a record: decode → who wrote it → where it belongs → schema → repeat? → family. The
//! first step that refuses decides whether it is a dead letter (no event) or a rejection (refused).

use std::{collections::BTreeMap, panic::AssertUnwindSafe};

use headwater_event::{
    ANONYMOUS, BadSchema, Event, Outlet, PartitionId, Reason, Record, Refusal, Schemas, Timestamp,
    Verifier,
    catalog::{self, Home, Role, names},
    decode, partition_for, payload,
};
use headwater_topology::Topology;

use crate::{
    Compiled, CompiledView, Damaged, Delta, Derived, FOLD_REVISION, Fold, FoldError, Head, Outcome,
    Position, Provenance, ReadFailed, RowVersion, StoredRows, Tally,
    batch::{ApplyError, Batch},
    family::{self, log::{DeadLetter, Rejection}},
    fold::rejection_fact,
    outcome::Seen,
    system,
    time_range,
};

/// The state of a partition's fold between batches.
#[derive(Debug, Clone)]
pub struct PartitionFold {
    pub(crate) id: PartitionId,
    pub(crate) head: Head,
    pub(crate) position: Option<Position>,
    pub(crate) compiled: Compiled,
    built_in: Schemas,
    verifier: Option<Verifier>,
    backfill: Vec<CompiledView>,
}

/// What a store kept of a partition's fold.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// [`Commit::head`].
    pub head: Option<Vec<u8>>,
    /// [`Commit::position`].
    pub position: Option<Vec<u8>>,
    /// [`Commit::topology`].
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
    /// The head's stored form.
    pub head: Vec<u8>,
    /// The position's stored form.
    pub position: Vec<u8>,
    /// The topology's stored form, if it changed.
    pub topology: Option<Vec<u8>>,
    /// What became of each record, in order.
    pub outcomes: Vec<(headwater_event::Offset, Outcome)>,
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
    /// The log was written by a newer program.
    #[error("the log asks for rules {asked}, this program knows up to {known}; use a newer headwater")]
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

/// What a record turned out to be.
enum Verdict {
    Folded(Box<Event>, Delta),
    Repeat(Outcome),
    Refused(Box<Event>, Refusal),
    Dead(Option<String>, Refusal),
    Misrouted(Box<Event>, u32),
    /// The log's own: changes the head, not the views.
    System(Box<Event>),
    /// An event that the outbox brought again.
    DroppedRepeat,
}

impl PartitionFold {
    /// The fold as the store left it; a new one if the store has nothing.
    pub fn restore(id: PartitionId, stored: &Stored) -> Result<Self, PartitionError> {
        let built_in = Schemas::built_in()?;
        let head: Head = match &stored.head {
            None => Head::default(),
            Some(bytes) => {
                serde_json::from_slice(bytes).map_err(|e| PartitionError::Json("head", e))?
            }
        };
        let topology: Topology = match &stored.topology {
            None => Topology::default(),
            Some(bytes) => {
                serde_json::from_slice(bytes).map_err(|e| PartitionError::Json("topology", e))?
            }
        };
        let position = stored.position.as_deref().map(Position::from_bytes).transpose()?;
        let verifier = head
            .log
            .as_ref()
            .and_then(|log| Verifier::new(&log.verifying_key, log.log_id.clone()));
        Ok(Self {
            id,
            compiled: Compiled::new(&built_in, topology)?,
            head,
            position,
            built_in,
            verifier,
            backfill: Vec::new(),
        })
    }

    /// A new fold whose views, besides those that the log declares, are these from the start.
    ///
    /// For the history of a view that is declared after its events came.
    pub fn for_backfill(id: PartitionId, views: Vec<CompiledView>) -> Result<Self, PartitionError> {
        Ok(Self { backfill: views, ..Self::restore(id, &Stored::default())? })
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

    /// The views that a record would bring here for the first time, if it is a copy of a topology:
    /// their history must be folded before it is.
    pub fn views_to_backfill(&self, record: &Record) -> Vec<CompiledView> {
        if self.head.counts.accepted == 0 || self.id == PartitionId::Control {
            return Vec::new();
        }
        let Ok(event) = decode(&record.body) else { return Vec::new() };
        if event.event_type != names::TOPOLOGY_APPLIED || self.authentic(record).is_err() {
            return Vec::new();
        }
        let Some(compiled) = system::topology_of(&event, &self.built_in) else { return Vec::new() };
        let known = |view: &CompiledView| self.head.digests.contains_key(&view.table.version_hex());
        compiled.views.into_iter().filter(|view| !known(view)).collect()
    }

    /// Takes over the digests of views whose history was folded beside.
    pub fn adopt(&mut self, digests: BTreeMap<String, crate::Digest>) {
        self.head.digests.extend(digests);
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
        let mut outbox = Vec::new();
        let topology_before = self.head.topology.clone();
        for record in records {
            batch.begin(Provenance {
                offset: record.offset,
                appended_at_ms: record.appended_at_ms,
            });
            self.position =
                Some(Position::after(self.position.as_ref(), record.offset, &record.body));
            self.head.counts.records += 1;
            let verdict = self.judge(&batch, record)?;
            let outcome = self.apply(&mut batch, &mut outbox, record, verdict)?;
            outcomes.push((record.offset, outcome));
        }
        let topology = (self.head.topology != topology_before)
            .then(|| serde_json::to_vec(&self.compiled.topology))
            .transpose()
            .map_err(|e| PartitionError::Json("topology", e))?;
        let (latest, versions, seen) = batch.into_parts();
        Ok(Commit {
            latest,
            versions,
            seen,
            outbox,
            head: serde_json::to_vec(&self.head).map_err(|e| PartitionError::Json("head", e))?,
            position: self.position.map(Position::to_bytes).unwrap_or_default(),
            topology,
            outcomes,
        })
    }

    fn judge<R: StoredRows>(
        &self,
        batch: &Batch<'_, R>,
        record: &Record,
    ) -> Result<Verdict, PartitionError> {
        let mut event = match decode(&record.body) {
            Ok(event) => event,
            Err(refusal) => return Ok(Verdict::Dead(None, refusal)),
        };
        let dead = |event: &Event, refusal| {
            Ok(Verdict::Dead(Some(event.event_type.clone()), refusal))
        };
        let signed = match self.authority(record, &event) {
            Ok(signed) => signed,
            Err(refusal) => return dead(&event, refusal),
        };
        if !signed {
            event.claimed_actor = event.actor.take().or(event.claimed_actor.take());
            event.actor = Some(ANONYMOUS.to_owned());
        }
        if let Some(outlet) = event.derived_from
            && self.head.received.get(&outlet.partition).is_some_and(|tally| tally.has(outlet))
        {
            return Ok(Verdict::DroppedRepeat);
        }
        if let Err(refusal) = self.compiled_check(&event) {
            return dead(&event, refusal);
        }
        let role = catalog::built_in(&event.event_type).map_or(Role::Observation, |b| b.role);
        if matches!(role, Role::System | Role::Fact) {
            return Ok(Verdict::System(Box::new(event)));
        }
        if let (PartitionId::Data(here), Some(log)) = (self.id, &self.head.log) {
            let belongs = partition_for(event.subject.as_bytes(), log.partitions);
            if belongs != here {
                return Ok(Verdict::Misrouted(Box::new(event), belongs));
            }
        }
        if let Some(seen) = self.seen(batch, &event)? {
            if seen.content == event.content_hash() {
                return Ok(Verdict::Repeat(seen.outcome()));
            }
            let detail = format!(
                "id {:?} of source {:?} came before with other content",
                event.id, event.source
            );
            return Ok(Verdict::Refused(Box::new(event), Refusal::new(Reason::IdReused, detail)));
        }
        self.fold_one(batch, record, event)
    }

    /// Whether the record was signed by this log's writer; a refusal if it should have been.
    fn authority(&self, record: &Record, event: &Event) -> Result<bool, Refusal> {
        let built_in = catalog::built_in(&event.event_type);
        let home = built_in.map_or(Home::Data, |built_in| built_in.home);
        if event.event_type == names::LOG_OPENED && self.position_is_first() {
            // The first record names the key that it is signed with itself.
            let opened: Option<payload::LogOpened> =
                serde_json::from_value(event.data.clone()).ok();
            let verifier =
                opened.and_then(|opened| Verifier::new(&opened.verifying_key, opened.log_id));
            let verifier = verifier.ok_or_else(|| forged("headwater.log.opened without a key"))?;
            return match verifier.epoch_of(self.id, &record.body)? {
                Some(_) => Ok(true),
                None => Err(forged("headwater.log.opened is not signed")),
            };
        }
        let epoch = self.authentic(record)?;
        let internal = built_in.is_some_and(|b| matches!(b.role, Role::System | Role::Fact))
            || event.derived_from.is_some();
        match (self.id, home) {
            (PartitionId::Control, Home::Data) => {
                return Err(wrong_partition(event, "a data partition"));
            }
            (PartitionId::Data(_), Home::Control) => {
                return Err(wrong_partition(event, "the control partition"));
            }
            _ => {}
        }
        match epoch {
            None if self.id == PartitionId::Control || internal => {
                Err(forged("the record does not carry the signature of this log's writer"))
            }
            None => Ok(false),
            Some(epoch) if self.id == PartitionId::Control => {
                let claims = event.event_type == names::WRITER_CLAIMED;
                let expected = self.head.epoch + u64::from(claims);
                if epoch == expected {
                    return Ok(true);
                }
                let detail = format!("written in epoch {epoch}, expected {expected}");
                Err(Refusal::new(Reason::StaleEpoch, detail))
            }
            Some(_) => Ok(true),
        }
    }

    fn authentic(&self, record: &Record) -> Result<Option<u64>, Refusal> {
        match &self.verifier {
            Some(verifier) => verifier.epoch_of(self.id, &record.body),
            None => Ok(None),
        }
    }

    fn position_is_first(&self) -> bool {
        self.head.log.is_none()
    }

    fn compiled_check(&self, event: &Event) -> Result<(), Refusal> {
        if let Some(time) = event.time {
            time_range::check(time)?;
        }
        self.compiled.schemas.check(event)
    }

    fn seen<R: StoredRows>(
        &self,
        batch: &Batch<'_, R>,
        event: &Event,
    ) -> Result<Option<Seen>, PartitionError> {
        let Some(bytes) = batch.seen(&event.id_hash())? else { return Ok(None) };
        let seen = Seen::from_bytes(&bytes)?;
        let horizon = self.head.log.as_ref().map_or(0, |log| i64::from(log.dedup_horizon_days));
        let expired = self.id != PartitionId::Control && seen.day + horizon < self.now().day();
        Ok((!expired).then_some(seen))
    }

    /// The log's time: of the last tick.
    pub fn now(&self) -> Timestamp {
        self.head.clock.map_or(Timestamp::from_micros(0), |clock| clock.time)
    }

    fn fold_one<R: StoredRows>(
        &self,
        batch: &Batch<'_, R>,
        record: &Record,
        event: Event,
    ) -> Result<Verdict, PartitionError> {
        let event_time = event.time.unwrap_or_else(|| self.now());
        let mut fold = Fold::new(&event, event_time, record.offset, &self.head, batch);
        let folded = std::panic::catch_unwind(AssertUnwindSafe(|| self.family(&mut fold)));
        match folded {
            Ok(Ok(())) => {
                let delta = fold.finish();
                Ok(Verdict::Folded(Box::new(event), delta))
            }
            Ok(Err(FoldError::Refused(refusal))) => {
                Ok(Verdict::Refused(Box::new(event), refusal))
            }
            Ok(Err(FoldError::Read(error))) => Err(error.into()),
            Ok(Err(FoldError::Damaged(error))) => Err(error.into()),
            Err(panic) => {
                let what = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("panic");
                let detail = format!("fold revision {FOLD_REVISION} panicked: {what}");
                let refusal = Refusal::new(Reason::FoldFailed, detail);
                Ok(Verdict::Dead(Some(event.event_type), refusal))
            }
        }
    }

    fn family<R: StoredRows>(&self, fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
        let handled = match self.id {
            PartitionId::Control => {
                system::fold_request(fold, &self.built_in)?
                    || family::tracking::fold(fold)?
                    || family::registry::fold(fold)?
                    || family::serving::fold(fold)?
            }
            PartitionId::Data(_) => family::serving::fold(fold)?,
        };
        if handled {
            return Ok(());
        }
        let views = self.views();
        if fold.event.event_type == names::FEATURE_WRITTEN {
            let written: payload::FeatureWritten = fold.payload()?;
            return crate::feature::fold_written(fold, views, &written);
        }
        crate::feature::fold_app_event(fold, views)
    }

    fn views(&self) -> &[CompiledView] {
        if self.backfill.is_empty() { &self.compiled.views } else { &self.backfill }
    }

    fn apply<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        outbox: &mut Vec<(PartitionId, Outlet, Event)>,
        record: &Record,
        verdict: Verdict,
    ) -> Result<Outcome, PartitionError> {
        match verdict {
            Verdict::Folded(event, delta) => {
                self.head.counts.accepted += 1;
                self.receive(&event);
                self.head.counters.extend(delta.counters);
                if let Some(clock) = system::accepted_tick(&event, &delta.assigned) {
                    self.head.accepted_tick = Some(clock);
                }
                if let Some(compiled) = system::accepted_topology(&event, &self.built_in) {
                    self.hold(compiled);
                }
                for put in delta.puts {
                    batch.apply(&mut self.head, put)?;
                }
                self.emit(outbox, record, &event, delta.derived);
                self.head.counts.dead_letters += delta.mismatches.len() as u64;
                let outcome = Outcome::Accepted { assigned: delta.assigned };
                self.remember(batch, &event, &outcome);
                Ok(outcome)
            }
            Verdict::Refused(event, refusal) => {
                self.head.counts.rejections += 1;
                self.receive(&event);
                self.put(batch, record, &event, |fold| fold.put(&Rejection::of(&event, &refusal)))?;
                let request = catalog::built_in(&event.event_type)
                    .is_some_and(|built_in| built_in.role == Role::Request);
                if request {
                    let fact = rejection_fact(&event, &refusal);
                    self.emit(outbox, record, &event, vec![fact]);
                }
                let reused = refusal.reason == Reason::IdReused;
                let outcome = Outcome::Rejected { refusal };
                if !reused {
                    self.remember(batch, &event, &outcome);
                }
                Ok(outcome)
            }
            Verdict::Dead(event_type, refusal) => {
                self.head.counts.dead_letters += 1;
                let nobody = Event::new("", "", "", "", serde_json::Value::Null);
                let letter = DeadLetter::of_record(record, event_type, &refusal);
                self.put(batch, record, &nobody, |fold| fold.put(&letter))?;
                Ok(Outcome::DeadLetter { refusal })
            }
            Verdict::Misrouted(event, belongs) => {
                self.head.counts.misrouted += 1;
                let derived = Derived { to: PartitionId::Data(belongs), event: (*event).clone() };
                self.emit(outbox, record, &event, vec![derived]);
                Ok(Outcome::Misrouted)
            }
            Verdict::Repeat(first) => {
                self.head.counts.repeats += 1;
                Ok(first)
            }
            Verdict::DroppedRepeat => {
                self.head.counts.repeats += 1;
                Ok(Outcome::Accepted { assigned: serde_json::Value::Null })
            }
            Verdict::System(event) => {
                self.head.counts.derived += u64::from(event.derived_from.is_some());
                self.receive(&event);
                self.apply_system(&event)?;
                Ok(Outcome::Accepted { assigned: serde_json::Value::Null })
            }
        }
    }

    /// Writes rows that tell of a record rather than follow from an event.
    fn put<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        record: &Record,
        event: &Event,
        write: impl FnOnce(&mut Fold<'_, R>),
    ) -> Result<(), PartitionError> {
        let time = event.time.unwrap_or_else(|| self.now());
        let mut fold = Fold::new(event, time, record.offset, &self.head, batch);
        write(&mut fold);
        for put in fold.finish().puts {
            batch.apply(&mut self.head, put)?;
        }
        Ok(())
    }

    fn remember<R: StoredRows>(&self, batch: &mut Batch<'_, R>, event: &Event, outcome: &Outcome) {
        let seen = Seen::new(self.now(), &event.content_hash(), outcome);
        batch.remember(event.id_hash(), seen.to_bytes());
    }

    /// Counts an event that the outbox brought.
    fn receive(&mut self, event: &Event) {
        if let Some(outlet) = event.derived_from {
            let tally = self.head.received.entry(outlet.partition).or_insert_with(Tally::default);
            tally.add(outlet, &event.content_hash());
        }
    }

    /// Gives derived events to the outbox, in order, each with its place.
    fn emit(
        &mut self,
        outbox: &mut Vec<(PartitionId, Outlet, Event)>,
        record: &Record,
        cause: &Event,
        derived: Vec<Derived>,
    ) {
        for (index, Derived { to, mut event }) in (0_u32..).zip(derived) {
            let outlet = Outlet { partition: self.id, offset: record.offset, index };
            if event.id.is_empty() {
                // A fact of its own; a misrouted event keeps its id and source.
                event.id = outlet.to_string();
                event.source = FACT_SOURCE.to_owned();
                event.time = Some(self.now());
                event.actor.clone_from(&cause.actor);
                event.cause_id = Some(cause.id.clone());
                event.correlation_id.clone_from(&cause.correlation_id);
                event.traceparent.clone_from(&cause.traceparent);
            }
            event.derived_from = Some(outlet);
            let tally = self.head.emitted.entry(to).or_insert_with(Tally::default);
            tally.add(outlet, &event.content_hash());
            outbox.push((to, outlet, event));
        }
    }

    fn apply_system(&mut self, event: &Event) -> Result<(), PartitionError> {
        if event.event_type == names::LOG_OPENED {
            if self.head.log.is_none() {
                system::opened(&mut self.head, event);
                self.verifier = self
                    .head
                    .log
                    .as_ref()
                    .and_then(|log| Verifier::new(&log.verifying_key, log.log_id.clone()));
            }
            return Ok(());
        }
        if let Some(compiled) = system::apply(&mut self.head, event, &self.built_in)? {
            for view in &compiled.views {
                self.head.digests.entry(view.table.version_hex()).or_default();
            }
            self.hold(compiled);
        }
        Ok(())
    }

    /// From here on this topology holds.
    fn hold(&mut self, compiled: Compiled) {
        self.head.topology = Some(compiled.topology.hash());
        self.head.declared_views =
            compiled.views.iter().map(|view| view.table.name.clone()).collect();
        self.compiled = compiled;
    }
}

/// The source of facts that the outbox publishes.
pub const FACT_SOURCE: &str = "headwater";

fn forged(what: &str) -> Refusal {
    Refusal::new(Reason::Forged, what)
}

fn wrong_partition(event: &Event, belongs: &str) -> Refusal {
    let detail = format!("{} belongs on {belongs}", event.event_type);
    Refusal::new(Reason::WrongPartition, detail)
}
