//! `headwater effects show`: every column of one effect's row.

use arrow::util::display::{ArrayFormatter, FormatOptions};
use clap::Args;
use futures::StreamExt as _;
use headwater_query::QueryOptions;
use serde_json::json;

use crate::{
    exit::Exit,
    output::{self, Align, Format, TextTable, print_answer},
    sql,
    target::TargetArgs,
};

const QUERY: &str =
    "select * from log.effects where starts_with(key, $1) order by effect, key limit 20";

/// Options of `headwater effects show`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater effects show 4f1c2ab9\n  \
    headwater effects show 4f1c2ab95d0f7e33a1b2c3d4e5f60718 --json\n\n\
    Exit code 1: no effect has such a key.")]
pub(crate) struct EffectsShowArgs {
    /// The idempotency key, or the first digits of it
    key: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: EffectsShowArgs) -> anyhow::Result<Exit> {
    let options = QueryOptions { parameters: vec![json!(args.key)], ..QueryOptions::default() };
    let mut answer = sql::ask(&args.target, QUERY, &options).await?;
    let shown = if args.json {
        print_answer(answer, Format::Json).await?
    } else {
        let mut shown = 0;
        while let Some(batch) = answer.batches.next().await {
            let batch = batch?;
            let options = FormatOptions::default();
            for row in 0..batch.num_rows() {
                let mut table = TextTable::new(
                    [("column", Align::Left), ("value", Align::Left)],
                    output::width(),
                );
                for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                    let value = ArrayFormatter::try_new(column, &options)?.value(row).to_string();
                    table.row([field.name().clone(), value]);
                }
                output::line(table.to_string())?;
                shown += 1;
            }
        }
        shown
    };
    if shown == 0 {
        eprintln!("no effect has a key that begins with {}", output::printable(&args.key));
        return Ok(Exit::No);
    }
    Ok(Exit::Done)
}
