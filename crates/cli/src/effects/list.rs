//! `headwater effects list`: the table `log.effects` in short.

use clap::{Args, ValueEnum};
use headwater_query::QueryOptions;
use serde_json::{Value, json};

use crate::{
    exit::Exit,
    output::{self, Format, print_answer},
    sql,
    target::TargetArgs,
};

/// The states of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum State {
    Pending,
    Running,
    Succeeded,
    Failed,
    Expired,
    Cancelled,
}

/// Options of `headwater effects list`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater effects list\n  \
    headwater effects list tell_billing --state failed\n  \
    headwater effects list --limit 1000 --json\n  \
    headwater sql 'select * from effect_totals'     how many of each are in which state\n\n\
    Times are of the log's clock. The table log.effects has more columns.")]
pub(crate) struct EffectsListArgs {
    /// Of this effect alone
    effect: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// In this state alone
    #[arg(long, value_enum)]
    state: Option<State>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: EffectsListArgs) -> anyhow::Result<Exit> {
    let mut parameters: Vec<Value> = Vec::new();
    let mut conditions = Vec::new();
    let state = args.state.and_then(|state| state.to_possible_value());
    let state = state.map(|state| state.get_name().to_owned());
    for (column, wanted) in [("effect", args.effect), ("state", state)] {
        if let Some(wanted) = wanted {
            parameters.push(json!(wanted));
            conditions.push(format!("{column} = ${}", parameters.len()));
        }
    }
    let condition = match conditions.is_empty() {
        true => String::new(),
        false => format!("where {}", conditions.join(" and ")),
    };
    let query = format!(
        "select effect, state, key, attempt, attempts_max, subject, requested_at, due_at, finished_at, \
         status, error from log.effects {condition} order by requested_at desc, effect, key limit {}",
        args.limit
    );
    let options = QueryOptions { parameters, ..QueryOptions::default() };
    let answer = sql::ask(&args.target, &query, &options).await?;
    let format = if args.json { Format::Json } else { Format::Table };
    let rows = print_answer(answer, format).await?;
    if format == Format::Table {
        eprintln!("{}", output::counted(rows, "effect"));
    }
    Ok(Exit::Done)
}
