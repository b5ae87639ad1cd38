//! Where a server listens, and when it stops.

use std::net::SocketAddr;

use tokio::{
    net::lookup_host,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::exit::misuse;

/// The address to listen on. Without credentials anyone who reaches it may do anything.
pub(super) async fn loopback(text: &str) -> anyhow::Result<SocketAddr> {
    let found = lookup_host(text).await.map_err(|error| {
        misuse(format!("--http {text}: {error}; write HOST:PORT, as in 127.0.0.1:7070"))
    })?;
    let addresses: Vec<SocketAddr> = found.collect();
    if addresses.iter().any(|address| !address.ip().is_loopback()) {
        return Err(misuse(format!(
            "--http {text} can be reached from other machines: without credentials the server \
             listens on loopback only; write 127.0.0.1:PORT, and put a proxy that checks who calls \
             in front of it"
        )));
    }
    addresses.first().copied().ok_or_else(|| misuse(format!("--http {text} is no address")))
}

/// SIGTERM and Ctrl-C.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// From here on, both are heard and end nothing by themselves.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Comes with the first of them.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
