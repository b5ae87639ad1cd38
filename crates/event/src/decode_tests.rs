//! What is an event, and what each thing that is not one is told.

use bytes::Bytes;
use serde_json::json;

use crate::{
    DeclaredType, Event, Header, NewRecord, Reason, Schemas, decode, decode_batch,
    decode_structured,
};

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: Bytes::copy_from_slice(value.as_bytes()) }
}

fn reason(json: &str) -> Reason {
    decode_structured(json.as_bytes()).unwrap_err().reason
}

#[test]
fn a_record_comes_back_as_the_event_it_was() {
    let mut event = Event::new("1", "https://a", "shop.order.made", "é ü", json!({"n": 1}));
    event.time = Some("1997-01-01T00:00:00Z".parse().unwrap());
    event.project = "p".to_owned();
    event.sequence = Some(7);
    event.derived_from = Some("control:12:3".parse().unwrap());
    event.extensions.insert("tenant".to_owned(), "t".to_owned());
    assert_eq!(decode(&event.to_record()).unwrap(), event);
}

#[test]
fn binary_mode_reads_percent_encoded_headers() {
    let record = NewRecord {
        key: Some(Bytes::from_static(b"7")),
        headers: vec![
            header("ce_specversion", "1.0"),
            header("ce_id", "1"),
            header("ce_source", "https://a"),
            header("ce_type", "shop.order.made"),
            header("ce_subject", "caf%C3%A9 1"),
            header("content-type", "application/json; charset=utf-8"),
        ],
        value: Some(Bytes::from_static(b"{\"n\":1}")),
    };
    let event = decode(&record).unwrap();
    assert_eq!(event.subject, "café 1");
    assert_eq!(event.data, json!({"n": 1}));
}

#[test]
fn each_damage_has_its_reason() {
    assert_eq!(reason("{"), Reason::NotJson);
    assert_eq!(reason("[]"), Reason::NotAnEnvelope);
    assert_eq!(reason(r#"{"specversion":"0.3"}"#), Reason::NotAnEnvelope);
    assert_eq!(
        reason(r#"{"specversion":"1.0","id":"","source":"a","type":"t"}"#),
        Reason::NotAnEnvelope
    );
    assert_eq!(
        reason(r#"{"specversion":"1.0","id":"1","source":"a","type":"t"}"#),
        Reason::MissingSubject
    );
    let with = |more: &str| {
        reason(&format!(
            r#"{{"specversion":"1.0","id":"1","source":"a","type":"t","subject":"s",{more}}}"#
        ))
    };
    assert_eq!(with(r#""time":"yesterday""#), Reason::BadTime);
    assert_eq!(with(r#""Upper":"x""#), Reason::BadAttribute);
    assert_eq!(with(r#""datacontenttype":"text/plain""#), Reason::BadAttribute);
    assert_eq!(with(r#""data":{"n":NaN}"#), Reason::BadNumber);
    assert_eq!(with(r#""data":{"n":-Infinity}"#), Reason::BadNumber);
    let empty = NewRecord { key: Some(Bytes::from_static(b"k")), ..NewRecord::default() };
    assert_eq!(decode(&empty).unwrap_err().reason, Reason::EmptyRecord);
    let key = NewRecord { key: Some(Bytes::from_static(b"\xff")), ..NewRecord::default() };
    assert_eq!(decode(&key).unwrap_err().reason, Reason::BadKey);
    let large = NewRecord { value: Some(Bytes::from(vec![b' '; 2 << 20])), ..NewRecord::default() };
    assert_eq!(decode(&large).unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn a_batch_keeps_the_good_beside_the_bad() {
    let batch = r#"[{"specversion":"1.0","id":"1","source":"a","type":"t","subject":"s"}, 7]"#;
    let events = decode_batch(batch.as_bytes()).unwrap();
    assert!(events[0].is_ok());
    assert_eq!(events[1].as_ref().unwrap_err().reason, Reason::NotAnEnvelope);
    assert_eq!(decode_batch(&batch.as_bytes()[..60]).unwrap_err().reason, Reason::NotJson);
}

#[test]
fn three_violations_are_told_at_once() {
    let schema = json!({
        "type": "object", "required": ["a", "b"], "additionalProperties": false,
        "properties": {"a": {"type": "integer"}, "b": {"type": "number"}, "c": {"maxLength": 1}},
    });
    let (schemas, upcasts) = ([(1, schema)].into(), [].into());
    let declared = DeclaredType { name: "app.thing", schemas: &schemas, upcasts: &upcasts };
    let schemas = Schemas::built_in().unwrap().with_declared([declared]).unwrap();
    let mut event = Event::new("1", "s", "app.thing", "s", json!({"a": "x", "c": "long"}));
    let refusal = schemas.check(&event).unwrap_err();
    assert_eq!(refusal.reason, Reason::SchemaViolation);
    assert_eq!(refusal.violations.len(), 3, "{refusal}");
    event.dataschema = Some("https://x/schemas/app.thing/v2.json".to_owned());
    assert_eq!(schemas.check(&event).unwrap_err().reason, Reason::UnknownSchemaVersion);
    event.event_type = "app.other".to_owned();
    assert_eq!(schemas.check(&event).unwrap_err().reason, Reason::UnknownType);
}

#[test]
fn repeats_are_known_by_content_not_by_spelling() {
    let one = decode_structured(br#"{"specversion":"1.0","id":"1","source":"a","type":"t","subject":"s","data":{"a":1,"b":2.0}}"#).unwrap();
    let two = decode_structured(br#"{"data":{"b":2,"a":1},"subject":"s","type":"t","source":"a","id":"1","specversion":"1.0"}"#).unwrap();
    assert_eq!(one.content_hash(), two.content_hash());
    assert_eq!(one.id_hash(), two.id_hash());
}
