//! What every log must do, as tests: run by each crate that implements [`EventLog`].
//!
//! A crate says how to make a [`Home`] and calls [`contract_tests!`](crate::contract_tests), which
//! makes one test of each function here.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use headwater_event::{Header, NewRecord, Offset, PartitionId, Record};

use crate::{AppendAck, ErrorKind, EventLog, LogReader, ReadLimits, Result};

/// The number of data partitions that each home's log must have.
pub const DATA_PARTITIONS: u32 = 3;

/// Long enough for a broker on a busy machine: only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Short enough not to slow the tests, long enough that a reader would have given what it had.
const MOMENT: Duration = Duration::from_millis(300);

const CONTROL: PartitionId = PartitionId::Control;
const FIRST: PartitionId = PartitionId::Data(0);

/// A place where one log lives: empty when it is made, opened once or more, one at a time.
pub trait Home: Send + Sync {
    /// Opens the log, or makes it with [`DATA_PARTITIONS`].
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn EventLog>>>;
}

/// Makes one `#[tokio::test]` of each contract; `$home` is an expression that gives a future of a
/// fresh [`Home`](crate::contract::Home).
#[macro_export]
macro_rules! contract_tests {
    ($home:expr) => {
        $crate::contract_tests! { $home =>
            records_come_back_in_order_with_their_offsets,
            every_shape_of_record_is_preserved,
            a_reader_can_start_in_the_middle,
            a_reader_at_the_end_waits,
            an_append_wakes_a_waiting_reader,
            limits_are_honoured,
            one_large_record_is_always_given,
            appends_of_many_tasks_each_stay_in_one_run,
            many_readers_see_the_same,
            partitions_are_independent,
            start_and_end_tell_what_can_be_read,
            a_reopened_log_has_everything,
            appended_at_never_falls,
            an_unknown_partition_is_refused,
            reading_past_the_end_is_refused,
            appending_nothing_gives_no_offsets,
            a_trimmed_log_begins_later_and_goes_on,
        }
    };
    ($home:expr => $($contract:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $contract() {
                $crate::contract::$contract(&$home.await).await;
            }
        )+
    };
}

fn record(text: &str) -> NewRecord {
    NewRecord {
        key: Some(Bytes::copy_from_slice(text.as_bytes())),
        headers: vec![header("content-type", b"application/json")],
        value: Some(Bytes::from(format!("{{\"text\":\"{text}\"}}"))),
    }
}

fn records(texts: std::ops::Range<usize>) -> Vec<NewRecord> {
    texts.map(|n| record(&format!("r{n}"))).collect()
}

fn header(name: &str, value: &[u8]) -> Header {
    Header { name: name.to_owned(), value: Bytes::copy_from_slice(value) }
}

async fn append(log: &dyn EventLog, partition: PartitionId, new: Vec<NewRecord>) -> Vec<Offset> {
    log.append(partition, new, AppendAck::Durable).await.unwrap()
}

/// Reads until there are so many records or patience ends.
async fn take(reader: &mut dyn LogReader, count: usize) -> Vec<Record> {
    let mut all = Vec::new();
    let started = std::time::Instant::now();
    while all.len() < count {
        assert!(started.elapsed() < PATIENCE, "only {} of {count} records came", all.len());
        all.extend(reader.next_batch(ReadLimits::default(), MOMENT).await.unwrap());
    }
    assert_eq!(all.len(), count, "more records came than were appended");
    all
}

async fn read(log: &dyn EventLog, partition: PartitionId, from: u64, count: usize) -> Vec<Record> {
    take(&mut *log.reader(partition, Offset(from)).await.unwrap(), count).await
}

fn bodies(records: Vec<Record>) -> Vec<NewRecord> {
    records.into_iter().map(|record| record.body).collect()
}

fn offsets(records: &[Record]) -> Vec<Offset> {
    records.iter().map(|record| record.offset).collect()
}

