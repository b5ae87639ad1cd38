//! `headwater log`: the log itself, apart from what follows from it.

mod print;
mod verify;

use clap::Subcommand;

use crate::exit::Exit;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Read the log again and check that no record was changed, removed, inserted or moved.
    Verify(verify::LogVerifyArgs),
}

/// Runs the command.
pub(crate) async fn run(command: LogCommand) -> anyhow::Result<Exit> {
    match command {
        LogCommand::Verify(args) => verify::run(args).await,
    }
}
