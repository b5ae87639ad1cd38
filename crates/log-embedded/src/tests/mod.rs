//! Tests of the log in segment files: the contract, and what only files can do to a log.

mod contract;
mod crash;
mod damage;
mod sharing;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use bytes::Bytes;
use headwater_event::{NewRecord, Offset, PartitionId};
use headwater_log::{AppendAck, Error, EventLog, ReadLimits};

use crate::{EmbeddedLog, Options};

const FIRST: PartitionId = PartitionId::Data(0);
/// Some ten records.
const SMALL: Options = Options { data_partitions: Some(1), segment_bytes: 1_000 };

/// The folders of partitions whose disk is full.
static FULL: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Stands in for a full disk: takes half of what is to be written.
pub(crate) fn full_disk(dir: &Path, file: &File, bytes: &[u8], position: u64) -> io::Result<()> {
    if !FULL.lock().unwrap().contains(dir) {
        return Ok(());
    }
    file.write_all_at(&bytes[..bytes.len() / 2], position)?;
    Err(io::Error::from(io::ErrorKind::StorageFull))
}

fn record(n: usize) -> NewRecord {
    let value = Some(Bytes::from(format!("value of record number {n:08}")));
    NewRecord { key: Some(Bytes::from(n.to_string())), headers: vec![], value }
}

fn open(dir: &Path) -> Result<EmbeddedLog, Error> {
    EmbeddedLog::create_or_open(dir, &SMALL)
}

fn refused(dir: &Path) -> Error {
    open(dir).expect_err("refused")
}

async fn append(log: &EmbeddedLog, numbers: std::ops::Range<usize>) {
    for n in numbers {
        let told = log.append(FIRST, vec![record(n)], AppendAck::Durable).await.unwrap();
        assert_eq!(told, [Offset(n as u64)]);
    }
}

/// All that can be read now.
async fn read(log: &EmbeddedLog, from: u64) -> Result<Vec<NewRecord>, Error> {
    let end = log.end(FIRST).await?;
    let mut reader = log.reader(FIRST, Offset(from)).await?;
    let mut all = Vec::new();
    while reader.position() < end {
        let batch = reader.next_batch(ReadLimits::default(), Duration::from_secs(5)).await?;
        all.extend(batch.into_iter().map(|record| record.body));
    }
    Ok(all)
}

fn records(numbers: std::ops::Range<usize>) -> Vec<NewRecord> {
    numbers.map(record).collect()
}

/// The segment files of the first data partition, in order.
fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("0")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some()).collect();
    paths.sort();
    paths
}

/// Where the frames of a segment begin, and last where they end.
fn frames(segment: &Path) -> Vec<usize> {
    let bytes = fs::read(segment).unwrap();
    let mut places = vec![32];
    loop {
        let place = *places.last().unwrap();
        let Some(length) = bytes.get(place..place + 4) else { return places };
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        if length == 0 {
            return places;
        }
        places.push(place + 8 + length);
    }
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
