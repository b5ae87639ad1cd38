//! `headwater sql`: one query of the views, answered by a server or from the data folder itself.

use std::{
    io::{self, Read as _},
    sync::Arc,
    time::Instant,
};

use clap::Args;
use futures::TryStreamExt as _;
use headwater_event::Timestamp;
use headwater_query::{AsOf, ErrorKind, Limits, QueryOptions, Sql};

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
    headwater sql --url http://127.0.0.1:7070 - < query.sql\n  \
    headwater sql --as-of 1997-02-01 'select * from customer_stats'\n  \
    headwater sql --as-of control:7,0:123 'select * from customer_stats'\n  \
    headwater sql \"select * from runs for system_time as of now() - interval '1 day'\"\n\n\
    A data folder is read as it is now, whether or not a server runs on it; with --as-of as it was.")]
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
    /// The moment at which all tables are read that name none of their own: a time, or the last offset
    /// of partitions, as in control:7,0:123; left out, now
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<AsOf>,
    /// What now() and read_time() answer, as in 1997-01-01T00:00:00Z; left out, the moment's time
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
    let options =
        QueryOptions { as_of: args.as_of, read_time: args.read_time, ..QueryOptions::default() };
    let answer = ask(&args.target, &query, &options).await?;
    let seen = answer.seen.clone();
    let rows = print_answer(answer, format).await?;
    if format == Format::Table {
        eprintln!("{} in {:.1?}", output::counted(rows, "row"), started.elapsed());
        for (as_of, positions) in seen {
            eprintln!("as of {as_of}: {positions}");
        }
    }
    Ok(Exit::Done)
}

/// Asks one query.
pub(crate) async fn ask(
    target: &TargetArgs,
    query: &str,
    options: &QueryOptions,
) -> anyhow::Result<Answered> {
    match target.to_read()? {
        Target::Folder(dir) => ask_folder(&dir, query, options).await,
        Target::Server(server) => server.sql(query, options).await,
    }
}

async fn ask_folder(
    dir: &DataDir,
    query: &str,
    options: &QueryOptions,
) -> anyhow::Result<Answered> {
    let moment = dir.open_to_read().await?.moment().await?;
    let sql = Sql::new(Limits::default())?;
    let answer = sql.query(Arc::new(moment), query, options).await.map_err(told)?;
    let base = answer.as_of.map(|as_of| (as_of, answer.positions));
    let seen = base.into_iter().chain(answer.versions);
    let seen = seen.map(|(as_of, at)| (as_of.to_string(), AsOf::Positions(at).to_string()));
    Ok(Answered {
        schema: answer.schema,
        batches: Box::pin(answer.batches.map_err(told)),
        seen: seen.collect(),
    })
}

/// A query that must be mended is misuse; all else failed.
pub(crate) fn told(error: headwater_query::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::Invalid => misuse(error.to_string()),
        ErrorKind::Resources | ErrorKind::Failed => error.into(),
    }
}
