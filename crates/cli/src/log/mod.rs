//! `headwater log`: the log itself, apart from what follows from it.

mod print;
mod trim;
mod verify;

use clap::Subcommand;

use crate::exit::Exit;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Read the log again and check that no record was changed, removed, inserted or moved.
    Verify(verify::LogVerifyArgs),
    /// Make a snapshot the log's origin, and take the records before it away, for ever.
    Trim(trim::TrimArgs),
}

/// Runs the command.
pub(crate) async fn run(command: LogCommand) -> anyhow::Result<Exit> {
    match command {
        LogCommand::Verify(args) => verify::run(args).await,
        LogCommand::Trim(args) => trim::run(args).await,
    }
}
