//! The edge: what a caller is told at once, before anything is on the log.

use headwater_event::{
    Event, PartitionId, Reason, Refusal,
    catalog::{self, Home, Role},
    limits::EVENT_BYTES_MAX,
    partition_for,
};
use headwater_fold::{Compiled, check_event_time};

/// Checks a client's event and says which partition it belongs to.
///
/// The fold checks again: on Kafka, others write too, and a topology may change in between.
pub(crate) fn check(
    event: &mut Event,
    compiled: &Compiled,
    partitions: u32,
) -> Result<PartitionId, Refusal> {
    let built_in = catalog::built_in(&event.event_type);
    let internal = built_in.is_some_and(|b| matches!(b.role, Role::System | Role::Fact));
    if internal || event.derived_from.is_some() {
        let detail = format!(
            "{} is written by the server itself; send the request that leads to it",
            event.event_type
        );
        return Err(Refusal::new(Reason::Forged, detail));
    }
    if let Some(time) = event.time {
        check_event_time(time)?;
    }
    compiled.schemas.check(event)?;
    // Who shows no credential is nobody, whoever they say they are.
    event.claimed_actor = event.actor.take().or(event.claimed_actor.take());
    let size = event.to_record().size();
    if size > EVENT_BYTES_MAX {
        let detail = format!("{size} bytes, the limit is {EVENT_BYTES_MAX}");
        return Err(Refusal::new(Reason::TooLarge, detail));
    }
    Ok(match built_in.map_or(Home::Data, |built_in| built_in.home) {
        Home::Control | Home::Everywhere => PartitionId::Control,
        Home::Data => PartitionId::Data(partition_for(event.subject.as_bytes(), partitions)),
    })
}
