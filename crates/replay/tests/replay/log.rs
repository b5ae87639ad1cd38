//! The chain finds what was done to a log, even where checksums and views were rewritten to match.

use std::fs;

use headwater_engine::ErrorKind;
use headwater_event::{Offset, PartitionId};
use headwater_log::{AppendAck, EventLog as _, ReadLimits};
use headwater_log_kafka::{KafkaLog, testing::TestBroker};
use headwater_replay::log::{
    FindingKind, KeptHead, VerifyLog, parse_heads, verify_log, write_heads,
};
use headwater_store::Access;

use crate::{
    forged_log::{Frames, change_digit, damage, rewrite},
    place::{Kind, Place, on_every_log},
};

/// The frame that is tampered with; those before it are what `log.opened`, topology and readings made.
const AT: usize = 20;

/// What a forger does.
type Forge = fn(&mut Frames);

/// What a forger may do, and its name.
const FORGERIES: [(&str, Forge); 5] = [
    ("one byte changed", |frames| change_digit(&mut frames[AT])),
    ("a record removed", |frames| drop(frames.remove(AT))),
    ("a record inserted", |frames| {
        let mut copy = frames[AT].clone();
        change_digit(&mut copy);
        frames.insert(AT, copy);
    }),
    ("two records swapped", |frames| frames.swap(AT, AT + 1)),
    ("the last record removed", |frames| drop(frames.pop())),
];

on_every_log!(an_untouched_log_is_equal, untouched);

async fn untouched(kind: Kind) {
    let place = Place::with_readings(kind, 60).await;
    let early = place.heads().await;
    place.add(60..90).await;
    let late = place.heads().await;
    let kept = parse_heads(&(write_heads(&early) + &write_heads(&late))).unwrap();
    let report = place.verify_log(&kept).await;
    assert!(report.is_equal(), "{:?}", report.findings);
    assert_eq!(report.log_id.as_ref(), Some(&late[0].log_id));
    assert!(report.unproven.is_empty(), "{:?}", report.unproven);
    for (partition, head) in report.partitions.iter().zip(&late) {
        assert_eq!(partition.partition, head.partition);
        assert_eq!(partition.chain, Some(head.to_string().rsplit(' ').next().unwrap().to_owned()));
        let (store, heads) = (partition.store.as_ref().unwrap(), partition.heads.as_ref().unwrap());
        // The store marks where the second engine took up.
        assert_eq!((store.compared, heads.compared), (2, 2));
        assert_eq!(store.agreed_up_to, Some(head.offset.0));
        assert_eq!(heads.agreed_up_to, Some(head.offset.0));
    }
    assert_eq!(report.partitions[0].signed, report.partitions[0].records, "all of control is");

    let without = place.verify_log(&[]).await;
    assert!(without.is_equal());
    assert!(without.unproven.iter().any(|what| what.contains("--heads FILE")));
    let older = place.verify_log(&early).await;
    assert!(older.is_equal());
    assert!(older.unproven.iter().any(|what| what.contains("after the last head")));
    let alone = verify_log(place.log().await, None, VerifyLog::new()).await.unwrap();
    assert!(alone.is_equal());
    assert!(alone.unproven.iter().any(|what| what.contains("no store was asked")));
}

/// The partition that is tampered with, of a log with one data partition.
const DATA: PartitionId = PartitionId::Data(0);

