//! `headwater effects`: what is to be done in the world, what became of it, and giving it up.

mod cancel;
mod list;
mod show;

use clap::Subcommand;

use crate::exit::Exit;

/// What to do with effects.
#[derive(Debug, Subcommand)]
pub(crate) enum EffectsCommand {
    /// List effects, the newest first.
    List(list::EffectsListArgs),
    /// Tell all that is known of one effect.
    Show(show::EffectsShowArgs),
    /// Give an effect up that has not ended.
    Cancel(cancel::EffectsCancelArgs),
}

/// Runs the command.
pub(crate) async fn run(command: EffectsCommand) -> anyhow::Result<Exit> {
    match command {
        EffectsCommand::List(args) => list::run(args).await,
        EffectsCommand::Show(args) => show::run(args).await,
        EffectsCommand::Cancel(args) => cancel::run(args).await,
    }
}
