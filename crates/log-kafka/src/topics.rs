//! The two topics of a log: made if they are not there, checked if they are.

use std::time::{Duration, Instant};

use headwater_event::Offset;
use headwater_log::{DATA_PARTITIONS_DEFAULT, Error, ErrorKind, Result, check_data_partitions};
use rdkafka::{
    admin::{
        AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use crate::{KafkaConfig, config::MESSAGE_BYTES_MAX, problem};

/// For one question to a broker: longer than an election of a new leader takes.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Between looks at whether new topics have leaders.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// A topic that was there stays unseen for no longer than an election takes.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// The broker's own `default.replication.factor`: only its operator knows how many brokers there are.
const BROKERS_DEFAULT: TopicReplication<'_> = TopicReplication::Fixed(-1);

/// What is done about topics that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Make,
    Refuse,
}

/// Makes sure that both topics are there and fit for a log; returns the number of data partitions.
pub(crate) async fn ensure(
    config: &KafkaConfig,
    client: std::sync::Arc<BaseConsumer>,
    missing: Missing,
) -> Result<u32> {
    config.data_partitions.map_or(Ok(()), check_data_partitions)?;
    let admin: AdminClient<DefaultClientContext> =
        config.consumer().create().map_err(|error| problem::kafka("connect to Kafka", error))?;
    let topics = [config.control_topic(), config.data_topic()];
    let counts = partition_counts(&client, &topics).await?;
    let wanted = config.data_partitions.unwrap_or(DATA_PARTITIONS_DEFAULT);
    if counts.contains(&0) && missing == Missing::Make {
        create(&admin, &topics, &counts, wanted).await?;
    }
    let started = Instant::now();
    loop {
        let counts = partition_counts(&client, &topics).await?;
        if !counts.contains(&0) {
            check_counts(config, counts)?;
            check_policies(&admin, &topics).await?;
            // Whoever opened a log may use it at once: each partition's leader answers by now.
            for (topic, count) in topics.iter().zip(counts) {
                for index in 0..count {
                    bounds(&client, topic, i32::try_from(index).unwrap_or(i32::MAX)).await?;
                }
            }
            return Ok(counts[1]);
        }
        let wait = match missing {
            Missing::Make => REQUEST_TIMEOUT,
            Missing::Refuse => LOOK_MAX,
        };
        if started.elapsed() > wait {
            let topics = topics.join(" and ");
            return Err(match missing {
                Missing::Make => {
                    let message = format!("create {topics}: the broker does not show them");
                    Error::new(ErrorKind::Retry, message)
                }
                Missing::Refuse => {
                    let message = format!(
                        "use topics {topics}: the broker does not have both, or nobody leads them"
                    );
                    Error::new(ErrorKind::Reject, message)
                }
            });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The first offset of a partition that is kept, and the one after its last.
///
/// Asks again for a while when the broker does not lead the partition: leaders change, and a new topic
/// is shown with its leader a moment before that one answers for it.
pub(crate) async fn bounds(
    client: &std::sync::Arc<BaseConsumer>,
    topic: &str,
    index: i32,
) -> Result<(Offset, Offset)> {
    let started = Instant::now();
    loop {
        let (asked, name) = (std::sync::Arc::clone(client), topic.to_owned());
        let answer = tokio::task::spawn_blocking(move || {
            asked.fetch_watermarks(&name, index, REQUEST_TIMEOUT)
        });
        match answer.await.map_err(problem::stopped)? {
            Ok((low, high)) => {
                let offset = |watermark| Offset(u64::try_from(watermark).unwrap_or_default());
                return Ok((offset(low), offset(high)));
            }
            Err(error) if has_no_leader(&error) && started.elapsed() < REQUEST_TIMEOUT => {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Err(error) => {
                return Err(problem::kafka(&format!("find the end of topic {topic}"), error));
            }
        }
    }
}

fn has_no_leader(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::UnknownTopicOrPartition
        )
    )
}

/// The numbers of partitions that have a leader; 0 if a topic is not there.
async fn partition_counts(
    client: &std::sync::Arc<BaseConsumer>,
    topics: &[String; 2],
) -> Result<[u32; 2]> {
    let client = std::sync::Arc::clone(client);
    let topics = topics.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let mut counts = [0; 2];
        for (topic, count) in topics.iter().zip(&mut counts) {
            let metadata = client
                .fetch_metadata(Some(topic), REQUEST_TIMEOUT)
                .map_err(|error| problem::kafka(&format!("look for topic {topic}"), error))?;
            let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            let all = partitions.clone().count();
            let led = partitions.filter(|partition| partition.leader() >= 0).count();
            // While some have no leader the topic is being made, or a broker is away: wait for it.
            *count = if all == led { u32::try_from(all).unwrap_or(u32::MAX) } else { 0 };
        }
        Ok(counts)
    });
    asked.await.map_err(problem::stopped)?
}

async fn create(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[String; 2],
    counts: &[u32; 2],
    data_partitions: u32,
) -> Result<()> {
    let sizes = [1, i32::try_from(data_partitions).unwrap_or(i32::MAX)];
    let missing = topics.iter().zip(counts).zip(sizes).filter(|((_, count), _)| **count == 0);
    let new: Vec<NewTopic<'_>> = missing
        .map(|((topic, _), partitions)| {
            NewTopic::new(topic, partitions, BROKERS_DEFAULT)
                // The log is the history: nothing is ever dropped or compacted.
                .set("cleanup.policy", "delete")
                .set("retention.ms", "-1")
                .set("retention.bytes", "-1")
                // When the log took a record is for the log to say, not for the producer's clock.
                .set("message.timestamp.type", "LogAppendTime")
                .set("max.message.bytes", MESSAGE_BYTES_MAX)
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(REQUEST_TIMEOUT))
        .operation_timeout(Some(REQUEST_TIMEOUT));
    let created = admin
        .create_topics(&new, &options)
        .await
        .map_err(|error| problem::kafka("create topics", error))?;
    for result in created {
        match result {
            // Another process made it at this moment; it's checked like any other that was there.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                let doing = format!("create topic {topic}");
                return Err(problem::kafka(&doing, KafkaError::AdminOp(code)));
            }
        }
    }
    Ok(())
}

fn check_counts(config: &KafkaConfig, [control, data]: [u32; 2]) -> Result<()> {
    let refuse = |message| Err(Error::new(ErrorKind::Reject, message));
    if control != 1 {
        let topic = config.control_topic();
        return refuse(format!(
            "use topic {topic}: it has {control} partitions, and must have one"
        ));
    }
    match config.data_partitions {
        Some(asked) if asked != data => refuse(format!(
            "use topic {}: it has {data} partitions, not {asked}; their number is fixed when a log \
             is made",
            config.data_topic()
        )),
        _ => Ok(()),
    }
}

async fn check_policies(
    admin: &AdminClient<DefaultClientContext>,
    topics: &[String; 2],
) -> Result<()> {
    let specifiers: Vec<_> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST_TIMEOUT));
    let described = admin
        .describe_configs(&specifiers, &options)
        .await
        .map_err(|error| problem::kafka("read the settings of topics", error))?;
    for (topic, resource) in topics.iter().zip(described) {
        match resource {
            Ok(resource) => check_policy(topic, &resource)?,
            // Who may read and write a topic may still be forbidden to see its settings.
            Err(error) => {
                tracing::warn!(%topic, %error, "can't see whether the topic is compacted")
            }
        }
    }
    Ok(())
}

fn check_policy(topic: &str, resource: &ConfigResource) -> Result<()> {
    let setting = |name| resource.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or("");
    if setting("cleanup.policy").contains("compact") {
        return Err(Error::new(
            ErrorKind::Reject,
            format!(
                "use topic {topic}: it is compacted, which drops events; set cleanup.policy=delete"
            ),
        ));
    }
    let limited = |name| !matches!(setting(name), "" | "-1");
    if limited("retention.ms") || limited("retention.bytes") {
        tracing::warn!(%topic, "the topic's retention is limited: its oldest events will be lost");
    }
    Ok(())
}
