//! Whatever is done to whichever record, the walk says between which two known chains it lies.

use bytes::Bytes;
use headwater_event::NewRecord;
use proptest::prelude::*;

use super::*;

const ID: PartitionId = PartitionId::Data(0);

/// Records that all differ, at offsets with gaps of this size.
fn records(count: usize, gap: u64, salt: u8) -> Vec<Record> {
    let body = |n: usize| {
        let value = format!("{n} {}", "x".repeat(n * usize::from(salt) % 50));
        NewRecord { value: Some(Bytes::from(value)), ..NewRecord::default() }
    };
    place((0..count).map(body).collect(), gap)
}

fn place(bodies: Vec<NewRecord>, gap: u64) -> Vec<Record> {
    let place =
        |(n, body)| Record { partition: ID, offset: Offset(n * gap), appended_at_ms: 0, body };
    (0..).zip(bodies).map(place).collect()
}

/// The chains after every nth record, and after the last.
fn checkpoints(records: &[Record], every: usize) -> Vec<Checkpoint> {
    let mut chain = [0; 32];
    let mut known = Vec::new();
    for (n, record) in records.iter().enumerate() {
        chain = Position::link(&chain, &record.body);
        if (n + 1) % every == 0 || n + 1 == records.len() {
            known.push(Checkpoint { offset: record.offset, chain });
        }
    }
    known
}

fn walk(records: &[Record], known: Vec<Checkpoint>) -> Walked {
    let expected = Expected {
        id: ID,
        data_partitions: 1,
        identity: None,
        origin: None,
        store: Some(known.clone()),
        heads: Some(known),
    };
    let mut walk = Walk::new(expected, Offset(0));
    records.iter().for_each(|record| walk.take(record));
    walk.finish(records.last().map_or(Offset(0), |last| last.offset.next()))
}

fn found(walked: &Walked, kind: FindingKind) -> Option<(Option<u64>, u64)> {
    let finding = walked.findings.iter().find(|finding| finding.kind == kind)?;
    Some((finding.after, finding.up_to.unwrap()))
}

#[derive(Debug, Clone, Copy)]
enum Forgery {
    Change,
    Remove,
    Insert,
    Swap,
}

fn forge(forgery: Forgery, at: usize, original: &[Record], gap: u64) -> Vec<Record> {
    let mut bodies: Vec<NewRecord> = original.iter().map(|record| record.body.clone()).collect();
    match forgery {
        Forgery::Change => {
            let mut value = bodies[at].value.as_ref().unwrap().to_vec();
            value[0] ^= 1;
            bodies[at].value = Some(Bytes::from(value));
        }
        Forgery::Remove => drop(bodies.remove(at)),
        Forgery::Insert => bodies.insert(at, NewRecord::default()),
        Forgery::Swap => bodies.swap(at, (at + 1) % original.len()),
    }
    place(bodies, gap)
}

proptest! {
    #[test]
    fn a_forgery_lies_between_the_last_known_chain_that_holds_and_the_first_that_does_not(
        count in 2_usize..80,
        at in any::<prop::sample::Index>(),
        every in 1_usize..20,
        gap in 1_u64..4,
        salt in any::<u8>(),
        forgery in prop_oneof![
            Just(Forgery::Change), Just(Forgery::Remove), Just(Forgery::Insert), Just(Forgery::Swap),
        ],
    ) {
        let original = records(count, gap, salt);
        let known = checkpoints(&original, every);
        let untouched = walk(&original, known.clone());
        prop_assert_eq!(found(&untouched, FindingKind::ChainAgainstStore), None);
        let agreement = untouched.audit.store.unwrap();
        prop_assert_eq!(agreement.compared, known.len() as u64);
        prop_assert_eq!(agreement.agreed_up_to, Some(original[count - 1].offset.0));

        let at = at.index(count);
        let forged = forge(forgery, at, &original, gap);
        let differs = |n: &usize| forged.get(*n).map(|it| &it.body) != Some(&original[*n].body);
        let first = original[(0..count).find(differs).unwrap()].offset.0;
        let walked = walk(&forged, known.clone());
        let (after, up_to) = found(&walked, FindingKind::ChainAgainstStore).unwrap();
        prop_assert!(after.is_none_or(|after| after < first) && first <= up_to);
        let between = known.iter().filter(|it| {
            after.is_none_or(|after| it.offset.0 > after) && it.offset.0 < up_to
        });
        prop_assert_eq!(between.count(), 0, "no known chain is left unused");
        prop_assert_eq!(found(&walked, FindingKind::ChainAgainstHeads), Some((after, up_to)));
    }
}

#[test]
fn a_record_that_is_gone_without_a_new_number_is_found() {
    let original = records(10, 1, 3);
    let known = checkpoints(&original, 5);
    let without: Vec<Record> =
        original.iter().filter(|record| record.offset != Offset(4)).cloned().collect();
    let walked = walk(&without, known);
    assert_eq!(found(&walked, FindingKind::ChainAgainstStore), Some((None, 4)));
    let finding =
        walked.findings.iter().find(|it| it.kind == FindingKind::ChainAgainstStore).unwrap();
    assert_eq!(finding.found, "no record at that offset");
}

#[test]
fn offsets_that_fall_are_told_once() {
    let mut all = records(6, 1, 1);
    all[3].offset = Offset(1);
    all[5].offset = Offset(0);
    let walked = walk(&all, Vec::new());
    let falls = walked.findings.iter().filter(|it| it.kind == FindingKind::OffsetOrder);
    assert_eq!(falls.map(|it| (it.after, it.up_to)).collect::<Vec<_>>(), [(Some(2), Some(1))]);
}

#[test]
fn an_empty_partition_does_not_begin_as_it_must() {
    let walked = walk(&[], Vec::new());
    assert_eq!(found(&walked, FindingKind::NotOpened), Some((None, 0)));
}
