//! What a record is.
//!
//! The way of a record: decode → who wrote it → where it belongs → schema → repeat? → family. The
//! first step that refuses decides whether it is a dead letter (no event) or a rejection (refused).

use std::panic::AssertUnwindSafe;

use headwater_event::{
    ANONYMOUS, Event, PartitionId, Reason, Record, Refusal, Verifier,
    catalog::{self, Home, Role, names},
    decode, partition_for, payload,
};
use headwater_topology::ViewSource;

use crate::{
    Delta, FOLD_REVISION, Fold, FoldError, Outcome, PartitionError, PartitionFold, StoredRows,
    batch::Batch, effects, family, feature::Views, outcome::Seen, rows::Put, system, time_range,
};

/// What a record turned out to be.
pub(crate) enum Verdict {
    Folded(Box<Event>, Delta),
    Repeat(Box<Event>, Outcome),
    /// Refused by the view that its name reads; what another version makes of it all the same.
    Refused(Box<Event>, Refusal, Vec<Put>),
    Dead(Option<String>, Refusal),
    /// An event that nobody here can read.
    Unfit(Box<Event>, Refusal),
    Misrouted(Box<Event>, u32),
    /// The log's own: changes the head, not the views.
    System(Box<Event>),
    /// An event that the outbox brought again.
    DroppedRepeat,
}

impl PartitionFold {
    pub(crate) fn judge<R: StoredRows>(
        &self,
        batch: &Batch<'_, R>,
        record: &Record,
    ) -> Result<Verdict, PartitionError> {
        let mut event = match decode(&record.body) {
            Ok(event) => event,
            Err(refusal) => return Ok(Verdict::Dead(None, refusal)),
        };
        let dead =
            |event: &Event, refusal| Ok(Verdict::Dead(Some(event.event_type.clone()), refusal));
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
        let newer = match self.admit(&event) {
            Ok(newer) => newer,
            Err(refusal) => return Ok(Verdict::Unfit(Box::new(event), refusal)),
        };
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
                return Ok(Verdict::Repeat(Box::new(event), seen.outcome()));
            }
            let detail = format!(
                "id {:?} of source {:?} came before with other content",
                event.id, event.source
            );
            let refusal = Refusal::new(Reason::IdReused, detail);
            return Ok(Verdict::Refused(Box::new(event), refusal, Vec::new()));
        }
        self.fold_one(batch, record, event, newer)
    }

    /// Whether the record was signed by this log's writer; a refusal if it should have been.
    fn authority(&self, record: &Record, event: &Event) -> Result<bool, Refusal> {
        let built_in = catalog::built_in(&event.event_type);
        let home = built_in.map_or(Home::Data, |built_in| built_in.home);
        if event.event_type == names::LOG_OPENED && self.position_is_first() {
            // The first record names the key that it is signed with itself.
            let opened: Option<payload::LogOpened> = event.payload().ok();
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

    pub(crate) fn authentic(&self, record: &Record) -> Result<Option<u64>, Refusal> {
        match &self.verifier {
            Some(verifier) => verifier.epoch_of(self.id, &record.body),
            None => Ok(None),
        }
    }

    fn position_is_first(&self) -> bool {
        self.head.log.is_none()
    }

    /// Checks the event by what holds here, and gives it as its readers see it if that is another.
    fn admit(&self, event: &Event) -> Result<Option<Event>, Refusal> {
        if let Some(time) = event.time {
            time_range::check(time)?;
        }
        let newer = self.compiled.schemas.admit(event)?;
        // Views whose history is folded late read it by what was declared with them.
        let reads = |view: &&crate::CompiledView| {
            matches!(&view.declared.source, ViewSource::Events { event_type, .. }
                if *event_type == event.event_type)
        };
        match self.backfill.iter().find(reads) {
            Some(view) => view.chain.upcast(event),
            None => Ok(newer),
        }
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

    fn fold_one<R: StoredRows>(
        &self,
        batch: &Batch<'_, R>,
        record: &Record,
        event: Event,
        newer: Option<Event>,
    ) -> Result<Verdict, PartitionError> {
        let event_time = event.time.unwrap_or_else(|| self.now());
        let read = newer.as_ref().unwrap_or(&event);
        let mut fold =
            Fold::new(read, event_time, record.offset, &self.head, batch).written_as(&event);
        let folded = std::panic::catch_unwind(AssertUnwindSafe(|| self.family(&mut fold)));
        match folded {
            Ok(Ok(())) => {
                let delta = fold.finish();
                Ok(Verdict::Folded(Box::new(event), delta))
            }
            Ok(Err(FoldError::Refused(refusal))) => {
                let beside = fold.finish().beside;
                Ok(Verdict::Refused(Box::new(event), refusal, beside))
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
                Ok(Verdict::Unfit(Box::new(event), refusal))
            }
        }
    }

    /// Folds the event, then asks for what is to be done about it.
    fn family<R: StoredRows>(&self, fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
        self.views_of(fold)?;
        if !self.is_backfill() {
            effects::ask(fold, &self.compiled.topology.effects);
        }
        Ok(())
    }

    fn views_of<R: StoredRows>(&self, fold: &mut Fold<'_, R>) -> Result<(), FoldError> {
        let handled = match self.id {
            PartitionId::Control => {
                system::fold_request(fold, &self.built_in, &self.compiled)?
                    || family::tracking::fold(fold)?
                    || family::registry::fold(fold)?
                    || family::serving::fold(fold)?
                    || effects::cancel(fold)?
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
        crate::feature::fold_app_event(fold, views)?;
        if !self.is_backfill() {
            crate::derived_events::follow(fold, &self.compiled.topology);
        }
        Ok(())
    }

    fn views(&self) -> Views<'_> {
        match self.is_backfill() {
            true => Views { serving: &self.backfill, coming: &[] },
            false => Views { serving: &self.compiled.views, coming: &self.compiled.coming },
        }
    }
}

fn forged(what: &str) -> Refusal {
    Refusal::new(Reason::Forged, what)
}

fn wrong_partition(event: &Event, belongs: &str) -> Refusal {
    let detail = format!("{} belongs on {belongs}", event.event_type);
    Refusal::new(Reason::WrongPartition, detail)
}
