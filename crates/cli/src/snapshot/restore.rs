//! `headwater snapshot restore`: a snapshot's views, checked and put in place before the tail is folded.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use headwater_snapshot::{Restore, Restored, SnapshotId};

use super::{Bar, PlaceArgs, bytes, failed};
use crate::{
    data_dir::DataDir,
    exit::{Exit, misuse},
    log_choice::LogChoice,
    log_url::LogUrl,
    output,
    target::DATA_DEFAULT,
};

/// Options of `headwater snapshot restore`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater snapshot restore snapshots --data headwater-data\n  \
    headwater snapshot restore s3://backups/headwater 0199e2c5-8f3a-7c1e-9b4d-2f6a7c8d9e0f --data d\n  \
    headwater snapshot restore snapshots --data new --log kafka://127.0.0.1:9092/orders\n\n\
    The log is not in a snapshot: the data folder holds it already, or --log names it. The snapshot\n\
    must be of that log; every file is checked before anything is put in place. Whoever opens the\n\
    folder next folds what the log has more than the snapshot.")]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The snapshot; left out, the newest
    id: Option<String>,
    /// The data folder; made if it does not exist
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, env = "HEADWATER_DATA",
        hide_env_values = true)]
    data: PathBuf,
    /// Where the log is: embedded, or kafka://HOST:PORT,…/NAME [default: as the folder remembers, else embedded]
    #[arg(long, value_name = "LOG")]
    log: Option<LogUrl>,
    /// A file of librdkafka's properties, key=value a line, such as those of TLS and SASL
    #[arg(long, value_name = "FILE")]
    log_config: Option<PathBuf>,
    /// Replace the views that are in the folder
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: RestoreArgs) -> anyhow::Result<Exit> {
    let id = args.id.clone().map(SnapshotId::try_from).transpose();
    let id = id.map_err(|error| misuse(format!("failed to {error}")))?;
    let objects = args.place.open()?;
    let dir = DataDir::new(&args.data);
    let at = dir.path();
    let known = LogChoice::read(at)?;
    let given = LogChoice::given(args.log.clone(), args.log_config.clone())?;
    let choice = LogChoice::agree(known.clone(), given, at)?;
    if choice.is_embedded() && !at.join("log").is_dir() {
        return Err(misuse(format!(
            "there is no log in {}, and a snapshot holds none: put the folder log/ of the data \
             folder that it was made of there, or name a log on Kafka with --log",
            at.display()
        )));
    }
    let _lock = dir.lock()?;
    let log = choice.open_read_only(at).await?;
    let bar = Bar::new()?;
    let ask = Restore { objects: &objects, id, data_dir: at, log, force: args.force };
    let restored = headwater_snapshot::restore(ask, &|progress| bar.show(progress)).await;
    drop(bar);
    let restored = restored.map_err(failed)?;
    if known.as_ref() != Some(&choice) {
        choice.write(at).context("failed to remember the log")?;
    }
    tell(&args, &dir, &restored)?;
    Ok(Exit::Done)
}

fn tell(args: &RestoreArgs, dir: &DataDir, restored: &Restored) -> anyhow::Result<()> {
    let place = dir.path().display();
    let has_key = dir.path().join("keys").is_dir();
    if args.json {
        output::json(restored)?;
    } else {
        let snapshot = &restored.snapshot;
        output::line(format!(
            "restored snapshot {} of {} into {place}: {}, {}",
            snapshot.id,
            snapshot.created_at,
            output::counted(snapshot.files, "file"),
            bytes(snapshot.bytes)
        ))?;
        output::line(format!(
            "the log has up to {} more, which are folded when the folder is opened: \
             headwater serve --data {place}",
            output::counted(tail(restored), "record")
        ))?;
    }
    if !has_key {
        eprintln!(
            "{place} has no folder keys/, and a snapshot holds no keys: its views can be read, but \
             before it is served, copy keys/ of the data folder that the log was made in"
        );
    }
    Ok(())
}

/// Records between the snapshot's positions and the log's ends; offsets may have gaps.
fn tail(restored: &Restored) -> u64 {
    let ends = restored.log_ends.iter();
    ends.map(|(id, end)| {
        let folded = restored.snapshot.positions.get(id).map_or(0, |offset| offset.next().0);
        end.0.saturating_sub(folded)
    })
    .sum()
}
