//! What a replay would publish to topics of the users' own, against what is there.
//!
//! A topic is read as its receivers read it: what is not beyond the last place of its partition in the sequence
//! is a repeat. So it takes no more memory than a place a partition, however long the topic is.

use std::{collections::BTreeMap, time::Duration};

use headwater_engine::{Error, ErrorKind, Result};
use headwater_event::{Offset, Outlet, PartitionId, decode};
use headwater_fold::{Head, Tally};
use headwater_log::{ReadLimits, TopicAt, Topics};
use headwater_topology::Publication;

use crate::{LeftOut, Report};

/// How long a read of a topic waits for records that its end says are there.
const READ_WAIT: Duration = Duration::from_secs(10);

/// What one topic holds of a publication.
struct InTopic {
    /// By partition of the log.
    tallies: BTreeMap<PartitionId, Tally>,
    /// How many records were repeats.
    repeats: u64,
    /// How many records have no place in the sequence.
    of_others: u64,
    /// Whether the topic's retention took its first records.
    begins_late: bool,
}

/// Compares one publication, and tells what came of it.
pub(crate) async fn compare(
    topics: &dyn Topics,
    name: &str,
    declared: &Publication,
    heads: &BTreeMap<PartitionId, &Head>,
    report: &mut Report,
) -> Result<()> {
    let what = format!("publication {name} against topic {}", declared.topic);
    let at = TopicAt { brokers: declared.brokers.clone(), topic: declared.topic.clone() };
    let found = read(topics, &at).await?;
    if found.begins_late {
        let reason = "the topic's retention took its first records";
        report.left_out.push(LeftOut::new(what, reason));
        return Ok(());
    }
    let nothing = Tally::default();
    for (id, head) in heads {
        let would = head.published.get(name).unwrap_or(&nothing);
        let is = found.tallies.get(id).unwrap_or(&nothing);
        if (would.events, would.sum) != (is.events, is.sum) {
            report.problems.push(format!(
                "publication {name}: the replay would publish {} events of partition {id}, topic {} has \
                 {}, and they are not the same events",
                would.events, declared.topic, is.events
            ));
        }
    }
    let (repeats, others) = (found.repeats, found.of_others);
    report.compared.push(format!("{what}: {repeats} repeats, {others} records of others"));
    Ok(())
}

async fn read(topics: &dyn Topics, at: &TopicAt) -> Result<InTopic> {
    let partitions = topics.partitions(at.clone()).await?;
    let mut found =
        InTopic { tallies: BTreeMap::new(), repeats: 0, of_others: 0, begins_late: false };
    for partition in 0..partitions {
        let (start, end) = topics.bounds(at.clone(), partition).await?;
        found.begins_late |= start > Offset(0);
        let mut last: BTreeMap<PartitionId, Outlet> = BTreeMap::new();
        let mut reader = topics.reader(at.clone(), partition, start).await?;
        while reader.position() < end {
            let records = reader.next_batch(ReadLimits::default(), READ_WAIT).await?;
            if records.is_empty() {
                let what = format!("topic {}: its records do not come", at.topic);
                return Err(Error::new(ErrorKind::Retry, what));
            }
            for record in records.iter().filter(|record| record.offset < end) {
                let event = decode(&record.body).ok();
                let placed = event.and_then(|event| Some((event.derived_from?, event)));
                let Some((outlet, event)) = placed else {
                    found.of_others += 1;
                    continue;
                };
                if last.get(&outlet.partition).is_some_and(|last| outlet <= *last) {
                    found.repeats += 1;
                    continue;
                }
                last.insert(outlet.partition, outlet);
                let tally = found.tallies.entry(outlet.partition).or_default();
                tally.add(outlet, &event.content_hash());
            }
        }
    }
    Ok(found)
}
