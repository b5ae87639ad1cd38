//! `headwater replay`: the proof that the views are what the log says.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use headwater_fold::Digest;
use headwater_replay::{Difference, Progress, Report, Side};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    exit::Exit,
    output::{self, Align, TextTable, printable},
    target::TargetArgs,
};

/// So much of a row tells what is in it.
const VALUES_CHARS_MAX: usize = 400;

/// What to replay for.
#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// Fold the log again beside the views, and compare every digest.
    Verify(VerifyArgs),
}

/// Options of `headwater replay verify`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater replay verify\n  \
    headwater replay verify --data headwater-data --json\n\n\
    Compares the digest that the store kept, the digest of the rows on disk and the digest of a\n\
    replay of the whole log. While a server writes, what is on its way between two partitions may be\n\
    told as a problem: then look again once it is idle. Exit code 1: something is not equal.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Where the replay is folded; needs as much space as the stores [default: the temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(command: ReplayCommand) -> anyhow::Result<Exit> {
    let ReplayCommand::Verify(args) = command;
    let dir = args.target.folder("a replay reads the log and the stores themselves")?;
    let reader = dir.open_to_read().await?;
    let scratch_in = args.scratch.unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new()
        .prefix("headwater-replay-")
        .tempdir_in(&scratch_in)
        .with_context(|| format!("failed to make a folder in {}", scratch_in.display()))?;
    let bar = bar()?;
    let told = |progress: Progress| {
        bar.set_length(progress.end.0);
        bar.set_position(progress.folded.0);
        bar.set_message(format!("partition {}", progress.partition));
    };
    let report = headwater_replay::verify(reader.log, &reader.stores, scratch.path(), &told).await;
    bar.finish_and_clear();
    let report = report.context("failed to replay the log")?;
    if args.json {
        output::json(&report)?;
    } else {
        print(&report)?;
    }
    Ok(if report.is_equal() { Exit::Done } else { Exit::No })
}

/// Hidden where stderr is no terminal.
fn bar() -> anyhow::Result<ProgressBar> {
    let style =
        ProgressStyle::with_template("{msg:14} {wide_bar} {human_pos}/{human_len} {per_sec}")?;
    let bar = ProgressBar::new(0).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    Ok(bar)
}

fn print(report: &Report) -> anyhow::Result<()> {
    let columns = [
        ("view", Align::Left),
        ("rows", Align::Right),
        ("kept", Align::Left),
        ("on disk", Align::Left),
        ("replayed", Align::Left),
        ("", Align::Left),
    ];
    let mut table = TextTable::new(columns, output::width());
    for view in &report.views {
        table.row([
            view.table.clone(),
            output::thousands(view.replayed.rows),
            short(&view.kept),
            short(&view.on_disk),
            short(&view.replayed),
            if view.equal { "equal" } else { "UNEQUAL" }.to_owned(),
        ]);
    }
    output::line(table.to_string())?;
    for view in report.views.iter().filter(|view| !view.equal) {
        output::line(format!("{} is not what the log says", view.table))?;
        if let Some(difference) = &view.first_difference {
            print_difference(difference)?;
        }
    }
    for problem in &report.problems {
        output::line(format!("problem: {}", printable(problem)))?;
    }
    let records: u64 = report.partitions.iter().map(|partition| partition.records).sum();
    let views = u64::try_from(report.views.len()).unwrap_or(u64::MAX);
    let (records, views) = (output::counted(records, "record"), output::counted(views, "view"));
    output::line(match report.is_equal() {
        true => format!("equal: {records} folded again gave the same {views}"),
        false => format!(
            "UNEQUAL after {records}: to fold the views anew, stop the server, move the folder \
             store/ of the data folder away, and start it again"
        ),
    })?;
    Ok(())
}

fn print_difference(difference: &Difference) -> anyhow::Result<()> {
    let Difference { partition, family, key, on_disk, replayed } = difference;
    let key = printable(key);
    output::line(format!("  first difference: partition {partition}, {family}, {key}"))?;
    for (name, side) in [("on disk ", on_disk), ("replayed", replayed)] {
        output::line(format!("    {name}: {}", side.as_ref().map_or("no row".to_owned(), told)))?;
    }
    Ok(())
}

fn told(side: &Side) -> String {
    let Side { offset, event_source, event_id, values } = side;
    let values: String = values.chars().take(VALUES_CHARS_MAX).collect();
    printable(&format!("by event {event_id} of {event_source}, offset {offset}: {values}"))
}

/// Enough to see whether two are the same.
fn short(digest: &Digest) -> String {
    let half = |sum: u128| format!("{sum:032x}").chars().take(8).collect::<String>();
    format!("{}·{}", half(digest.latest), half(digest.history))
}
