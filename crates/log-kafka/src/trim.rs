//! Taking away the oldest records: the broker's `DeleteRecords`, which moves the log's start.

use headwater_event::Offset;
use headwater_log::Result;
use rdkafka::{
    TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    error::KafkaError,
};

use crate::{KafkaConfig, problem, topics::REQUEST_TIMEOUT};

/// Deletes the records of a partition before an offset, on all of its replicas.
pub(crate) async fn trim(
    config: &KafkaConfig,
    topic: &str,
    index: i32,
    before: Offset,
) -> Result<()> {
    let failed = |error| problem::kafka(&format!("trim topic {topic}"), error);
    let admin: AdminClient<DefaultClientContext> =
        config.consumer().create().map_err(|error| problem::kafka("connect to Kafka", error))?;
    let mut offsets = TopicPartitionList::new();
    let offset = i64::try_from(before.0).unwrap_or(i64::MAX);
    offsets.add_partition_offset(topic, index, rdkafka::Offset::Offset(offset)).map_err(failed)?;
    let options = AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT));
    let deleted = admin.delete_records(&offsets, &options).await.map_err(failed)?;
    let refused = deleted.elements().into_iter().find_map(|element| element.error().err());
    refused.map_or(Ok(()), |error: KafkaError| Err(failed(error)))
}