/// An append returns each record's offset, offsets rise, and a reader gives the records with them.
pub async fn records_come_back_in_order_with_their_offsets(home: &dyn Home) {
    let log = home.open().await.unwrap();
    let mut told = append(&*log, FIRST, records(0..5)).await;
    told.extend(append(&*log, FIRST, records(5..500)).await);
    assert!(told.is_sorted_by(|a, b| a < b), "offsets rise");
    let read = read(&*log, FIRST, 0, 500).await;
    assert_eq!(offsets(&read), told);
    assert!(read.iter().all(|record| record.partition == FIRST));
    assert_eq!(bodies(read), records(0..500));
}

/// Null and empty are told apart; headers keep order, repeats and any bytes.
pub async fn every_shape_of_record_is_preserved(home: &dyn Home) {
    let log = home.open().await.unwrap();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let shapes = vec![
        NewRecord::default(),
        NewRecord { key: None, headers: vec![], value: Some(Bytes::from_static(b"no key")) },
        NewRecord { key: Some(Bytes::from_static(b"tombstone")), headers: vec![], value: None },
        NewRecord { key: Some(Bytes::new()), headers: vec![], value: Some(Bytes::new()) },
        NewRecord {
            key: Some(all_bytes.clone().into()),
            headers: vec![
                header("ce_id", b"1"),
                header("twice", b"first"),
                header("binary", &all_bytes),
                header("twice", b"second"),
                header("empty", b""),
                header("größe", "weiß".as_bytes()),
            ],
            value: Some(all_bytes.into()),
        },
    ];
    append(&*log, FIRST, shapes.clone()).await;
    assert_eq!(bodies(read(&*log, FIRST, 0, shapes.len()).await), shapes);
}

/// The first record given is the first at or after `from`.
pub async fn a_reader_can_start_in_the_middle(home: &dyn Home) {
    let log = home.open().await.unwrap();
    let told = append(&*log, FIRST, records(0..100)).await;
    for start in [1, 50, 99] {
        let mut reader = log.reader(FIRST, told[start]).await.unwrap();
        assert_eq!(reader.position(), told[start]);
        let read = take(&mut *reader, 100 - start).await;
        assert_eq!(offsets(&read), told[start..]);
        assert_eq!(reader.position(), told[99].next());
    }
}

/// With nothing to read a reader gives nothing, once the wait has passed and not before.
pub async fn a_reader_at_the_end_waits(home: &dyn Home) {
    let log = home.open().await.unwrap();
    append(&*log, FIRST, records(0..3)).await;
    let end = log.end(FIRST).await.unwrap();
    let mut reader = log.reader(FIRST, end).await.unwrap();
    let started = std::time::Instant::now();
    let batch = reader.next_batch(ReadLimits::default(), MOMENT).await.unwrap();
    assert!(batch.is_empty());
    assert!(started.elapsed() >= MOMENT, "came back after {:?}", started.elapsed());
    assert_eq!(reader.position(), end);
}

/// A reader that waits is woken long before its wait has passed.
pub async fn an_append_wakes_a_waiting_reader(home: &dyn Home) {
    let log = home.open().await.unwrap();
    for ack in [AppendAck::Durable, AppendAck::Written] {
        let end = log.end(FIRST).await.unwrap();
        let mut reader = log.reader(FIRST, end).await.unwrap();
        let waiting = tokio::spawn(async move {
            reader.next_batch(ReadLimits::default(), PATIENCE * 2).await.unwrap()
        });
        tokio::time::sleep(MOMENT).await;
        log.append(FIRST, records(0..1), ack).await.unwrap();
        let batch = tokio::time::timeout(PATIENCE, waiting).await.expect("woken").unwrap();
        assert_eq!(bodies(batch), records(0..1));
    }
}

/// No batch has more records or bytes than asked for, and nothing is left out between batches.
pub async fn limits_are_honoured(home: &dyn Home) {
    let log = home.open().await.unwrap();
    append(&*log, FIRST, records(0..200)).await;
    let size_max = records(199..200)[0].size();
    let few = ReadLimits { records_max: 7, bytes_max: usize::MAX };
    let small = ReadLimits { records_max: usize::MAX, bytes_max: size_max * 5 };
    for limits in [few, small] {
        let mut reader = log.reader(FIRST, Offset(0)).await.unwrap();
        let mut all = Vec::new();
        while all.len() < 200 {
            let batch = reader.next_batch(limits, PATIENCE).await.unwrap();
            assert!(!batch.is_empty(), "only {} of 200 records came", all.len());
            assert!(batch.len() <= limits.records_max);
            assert!(batch.iter().map(|r| r.body.size()).sum::<usize>() <= limits.bytes_max);
            all.extend(batch);
        }
        assert_eq!(bodies(all), records(0..200));
    }
}

