//! `headwater replay`: the proof that the views are what the log says.

mod print;

pub(crate) use print::rate;

use std::{collections::BTreeMap, num::NonZeroUsize, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use headwater_engine::{ErrorKind, open_moment};
use headwater_query::AsOf;
use headwater_replay::{From, Report, Stop, Verify, threads_default};

use crate::{
    bars::{Bars, stoppable},
    exit::{Exit, misuse},
    output,
    target::TargetArgs,
};

/// What to replay for.
#[derive(Debug, Subcommand)]
pub(crate) enum ReplayCommand {
    /// Fold the log again beside the views, and compare every row and digest.
    Verify(VerifyArgs),
}

/// Options of `headwater replay verify`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater replay verify\n  \
    headwater replay verify --data headwater-data --json\n  \
    headwater replay verify --as-of 1997-06-30\n  \
    headwater replay verify --as-of 0:123,1:88,control:7\n  \
    headwater replay verify --topics                 what was published to your own topics as well\n  \
    headwater replay verify --from restored          only what came after a snapshot is folded again\n\n\
    Compares the digest that the store kept, the digest of the rows on disk and the digest of a\n\
    replay of the log, and every stored byte. The report tells what could not be compared, and why.\n\
    Exit code 1: something is not equal.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Compare the rows as they were at a moment: a time, or the last offset of partitions, as in
    /// 0:123,1:88,control:7
    #[arg(long, value_name = "MOMENT")]
    as_of: Option<AsOf>,
    /// Start from the stores in this data folder, such as a restored snapshot, instead of from nothing
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Read the topics of publications, too, and compare what is there with what the replay would publish
    #[arg(long)]
    topics: bool,
    /// A file of librdkafka's properties for topics at other brokers than the log's
    #[arg(long, value_name = "FILE", requires = "topics")]
    topics_config: Option<PathBuf>,
    /// How many partitions are folded at once [default: the number of cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Where the replay is folded; needs as much space as the stores of so many partitions, and is
    /// left empty [default: the temporary folder]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(command: ReplayCommand) -> anyhow::Result<Exit> {
    let ReplayCommand::Verify(args) = command;
    let json = args.json;
    let report = verify(args).await?;
    if json {
        output::json(&report)?;
    } else {
        print::report(&report)?;
    }
    Ok(if report.is_equal() { Exit::Done } else { Exit::No })
}

async fn verify(args: VerifyArgs) -> anyhow::Result<Report> {
    let dir = args.target.folder("a replay reads the log and the stores themselves")?;
    let reader = dir.open_to_read().await?;
    let scratch_in = args.scratch.unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new()
        .prefix("headwater-replay-")
        .tempdir_in(&scratch_in)
        .with_context(|| format!("failed to make a folder in {}", scratch_in.display()))?;
    let as_of = match &args.as_of {
        None => BTreeMap::new(),
        Some(as_of) => {
            let now = open_moment(Arc::clone(&reader.log), &reader.stores).await;
            let now = now.context("failed to read the data folder")?;
            now.at(as_of).await.map_err(|error| misuse(error.to_string()))?.positions()
        }
    };
    let (bars, stop) = (Bars::new()?, Stop::new());
    let verify = Verify {
        from: args.from.map_or(From::Start, From::Store),
        as_of,
        scratch: scratch.path().to_owned(),
        topics: match args.topics {
            true => Some(dir.topics(args.topics_config.as_deref())?),
            false => None,
        },
        threads: args.threads.unwrap_or_else(threads_default),
        watch: bars.watch(),
        stop: stop.clone(),
    };
    let work = headwater_replay::verify(reader.log, &reader.stores, verify);
    let report = stoppable(&stop, work).await;
    bars.clear();
    report?.map_err(|error| match error.kind() {
        ErrorKind::Reject => misuse(format!("failed to replay the log: {error}")),
        _ => anyhow::Error::new(error).context("failed to replay the log"),
    })
}
