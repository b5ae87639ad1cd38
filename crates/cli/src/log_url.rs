//! `--log`: where the log is.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The name of a log on Kafka that is given none; its topics' names begin with it.
const KAFKA_NAME_DEFAULT: &str = "headwater";

/// Where a log is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) enum LogUrl {
    /// Segment files in the data folder.
    #[default]
    Embedded,
    /// Topics on Kafka.
    Kafka {
        /// `HOST:PORT,…`
        brokers: String,
        /// What the topics' names begin with.
        name: String,
    },
}

impl fmt::Display for LogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("embedded"),
            Self::Kafka { brokers, name } => write!(f, "kafka://{brokers}/{name}"),
        }
    }
}

impl FromStr for LogUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "embedded" {
            return Ok(Self::Embedded);
        }
        let refused = |why: &str| format!("{why}; write embedded or kafka://HOST:PORT,…/NAME");
        let rest = text.strip_prefix("kafka://").ok_or_else(|| refused("not a log"))?;
        let (brokers, name) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), KAFKA_NAME_DEFAULT),
            Some((brokers, name)) => (brokers, name),
        };
        let has_port = |broker: &str| {
            broker.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        if !brokers.split(',').all(has_port) {
            return Err(refused("each broker needs a host and a port"));
        }
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !name.chars().all(lawful) {
            return Err(refused("a log's name has letters, digits, `.`, `_` and `-` only"));
        }
        Ok(Self::Kafka { brokers: brokers.to_owned(), name: name.to_owned() })
    }
}

impl From<LogUrl> for String {
    fn from(url: LogUrl) -> Self {
        url.to_string()
    }
}

impl TryFrom<String> for LogUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_written_alike() {
        for text in ["embedded", "kafka://a:9092/orders", "kafka://a:9092,b:9093/x.y_z-1"] {
            assert_eq!(text.parse::<LogUrl>().map(|url| url.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_log_on_kafka_has_a_name_by_default() {
        for text in ["kafka://a:9092", "kafka://a:9092/"] {
            let url = text.parse::<LogUrl>().map(|url| url.to_string());
            assert_eq!(url.as_deref(), Ok("kafka://a:9092/headwater"));
        }
    }

    #[test]
    fn what_is_no_log_is_refused() {
        for text in ["", "kafka", "kafka://", "kafka://a", "kafka://a:0", "kafka://a:9092/x/y"] {
            assert!(text.parse::<LogUrl>().is_err(), "{text}");
        }
    }
}
