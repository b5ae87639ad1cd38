//! A record to an event, to none, or to the reason why not.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod support;

use headwater_event::{Event, Header, Reason, Refusal, Timestamp, limits::NAME_BYTES_MAX};
use headwater_topology::{Mapping, RECORD_BYTES_MAX, SourceRecord, check};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::file;

const OPEN: &str = r#"{"type": "object"}"#;

fn mapping(keys: &str) -> Mapping {
    let text = format!(
        "event_types: {{ a.b: {{ description: It. }} }}\nsources:\n  s:\n    description: A topic.\n    \
         topic: t\n    event_type: a.b\n{keys}"
    );
    let files = [file("topology/t.yaml", &text), file("schemas/a.b/v1.json", OPEN)];
    let topology = check(&files, &|_| None).unwrap_or_else(|problems| panic!("{problems:?}"));
    Mapping::new("s", &topology.sources["s"], &topology)
}

fn record(value: Option<&[u8]>) -> SourceRecord<'_> {
    let timestamp = Some(Timestamp::from_millis(1_700_000_000_000));
    SourceRecord { topic: "t", partition: 3, offset: 42, timestamp, key: None, headers: &[], value }
}

fn map(keys: &str, value: &str) -> Result<Option<Event>, Refusal> {
    mapping(keys).map(&record(Some(value.as_bytes())))
}

fn event(keys: &str, value: &str) -> Event {
    map(keys, value).unwrap().unwrap()
}

#[track_caller]
fn refused(keys: &str, value: &str, reason: Reason, says: &str) {
    let refusal = map(keys, value).unwrap_err();
    assert_eq!(refusal.reason, reason, "{refusal}");
    assert!(refusal.detail.contains(says), "{refusal}");
}

