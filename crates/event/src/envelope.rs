//! The envelope: CloudEvents 1.0 with Headwater's extensions, parsed once at the edge.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{Outlet, Timestamp};

/// The project of events that name none.
pub const DEFAULT_PROJECT: &str = "default";

/// The actor of events whose caller showed no credential; it can never approve.
pub const ANONYMOUS: &str = "anonymous";

/// An event, whatever mode it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Unique for its source.
    pub id: String,
    /// Who says it: a URI reference.
    pub source: String,
    /// What happened, such as `app.order.placed`.
    pub event_type: String,
    /// What it happened to; decides the partition.
    pub subject: String,
    /// When it happened; the log's clock where it is missing.
    pub time: Option<Timestamp>,
    /// The URI of the payload's schema; its last `vN` is the version.
    pub dataschema: Option<String>,
    /// The project, `default` if none was named.
    pub project: String,
    /// The actor that the server stamped. Trusted only on a record that the server signed.
    pub actor: Option<String>,
    /// The actor that the client claims to be.
    pub claimed_actor: Option<String>,
    /// The id of the event that caused this one.
    pub cause_id: Option<String>,
    /// What ties events of one undertaking together.
    pub correlation_id: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Rises with each event of a source that promises it. Kept; repeats are told by the id.
    pub sequence: Option<u64>,
    /// Where the outbox derived this event, if it did.
    pub derived_from: Option<Outlet>,
    /// All other extensions, as text.
    pub extensions: BTreeMap<String, String>,
    /// The payload.
    pub data: Value,
}

impl Event {
    /// An event with what every event must have, and nothing else.
    pub fn new(
        id: impl Into<String>,
        source: impl Into<String>,
        event_type: impl Into<String>,
        subject: impl Into<String>,
        data: Value,
    ) -> Self {
        Self {
            id: id.into(),
            source: source.into(),
            event_type: event_type.into(),
            subject: subject.into(),
            time: None,
            dataschema: None,
            project: DEFAULT_PROJECT.to_owned(),
            actor: None,
            claimed_actor: None,
            cause_id: None,
            correlation_id: None,
            traceparent: None,
            sequence: None,
            derived_from: None,
            extensions: BTreeMap::new(),
            data,
        }
    }

    /// The version of the payload's schema: the last path segment `vN` of `dataschema`, 1 if missing.
    /// `None` if there is a `dataschema` that does not tell one.
    pub fn schema_version(&self) -> Option<u32> {
        let Some(uri) = &self.dataschema else { return Some(1) };
        let name = uri.rsplit('/').next()?;
        name.strip_suffix(".json").unwrap_or(name).strip_prefix('v')?.parse().ok()
    }

    /// The event in structured mode, as one JSON object.
    pub fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), Value::String(value.to_owned()));
            }
        };
        put("specversion", Some("1.0"));
        put("id", Some(&self.id));
        put("source", Some(&self.source));
        put("type", Some(&self.event_type));
        put("subject", Some(&self.subject));
        put("time", self.time.map(|time| time.to_string()).as_deref());
        put("datacontenttype", Some("application/json"));
        put("dataschema", self.dataschema.as_deref());
        put("project", (self.project != DEFAULT_PROJECT).then_some(&*self.project));
        put("actor", self.actor.as_deref());
        put("claimedactor", self.claimed_actor.as_deref());
        put("causeid", self.cause_id.as_deref());
        put("correlationid", self.correlation_id.as_deref());
        put("traceparent", self.traceparent.as_deref());
        put("sequence", self.sequence.map(|n| n.to_string()).as_deref());
        put("derivedfrom", self.derived_from.map(|outlet| outlet.to_string()).as_deref());
        for (name, value) in &self.extensions {
            put(name, Some(value));
        }
        fields.insert("data".to_owned(), self.data.clone());
        Value::Object(fields)
    }

    /// The hash by which repeats are known: project, source and id.
    pub fn id_hash(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.project, &self.source, &self.id] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        first_16(&hasher.finalize())
    }

    /// The hash of what the event says: type, subject, time and canonical data.
    ///
    /// Not of who delivered it, nor of when: the same event twice has the same content.
    pub fn content_hash(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.event_type, &self.subject] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&self.time.map_or(i64::MIN, Timestamp::micros).to_le_bytes());
        hasher.update(&crate::canonical_json(&self.data));
        first_16(&hasher.finalize())
    }
}

fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(hash.as_bytes()) {
        *to = *from;
    }
    out
}
