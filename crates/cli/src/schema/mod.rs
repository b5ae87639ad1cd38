//! `headwater schema`: schemas drafted from events that there are.

mod draft;
mod infer;
mod lines;
mod shape;

use clap::Subcommand;

use crate::exit::Exit;

/// What to do with schemas.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Draft schemas and feature views from a file of JSON lines.
    Infer(infer::InferArgs),
}

/// Runs the command.
pub(crate) fn run(command: SchemaCommand) -> anyhow::Result<Exit> {
    match command {
        SchemaCommand::Infer(args) => infer::run(&args),
    }
}
