//! `headwater effects cancel`: asks on the log that an effect be given up.

use clap::Args;
use headwater_engine::Ack;
use headwater_event::{Event, catalog::names};
use serde_json::json;
use uuid::Uuid;

use crate::{
    exit::Exit,
    output,
    produce::{Became, Line, Sender},
    target::TargetArgs,
};

/// Options of `headwater effects cancel`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater effects cancel tell_billing 4f1c2ab95d0f7e33a1b2c3d4e5f60718\n  \
    headwater effects cancel tell_billing 4f1c2ab95d0f7e33a1b2c3d4e5f60718 --url http://127.0.0.1:7070\n\n\
    One that runs is broken off, and what comes back of it no longer counts; what it did in the world so\n\
    far stays done. Exit code 1: it has ended already, or there is none.")]
pub(crate) struct EffectsCancelArgs {
    /// The effect
    effect: String,
    /// The whole idempotency key
    key: String,
    /// The project of the event that asked for it
    #[arg(long, value_name = "NAME", default_value = "default")]
    project: String,
    #[command(flatten)]
    target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: EffectsCancelArgs) -> anyhow::Result<Exit> {
    let data = json!({ "effect": args.effect, "key": args.key });
    let id = Uuid::now_v7().to_string();
    let kind = names::EFFECT_CANCEL_REQUESTED;
    let mut event = Event::new(id, "headwater-cli", kind, args.effect.clone(), data);
    event.project = args.project;
    let line = Line::of_event(event.in_newest_schema());
    let sender = Sender::open(&args.target).await?;
    let sent = sender.send(vec![line], Ack::Folded).await;
    sender.close().await;
    let became = sent.map_err(|(_, error)| error)?.pop();
    let refused = match became {
        Some(Became::Accepted) => None,
        Some(Became::Refused(why) | Became::Rejected(why)) => Some(why),
        Some(Became::Unavailable(why)) => anyhow::bail!("failed to cancel: {why}; try again"),
        Some(Became::Pending) | None => {
            anyhow::bail!("the outcome is not known yet; `headwater effects show` tells it later")
        }
    };
    let told = refused.as_ref().map(|why| format!("{}: {}", why.reason, why.detail));
    if args.json {
        output::json(&json!({ "cancelled": refused.is_none(), "why": told }))?;
    } else {
        match &told {
            None => output::line(format!("effect {} {} is cancelled", args.effect, args.key))?,
            Some(why) => output::line(format!("not cancelled: {}", output::printable(why)))?,
        }
    }
    Ok(if refused.is_none() { Exit::Done } else { Exit::No })
}
