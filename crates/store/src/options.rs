//! How the families are tuned, and the memory that all partitions share.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBCompressionType, DataBlockIndexType,
    InfoLogger, LogLevel, Options, SliceTransform, WriteBufferManager,
};

use crate::sealing::SEAL_EVERY;

/// What a process may do with the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Fold into it; one process at a time.
    ReadWrite,
    /// Read it as it is at the moment of opening, also while another process writes.
    ReadOnly,
}

/// Memory, for all partitions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Bytes for uncompressed blocks, indexes and filters.
    pub block_cache_bytes: usize,
    /// Bytes for rows that are not yet in files; beyond it they are flushed.
    pub write_buffer_bytes: usize,
    /// The length in offsets of the stretches in which a new partition's history is sealed; one that is
    /// there keeps its own. Other than [`SEAL_EVERY`] for tests only.
    pub seal_every: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { block_cache_bytes: 128 << 20, write_buffer_bytes: 64 << 20, seal_every: SEAL_EVERY }
    }
}

/// The families of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Latest,
    Tail,
    Ids,
    Outbox,
    Meta,
    Sealed,
    Marks,
}

impl Family {
    pub(crate) const ALL: [Self; 7] =
        [Self::Latest, Self::Tail, Self::Ids, Self::Outbox, Self::Meta, Self::Sealed, Self::Marks];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Tail => "tail",
            Self::Ids => "ids",
            Self::Outbox => "outbox",
            Self::Meta => "meta",
            Self::Sealed => "sealed",
            Self::Marks => "marks",
        }
    }
}

/// Files a writer keeps open: partitions are many, and so are other users of descriptors. A reader
/// keeps all open from the start, as the writer may delete them under it.
const WRITER_OPEN_FILES_MAX: i32 = 512;
/// RocksDB's own log of one partition that a start may have to read again.
const WAL_BYTES_MAX: u64 = 256 << 20;
/// Flushes and compactions at once, in the whole process: leave the processors to folding.
const BACKGROUND_JOBS_MAX: i32 = 2;
/// Bits of bloom filter a key: one in a hundred lookups of an absent key reads a block.
const BLOOM_BITS: f64 = 10.0;
/// The part of a key that names the view's version.
const PREFIX_LEN: usize = 8;

/// The cache and the write buffer's bound, shared by all partitions of a set.
pub(crate) struct Shared {
    cache: Cache,
    write_buffers: WriteBufferManager,
    options: StoreOptions,
}

impl Shared {
    pub(crate) fn new(options: StoreOptions) -> Self {
        Self {
            cache: Cache::new_lru_cache(options.block_cache_bytes),
            // Not stalling: an idle partition's buffers would stall the busy one for good.
            write_buffers: WriteBufferManager::new_write_buffer_manager(
                options.write_buffer_bytes,
                false,
            ),
            options,
        }
    }

    pub(crate) fn seal_every(&self) -> u64 {
        self.options.seal_every.max(1)
    }

    pub(crate) fn database(&self, access: Access) -> Options {
        let mut out = Options::default();
        out.set_write_buffer_manager(&self.write_buffers);
        out.set_max_background_jobs(BACKGROUND_JOBS_MAX);
        out.set_max_file_opening_threads(BACKGROUND_JOBS_MAX);
        out.set_max_total_wal_size(WAL_BYTES_MAX);
        out.set_bytes_per_sync(1 << 20);
        // No family may be ahead of another if the end of the WAL is lost.
        out.set_atomic_flush(true);
        // A reader must not move the writer's LOG file aside; what matters is told by tracing.
        out.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, report));
        match access {
            Access::ReadWrite => {
                out.create_if_missing(true);
                out.create_missing_column_families(true);
                out.set_max_open_files(WRITER_OPEN_FILES_MAX);
            }
            Access::ReadOnly => {
                out.set_max_open_files(-1);
                out.set_skip_stats_update_on_db_open(true);
            }
        }
        out
    }

    pub(crate) fn families(&self) -> Vec<ColumnFamilyDescriptor> {
        let family = |f: Family| ColumnFamilyDescriptor::new(f.name(), self.family(f));
        Family::ALL.into_iter().map(family).collect()
    }

    fn family(&self, family: Family) -> Options {
        let mut out = Options::default();
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&self.cache);
        // Indexes and filters count against the cache too, else memory grows with the data.
        table.set_cache_index_and_filter_blocks(true);
        table.set_pin_l0_filter_and_index_blocks_in_cache(true);
        out.set_write_buffer_size((self.options.write_buffer_bytes / 2).clamp(1 << 20, 32 << 20));
        out.set_max_write_buffer_number(3);
        out.set_compression_type(DBCompressionType::Lz4);
        out.set_bottommost_compression_type(DBCompressionType::Zstd);
        out.set_level_compaction_dynamic_level_bytes(true);
        match family {
            Family::Latest => {
                out.set_prefix_extractor(SliceTransform::create_fixed_prefix(PREFIX_LEN));
                point_lookups(&mut out, &mut table);
            }
            Family::Ids => {
                // Keys are hashes: compressing costs and gains nothing.
                out.set_compression_type(DBCompressionType::None);
                out.set_bottommost_compression_type(DBCompressionType::None);
                point_lookups(&mut out, &mut table);
            }
            Family::Tail => table.set_block_size(64 << 10), // its values are whole blocks
            // Each entry is removed soon after: rewrite files that are mostly removals.
            Family::Outbox => out.add_compact_on_deletion_collector_factory(1024, 512, 0.5),
            Family::Meta | Family::Sealed | Family::Marks => {}
        }
        out.set_block_based_table_factory(&table);
        out
    }
}

/// For families that folding asks for one key at a time, often for keys that are not there.
fn point_lookups(options: &mut Options, table: &mut BlockBasedOptions) {
    table.set_bloom_filter(BLOOM_BITS, false);
    table.set_whole_key_filtering(true);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    table.set_data_block_hash_ratio(0.75);
    options.set_memtable_prefix_bloom_ratio(0.02);
    options.set_memtable_whole_key_filtering(true);
}

fn report(level: LogLevel, text: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "rocksdb", "{text}"),
        LogLevel::Warn => tracing::warn!(target: "rocksdb", "{text}"),
        LogLevel::Debug | LogLevel::Info | LogLevel::Header => {
            tracing::debug!(target: "rocksdb", "{text}");
        }
    }
}
