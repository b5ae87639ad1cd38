//! `headwater snapshot list`: id, time, positions, size, and how much of it other snapshots share.

use clap::Args;
use headwater_snapshot::Listed;

use super::{PlaceArgs, bytes, failed};
use crate::{
    client::Server,
    exit::Exit,
    output::{self, Align, TextTable, printable},
};

/// Options of `headwater snapshot list`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater snapshot list snapshots\n  \
    headwater snapshot list s3://backups/headwater --json\n  \
    headwater snapshot list s3://backups/headwater --url http://127.0.0.1:7070\n\n\
    Oldest first. With --url the server looks, with its own settings of object storage.")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The server that looks [default: this command itself]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: ListArgs) -> anyhow::Result<Exit> {
    let listed = match &args.url {
        Some(url) => Server::new(url)?.snapshots(&args.place.for_server()?).await?,
        None => headwater_snapshot::list(&args.place.open()?).await.map_err(failed)?,
    };
    if args.json {
        output::json(&listed)?;
        return Ok(Exit::Done);
    }
    let columns = [
        ("id", Align::Left),
        ("made at", Align::Left),
        ("log", Align::Left),
        ("positions", Align::Left),
        ("files", Align::Right),
        ("size", Align::Right),
        ("shared", Align::Right),
    ];
    let mut table = TextTable::new(columns, output::width());
    for Listed { id, snapshot, shared_bytes, .. } in &listed {
        let Some(snapshot) = snapshot else { continue };
        let positions: Vec<_> =
            snapshot.positions.iter().map(|(id, offset)| format!("{id}:{offset}")).collect();
        table.row([
            id.to_string(),
            snapshot.created_at.to_string(),
            snapshot.log_id.clone(),
            positions.join(","),
            output::thousands(snapshot.files),
            bytes(snapshot.bytes),
            bytes(*shared_bytes),
        ]);
    }
    output::line(table.to_string())?;
    for Listed { id, damaged, .. } in &listed {
        if let Some(why) = damaged {
            output::line(format!("snapshot {id} is of no use: failed to {}", printable(why)))?;
        }
    }
    let count = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    eprintln!("{}", output::counted(count, "snapshot"));
    Ok(Exit::Done)
}