/// A record that is larger than the limit comes alone instead of never.
pub async fn one_large_record_is_always_given(home: &dyn Home) {
    let log = home.open().await.unwrap();
    let large = NewRecord { value: Some(vec![7; 1024 * 1024].into()), ..record("large") };
    append(&*log, FIRST, vec![record("before"), large.clone(), record("after")]).await;
    let mut reader = log.reader(FIRST, Offset(0)).await.unwrap();
    let limits = ReadLimits { records_max: 10, bytes_max: 1_000 };
    for expected in [record("before"), large, record("after")] {
        let batch = reader.next_batch(limits, PATIENCE).await.unwrap();
        assert_eq!(bodies(batch), [expected]);
    }
}

/// What one append was given stays together and in order, whoever else appends.
pub async fn appends_of_many_tasks_each_stay_in_one_run(home: &dyn Home) {
    const TASKS: usize = 8;
    const APPENDS: usize = 10;
    const RUN: usize = 5;
    let log = home.open().await.unwrap();
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for append in 0..APPENDS {
                    let run = (0..RUN).map(|n| record(&format!("{task} {append} {n}"))).collect();
                    let ack = if append % 2 == 0 { AppendAck::Durable } else { AppendAck::Written };
                    let told = log.append(FIRST, run, ack).await.unwrap();
                    assert!(told.is_sorted_by(|a, b| a < b) && told.len() == RUN);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = read(&*log, FIRST, 0, TASKS * APPENDS * RUN).await;
    let mut next_append = [0; TASKS];
    for run in bodies(all).chunks(RUN) {
        let key = String::from_utf8(run[0].key.as_ref().unwrap().to_vec()).unwrap();
        let task: usize = key.split(' ').next().unwrap().parse().unwrap();
        let append = next_append[task];
        let expected: Vec<_> = (0..RUN).map(|n| record(&format!("{task} {append} {n}"))).collect();
        assert_eq!(run, expected);
        next_append[task] += 1;
    }
}

/// Readers don't take records from one another, and may read while others append.
pub async fn many_readers_see_the_same(home: &dyn Home) {
    let log = home.open().await.unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let log = Arc::clone(&log);
            tokio::spawn(async move { bodies(read(&*log, FIRST, 0, 300).await) })
        })
        .collect();
    for start in (0..300).step_by(30) {
        append(&*log, FIRST, records(start..start + 30)).await;
    }
    for reader in readers {
        assert_eq!(reader.await.unwrap(), records(0..300));
    }
}

/// Each partition counts its own offsets and holds its own records.
pub async fn partitions_are_independent(home: &dyn Home) {
    let log = home.open().await.unwrap();
    assert_eq!(log.data_partitions(), DATA_PARTITIONS);
    for (n, partition) in PartitionId::all(DATA_PARTITIONS).enumerate() {
        let told = append(&*log, partition, records(n * 10..n * 10 + n + 1)).await;
        assert_eq!(told[0], Offset(0));
    }
    for (n, partition) in PartitionId::all(DATA_PARTITIONS).enumerate() {
        let all = read(&*log, partition, 0, n + 1).await;
        assert!(all.iter().all(|record| record.partition == partition));
        assert_eq!(bodies(all), records(n * 10..n * 10 + n + 1));
    }
}

/// The end is the offset after the last record that a durable append told.
pub async fn start_and_end_tell_what_can_be_read(home: &dyn Home) {
    let log = home.open().await.unwrap();
    assert_eq!(log.start(CONTROL).await.unwrap(), Offset(0));
    assert_eq!(log.end(CONTROL).await.unwrap(), Offset(0));
    let told = append(&*log, CONTROL, records(0..10)).await;
    assert_eq!(log.end(CONTROL).await.unwrap(), told[9].next());
    assert_eq!(log.start(CONTROL).await.unwrap(), told[0]);
    assert_eq!(log.end(FIRST).await.unwrap(), Offset(0));
}