#[test]
fn the_plainest_source_takes_the_whole_value() {
    let event = event("    subject: /id\n", r#"{"id": "x", "n": 1}"#);
    assert_eq!(
        (&*event.id, &*event.source, &*event.subject),
        ("t/3/42", "headwater/sources/s", "x")
    );
    assert_eq!(event.time, Some(Timestamp::from_millis(1_700_000_000_000)));
    assert_eq!(event.data, json!({"id": "x", "n": 1}));
    let kept: Vec<_> = event.extensions.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(kept, [("sourceoffset", "42"), ("sourcepartition", "3"), ("sourcetopic", "t")]);
    // It comes off the log as it went on.
    let read = headwater_event::decode_structured(event.to_json().to_string().as_bytes()).unwrap();
    assert_eq!(read, event);
}

#[test]
fn key_headers_and_pointers_are_places() {
    let mapping = mapping(
        "    id: header:id\n    subject: key:/payload/id\n    data: { all: key, deep: '/a/0/b~1c', \
         channel: header:channel, gone: /nowhere, nothing: /null }\n",
    );
    let key = r#"{"payload": {"id": 7}}"#;
    let header =
        |name: &str, value: &'static str| Header { name: name.into(), value: value.into() };
    let headers = [header("channel", "wéb"), header("id", "e-1"), header("id", "second")];
    let record = SourceRecord {
        key: Some(key.as_bytes()),
        headers: &headers,
        ..record(Some(br#"{"a": [{"b/c": "found"}], "null": null}"#))
    };
    let event = mapping.map(&record).unwrap().unwrap();
    assert_eq!((&*event.id, &*event.subject), ("e-1", "7"));
    let expected = json!({"all": key, "deep": "found", "channel": "wéb", "nothing": null});
    assert_eq!(event.data, expected, "what is not there is left out, what is null stays null");
}

#[test]
fn names_are_converted_plainly_or_not_at_all() {
    for (json, text) in [
        ("\"c-1\"", "c-1"),
        ("17", "17"),
        ("-5", "-5"),
        ("18446744073709551615", "18446744073709551615"),
        ("true", "true"),
        ("\"12.50\"", "12.50"),
        ("\"Łódź 🚲\"", "Łódź 🚲"),
    ] {
        assert_eq!(event("    subject: /s\n", &format!("{{\"s\": {json}}}")).subject, text);
    }
    let subject = "    subject: /s\n";
    refused(subject, r#"{"s": 1.5}"#, Reason::BadNumber, "subject at /s: 1.5 is no whole number");
    // Beyond 64 bits two numbers would be written alike.
    refused(subject, r#"{"s": 184467440737095516160}"#, Reason::BadNumber, "names nothing exactly");
    refused(subject, r#"{"s": {}}"#, Reason::BadAttribute, "neither text nor a number");
    refused(subject, r#"{"s": [1]}"#, Reason::BadAttribute, "neither text nor a number");
    refused(subject, r#"{"s": null}"#, Reason::MissingSubject, "there is none");
    refused(subject, r#"{"s": ""}"#, Reason::MissingSubject, "it is empty");
    refused(subject, r#"{}"#, Reason::MissingSubject, "subject at /s: there is none");
    refused("    subject: key\n", "{}", Reason::MissingSubject, "subject at key: there is none");
    refused("    subject: /s\n    id: /i\n", r#"{"s": 1}"#, Reason::BadAttribute, "id at /i");
    let long = format!("{{\"s\": \"{}\"}}", "x".repeat(NAME_BYTES_MAX + 1));
    refused(subject, &long, Reason::BadAttribute, "1025 bytes, the limit is 1024");
}

#[test]
fn times_are_text_or_counts_of_a_unit() {
    let at = |time: &str, value: &str| {
        map(
            &format!("    subject: /s\n    time: {time}\n"),
            &format!("{{\"s\": 1, \"t\": {value}}}"),
        )
    };
    let micros = |time: &str, value: &str| at(time, value).unwrap().unwrap().time.unwrap().micros();
    assert_eq!(micros("/t", "\"2023-11-14T23:13:20.5+01:00\""), 1_700_000_000_500_000);
    assert_eq!(micros("{ at: /t, unit: s }", "1700000000"), 1_700_000_000_000_000);
    assert_eq!(micros("{ at: /t, unit: s }", "1700000000.25"), 1_700_000_000_250_000);
    assert_eq!(micros("{ at: /t, unit: ms }", "1700000000001"), 1_700_000_000_001_000);
    assert_eq!(micros("{ at: /t, unit: ms }", "\"1700000000001\""), 1_700_000_000_001_000);
    assert_eq!(micros("{ at: /t, unit: us }", "-1"), -1);
    assert_eq!(micros("{ at: /t, unit: ns }", "1700000000123456789"), 1_700_000_000_123_456);
    assert_eq!(micros("{ at: /t, unit: d }", "20000"), 20_000 * 86_400_000_000);
    for (time, value, says) in [
        ("/t", "1700000000", "does not say its unit"),
        ("/t", "\"yesterday\"", "is not an RFC 3339 time"),
        ("/t", "null", "there is none"),
        ("/gone", "1", "there is none"),
        ("/t", "{}", "neither text nor a number"),
        ("{ at: /t, unit: s }", "9223372036854775807", "out of range"),
        ("{ at: /t, unit: s }", "1e300", "out of range"),
        ("{ at: /t, unit: s }", "\"NaN\"", "no number in range"),
    ] {
        let refusal = at(time, value).unwrap_err();
        assert_eq!(refusal.reason, Reason::BadTime, "{time} {value}: {refusal}");
        assert!(refusal.detail.contains(says), "{time} {value}: {refusal}");
    }
    let none = SourceRecord { timestamp: None, ..record(Some(br#"{"s": 1}"#)) };
    assert_eq!(mapping("    subject: /s\n").map(&none).unwrap().unwrap().time, None);
}

#[test]
fn what_is_not_asked_for_is_passed_over() {
    let keys = "    subject: /s\n    when: { /op: [c, u], /n: [1, null] }\n";
    assert!(map(keys, r#"{"s": 1, "op": "c", "n": 1}"#).unwrap().is_some());
    assert!(map(keys, r#"{"s": 1, "op": "u"}"#).unwrap().is_some(), "absent is null");
    assert!(map(keys, r#"{"s": 1, "op": "d", "n": 1}"#).unwrap().is_none());
    assert!(
        map(keys, r#"{"s": 1, "op": "c", "n": "1"}"#).unwrap().is_none(),
        "a text is no number"
    );
    assert!(map(keys, r#"{"op": "d"}"#).unwrap().is_none(), "before it could be refused");
    assert!(map(keys, "null").unwrap().is_none());
}

#[test]
fn a_change_feed_has_states_deletions_and_tombstones() {
    let states = "    subject: /after/id\n    data: /after\n    when: { /op: [c, u, r] }\n    \
                  time: { at: /ts_ms, unit: ms }\n";
    let change =
        r#"{"before": null, "after": {"id": 5, "total": "129.90"}, "op": "c", "ts_ms": 1}"#;
    let state = event(states, change);
    assert_eq!((&*state.subject, &state.data["total"]), ("5", &json!("129.90")), "text stays text");
    let deletion =
        r#"{"before": {"id": 5, "total": "129.90"}, "after": null, "op": "d", "ts_ms": 2}"#;
    assert!(map(states, deletion).unwrap().is_none());
    let deleted = "    subject: /before/id\n    data: { id: /before/id }\n    when: { /op: d }\n";
    assert_eq!(event(deleted, deletion).data, json!({"id": 5}));
    refused(
        "    subject: key\n    data: /after\n",
        r#"{"after": null}"#,
        Reason::MissingSubject,
        "subject at key",
    );
    refused(
        "    subject: /op\n    data: /after\n",
        deletion,
        Reason::BadAttribute,
        "data at /after",
    );
    let nested = "    subject: /payload/after/id\n    data: /payload/after\n";
    assert_eq!(
        event(nested, &format!(r#"{{"schema": {{}}, "payload": {change}}}"#)).data,
        state.data
    );

    // A tombstone has a key and no value.
    let key = br#"{"id": 5}"#;
    let tombstone = SourceRecord { key: Some(key), ..record(None) };
    assert!(mapping(states).map(&tombstone).unwrap().is_none());
    let only = mapping("    subject: key:/id\n    data: { id: key:/id }\n    tombstones: only\n");
    assert_eq!(only.map(&tombstone).unwrap().unwrap().data, json!({"id": 5}));
    assert!(only.map(&record(Some(change.as_bytes()))).unwrap().is_none());
}

#[test]
fn what_is_no_json_is_refused_by_what_it_is() {
    let keys = "    subject: /s\n";
    refused(keys, "", Reason::EmptyRecord, "the value is empty");
    refused(keys, "{\"s\": 1", Reason::NotJson, "the value is not JSON");
    refused(keys, "{\"s\": NaN}", Reason::NotJson, "the value is not JSON");
    let huge = "x".repeat(RECORD_BYTES_MAX + 1);
    refused(keys, &huge, Reason::TooLarge, "the limit is");
    let deep = "[".repeat(100_000);
    refused(keys, &deep, Reason::NotJson, "recursion limit");
    let binary = mapping(keys).map(&record(Some(&[0xff, 0xfe, 0x00]))).unwrap_err();
    assert_eq!(binary.reason, Reason::NotJson);
    let by_key = SourceRecord { key: Some(&[0xff, 0x00]), ..record(Some(b"{}")) };
    let refusal = mapping("    subject: key\n").map(&by_key).unwrap_err();
    assert_eq!((refusal.reason, &*refusal.detail), (Reason::BadKey, "the key is not UTF-8 text"));
    assert_eq!(mapping("    subject: key:/id\n").map(&by_key).unwrap_err().reason, Reason::NotJson);
    // A key that nobody asks for may be anything.
    assert!(mapping(keys).map(&SourceRecord { value: Some(b"{\"s\":1}"), ..by_key }).is_ok());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("(id|s|t|op|after|.{0,4})", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever comes, the answer is one of the three, and the same when it is read again.
    #[test]
    fn any_record_has_one_answer(
        value in prop_oneof![
            any_json().prop_map(|json| Some(json.to_string().into_bytes())),
            prop::collection::vec(any::<u8>(), 0..64).prop_map(Some),
            Just(None),
        ],
        key in prop::option::of(prop::collection::vec(any::<u8>(), 0..16)),
        timestamp in prop::option::of(any::<i64>()),
        offset in any::<u64>(),
    ) {
        let sources = [
            "    subject: /id\n",
            "    subject: /after/id\n    data: /after\n    time: { at: /t, unit: ms }\n    when: { /op: [c] }\n",
            "    id: /id\n    subject: key\n    time: /t\n    data: { s: /s, k: key }\n",
            "    subject: key\n    data: { k: key }\n    tombstones: only\n",
        ];
        for keys in sources {
            let mapping = mapping(keys);
            let record = SourceRecord {
                offset,
                key: key.as_deref(),
                timestamp: timestamp.map(Timestamp::from_micros),
                ..record(value.as_deref())
            };
            let answer = mapping.map(&record);
            prop_assert_eq!(&answer, &mapping.map(&record));
            if let Ok(Some(event)) = answer {
                prop_assert!(!event.subject.is_empty() && event.subject.len() <= NAME_BYTES_MAX);
                prop_assert!(!event.id.is_empty() && event.id.len() <= NAME_BYTES_MAX);
                prop_assert_eq!(&event.extensions["sourceoffset"], &offset.to_string());
            }
        }
    }

    /// A mapped event goes onto the log and comes off it as it was.
    #[test]
    fn an_event_survives_the_log(value in any_json(), id in "\\PC{1,20}") {
        let value = json!({"id": id, "after": value}).to_string();
        let event = event("    subject: /id\n    id: /id\n    data: { after: /after }\n", &value);
        let read = headwater_event::decode(&event.to_record()).unwrap();
        prop_assert_eq!(read.content_hash(), event.content_hash());
        prop_assert_eq!(read.id_hash(), event.id_hash());
    }
}
