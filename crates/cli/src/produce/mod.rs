//! `headwater produce`: events from a file or a pipe onto the log, and what became of each.
//!
//! Lines are read and decoded on a thread of their own, sent batch by batch in their order, and sent
//! again under the same ids while the log is away, so that nothing is lost or taken twice.

mod became;
mod input;
mod mapped;
mod send;
mod summary;

use std::path::PathBuf;

use clap::Args;
use headwater_engine::Ack;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{exit::Exit, output, target::TargetArgs};

pub(crate) use became::{Became, Why};
pub(crate) use input::Line;
pub(crate) use send::Sender;
use summary::Summary;

/// A run that is shorter needs no bar.
const BAR_AFTER_BATCHES: u64 = 2;

/// Options of `headwater produce`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater produce events.jsonl\n  \
    my-app | headwater produce - --url http://127.0.0.1:7070\n  \
    headwater produce events.jsonl --ack written --json\n  \
    headwater produce --source payments payments.jsonl --topology topology --dry-run\n\n\
    Each line is one CloudEvent in JSON. If a server runs on the data folder, it is sent the events;\n\
    else the folder is opened by this command itself. Running it again is harmless: events that are\n\
    on the log already are known by source and id. With --source, each line is plain JSON, mapped as a\n\
    source of the topology maps its topic's records; the file's name and the line stand for topic and\n\
    offset. Exit code 0: all were accepted.")]
pub(crate) struct ProduceArgs {
    /// The file; `-`, or nothing, reads standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArgs,
    /// What to wait for: written, durable or folded
    #[arg(long, value_name = "ACK", default_value_t = Ack::Folded)]
    ack: Ack,
    /// Map plain JSON lines as this source of the topology does
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// With --source, the folder of its topology [default: the topology that holds]
    #[arg(long, value_name = "DIR", requires = "source")]
    topology: Option<PathBuf>,
    /// With --source, print the events and send nothing
    #[arg(long, requires = "source")]
    dry_run: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: ProduceArgs) -> anyhow::Result<Exit> {
    let file = args.file.filter(|file| file.as_os_str() != "-");
    let mapped = match &args.source {
        None => None,
        Some(name) => {
            let dir = args.topology.as_deref();
            match mapped::Mapped::find(name, dir, &args.target, file.as_deref()).await? {
                Ok(mapped) => Some(mapped),
                Err(exit) => return Ok(exit),
            }
        }
    };
    let mut input = input::open(file.as_deref(), mapped)?;
    if args.dry_run {
        let mut summary = Summary::new(args.ack);
        mapped::show(&mut input, &mut summary).await?;
        eprintln!("{}", summary.to_json());
        return Ok(if summary.all_accepted() { Exit::Done } else { Exit::No });
    }
    let sender = Sender::open(&args.target).await?;
    let mut summary = Summary::new(args.ack);
    let produced = produce(&mut input, &sender, args.ack, &mut summary).await;
    sender.close().await;
    if args.json {
        output::json(&summary.to_json())?;
    } else {
        summary.print()?;
    }
    produced?;
    Ok(if summary.all_accepted() { Exit::Done } else { Exit::No })
}

async fn produce(
    input: &mut input::Input,
    sender: &Sender,
    ack: Ack,
    summary: &mut Summary,
) -> anyhow::Result<()> {
    let mut bar = None;
    let mut batches = 0;
    while let Some(batch) = input.next().await {
        let batch = batch?;
        summary.pass_over(batch.passed_over);
        for (line, refusal) in batch.refused {
            summary.add(line, Became::Refused(Why::of(&refusal)));
        }
        let numbers: Vec<u64> = batch.lines.iter().map(|line| line.number).collect();
        let outcomes = sender.send(batch.lines, ack).await;
        let (outcomes, failed) = match outcomes {
            Ok(outcomes) => (outcomes, None),
            Err((outcomes, error)) => (outcomes, Some(error)),
        };
        for (line, became) in numbers.into_iter().zip(outcomes) {
            summary.add(line, became);
        }
        if let Some(error) = failed {
            return Err(error);
        }
        batches += 1;
        if batches == BAR_AFTER_BATCHES {
            bar = Some(progress_bar(input.bytes())?);
        }
        if let Some(bar) = &bar {
            bar.set_position(batch.read_bytes);
            bar.set_message(format!("{} events", output::thousands(summary.events())));
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(())
}

/// Hidden where stderr is no terminal; without an end where the input has none.
fn progress_bar(bytes: Option<u64>) -> anyhow::Result<ProgressBar> {
    let template = match bytes {
        Some(_) => "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {eta}",
        None => "{spinner} {msg} {binary_bytes} {elapsed}",
    };
    let bar = bytes.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    Ok(bar.with_style(ProgressStyle::with_template(template)?))
}
