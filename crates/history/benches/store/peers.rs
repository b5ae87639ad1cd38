//! The peers: a plain RocksDB family, and one whose keys end in a timestamp.
//!
//! Configured as our family of latest rows is, which follows RocksDB's tuning guide for point lookups: bloom
//! filters of 10 bits, hashed data blocks, LZ4 above and zstd at the bottom, a cache of 128 MiB.

use std::{collections::BTreeMap, time::Instant};

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, DataBlockIndexType, Options, ReadOptions,
    WriteBatch,
};

use crate::{
    Figures,
    load::{BATCH, Load, UPSERTS, checksum, decoded},
    m_per_s,
    ours::folder_bytes,
    timed, warm,
};

const TIMESTAMP_BYTES: usize = 8;

fn options(cache: &Cache) -> Options {
    let mut out = Options::default();
    out.create_if_missing(true);
    out.create_missing_column_families(true);
    out.set_max_background_jobs(2);
    out.set_write_buffer_size(32 << 20);
    out.set_max_write_buffer_number(3);
    out.set_compression_type(DBCompressionType::Lz4);
    out.set_bottommost_compression_type(DBCompressionType::Zstd);
    out.set_level_compaction_dynamic_level_bytes(true);
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(10.0, false);
    table.set_whole_key_filtering(true);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    table.set_data_block_hash_ratio(0.75);
    out.set_memtable_prefix_bloom_ratio(0.02);
    out.set_memtable_whole_key_filtering(true);
    out.set_block_based_table_factory(&table);
    out
}

/// No history at all: the floor.
pub(crate) fn plain(load: &Load) -> Figures {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new_lru_cache(128 << 20);
    let db = DB::open(&options(&cache), dir.path()).unwrap();
    let mut figures = Figures::default();
    write(load, &mut figures, |batch| {
        let latest: BTreeMap<_, _> = batch.map(|n| (load.key(n), load.row(n))).collect();
        let mut batch = WriteBatch::default();
        latest.iter().for_each(|(key, row)| batch.put(key, row));
        let began = Instant::now();
        db.write(batch).unwrap();
        began.elapsed().as_secs_f64()
    });
    read(load, &mut figures, &db, &ReadOptions::default);
    drop(db);
    drop(DB::open(&options(&cache), dir.path()).unwrap());
    figures.disk_mb = folder_bytes(dir.path()) as f64 / 1e6;
    figures
}

/// User-defined timestamps: each write is a version at its offset.
pub(crate) fn timestamps(load: &Load) -> Figures {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::new_lru_cache(128 << 20);
    let open = || {
        let mut options = options(&cache);
        options.set_comparator_with_ts(
            "headwater-bench.u64",
            TIMESTAMP_BYTES,
            Box::new(|a, b| {
                let ((a, of_a), (b, of_b)) = (split(a), split(b));
                // Of one key the newest comes first.
                a.cmp(b).then_with(|| stamp(of_b).cmp(&stamp(of_a)))
            }),
            Box::new(|a, b| stamp(a).cmp(&stamp(b))),
            Box::new(|a, a_stamped, b, b_stamped| {
                let a = if a_stamped { split(a).0 } else { a };
                let b = if b_stamped { split(b).0 } else { b };
                a.cmp(b)
            }),
        );
        DB::open_cf_with_opts(&db_options(), dir.path(), [("rows", options)]).unwrap()
    };
    let db = open();
    let mut figures = Figures::default();
    {
        let rows = db.cf_handle("rows").unwrap();
        write(load, &mut figures, |range| {
            let mut batch = WriteBatch::default();
            for n in range {
                let at = (n as u64).to_le_bytes();
                batch.put_cf_with_ts(&rows, load.key(n), at, load.row(n));
            }
            let began = Instant::now();
            db.write(batch).unwrap();
            began.elapsed().as_secs_f64()
        });
        let at = |offset: u64| {
            move || {
                let mut options = ReadOptions::default();
                options.set_timestamp(offset.to_le_bytes());
                options
            }
        };
        read_family(load, &mut figures, &db, Some(&rows), &at(u64::MAX));
        let mut past = Figures::default();
        scan(&mut past, &db, Some(&rows), &at(UPSERTS as u64 / 2 - 1));
        figures.past_sum = past.latest_sum;
        figures.past_m_per_s = past.latest_m_per_s;
        figures.past_decoded_m_per_s = past.decoded_m_per_s;
    }
    drop(db);
    drop(open());
    figures.disk_mb = folder_bytes(dir.path()) as f64 / 1e6;
    figures
}

fn db_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    options
}

fn split(key: &[u8]) -> (&[u8], &[u8]) {
    key.split_at(key.len() - TIMESTAMP_BYTES)
}

fn stamp(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

fn write(
    load: &Load,
    figures: &mut Figures,
    mut commit: impl FnMut(std::ops::Range<usize>) -> f64,
) {
    let _ = load;
    let (seconds, longest) = timed(|| {
        let batches = (0..UPSERTS).step_by(BATCH);
        batches.map(|at| commit(at..(at + BATCH).min(UPSERTS))).fold(0.0, f64::max)
    });
    figures.write_k_per_s = UPSERTS as f64 / seconds / 1e3;
    figures.commit_ms_max = longest * 1e3;
}

fn read(load: &Load, figures: &mut Figures, db: &DB, options: &dyn Fn() -> ReadOptions) {
    read_family(load, figures, db, None, options);
}

type Handle<'a> = std::sync::Arc<rocksdb::BoundColumnFamily<'a>>;

fn read_family(
    load: &Load,
    figures: &mut Figures,
    db: &DB,
    family: Option<&Handle<'_>>,
    options: &dyn Fn() -> ReadOptions,
) {
    let lookups = load.lookups();
    let (seconds, _) = warm(|| {
        for key in &lookups {
            let row = match family {
                Some(family) => db.get_cf_opt(family, key, &options()),
                None => db.get(key),
            };
            assert!(row.unwrap().is_some());
        }
    });
    figures.get_k_per_s = lookups.len() as f64 / seconds / 1e3;
    scan(figures, db, family, options);
}

fn scan(
    figures: &mut Figures,
    db: &DB,
    family: Option<&Handle<'_>>,
    options: &dyn Fn() -> ReadOptions,
) {
    let each = |work: &mut dyn FnMut(&[u8], &[u8])| {
        let mut cursor = match family {
            Some(family) => db.raw_iterator_cf_opt(family, options()),
            None => db.raw_iterator_opt(options()),
        };
        cursor.seek_to_first();
        while let Some((key, row)) = cursor.item() {
            // Owned, as our scans give them.
            let (key, row) = std::hint::black_box((key.to_vec(), row.to_vec()));
            work(&key, &row);
            cursor.next();
        }
        cursor.status().unwrap();
    };
    let (seconds, (count, sum)) = warm(|| {
        let (mut count, mut sum) = (0, 0);
        each(&mut |key, row| {
            count += 1;
            sum = checksum(sum, key, row);
        });
        (count, sum)
    });
    figures.latest_sum = sum;
    figures.latest_m_per_s = m_per_s(count, seconds);
    let (seconds, _) = warm(|| {
        let mut sum = 0;
        each(&mut |_, row| sum = decoded(sum, row));
        sum
    });
    figures.decoded_m_per_s = m_per_s(count, seconds);
}
