//! `headwater digest`: the digest of each view over all partitions, or the heads of the log.

mod heads;

use arrow::{array::RecordBatch, util::display::array_value_to_string};
use clap::Args;
use futures::TryStreamExt as _;
use headwater_query::{AsOf, QueryOptions};
use serde::Serialize;

use crate::{
    exit::Exit,
    output::{self, Align, TextTable},
    sql,
    target::TargetArgs,
};

/// As many hex digits of a version tell two apart.
const VERSION_DIGITS: usize = 8;
const QUERY: &str = "select \"table\", version, rows, latest, versions, history from log.digests";

/// Options of `headwater digest`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater digest\n  \
    headwater digest --as-of 1997-02-01\n  \
    headwater digest --data a --json > a.json; headwater digest --data b --json > b.json; diff a.json b.json\n\n\
    Equal digests mean equal rows, whatever the number of partitions and wherever the log is.\n\n  \
    headwater digest --log >> heads.txt\n\n\
    prints a line for each partition: log, partition, last offset, chain. Keep it where whoever can\n\
    write the log can't; `headwater log verify --heads heads.txt` then finds every change before it.")]
pub(crate) struct DigestArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Print how far each partition of the log goes and the chain over it, instead of the views'
    /// digests
    #[arg(long, conflicts_with = "as_of")]
    log: bool,
    /// The moment whose digests are told: a time, or the last offset of partitions, as in
    /// control:7,0:123; left out, now
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<AsOf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One view's digest.
#[derive(Debug, Serialize)]
struct ViewDigest {
    view: String,
    version: String,
    rows: String,
    latest: String,
    versions: String,
    history: String,
}

/// Runs the command.
pub(crate) async fn run(args: DigestArgs) -> anyhow::Result<Exit> {
    if args.log {
        heads::run(&args.target, args.json).await?;
        return Ok(Exit::Done);
    }
    let options = QueryOptions { as_of: args.as_of, ..QueryOptions::default() };
    let answer = sql::ask(&args.target, QUERY, &options).await?;
    let batches: Vec<RecordBatch> = answer.batches.try_collect().await?;
    let mut views = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            views.push(view(batch, row)?);
        }
    }
    if args.json {
        output::json(&views)?;
        return Ok(Exit::Done);
    }
    let columns = [
        ("view", Align::Left),
        ("version", Align::Left),
        ("rows", Align::Right),
        ("digest", Align::Left),
        ("versions", Align::Right),
        ("history digest", Align::Left),
    ];
    let mut table = TextTable::new(columns, output::width());
    let (shown, empty): (Vec<_>, Vec<_>) = views.iter().partition(|view| view.versions != "0");
    for view in shown {
        let version: String = view.version.chars().take(VERSION_DIGITS).collect();
        table.row([&view.view, &version, &view.rows, &view.latest, &view.versions, &view.history]);
    }
    output::line(table.to_string())?;
    let empty = u64::try_from(empty.len()).unwrap_or(u64::MAX);
    if empty > 0 {
        eprintln!("{} without a row, now or ever, not shown", output::counted(empty, "view"));
    }
    Ok(Exit::Done)
}

fn view(batch: &RecordBatch, row: usize) -> anyhow::Result<ViewDigest> {
    let cell = |name: &str| {
        let column = batch.column_by_name(name);
        let column = column.ok_or_else(|| anyhow::anyhow!("log.digests has no column {name}"))?;
        anyhow::Ok(array_value_to_string(column, row)?)
    };
    Ok(ViewDigest {
        view: cell("table")?,
        version: cell("version")?,
        rows: cell("rows")?,
        latest: cell("latest")?,
        versions: cell("versions")?,
        history: cell("history")?,
    })
}