/// Closing and opening changes nothing, and appends go on where they ended.
pub async fn a_reopened_log_has_everything(home: &dyn Home) {
    for round in 0..3 {
        let log = home.open().await.unwrap();
        let end = log.end(FIRST).await.unwrap();
        let ack = if round == 1 { AppendAck::Written } else { AppendAck::Durable };
        let told = log.append(FIRST, records(round * 20..round * 20 + 20), ack).await.unwrap();
        assert!(told[0] >= end);
    }
    let log = home.open().await.unwrap();
    assert_eq!(bodies(read(&*log, FIRST, 0, 60).await), records(0..60));
}

/// The time of appending is the machine's, and never falls within a partition.
pub async fn appended_at_never_falls(home: &dyn Home) {
    // A broker on the same machine reads the same clock; an hour also forgives another machine's.
    const HOUR_MS: i64 = 3_600_000;
    let log = home.open().await.unwrap();
    for n in 0..20 {
        append(&*log, FIRST, records(n..n + 1)).await;
    }
    let times: Vec<i64> =
        read(&*log, FIRST, 0, 20).await.iter().map(|record| record.appended_at_ms).collect();
    assert!(times.is_sorted(), "{times:?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!((i64::try_from(now.as_millis()).unwrap() - times[0]).abs() < HOUR_MS);
}

/// Every operation on a partition that is not there says so.
pub async fn an_unknown_partition_is_refused(home: &dyn Home) {
    let log = home.open().await.unwrap();
    let unknown = PartitionId::Data(DATA_PARTITIONS);
    let errors = [
        log.append(unknown, records(0..1), AppendAck::Written).await.err(),
        log.end(unknown).await.err(),
        log.start(unknown).await.err(),
        log.reader(unknown, Offset(0)).await.err(),
    ];
    for error in errors {
        let error = error.expect("refused");
        assert_eq!(error.kind(), ErrorKind::Reject);
        assert!(error.to_string().contains("partition 3"), "{error}");
    }
}

/// Whoever saw records that are not there must not wait for others to take their offsets.
pub async fn reading_past_the_end_is_refused(home: &dyn Home) {
    let log = home.open().await.unwrap();
    append(&*log, FIRST, records(0..3)).await;
    let error = log.reader(FIRST, Offset(4)).await.err().expect("refused");
    assert_eq!(error.kind(), ErrorKind::Reject);
    assert!(error.to_string().contains("offset 4"), "{error}");
}

/// An empty append is done at once.
pub async fn appending_nothing_gives_no_offsets(home: &dyn Home) {
    let log = home.open().await.unwrap();
    assert_eq!(append(&*log, FIRST, vec![]).await, []);
    assert_eq!(log.end(FIRST).await.unwrap(), Offset(0));
}

/// What was trimmed is gone for good; all that comes after is as it was, before and after an opening.
pub async fn a_trimmed_log_begins_later_and_goes_on(home: &dyn Home) {
    let log = home.open().await.unwrap();
    for at in 0..40 {
        append(&*log, FIRST, records(at..at + 1)).await;
    }
    let start = log.trim(FIRST, Offset(30)).await.unwrap();
    assert!(start <= Offset(30), "records after the one asked for were taken: {start}");
    assert_eq!(log.trim(FIRST, Offset(30)).await.unwrap(), start, "a second trim takes nothing");
    let error = log.trim(FIRST, Offset(41)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Reject);
    append(&*log, FIRST, records(40..41)).await;
    trimmed_at(&*log, start).await;
    drop(log);
    trimmed_at(&*home.open().await.unwrap(), start).await;
}

async fn trimmed_at(log: &dyn EventLog, start: Offset) {
    assert_eq!(log.start(CONTROL).await.unwrap(), Offset(0), "other partitions are as they were");
    assert_eq!(log.start(FIRST).await.unwrap(), start);
    assert_eq!(log.end(FIRST).await.unwrap(), Offset(41));
    let first = usize::try_from(start.0).unwrap();
    let all = read(log, FIRST, 0, 41 - first).await;
    assert_eq!(offsets(&all), (start.0..41).map(Offset).collect::<Vec<_>>());
    assert_eq!(bodies(all), records(first..41));
}
