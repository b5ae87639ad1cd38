//! `headwater log trim`: a snapshot becomes the log's origin, and the records before it are taken away.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::Args;
use headwater_engine::{ErrorKind, LogTrim};
use headwater_event::{Offset, PartitionId};
use headwater_snapshot::{Listed, SnapshotId, Summary};

use crate::{
    exit::{Exit, misuse},
    output::{self, Align, TextTable},
    snapshot::{Bar, PlaceArgs, failed, maker},
    target::{Target, TargetArgs},
};

/// Options of `headwater log trim`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater snapshot create backups --data headwater-data\n  \
    headwater log trim backups --data headwater-data             what would be taken away\n  \
    headwater log trim backups --data headwater-data --yes       take it away\n\n\
    First all of the snapshot is read and checked, as a restore does. From then on the log begins with it:\n\
    rows as of earlier moments stay, and the digests with them, but nobody can fold the records again\n\
    that were taken away. Keep the snapshot: a data folder without views is restored from it, or from a\n\
    newer one, and `headwater replay verify` begins with it. Whole segments are removed from an embedded\n\
    log, so that it may begin earlier than the snapshot ends.")]
pub(crate) struct TrimArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The snapshot; left out, the newest
    id: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Take the records away; without it, only tell which
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: TrimArgs) -> anyhow::Result<Exit> {
    let id = args.id.clone().map(SnapshotId::try_from).transpose();
    let id = id.map_err(|error| misuse(format!("failed to {error}")))?;
    match args.target.to_write().await? {
        Target::Server(server) => {
            let place = args.place.for_server()?;
            let snapshot = chosen(server.snapshots(&place).await?, id.as_ref(), &place)?;
            if !args.yes {
                return would_take(&args, &snapshot);
            }
            told(&args, &server.trim_log(&place, &snapshot.id.to_string()).await?)
        }
        Target::Folder(dir) => {
            // As it will stand on the log, for whoever looks for it from another folder.
            let place = PlaceArgs { place: args.place.whole()?, ..args.place.clone() };
            let objects = place.open()?;
            let listed = headwater_snapshot::list(&objects).await.map_err(failed)?;
            let snapshot = chosen(listed, id.as_ref(), objects.url())?;
            if !args.yes {
                return would_take(&args, &snapshot);
            }
            let lock = dir.lock()?;
            let engine = dir.open_engine(&lock).await?;
            let bar = Bar::new()?;
            let maker = maker(dir.path(), engine.stores());
            let trimmed = async {
                let told = |progress| bar.show(progress);
                let whole = maker.find_whole(&objects, Some(&snapshot.id), &told).await;
                let origin = whole.map_err(failed)?;
                engine.trim_log(&origin).await.map_err(|error| match error.kind() {
                    ErrorKind::Reject => misuse(format!("failed to {error}")),
                    _ => anyhow::Error::new(error).context("failed to trim the log"),
                })
            };
            let trimmed = trimmed.await;
            engine.shutdown().await;
            drop(bar);
            told(&args, &trimmed?)
        }
    }
}

/// The snapshot that was named, or the newest.
fn chosen(listed: Vec<Listed>, id: Option<&SnapshotId>, place: &str) -> anyhow::Result<Summary> {
    let found = match id {
        Some(id) => listed.into_iter().find(|listed| listed.id == *id),
        None => listed.into_iter().rfind(|listed| listed.snapshot.is_some()),
    };
    found.and_then(|listed| listed.snapshot).ok_or_else(|| {
        let which = id.map_or("snapshot".to_owned(), |id| format!("whole snapshot {id}"));
        misuse(format!("there is no {which} at {place}: `headwater snapshot list` tells which are"))
    })
}

fn would_take(args: &TrimArgs, snapshot: &Summary) -> anyhow::Result<Exit> {
    if args.json {
        output::json(&serde_json::json!({ "would_trim_to": snapshot }))?;
        return Ok(Exit::Done);
    }
    output::line(format!(
        "snapshot {} of {} would become the log's origin:",
        snapshot.id, snapshot.created_at
    ))?;
    output::line(table(&snapshot.positions, "records before").to_string())?;
    output::line("nothing was taken away; add --yes to take these records away, for ever")?;
    Ok(Exit::Done)
}

fn told(args: &TrimArgs, trim: &LogTrim) -> anyhow::Result<Exit> {
    if args.json {
        output::json(trim).context("failed to print")?;
        return Ok(Exit::Done);
    }
    output::line(format!("the log begins with snapshot {}", trim.snapshot))?;
    output::line(table(&trim.begins, "begins at offset").to_string())?;
    if trim.begins == trim.began {
        output::line(
            "no records were removed: an embedded log loses whole segments only, and no segment lies \
             wholly before the snapshot",
        )?;
    }
    Ok(Exit::Done)
}

fn table(offsets: &BTreeMap<PartitionId, Offset>, title: &'static str) -> TextTable {
    let columns = [("partition", Align::Left), (title, Align::Right)];
    let mut table = TextTable::new(columns, output::width());
    for (id, offset) in offsets {
        table.row([id.to_string(), output::thousands(offset.0)]);
    }
    table
}
