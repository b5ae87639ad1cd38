//! Topics that are read and mapped: how far each is, and what could not be mapped.
//!
//! The mapped events are events like any other; nothing here knows where they come from.

use headwater_event::{
    Event, Record,
    payload::{SourceAdvanced, SourceRecordRefused},
};

use crate::{
    Fold, Outcome, PartitionError, PartitionFold, StoredRows, Value,
    batch::Batch,
    family::log::{DeadLetter, SourcePosition},
    system,
};

impl PartitionFold {
    /// Control: everything before these offsets is on the log, or told.
    pub(crate) fn source_advanced<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        record: &Record,
        event: &Event,
    ) -> Result<(), PartitionError> {
        let Some(advanced) = system::payload::<SourceAdvanced>(event) else { return Ok(()) };
        let time = event.time.unwrap_or_else(|| self.now());
        let mut fold = Fold::new(event, time, record.offset, &self.head, batch);
        for moved in &advanced.partitions {
            let key = [
                Value::Text(advanced.source.clone()),
                Value::Text(advanced.topic.clone()),
                Value::Int64(i64::from(moved.partition)),
            ];
            let before: Option<SourcePosition> = fold.read(&key)?;
            if before.is_some_and(|before| before.next_offset > whole(moved.next)) {
                continue;
            }
            fold.put(&SourcePosition {
                source: advanced.source.clone(),
                topic: advanced.topic.clone(),
                partition: i64::from(moved.partition),
                next_offset: whole(moved.next),
                mapped: whole(moved.mapped),
                passed_over: whole(moved.passed_over),
                refused: whole(moved.refused),
                lost: whole(moved.lost),
                advanced_at: time,
            });
        }
        for put in fold.finish().puts {
            batch.apply(&mut self.head, put)?;
        }
        Ok(())
    }

    /// A record that is no event, of a topic that is not the log. It may be told twice, after a crash.
    pub(crate) fn source_record_refused<R: StoredRows>(
        &mut self,
        batch: &mut Batch<'_, R>,
        record: &Record,
        event: &Event,
    ) -> Result<(), PartitionError> {
        let Some(refused) = system::payload::<SourceRecordRefused>(event) else { return Ok(()) };
        if batch.seen(&event.id_hash())?.is_some() {
            self.head.counts.repeats += 1;
            return Ok(());
        }
        self.head.counts.dead_letters += 1;
        self.put(batch, record, event, |fold| fold.put(&DeadLetter::of_source(&refused)))?;
        let told = Outcome::Accepted { assigned: serde_json::Value::Null };
        self.remember(batch, event, &told);
        Ok(())
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
