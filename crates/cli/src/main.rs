//! The binary `headwater`: one module a command, and what commands share.
//!
//! **Invariants.** Only this crate reads the command line, the environment and the terminal. All
//! output goes through `output`, all ends through `exit`: 0 done, 1 the answer is no, 2 misuse, 3
//! failed. Commands that read never write to a data folder, so that they run beside a server.
//!
//! Not here: what events mean (`headwater-fold`), HTTP (`headwater-api`), SQL (`headwater-query`).
//! Start reading at [`Command`]; `target` says whom a command talks to, `data_dir` what a data
//! folder holds.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

mod bars;
mod client;
mod data_dir;
mod demo;
mod digest;
mod effects;
mod events;
mod exit;
mod history_choice;
mod init;
mod log;
mod log_choice;
mod log_url;
mod logging;
mod objects_config;
mod output;
mod produce;
mod properties;
mod replay;
mod schema;
mod serve;
mod server_file;
mod snapshot;
mod sql;
mod target;
mod topology;

/// What still runs on a blocking thread, such as a read of standard input, is not waited for longer.
const RUNTIME_STOP_WAIT: Duration = Duration::from_secs(2);

/// An event-sourced platform for machine learning: produce events, query views with SQL, replay.
#[derive(Debug, Parser)]
#[command(
    name = "headwater",
    version,
    arg_required_else_help = true,
    after_help = "EXAMPLES:\n  \
        headwater demo                              the whole story on real data\n  \
        headwater init my-app                       a topology, schema, sample and test to start from\n  \
        headwater serve --topology my-app/topology  a server on 127.0.0.1:7070\n  \
        headwater produce my-app/events.jsonl       send events to it\n  \
        headwater sql 'show tables'                 query the views\n\n\
        EXIT CODES:\n  \
        0 done, 1 the answer is no (unequal, rejected), 2 misuse, 3 failed"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Command {
    /// Tell the whole story on the shipped real data.
    Demo(demo::DemoArgs),
    /// Run a server on a data folder.
    Serve(serve::ServeArgs),
    /// Send events: CloudEvents as JSON lines.
    Produce(produce::ProduceArgs),
    /// Ask a SQL query of the views.
    Sql(sql::SqlArgs),
    /// List the events on the log.
    Events(events::EventsArgs),
    /// Check or apply a topology.
    #[command(subcommand)]
    Topology(topology::TopologyCommand),
    /// Fold the log again, and compare.
    #[command(subcommand)]
    Replay(replay::ReplayCommand),
    /// Check the log itself, or trim it to a snapshot.
    #[command(subcommand)]
    Log(log::LogCommand),
    /// Tell the digest of each view, or of the log: equal digests, equal rows.
    Digest(digest::DigestArgs),
    /// Make, list, restore and remove snapshots of the views.
    #[command(subcommand, visible_alias = "backup")]
    Snapshot(snapshot::SnapshotCommand),
    /// Draft schemas from events that there are.
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    /// List effects, what is done in the world, and give them up.
    #[command(subcommand)]
    Effects(effects::EffectsCommand),
    /// Write a working topology, schema, sample and test to start from.
    Init(init::InitArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(matches!(cli.command, Command::Serve(_)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::code(Err(error.into())),
    };
    let result = runtime.block_on(run(cli.command));
    let code = exit::code(result);
    runtime.shutdown_timeout(RUNTIME_STOP_WAIT);
    code
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let exit = match command {
        Command::Demo(args) => return demo::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Produce(args) => produce::run(args).await,
        Command::Sql(args) => sql::run(args).await,
        Command::Events(args) => events::run(args).await,
        Command::Topology(command) => topology::run(command).await,
        Command::Replay(command) => replay::run(command).await,
        Command::Log(command) => log::run(command).await,
        Command::Digest(args) => digest::run(args).await,
        Command::Snapshot(command) => snapshot::run(command).await,
        Command::Schema(command) => schema::run(command),
        Command::Effects(command) => effects::run(command).await,
        Command::Init(args) => init::run(args),
    }?;
    Ok(exit.into())
}
