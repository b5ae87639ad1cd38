//! `headwater snapshot create`: by the server that runs, or of a folder at rest.

use clap::Args;
use headwater_snapshot::{Created, stores_of};
use headwater_store::{Access, StoreOptions, StoreSet};

use super::{Bar, PlaceArgs, bytes, failed, maker};
use crate::{
    data_dir::DataDir,
    exit::{Exit, misuse},
    history_choice, output,
    target::{Target, TargetArgs},
};

/// Options of `headwater snapshot create`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater snapshot create snapshots\n  \
    headwater snapshot create s3://backups/headwater --data headwater-data\n  \
    headwater snapshot create s3://backups/headwater --url http://127.0.0.1:7070 --json\n\n\
    Where a server runs, it makes the snapshot and goes on taking and folding events. Files that an\n\
    earlier snapshot at the same place has are not written again. The log and its key are not in a\n\
    snapshot: keep them, too.")]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Print the snapshot as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: CreateArgs) -> anyhow::Result<Exit> {
    let bar = Bar::new()?;
    let created = match args.target.to_write().await? {
        Target::Server(server) => {
            server
                .create_snapshot(&args.place.for_server()?, &|progress| bar.show(progress))
                .await?
        }
        Target::Folder(dir) => of_folder(&dir, &args.place, &bar).await?,
    };
    drop(bar);
    if args.json {
        output::json(&created)?;
        return Ok(Exit::Done);
    }
    let Created { snapshot, uploaded_files, uploaded_bytes, .. } = &created;
    output::line(format!("snapshot {} at {}", snapshot.id, args.place.place))?;
    output::line(format!(
        "{} of {}, {} of {} new",
        output::counted(snapshot.files, "file"),
        bytes(snapshot.bytes),
        output::counted(*uploaded_files, "file"),
        bytes(*uploaded_bytes)
    ))?;
    Ok(Exit::Done)
}

/// Of a folder that nobody writes meanwhile: its stores as they are, whether or not the log is there.
async fn of_folder(dir: &DataDir, place: &PlaceArgs, bar: &Bar) -> anyhow::Result<Created> {
    let objects = place.open()?;
    let at = dir.path();
    if !at.join("store").is_dir() {
        return Err(misuse(format!(
            "there are no views in {}: name another folder with --data",
            at.display()
        )));
    }
    let _lock = dir.lock()?;
    let stores = StoreSet::open(at, Access::ReadWrite, StoreOptions::default())?;
    let stores = stores.keeping_history(history_choice::to_read(at)?);
    let partitions = stores_of(at, &stores).map_err(failed)?;
    let maker = maker(at, partitions);
    maker.create(&objects, &|progress| bar.show(progress)).await.map_err(failed)
}
