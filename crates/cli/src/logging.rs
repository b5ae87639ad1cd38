//! Logs go to stderr, as `RUST_LOG` asks.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// A server tells what it does, any other command only what is wrong.
pub(crate) fn start(server: bool) {
    // RocksDB warns of every pause that it takes under load.
    let default = if server { "warn,headwater=info,rocksdb=error" } else { "warn,rocksdb=error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
