//! `headwater sql`: one query of the views, answered by a server or from the data folder itself.

use std::{
    io::{self, Read as _},
    sync::Arc,
    time::Instant,
};

use clap::Args;
use futures::TryStreamExt as _;
use headwater_event::Timestamp;
use headwater_query::{ErrorKind, Limits, Sql};

use crate::{
    data_dir::DataDir,
    exit::{Exit, misuse},
    output::{self, Answered, Format, print_answer},
    target::{Target, TargetArgs},
};

/// Options of `headwater sql`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater sql 'show tables'\n  \
    headwater sql 'describe runs'\n  \
    headwater sql \"select type, count(*) from events group by type\"\n  \
    headwater sql --format csv 'select * from positions' > positions.csv\n  \
    headwater sql --url http://127.0.0.1:7070 - < query.sql\n\n\
    A data folder is read as it is now, whether or not a server runs on it.")]
pub(crate) struct SqlArgs {
    /// The query; `-` reads it from standard input
    query: String,
    #[command(flatten)]
    target: TargetArgs,
    /// How the answer is written
    #[arg(long, value_enum, default_value = "table", conflicts_with = "json")]
    format: Format,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    /// What read_time() answers, as in 1997-01-01T00:00:00Z; left out, now
    #[arg(long, value_name = "TIME")]
    read_time: Option<Timestamp>,
}

/// Runs the command.
pub(crate) async fn run(args: SqlArgs) -> anyhow::Result<Exit> {
    let query = match &*args.query {
        "-" => {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text)?;
            text
        }
        _ => args.query,
    };
    let started = Instant::now();
    let format = if args.json { Format::Json } else { args.format };
    let answer = ask(&args.target, &query, args.read_time).await?;
    let rows = print_answer(answer, format).await?;
    if format == Format::Table {
        eprintln!("{} in {:.1?}", output::counted(rows, "row"), started.elapsed());
    }
    Ok(Exit::Done)
}

/// Asks one query.
pub(crate) async fn ask(
    target: &TargetArgs,
    query: &str,
    read_time: Option<Timestamp>,
) -> anyhow::Result<Answered> {
    match target.to_read()? {
        Target::Folder(dir) => ask_folder(&dir, query, read_time).await,
        Target::Server(server) => server.sql(query, read_time).await,
    }
}

async fn ask_folder(
    dir: &DataDir,
    query: &str,
    read_time: Option<Timestamp>,
) -> anyhow::Result<Answered> {
    let mut moment = dir.open_to_read().await?.moment().await?;
    if let Some(read_time) = read_time {
        moment.read_time = read_time;
    }
    let sql = Sql::new(Limits::default())?;
    let answer = sql.query(Arc::new(moment), query).await.map_err(told)?;
    Ok(Answered { schema: answer.schema, batches: Box::pin(answer.batches.map_err(told)) })
}

/// A query that must be mended is misuse; all else failed.
fn told(error: headwater_query::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Invalid => misuse(error.to_string()),
        ErrorKind::Resources | ErrorKind::Failed => error.into(),
    }
}
