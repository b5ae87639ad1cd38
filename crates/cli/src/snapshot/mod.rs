//! `headwater snapshot`: the views as of some positions, kept elsewhere, and put back.

mod create;
mod list;
mod prune;
mod restore;
mod span;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use headwater_event::PartitionId;
use headwater_objects::Objects;
use headwater_snapshot::{Maker, Progress, Source, Step};
use headwater_store::PartitionStore;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::{
    exit::{Exit, misuse},
    objects_config,
};

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Make a snapshot, while a server serves or of a folder at rest.
    Create(create::CreateArgs),
    /// List the snapshots at a place.
    List(list::ListArgs),
    /// Put a snapshot's views into a data folder.
    Restore(restore::RestoreArgs),
    /// Remove old snapshots, and the files that no snapshot needs any more.
    Prune(prune::PruneArgs),
}

/// Where snapshots are.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaceArgs {
    /// A folder, file:///PATH or s3://BUCKET/PREFIX
    pub(crate) place: String,
    /// A file of object storage's properties, key=value a line; AWS_… variables hold, too
    #[arg(long, value_name = "FILE")]
    pub(crate) objects_config: Option<PathBuf>,
}

impl PlaceArgs {
    /// Opens the place from here.
    pub(crate) fn open(&self) -> anyhow::Result<Objects> {
        let properties = objects_config::read(self.objects_config.as_deref())?;
        Objects::open(&self.place, &properties).map_err(|error| {
            let told = format!("failed to {error}");
            match error.kind() {
                headwater_objects::ErrorKind::Reject => misuse(told),
                _ => anyhow::anyhow!(told),
            }
        })
    }

    /// The place as a server takes it, whose own settings hold there.
    pub(crate) fn for_server(&self) -> anyhow::Result<String> {
        if self.objects_config.is_some() {
            return Err(misuse(
                "a running server reaches object storage with its own settings: give \
                 --objects-config to `headwater serve` instead",
            ));
        }
        self.whole()
    }

    /// The place with a whole path, for who is told of it elsewhere.
    pub(crate) fn whole(&self) -> anyhow::Result<String> {
        objects_config::whole_place(&self.place)
    }
}

/// Runs the command.
pub(crate) async fn run(command: SnapshotCommand) -> anyhow::Result<Exit> {
    match command {
        SnapshotCommand::Create(args) => create::run(args).await,
        SnapshotCommand::List(args) => list::run(args).await,
        SnapshotCommand::Restore(args) => restore::run(args).await,
        SnapshotCommand::Prune(args) => prune::run(args).await,
    }
}

/// Makes snapshots of these stores, whose folder this process writes.
pub(crate) fn maker(data_dir: &Path, partitions: Vec<(PartitionId, Arc<PartitionStore>)>) -> Maker {
    Maker::new(Source {
        partitions,
        data_dir: data_dir.to_owned(),
        scratch_dir: data_dir.join("scratch"),
    })
}

/// What failed; with whoever asked for what can't be, it is told so.
pub(crate) fn failed(error: headwater_snapshot::Error) -> anyhow::Error {
    let told = format!("failed to {error}");
    match error.kind() {
        headwater_snapshot::ErrorKind::Reject => misuse(told),
        _ => anyhow::anyhow!(told),
    }
}

/// `1.5 MiB`.
fn bytes(bytes: u64) -> String {
    HumanBytes(bytes).to_string()
}

/// A bar on stderr, hidden where that is no terminal.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{msg:11} {wide_bar} {bytes}/{total_bytes}")?;
        let bar = ProgressBar::new(0).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(100));
        Ok(Self(bar))
    }

    pub(crate) fn show(&self, progress: Progress) {
        self.0.set_message(match progress.step {
            Step::Hashing => "hashing",
            Step::Uploading => "uploading",
            Step::Downloading => "downloading",
        });
        self.0.set_length(progress.bytes_all);
        self.0.set_position(progress.bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