async fn forged(forge: Forge) -> (Place, Vec<KeptHead>) {
    let place = Place::with_readings(Kind::embedded(1), 50).await;
    let heads = place.heads().await;
    rewrite(place.path(), "0", forge);
    (place, heads)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_is_found_against_an_untouched_store_on_embedded() {
    for (name, forge) in FORGERIES {
        let (place, heads) = forged(forge).await;
        let last = heads[1].offset.0;
        let report = place.verify_log(&[]).await;
        let found: Vec<_> = report.findings.iter().map(|it| (it.partition, it.kind)).collect();
        assert_eq!(found, [(DATA, FindingKind::ChainAgainstStore)], "{name}");
        assert_eq!(report.findings[0].up_to, Some(last), "{name}");
        assert_ne!(report.findings[0].expected, report.findings[0].found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kept_heads_find_it_though_the_store_was_folded_anew_to_match_on_embedded() {
    for (name, forge) in FORGERIES {
        let (place, heads) = forged(forge).await;
        place.fold_anew().await;
        // The views match the log, and so does the store's chain: by themselves they prove nothing.
        let views = place.verify(|_| {}).await;
        assert!(views.views.iter().all(|view| view.equal), "{name}: {views:?}");
        let without = place.verify_log(&[]).await;
        assert!(without.is_equal(), "{name}: {:?}", without.findings);
        assert!(without.unproven.iter().any(|what| what.contains("rewritten together")));

        let report = place.verify_log(&heads).await;
        let found: Vec<_> = report.findings.iter().map(|it| (it.partition, it.kind)).collect();
        assert_eq!(found, [(DATA, FindingKind::ChainAgainstHeads)], "{name}");
        let agreed = report.partitions[1].store.as_ref().unwrap().agreed_up_to;
        assert_eq!(agreed, report.partitions[1].last, "{name}: the store was made to agree");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_of_several_days_narrow_down_where_a_change_lies_on_embedded() {
    let place = Place::new(Kind::embedded(1));
    let mut kept = Vec::new();
    for day in 0..5 {
        place.add(day * 10..day * 10 + 10).await;
        kept.extend(place.heads().await);
    }
    let of_data: Vec<u64> =
        kept.iter().filter(|head| head.partition == DATA).map(|head| head.offset.0).collect();
    for (before, after) in of_data.iter().zip(&of_data[1..]) {
        let copy = tempfile::tempdir().unwrap();
        let at = usize::try_from(before + 1).unwrap();
        let log = place.path().join("log");
        let kept_log = copy.path().join("0");
        fs::create_dir_all(&kept_log).unwrap();
        for name in ["00000000000000000000.log", "synced"] {
            fs::copy(log.join("0").join(name), kept_log.join(name)).unwrap();
        }
        rewrite(place.path(), "0", |frames| change_digit(&mut frames[at]));
        let report = place.verify_log(&kept).await;
        let found = report.findings.iter().find(|it| it.kind == FindingKind::ChainAgainstHeads);
        let found = found.unwrap();
        assert_eq!((found.after, found.up_to), (Some(*before), Some(*after)));
        for name in ["00000000000000000000.log", "synced"] {
            fs::copy(kept_log.join(name), log.join("0").join(name)).unwrap();
        }
        assert!(place.verify_log(&kept).await.is_equal(), "as it was");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn control_is_found_by_its_signatures_alone_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 10).await;
    rewrite(place.path(), "control", |frames| change_digit(&mut frames[4]));
    place.fold_anew().await;
    let report = place.verify_log(&[]).await;
    let kinds: Vec<_> =
        report.findings.iter().map(|it| (it.partition, it.kind, it.up_to)).collect();
    assert_eq!(kinds, [(PartitionId::Control, FindingKind::Signature, Some(4))]);
    let alone = verify_log(place.log().await, None, VerifyLog::new()).await.unwrap();
    assert_eq!(alone.findings, report.findings, "without a store, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_removed_is_found_by_the_epochs_after_it_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 10).await;
    place.add(10..20).await;
    // The first claim is control's second record.
    rewrite(place.path(), "control", |frames| drop(frames.remove(1)));
    place.fold_anew().await;
    let report = place.verify_log(&[]).await;
    let kinds: Vec<_> = report.findings.iter().map(|it| (it.kind, it.up_to)).collect();
    assert_eq!(kinds, [(FindingKind::EpochOrder, Some(1))], "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_changed_places_do_not_begin_as_they_must_on_embedded() {
    let place = Place::with_readings(Kind::embedded(2), 40).await;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    rewrite(place.path(), "0", |frames| first.clone_from(frames));
    rewrite(place.path(), "1", |frames| second.clone_from(frames));
    rewrite(place.path(), "0", |frames| frames.clone_from(&second));
    rewrite(place.path(), "1", |frames| frames.clone_from(&first));
    place.fold_anew().await;
    let report = place.verify_log(&[]).await;
    for id in [PartitionId::Data(0), PartitionId::Data(1)] {
        let mut of_this = report.findings.iter().filter(|it| it.partition == id);
        assert!(of_this.any(|it| it.kind == FindingKind::NotOpened), "{:?}", report.findings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_of_another_log_is_found_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 10).await;
    let other = Place::with_readings(Kind::embedded(1), 10).await;
    let heads = place.heads().await;
    fs::remove_dir_all(place.path().join("log/0")).unwrap();
    fs::rename(other.path().join("log/0"), place.path().join("log/0")).unwrap();
    place.fold_anew().await;
    let another = |report: &headwater_replay::log::LogReport| {
        let mut found = report.findings.iter();
        found.any(|it| it.partition == DATA && it.kind == FindingKind::AnotherLog)
    };
    assert!(another(&place.verify_log(&[]).await), "control says so");
    assert!(another(&place.verify_log(&heads).await));
    // And heads that are of another log say nothing of this one.
    let fresh = Place::with_readings(Kind::embedded(1), 10).await;
    let report = fresh.verify_log(&heads).await;
    assert!(another(&report), "{:?}", report.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_removed_from_the_beginning_are_found_on_embedded() {
    let kind = Kind::Embedded { partitions: 1, segment_bytes: 4 * 1024 };
    let place = Place::with_readings(kind, 100).await;
    let heads = place.heads().await;
    assert!(place.verify_log(&heads).await.is_equal());
    fs::remove_file(place.path().join("log/0/00000000000000000000.log")).unwrap();
    let report = place.verify_log(&heads).await;
    let kinds: Vec<_> = report.findings.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [FindingKind::BeginsLate], "{:?}", report.findings);
    assert!(report.findings[0].up_to.is_some_and(|start| start > 0));
    assert_eq!(
        report.partitions[1].store.as_ref().unwrap().agreed_up_to,
        Some(heads[1].offset.0),
        "from the first chain that is known it goes on"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_damage_is_an_answer_and_the_other_partitions_are_still_read_on_embedded() {
    let place = Place::with_readings(Kind::embedded(1), 50).await;
    damage(place.path(), "control", 2);
    let report = place.verify_log(&[]).await;
    let kinds: Vec<_> = report.findings.iter().map(|it| (it.partition, it.kind)).collect();
    assert_eq!(kinds, [(PartitionId::Control, FindingKind::Damaged)], "{:?}", report.findings);
    assert!(report.partitions[1].records > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_with_one_record_changed_is_found_on_kafka() {
    let place = Place::with_readings(Kind::kafka(1), 50).await;
    let heads = place.heads().await;
    let from = place.log().await;
    let name = TestBroker::shared().log(1);
    for changed in [None, Some(AT)] {
        let config = headwater_log_kafka::KafkaConfig {
            name: format!("{}-{}", name.name, changed.is_some()),
            ..name.clone()
        };
        let anew = std::sync::Arc::new(KafkaLog::open(config).await.unwrap());
        for id in PartitionId::all(1) {
            let mut records = Vec::new();
            let mut reader = from.reader(id, Offset(0)).await.unwrap();
            let end = from.end(id).await.unwrap();
            while reader.position() < end {
                let wait = std::time::Duration::from_secs(10);
                records.extend(reader.next_batch(ReadLimits::default(), wait).await.unwrap());
            }
            let mut records: Vec<_> = records.into_iter().map(|record| record.body).collect();
            if let (DATA, Some(at)) = (id, changed) {
                let mut value = records[at].value.as_ref().unwrap().to_vec();
                let digit = value.iter_mut().rev().find(|byte| byte.is_ascii_digit()).unwrap();
                *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
                records[at].value = Some(bytes::Bytes::from(value));
            }
            anew.append(id, records, AppendAck::Durable).await.unwrap();
        }
        let stores = place.stores(Access::ReadOnly);
        let options = VerifyLog { heads: heads.clone(), ..VerifyLog::new() };
        let report = verify_log(anew, Some(&stores), options).await.unwrap();
        let kinds: Vec<_> = report.findings.iter().map(|it| (it.partition, it.kind)).collect();
        if changed.is_none() {
            assert!(kinds.is_empty(), "a faithful copy: {:?}", report.findings);
        } else {
            let both = [FindingKind::ChainAgainstStore, FindingKind::ChainAgainstHeads];
            assert_eq!(kinds, both.map(|kind| (DATA, kind)), "{:?}", report.findings);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_not_there_is_refused_and_not_made_on_kafka() {
    let config = TestBroker::shared().log(1);
    for _ in 0..2 {
        let error = KafkaLog::open_existing(config.clone()).await.unwrap_err();
        assert_eq!(headwater_engine::Error::from(error).kind(), ErrorKind::Reject);
    }
}
