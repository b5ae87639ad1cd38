//! The history block: written as drawn, read back as written, damage told.

use super::{Block, encode};
use crate::commit::Version;

fn version(offset: u64, key: &str, row: Option<&str>) -> Version {
    Version { key: key.into(), offset, row: row.map(Into::into) }
}

fn decode(key: &[u8], value: &[u8]) -> Result<Vec<Version>, &'static str> {
    let mut block = Block::open(key, value)?;
    let mut out = Vec::new();
    while let Some(version) = block.next()? {
        out.push(version);
    }
    Ok(out)
}

#[test]
fn block_format_1_stays_as_drawn() {
    let versions = [version(300, "view-a/x", Some("1")), version(302, "view-a/yz", None)];
    let (key, value) = encode(&versions, false).unwrap();
    assert_eq!(key, *b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x2c");
    let (body, sum) = value.split_at(value.len() - 16);
    assert_eq!(body, b"HWT\x01\x02\x00\x00\x08view-a/x\x021\x02\x07\x02yz\x00");
    let golden = "237aaeae1dabde027c44169fed381d8f"; // never changes: such blocks are on disk
    assert_eq!(sum.iter().map(|b| format!("{b:02x}")).collect::<String>(), golden);
    assert_eq!(decode(&key, &value).unwrap(), versions);
}

#[test]
fn sizes_and_edges_come_back() {
    let long = "k".repeat(70_000);
    let versions = [
        version(0, "", Some("")),
        version(0, &long, Some(&long)),
        version(0, "k", None),
        version(u64::MAX, "k", Some("end")),
    ];
    let (key, value) = encode(&versions, false).unwrap();
    assert_eq!(decode(&key, &value).unwrap(), versions);
    assert!(encode(&[], true).is_none());
}

#[test]
fn order_of_one_offset_is_kept_when_offsets_are_not_in_order() {
    let versions = [version(7, "b", None), version(3, "z", None), version(7, "a", None)];
    let (key, value) = encode(&versions, false).unwrap();
    let keys: Vec<_> = decode(&key, &value).unwrap().into_iter().map(|v| v.key).collect();
    assert_eq!(keys, [b"z", b"b", b"a"]);
}

#[test]
fn a_backfill_has_a_key_of_its_own() {
    let versions = [version(7, "view-b00/k", None)];
    let (appended, _) = encode(&versions, false).unwrap();
    let (backfilled, _) = encode(&versions, true).unwrap();
    assert!(appended < backfilled);
    assert_eq!(backfilled[..8], *b"view-b00");
    let (zeros, _) = encode(&[version(7, "\0\0\0\0\0\0\0\0k", None)], true).unwrap();
    assert_ne!(zeros, appended);
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let (key, value) = encode(&[version(7, "key", Some("row"))], false).unwrap();
    for bit in 0..value.len() * 8 {
        let mut damaged = value.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&key, &damaged).is_err(), "bit {bit}");
    }
    for len in 0..value.len() {
        assert!(decode(&key, &value[..len]).is_err(), "length {len}");
    }
    let mut elsewhere = key;
    elsewhere[15] += 1;
    assert_eq!(decode(&elsewhere, &value).unwrap_err(), "does not match its checksum");
}

/// Bytes with a valid checksum can only be our own bug, and still must not panic.
#[test]
fn nonsense_with_a_valid_checksum_is_an_error() {
    let key = [0; 16];
    for body in [
        &b"HWT\x02\x00"[..],
        b"HWT\x01",
        b"HWT\x01\x00more",
        b"HWT\x01\x01\x00\x01\x00\x00",
        b"HWT\x01\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"HWT\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ] {
        let value = [body, &super::checksum(&key, body)].concat();
        assert!(decode(&key, &value).is_err(), "{body:?}");
    }
}
