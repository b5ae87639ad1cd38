//! Records on their way to a topic: queued in order, acknowledged together.

use std::{sync::Arc, time::Duration};

use headwater_event::{NewRecord, Offset};
use headwater_log::Result;
use rdkafka::{
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, ThreadedProducer},
    types::RDKafkaErrorCode,
};
use tokio::sync::Mutex;

use crate::{
    delivery::{Deliveries, Delivery, Run},
    problem,
};

/// When librdkafka's queue is full, look again so often whether it has room.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(2);

/// Where records go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The topic.
    pub(crate) topic: &'a str,
    /// The partition; that of each record's key if missing.
    pub(crate) partition: Option<i32>,
    /// Keeps the records of one append in one run.
    pub(crate) in_turn: &'a Mutex<()>,
}

/// Appends records; answers their offsets once the broker has all of them.
pub(crate) async fn produce(
    producer: &ThreadedProducer<Deliveries>,
    place: Place<'_>,
    records: &[NewRecord],
) -> Result<Vec<Offset>> {
    let failed = |error| problem::kafka(&format!("append to topic {}", place.topic), error);
    let (run, answer) = Run::new(records.len());
    let turn = place.in_turn.lock().await;
    for (index, record) in records.iter().enumerate() {
        let delivery = Box::new(Delivery { run: Arc::clone(&run), index });
        send(producer, place, record, delivery).await.map_err(failed)?;
    }
    drop(turn);
    match answer.await {
        Ok(result) => result.map_err(failed),
        Err(_) => Err(failed(KafkaError::Canceled)),
    }
}

/// Puts a record into the producer's queue, and waits while it is full.
async fn send(
    producer: &ThreadedProducer<Deliveries>,
    place: Place<'_>,
    record: &NewRecord,
    delivery: Box<Delivery>,
) -> Result<(), KafkaError> {
    let mut delivery = delivery;
    loop {
        let mut message: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(place.topic, delivery);
        message.partition = place.partition;
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.headers = headers(record);
        match producer.send(message) {
            Ok(()) => return Ok(()),
            Err((error, returned))
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) =>
            {
                delivery = returned.delivery_opaque;
            }
            Err((error, _)) => return Err(error),
        }
        tokio::time::sleep(QUEUE_FULL_WAIT).await;
    }
}

fn headers(record: &NewRecord) -> Option<OwnedHeaders> {
    if record.headers.is_empty() {
        return None;
    }
    let all = record.headers.iter();
    Some(all.fold(OwnedHeaders::new_with_capacity(record.headers.len()), |headers, header| {
        headers.insert(Header { key: &header.name, value: Some(header.value.as_ref()) })
    }))
}
