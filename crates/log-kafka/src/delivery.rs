//! Collects the broker's acknowledgements of the records of one append.

use std::sync::{Arc, Mutex, PoisonError};

use headwater_event::Offset;
use rdkafka::{
    ClientContext, Message as _,
    error::KafkaError,
    producer::{DeliveryResult, ProducerContext},
};
use tokio::sync::oneshot;

/// Hears of each record what became of it.
pub(crate) struct Deliveries;

/// The records of one append, of which some are under way.
pub(crate) struct Run(Mutex<State>);

struct State {
    offsets: Vec<Offset>,
    under_way: usize,
    failed: Option<KafkaError>,
    reply: Option<oneshot::Sender<Result<Vec<Offset>, KafkaError>>>,
}

/// One record of a run.
pub(crate) struct Delivery {
    /// The run.
    pub(crate) run: Arc<Run>,
    /// The record's place in it.
    pub(crate) index: usize,
}

impl Run {
    /// A run of so many records, and where their offsets will be told once all are acknowledged.
    pub(crate) fn new(
        records: usize,
    ) -> (Arc<Self>, oneshot::Receiver<Result<Vec<Offset>, KafkaError>>) {
        let (reply, answer) = oneshot::channel();
        let offsets = vec![Offset::default(); records];
        let state = State { offsets, under_way: records, failed: None, reply: Some(reply) };
        (Arc::new(Self(Mutex::new(state))), answer)
    }

    fn delivered(&self, index: usize, result: Result<i64, KafkaError>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(offset) => {
                if let Some(place) = state.offsets.get_mut(index) {
                    *place = Offset(u64::try_from(offset).unwrap_or_default());
                }
            }
            Err(error) => state.failed = Some(error),
        }
        state.under_way = state.under_way.saturating_sub(1);
        if state.under_way == 0
            && let Some(reply) = state.reply.take()
        {
            let offsets = std::mem::take(&mut state.offsets);
            // Whoever stopped waiting has no need of the answer.
            let _ = reply.send(state.failed.take().map_or(Ok(offsets), Err));
        }
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Delivery>;

    fn delivery(&self, result: &DeliveryResult<'_>, delivery: Self::DeliveryOpaque) {
        let result = match result {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => Err(error.clone()),
        };
        delivery.run.delivered(delivery.index, result);
    }
}
