//! `headwater log verify`: the proof that the log is what it was.

use std::{fs, num::NonZeroUsize, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use headwater_engine::ErrorKind;
use headwater_replay::{
    Stop,
    log::{KeptHead, VerifyLog, parse_heads, verify_log},
    threads_default,
};

use super::print;
use crate::{
    bars::{Bars, stoppable},
    data_dir::Reader,
    exit::{Exit, misuse},
    log_choice::LogChoice,
    log_url::LogUrl,
    output,
    target::TargetArgs,
};

/// Half a million heads; a larger file is another one.
const HEADS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Options of `headwater log verify`.
#[derive(Debug, Args)]
#[command(after_help = "EXAMPLES:\n  \
    headwater digest --log > heads.txt              keep this where nobody can change it\n  \
    headwater log verify --heads heads.txt          was the log changed since?\n  \
    headwater log verify --data headwater-data --json\n  \
    headwater log verify --log kafka://127.0.0.1:9092/headwater --heads heads.txt\n\n\
    Reads every partition from its start and compares the BLAKE3 chain over its records with what\n\
    the store and the kept heads know; checks the first records, the order of offsets, control's\n\
    signatures and epochs. Without --heads, a log and a store that were rewritten together look the\n\
    same, but for control's signatures. Exit code 1: something is not as it was.")]
pub(crate) struct LogVerifyArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// A log on Kafka by itself, without a data folder to compare with
    #[arg(long, value_name = "LOG", conflicts_with_all = ["data", "url"])]
    log: Option<LogUrl>,
    /// A file of librdkafka's properties, with --log
    #[arg(long, value_name = "FILE", requires = "log")]
    log_config: Option<PathBuf>,
    /// Heads that `headwater digest --log` printed earlier
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    /// How many partitions are read at once [default: the number of cores]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: LogVerifyArgs) -> anyhow::Result<Exit> {
    let heads = args.heads.as_ref().map(read_heads).transpose()?.unwrap_or_default();
    let (log, stores) = match args.log {
        Some(LogUrl::Embedded) => {
            return Err(misuse(
                "--log embedded says not where: give the data folder with --data DIR",
            ));
        }
        Some(url) => {
            let choice = LogChoice::given(Some(url), args.log_config)?.unwrap_or_default();
            (choice.open_read_only(&PathBuf::new()).await?, None)
        }
        None => {
            let dir = args.target.folder("the log is read itself, not by way of a server")?;
            let Reader { log, stores } = dir.open_to_read().await?;
            (log, Some(stores))
        }
    };
    let (bars, stop) = (Bars::new()?, Stop::new());
    let verify = VerifyLog {
        heads,
        threads: args.threads.unwrap_or_else(threads_default),
        watch: bars.watch(),
        stop: stop.clone(),
    };
    let report = stoppable(&stop, verify_log(log, stores.as_ref(), verify)).await;
    bars.clear();
    let report = report?.map_err(|error| match error.kind() {
        ErrorKind::Reject => misuse(format!("failed to check the log: {error}")),
        _ => anyhow::Error::new(error).context("failed to check the log"),
    })?;
    if args.json {
        output::json(&report)?;
    } else {
        print::report(&report)?;
    }
    Ok(if report.is_equal() { Exit::Done } else { Exit::No })
}

fn read_heads(path: &PathBuf) -> anyhow::Result<Vec<KeptHead>> {
    let place = path.display();
    let failed = || format!("failed to read the heads in {place}");
    let bytes = fs::metadata(path).map_err(|error| misuse(format!("--heads {place}: {error}")))?;
    if bytes.len() > HEADS_BYTES_MAX {
        return Err(misuse(format!("--heads {place}: more than {HEADS_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(path).with_context(failed)?;
    parse_heads(&text).map_err(|error| misuse(format!("--heads {place}: {error}")))
}
