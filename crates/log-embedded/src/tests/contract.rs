//! The contract of every log, with segments of common size and with tiny ones.

use std::sync::Arc;

use futures::{FutureExt as _, future::BoxFuture};
use headwater_log::{
    EventLog, Result,
    contract::{DATA_PARTITIONS, Home},
};
use tempfile::TempDir;

use crate::{EmbeddedLog, Options};

struct Folder {
    dir: TempDir,
    options: Options,
}

impl Folder {
    fn new(segment_bytes: u64) -> Self {
        let options = Options { data_partitions: Some(DATA_PARTITIONS), segment_bytes };
        Self { dir: TempDir::new().unwrap(), options }
    }
}

impl Home for Folder {
    fn open(&self) -> BoxFuture<'_, Result<Arc<dyn EventLog>>> {
        async move {
            let log = EmbeddedLog::create_or_open(self.dir.path(), &self.options)?;
            Ok(Arc::new(log) as Arc<dyn EventLog>)
        }
        .boxed()
    }
}

mod common_segments {
    headwater_log::contract_tests!(async { super::Folder::new(128 * 1024 * 1024) });
}

mod tiny_segments {
    headwater_log::contract_tests!(async { super::Folder::new(1_000) });
}
