//! Where the log is, and how librdkafka is set.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

/// Topics of a log without another name begin with this.
const NAME_DEFAULT: &str = "headwater";

/// The largest record that Kafka must take: an event of 1 MiB, its key and its headers.
pub(crate) const MESSAGE_BYTES_MAX: &str = "2097152";

/// Waiting this long for company halves what a busy broker does, and a lone request hardly feels it.
const LINGER_MS: &str = "1";

/// After so long without an acknowledgement an append fails, with the advice to try again.
const DELIVERY_TIMEOUT_MS: &str = "30000";

/// When its queue is full the fetcher sleeps so long. Its default of 1,000 costs two thirds of the
/// rate at which a log can be read.
const FETCH_BACKOFF_MS: &str = "5";

/// After a broker was lost, look again at least so often: readers should notice its return at once.
const RECONNECT_BACKOFF_MAX_MS: &str = "1000";

/// A client must name a group to assign itself a partition, though it neither joins nor commits.
const GROUP_ID: &str = "headwater";

/// A log on Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    /// `HOST:PORT`, or several with commas between.
    pub brokers: String,
    /// The topics are `NAME.control` and `NAME.data`.
    pub name: String,
    /// The number of data partitions of a new log; an existing log that has another is refused.
    /// `None` takes what is there, and makes a new log with the default number.
    pub data_partitions: Option<u32>,
    /// Any properties of librdkafka, such as those of TLS and SASL. Those on which the log's promises
    /// rest (acknowledgements, idempotence, checksums, offsets) are not changed by them.
    pub properties: BTreeMap<String, String>,
}

impl KafkaConfig {
    /// The log of the default name at these brokers.
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            name: NAME_DEFAULT.to_owned(),
            data_partitions: None,
            properties: BTreeMap::new(),
        }
    }

    /// The topic of the control partition.
    pub fn control_topic(&self) -> String {
        format!("{}.control", self.name)
    }

    /// The topic of the data partitions.
    pub fn data_topic(&self) -> String {
        format!("{}.data", self.name)
    }

    /// How the one producer is set.
    pub(crate) fn producer(&self) -> ClientConfig {
        self.client(
            &[
                ("linger.ms", LINGER_MS),
                // Whole batches of JSON shrink several times for little CPU time.
                ("compression.type", "zstd"),
                ("compression.level", "1"),
                ("message.timeout.ms", DELIVERY_TIMEOUT_MS),
                ("message.max.bytes", MESSAGE_BYTES_MAX),
                ("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MAX_MS),
            ],
            &[("enable.idempotence", "true"), ("acks", "all")],
        )
    }

    /// How each reader's consumer is set.
    pub(crate) fn consumer(&self) -> ClientConfig {
        self.client(
            &[
                ("group.id", GROUP_ID),
                ("fetch.queue.backoff.ms", FETCH_BACKOFF_MS),
                ("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MAX_MS),
            ],
            &[
                ("check.crcs", "true"),
                ("enable.auto.commit", "false"),
                ("enable.auto.offset.store", "false"),
                ("auto.offset.reset", "error"),
                ("isolation.level", "read_committed"),
                // Looking for a topic must never make it, with whatever settings the broker has.
                ("allow.auto.create.topics", "false"),
            ],
        )
    }

    fn client(&self, defaults: &[(&str, &str)], fixed: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("client.id", "headwater");
        for (key, value) in defaults {
            client.set(*key, *value);
        }
        for (key, value) in &self.properties {
            client.set(key, value);
        }
        for (key, value) in fixed {
            client.set(*key, *value);
        }
        client.set("bootstrap.servers", &self.brokers);
        client
    }
}
