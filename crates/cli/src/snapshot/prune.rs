//! `headwater snapshot prune`: old snapshots go, and the files that none needs.

use std::time::Duration;

use clap::Args;
use headwater_snapshot::{BLOB_AGE_MIN, Keep, Pruned};

use super::{PlaceArgs, bytes, failed, span::span};
use crate::{
    exit::{Exit, misuse},
    output,
};

/// Options of `headwater snapshot prune`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater snapshot prune snapshots --keep 7\n  \
    headwater snapshot prune s3://backups/headwater --younger 30d\n  \
    headwater snapshot prune s3://backups/headwater --keep 7 --younger 30d\n\n\
    Kept is what either names, and always the newest. Files that no snapshot names are removed, too,\n\
    unless they are young or a snapshot is being made at that place: then by the next pruning.")]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Keep the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Keep those younger than this, as in 30d, 12h, 15m or 10s
    #[arg(long, value_name = "SPAN", value_parser = span)]
    younger: Option<Duration>,
    /// Keep files that no snapshot names for this long [default: 1h]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    file_age: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: PruneArgs) -> anyhow::Result<Exit> {
    if args.keep.is_none() && args.younger.is_none() {
        return Err(misuse("say what is kept: --keep N, --younger SPAN, or both"));
    }
    let keep = Keep {
        newest: args.keep.map_or(1, |keep| usize::try_from(keep).unwrap_or(usize::MAX)),
        younger: args.younger,
        blob_age_min: args.file_age.unwrap_or(BLOB_AGE_MIN),
    };
    let objects = args.place.open()?;
    let pruned = headwater_snapshot::prune(&objects, keep).await.map_err(failed)?;
    if args.json {
        output::json(&pruned)?;
        return Ok(Exit::Done);
    }
    let Pruned { removed, kept, files_removed, bytes_removed, files_young, files_kept_because } =
        &pruned;
    let count = |ids: &Vec<_>| u64::try_from(ids.len()).unwrap_or(u64::MAX);
    output::line(format!(
        "{} removed, {} kept; {} of {} removed",
        output::counted(count(removed), "snapshot"),
        output::thousands(count(kept)),
        output::counted(*files_removed, "file"),
        bytes(*bytes_removed)
    ))?;
    if let Some(why) = files_kept_because {
        output::line(format!("no file was removed: {why}"))?;
    }
    if *files_young > 0 {
        let files = output::counted(*files_young, "file");
        output::line(format!("{files} of no snapshot kept for now: younger than --file-age"))?;
    }
    Ok(Exit::Done)
}
