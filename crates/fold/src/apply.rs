//! What a record changes: rows, digests, ids, the head, and what follows for the outbox.

use headwater_event::{
    Event, Offset, Outlet, PartitionId, Reason, Record, Refusal, Verifier,
    catalog::{self, Role, names},
    payload::PublicationDelivered,
};

use crate::{
    Delivered, Delta, Derived, FACT_SOURCE, Fold, Outcome, PartitionError, PartitionFold,
    Published, StoredRows,
    batch::Batch,
    effects,
    family::log::{DeadLetter, Rejection},
    fold::rejection_fact,
    judge::Verdict,
    origin,
    outcome::Seen,
    rules::Rules,
    succession, system,
};

/// What follows from a batch of records.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Events for partitions of the log.
    pub(crate) derived: Vec<(PartitionId, Outlet, Event)>,
    /// Events for topics of the users' own.
    pub(crate) published: Vec<Published>,
}

impl PartitionFold {
    pub(crate) fn apply<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        outbox: &mut Outbox,
        record: &Record,
        verdict: Verdict,
    ) -> Result<Outcome, PartitionError> {
        match verdict {
            Verdict::Folded(event, delta) => self.accept(batch, outbox, record, &event, delta),
            Verdict::Refused(event, refusal, beside) => {
                for put in beside {
                    batch.apply(&mut self.head, put)?;
                }
                self.refuse(batch, outbox, record, &event, refusal)
            }
            Verdict::Dead(event_type, refusal) => self.bury(batch, record, event_type, refusal),
            Verdict::Unfit(event, refusal) => {
                self.receive(&event);
                self.bury(batch, record, Some(event.event_type), refusal)
            }
            Verdict::Misrouted(event, belongs) => {
                self.head.counts.misrouted += 1;
                let derived = Derived { to: PartitionId::Data(belongs), event: (*event).clone() };
                self.emit(outbox, record, &event, vec![derived]);
                Ok(Outcome::Misrouted)
            }
            Verdict::Repeat(event, first) => {
                self.head.counts.repeats += 1;
                self.receive(&event);
                Ok(first)
            }
            Verdict::DroppedRepeat => {
                self.head.counts.repeats += 1;
                Ok(Outcome::Accepted { assigned: serde_json::Value::Null })
            }
            Verdict::System(event) => {
                self.head.counts.derived += u64::from(event.derived_from.is_some());
                self.receive(&event);
                self.publish(outbox, record, &event);
                self.apply_system(batch, outbox, record, &event)?;
                Ok(Outcome::Accepted { assigned: serde_json::Value::Null })
            }
        }
    }

    fn accept<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        outbox: &mut Outbox,
        record: &Record,
        event: &Event,
        delta: Delta,
    ) -> Result<Outcome, PartitionError> {
        self.head.counts.accepted += 1;
        self.head.counts.late += delta.late;
        self.receive(event);
        self.saw(event);
        self.publish(outbox, record, event);
        self.head.counters.extend(delta.counters);
        if let Some(clock) = system::accepted_tick(event, &delta.assigned) {
            self.head.accepted_tick = Some(clock);
        }
        let holds = &self.compiled;
        if let Some(next) = system::accepted_topology(event, &self.head, holds, &self.built_in) {
            let coming = succession::coming(&self.head, &next, event, record.offset);
            self.hold(next, coming);
        }
        for put in delta.puts.into_iter().chain(delta.beside) {
            batch.apply(&mut self.head, put)?;
        }
        self.emit(outbox, record, event, delta.derived);
        self.head.counts.dead_letters += delta.mismatches.len() as u64;
        let outcome = Outcome::Accepted { assigned: delta.assigned };
        self.remember(batch, event, &outcome);
        Ok(outcome)
    }

    fn refuse<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        outbox: &mut Outbox,
        record: &Record,
        event: &Event,
        refusal: Refusal,
    ) -> Result<Outcome, PartitionError> {
        self.head.counts.rejections += 1;
        self.receive(event);
        self.put(batch, record, event, |fold| fold.put(&Rejection::of(event, &refusal)))?;
        let request = catalog::built_in(&event.event_type)
            .is_some_and(|built_in| built_in.role == Role::Request);
        if request {
            let fact = rejection_fact(event, &refusal);
            self.emit(outbox, record, event, vec![fact]);
        }
        let reused = refusal.reason == Reason::IdReused;
        let outcome = Outcome::Rejected { refusal };
        if !reused {
            self.remember(batch, event, &outcome);
        }
        Ok(outcome)
    }

    /// Keeps a record that is no event, or none that can be read here.
    fn bury<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        record: &Record,
        event_type: Option<String>,
        refusal: Refusal,
    ) -> Result<Outcome, PartitionError> {
        self.head.counts.dead_letters += 1;
        let nobody = Event::new("", "", "", "", serde_json::Value::Null);
        let letter = DeadLetter::of_record(record, event_type, &refusal);
        self.put(batch, record, &nobody, |fold| fold.put(&letter))?;
        Ok(Outcome::DeadLetter { refusal })
    }

    /// Writes rows that tell of a record rather than follow from an event.
    pub(crate) fn put<R: StoredRows>(
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

    pub(crate) fn remember<R: StoredRows>(
        &self,
        batch: &mut Batch<'_, R>,
        event: &Event,
        outcome: &Outcome,
    ) {
        let at = batch.provenance().offset;
        let seen = Seen::new(self.now(), at, &event.content_hash(), outcome);
        batch.remember(event.id_hash(), seen.to_bytes());
    }

    /// Counts an event that the outbox brought, whatever becomes of it: its source counted it, too.
    fn receive(&mut self, event: &Event) {
        if let Some(outlet) = event.derived_from {
            let tally = self.head.received.entry(outlet.partition).or_default();
            tally.add(outlet, &event.content_hash());
        }
    }

    /// Gives derived events to the outbox, in order, each with its place.
    fn emit(&mut self, outbox: &mut Outbox, record: &Record, cause: &Event, derived: Vec<Derived>) {
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
            let tally = self.head.emitted.entry(to).or_default();
            tally.add(outlet, &event.content_hash());
            outbox.derived.push((to, outlet, event));
        }
    }

    /// Gives an event to the outbox for each publication that names its type. A fact is published from
    /// control alone, not from its copies.
    fn publish(&mut self, outbox: &mut Outbox, record: &Record, event: &Event) {
        let role = catalog::built_in(&event.event_type).map_or(Role::Observation, |b| b.role);
        let copy = role == Role::Fact && self.id != PartitionId::Control;
        if copy || role == Role::System || self.is_backfill() {
            return;
        }
        let outlet = Outlet { partition: self.id, offset: record.offset, index: 0 };
        for (name, declared) in &self.compiled.topology.publications {
            if !declared.events.contains(&event.event_type) {
                continue;
            }
            let mut event = event.clone();
            event.derived_from = Some(outlet);
            let tally = self.head.published.entry(name.clone()).or_default();
            tally.add(outlet, &event.content_hash());
            outbox.published.push(Published { publication: name.clone(), event });
        }
    }

    fn apply_system<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        outbox: &mut Outbox,
        record: &Record,
        event: &Event,
    ) -> Result<(), PartitionError> {
        let derived = match event.event_type.as_str() {
            names::LOG_OPENED => {
                self.opened(event);
                Vec::new()
            }
            names::LOG_TRIMMED => match origin::trimmed(&mut self.head, self.id, event) {
                None => Vec::new(),
                Some(trimmed) => {
                    self.put(batch, record, event, |fold| fold.put(&trimmed.row))?;
                    trimmed.copies
                }
            },
            names::TOPOLOGY_APPLIED => self.topology_came(event),
            names::CLOCK_TICKED => {
                system::apply(&mut self.head, event)?;
                let mut derived = self.ticked(batch)?;
                derived.extend(self.effects_of(batch, record, event)?);
                derived
            }
            names::TICK_CONTINUED => self.close_windows(batch)?,
            names::PUBLICATION_DELIVERED => {
                self.delivered(event);
                Vec::new()
            }
            names::SOURCE_ADVANCED => {
                self.source_advanced(batch, record, event)?;
                Vec::new()
            }
            names::SOURCE_RECORD_REFUSED => {
                self.source_record_refused(batch, record, event)?;
                Vec::new()
            }
            names::VIEW_BUILT => self.view_built(event),
            names::VIEW_ACTIVATED => {
                self.activation_came(event);
                Vec::new()
            }
            names::VIEW_PARTITION_BUILT => match self.partition_built(event) {
                None => Vec::new(),
                Some(activation) => {
                    let writer = activation.writer(event);
                    let mut fold = Fold::new(&writer, self.now(), record.offset, &self.head, batch);
                    self.tell_activation(&mut fold, &activation)?;
                    for put in fold.finish().puts {
                        batch.apply(&mut self.head, put)?;
                    }
                    activation.derived
                }
            },
            _ => {
                system::apply(&mut self.head, event)?;
                self.effects_of(batch, record, event)?
            }
        };
        self.emit(outbox, record, event, derived);
        Ok(())
    }

    /// The active process has put everything up to a place into a publication's topic.
    fn delivered(&mut self, event: &Event) {
        let Some(delivered) = system::payload::<PublicationDelivered>(event) else { return };
        let place = Delivered { offset: Offset(delivered.offset), index: delivered.index };
        let last = self.head.delivered.entry(delivered.publication).or_insert(place);
        *last = (*last).max(place);
    }

    /// What the log's own record does to effects, or asks for.
    fn effects_of<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        record: &Record,
        event: &Event,
    ) -> Result<Vec<Derived>, PartitionError> {
        if self.id != PartitionId::Control || !Rules::of(&self.head).flows() {
            return Ok(Vec::new());
        }
        let mut writer = event.clone();
        if let (names::CLOCK_TICKED, Some(clock)) = (&*event.event_type, self.head.clock) {
            // A tick's own id says where its request stands, which is no content.
            writer.id = format!("tick-{}", clock.n);
        }
        let mut fold = Fold::new(&writer, self.now(), record.offset, &self.head, batch);
        let declared = &self.compiled.topology.effects;
        match event.event_type.as_str() {
            names::CLOCK_TICKED => effects::ticked(&mut fold, declared)?,
            names::WRITER_CLAIMED => effects::claimed(&mut fold)?,
            names::EFFECT_REQUESTED | names::EFFECT_STARTED | names::EFFECT_FINISHED => {
                effects::fold_record(&mut fold)?;
            }
            _ => effects::ask(&mut fold, declared),
        }
        let delta = fold.finish();
        for put in delta.puts {
            batch.apply(&mut self.head, put)?;
        }
        Ok(delta.derived)
    }

    fn opened(&mut self, event: &Event) {
        if self.head.log.is_none() {
            system::opened(&mut self.head, event);
            let log = self.head.log.as_ref();
            self.verifier =
                log.and_then(|log| Verifier::new(&log.verifying_key, log.log_id.clone()));
        }
    }
}
